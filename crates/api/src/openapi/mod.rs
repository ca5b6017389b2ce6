//! The API described for machines: OpenAPI 3.1 of the table of routes and of what each endpoint was seen to ask for.
//! Knows no endpoint.

mod document;
pub mod table;

use crate::router::ROUTES;
use serde_json::Value;
use std::sync::OnceLock;

pub const PATH: &str = "/openapi.json";

/// What the endpoints were seen to ask for.
pub const PARAMETERS: &str = include_str!("../../parameters.txt");

/// The whole document as it is served.
pub fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| document().to_string())
}

pub fn document() -> Value {
    document::of(ROUTES, &table::read(PARAMETERS))
}
