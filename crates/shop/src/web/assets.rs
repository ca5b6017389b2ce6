//! Styles, scripts and pictures from within the binary. A name with the hash of its bytes is kept by browsers for ever.

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::{Path, RawQuery};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::collections::BTreeMap;
use std::sync::LazyLock;

struct Asset {
    media: &'static str,
    bytes: &'static [u8],
    tag: String,
}

const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const PICTURE: &str = "image/svg+xml";

/// The look that the shop and Florin's own pages share.
const BASE: &[u8] = include_bytes!("../../../web/assets/base.css");

macro_rules! files {
    ($($media:ident $name:literal;)*) => {
        [$(($name, $media, include_bytes!(concat!("../../assets/", $name)).as_slice())),*]
    };
}

static ASSETS: LazyLock<BTreeMap<&'static str, Asset>> = LazyLock::new(|| {
    let files = files! {
        STYLE "shop.css";
        SCRIPT "pay.js";
        SCRIPT "live.js";
        SCRIPT "hold.js";
        PICTURE "mark.svg";
        PICTURE "art/teapot.svg";
        PICTURE "art/cups.svg";
        PICTURE "art/tea.svg";
        PICTURE "art/vase.svg";
        PICTURE "art/candle.svg";
        PICTURE "art/notebook.svg";
        PICTURE "art/blanket.svg";
        PICTURE "art/print.svg";
        PICTURE "art/tasting.svg";
        PICTURE "art/workshop.svg";
    };
    let tag = |bytes: &[u8]| crate::seal::hex(digest(&SHA256, bytes).as_ref().get(..8).unwrap_or_default());
    let all = files.into_iter().chain([("base.css", STYLE, BASE)]);
    all.map(|(name, media, bytes)| (name, Asset { media, bytes, tag: tag(bytes) })).collect()
});

/// Where a browser finds it.
pub fn url(name: &str) -> String {
    match ASSETS.get(name) {
        Some(asset) => format!("/assets/{name}?{}", asset.tag),
        None => format!("/assets/{name}"),
    }
}

pub async fn give(Path(name): Path<String>, RawQuery(query): RawQuery) -> Response {
    let Some(asset) = ASSETS.get(name.as_str()) else { return StatusCode::NOT_FOUND.into_response() };
    let forever = query.is_some_and(|tag| tag == asset.tag);
    let keep = if forever { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = [
        (header::CONTENT_TYPE, asset.media),
        (header::CACHE_CONTROL, keep),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // A picture that is opened by itself runs nothing.
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; sandbox"),
    ];
    (headers, asset.bytes).into_response()
}
