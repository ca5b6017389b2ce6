//! Where a monitoring system asks: `/metrics` (OpenMetrics), `/healthz` and `/readyz`, plain HTTP on loopback alone. Knows no metric.

use super::metrics::Metrics;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

const TEXT: &str = "text/plain; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const HEADERS_WITHIN: Duration = Duration::from_secs(5);
const CONNECTION_LIMIT: usize = 16;
/// How long a connection may live: a scrape takes milliseconds, and connections are few.
const CONNECTION_FOR: Duration = Duration::from_secs(120);

pub async fn serve(listener: TcpListener, metrics: Arc<Metrics>) {
    let room = Arc::new(Semaphore::new(CONNECTION_LIMIT));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors: some are closed in a moment.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let metrics = Arc::clone(&metrics);
        tokio::spawn(async move {
            let answers = service_fn(|request| answer(request, &metrics));
            let mut connection = http1::Builder::new();
            connection.timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN).max_headers(32);
            // A peer that hangs up, and one that takes too long, are gone the same way.
            let _ =
                tokio::time::timeout(CONNECTION_FOR, connection.serve_connection(TokioIo::new(stream), answers)).await;
            drop(place);
        });
    }
}

async fn answer(request: Request<Incoming>, metrics: &Metrics) -> Result<Response<Full<Bytes>>, Infallible> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(told(StatusCode::METHOD_NOT_ALLOWED, TEXT, "GET or HEAD\n".to_owned()));
    }
    Ok(match request.uri().path() {
        "/metrics" => told(StatusCode::OK, OPEN_METRICS, metrics.text().await),
        "/healthz" => told(StatusCode::OK, TEXT, "ok\n".to_owned()),
        "/readyz" => match metrics.ready().await {
            Ok(()) => told(StatusCode::OK, TEXT, "ok\n".to_owned()),
            Err(why) => told(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("{why}\n")),
        },
        _ => told(StatusCode::NOT_FOUND, TEXT, "/metrics, /healthz or /readyz\n".to_owned()),
    })
}

fn told(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, hyper::header::HeaderValue::from_static("no-store"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
    }
    response
}
