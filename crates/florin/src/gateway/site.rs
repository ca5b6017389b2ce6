//! Which part of the gateway answers at which site. Knows no endpoint and no page.

use super::disk::Disk;
use florin_api::Api;
use florin_core::edge::{EdgeRequest, EdgeResponse, Site};
use florin_web::Web;
use std::sync::Arc;

/// Everything that answers requests from outside.
pub struct Sites {
    pub api: Arc<Api>,
    pub web: Web,
    pub disk: Arc<Disk>,
}

impl Sites {
    /// Answers a request by the site that it came to.
    pub async fn answer(&self, request: EdgeRequest) -> EdgeResponse {
        match request.site {
            Site::Api | Site::Card => self.api.handle(request).await,
            Site::Dashboard => self.web.handle(request).await,
        }
    }
}
