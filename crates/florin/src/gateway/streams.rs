//! Requests with a connection of their own from the edge: who takes them, and the ordinary answer to all others.
//! Knows no endpoint but those that speak another protocol.

use super::listeners::{self, Listeners};
use florin_api::SUBSCRIBE_PATH;
use florin_core::edge::{
    EdgeResponse, FrameKind, Open, Opened, REQUEST_FRAME_LIMIT_BYTES, RESPONSE_FRAME_LIMIT_BYTES, Way, next_frame,
    payload, put_frame,
};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// Serves a connection that began with `Open`. `held` is what was read of it: that frame, and perhaps more.
pub async fn serve(mut stream: UnixStream, mut held: Vec<u8>, listeners: Arc<Listeners>) {
    let Ok(Some((frame, length))) = next_frame(&held, REQUEST_FRAME_LIMIT_BYTES) else { return };
    let Some(open) = payload::<Open>(frame.payload) else { return };
    held.drain(..length);
    match (open.way, open.request.path.as_str()) {
        (Way::WebSocket, SUBSCRIBE_PATH) => match listeners.session(&open.request).await {
            Ok(session) => {
                let protocol = listeners::protocol(&open.request);
                let headers = protocol.map(|name| ("sec-websocket-protocol".to_owned(), name.to_owned()));
                let opened = Opened { status: 101, headers: headers.into_iter().collect() };
                if say(&mut stream, FrameKind::Opened, &opened).await {
                    listeners.talk(stream, held, &session).await;
                }
            }
            Err(refused) => answer(&mut stream, &refused).await,
        },
        (Way::WebSocket | Way::Answer | Way::Body, _) => {
            let response = listeners.sites.answer(open.request).await;
            answer(&mut stream, &response).await;
        }
    }
}

async fn say<T: serde::Serialize>(stream: &mut UnixStream, kind: FrameKind, what: &T) -> bool {
    let mut out = Vec::new();
    put_frame(&mut out, 0, kind, Some(what), RESPONSE_FRAME_LIMIT_BYTES) && stream.write_all(&out).await.is_ok()
}

/// The whole answer. What the edge may still be sending of a body is read and forgotten until it has heard.
async fn answer(stream: &mut UnixStream, response: &EdgeResponse) {
    if say(stream, FrameKind::Response, response).await && stream.shutdown().await.is_ok() {
        let mut unread = vec![0; 16 * 1024];
        while matches!(stream.read(&mut unread).await, Ok(1..)) {}
    }
}
