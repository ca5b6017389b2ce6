//! The back office: for whoever knows its password, which is set once through a link that the starter prints.

mod desk;
mod inbox;
mod sign;
mod stock;

use super::At;
use axum::Router;
use axum::routing::{get, post};

pub fn routes() -> Router<At> {
    Router::new()
        .route("/admin", get(desk::list))
        .route("/admin/setup", get(sign::setup).post(sign::begin))
        .route("/admin/sign-in", get(sign::form).post(sign::enter))
        .route("/admin/sign-out", post(sign::leave))
        .route("/admin/orders/{id}", get(desk::show))
        .route("/admin/orders/{id}/refund", post(desk::refund))
        .route("/admin/orders/{id}/fulfil", post(desk::fulfil))
        .route("/admin/orders/{id}/cancel", post(desk::cancel))
        .route("/admin/refunds", get(inbox::list))
        .route("/admin/refunds/{id}", post(inbox::answer))
        .route("/admin/stock", get(stock::list))
        .route("/admin/stock/{slug}", post(stock::change))
}
