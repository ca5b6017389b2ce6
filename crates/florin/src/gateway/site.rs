//! Which part of the gateway answers at which site. Knows no endpoint and no page.

use super::disk::Disk;
use super::fence::Fence;
use florin_api::Api;
use florin_core::edge::{EdgeRequest, EdgeResponse, Site};
use florin_web::Web;
use std::sync::Arc;

/// Everything that answers requests from outside.
pub struct Sites {
    pub api: Arc<Api>,
    pub web: Web,
    pub disk: Arc<Disk>,
    pub fence: Arc<Fence>,
}

impl Sites {
    /// Answers a request by the site that it came to.
    pub async fn answer(&self, request: EdgeRequest) -> EdgeResponse {
        if let Some(refused) = self.fence.refuses(&request.method) {
            return refused;
        }
        match request.site {
            Site::Api | Site::Card => self.api.handle(request).await,
            Site::Dashboard => self.web.handle(request).await,
        }
    }
}
