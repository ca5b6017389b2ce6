//! Which part of the gateway answers at which site. Knows no endpoint and no page.

use florin_api::Api;
use florin_core::edge::{EdgeRequest, EdgeResponse, Site};

/// Answers a request by the site that it came to.
pub async fn answer(api: &Api, request: EdgeRequest) -> EdgeResponse {
    match request.site {
        Site::Api | Site::Card => api.handle(request).await,
        Site::Dashboard => nothing(),
    }
}

/// Nothing is served there yet.
fn nothing() -> EdgeResponse {
    let headers = vec![("content-type".to_owned(), "text/plain; charset=utf-8".to_owned())];
    EdgeResponse { status: 404, headers, body: b"There is no page here.\n".to_vec() }
}
