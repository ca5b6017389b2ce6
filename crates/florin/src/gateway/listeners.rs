//! WebSockets of the official command line (subprotocol `stripecli-devproxy-v1`): events as they get their numbers, signed; requests as
//! they are answered. Knows no HTTP.

use super::ports::{Real, now};
use super::requests::Requests;
use super::site::Sites;
use aws_lc_rs::hmac;
use florin_api::listen::{Feature, Session};
use florin_api::{Api, PRESENT};
use florin_core::edge::{EdgeRequest, EdgeResponse};
use florin_core::id::Kind;
use florin_core::ports::Ports;
use florin_core::request_log::Entry;
use florin_core::store::{Query, SequencedEvent, StoreTrouble};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::sync::{broadcast, watch};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};

const PROTOCOL: &str = "stripecli-devproxy-v1";
/// A sign of life, well within what the edge lets pass in silence.
const PING_EVERY: Duration = Duration::from_secs(20);
/// Looks for new events when nobody woke it.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long a listener may take to read a message.
const WRITE_WITHIN: Duration = Duration::from_secs(20);
/// Events read from the store at a time.
const AT_ONCE: u32 = 100;
/// Largest message of a listener: what an endpoint answered, of which it sends 5,000 characters and 20 headers.
const MESSAGE_LIMIT_BYTES: usize = 64 * 1024;

type Socket = WebSocketStream<UnixStream>;

pub struct Listeners {
    pub sites: Arc<Sites>,
    ports: Arc<Real>,
    requests: Arc<Requests>,
    stopping: watch::Receiver<bool>,
}

/// The listener is gone, or cannot be served.
struct Gone;

/// The subprotocol, if the listener offers it.
pub fn protocol(request: &EdgeRequest) -> Option<&'static str> {
    let offered = header(request, "sec-websocket-protocol")?;
    offered.split(',').any(|name| name.trim() == PROTOCOL).then_some(PROTOCOL)
}

fn header<'a>(request: &'a EdgeRequest, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
}

impl Listeners {
    pub fn new(
        sites: Arc<Sites>,
        ports: Arc<Real>,
        requests: Arc<Requests>,
        stopping: watch::Receiver<bool>,
    ) -> Listeners {
        let wake = Arc::clone(&ports);
        sites.api.sessions.on_news(Box::new(move |account| wake.news.again(account)));
        Listeners { sites, ports, requests, stopping }
    }

    fn api(&self) -> &Api {
        &self.sites.api
    }

    /// The session that the request names. Its id is what opens it: the API gave it to whoever has the account's secret key.
    pub async fn session(&self, request: &EdgeRequest) -> Result<Arc<Session>, EdgeResponse> {
        let id = header(request, "websocket-id").unwrap_or_default();
        self.api().listener(id).await.ok_or_else(|| {
            // The command line knows this text, and then asks for a new session.
            let error = json!({ "error": { "type": "invalid_request_error", "message": "Unknown WebSocket ID." } });
            EdgeResponse { status: 400, headers: vec![], body: error.to_string().into_bytes() }
        })
    }

    /// Speaks with a listener until one side ends it.
    pub async fn talk(&self, stream: UnixStream, held: Vec<u8>, session: &Session) {
        let mut config = WebSocketConfig::default();
        config.max_message_size = Some(MESSAGE_LIMIT_BYTES);
        config.max_frame_size = Some(MESSAGE_LIMIT_BYTES);
        config.read_buffer_size = 4 * 1024;
        config.write_buffer_size = 0;
        let mut socket = WebSocketStream::from_partially_read(stream, held, Role::Server, Some(config)).await;
        session.connected();
        let ended = match session.feature {
            Feature::Webhooks => self.events(&mut socket, session).await,
            Feature::RequestLogs => self.requests(&mut socket, session).await,
        };
        session.disconnected();
        if ended.is_ok() {
            let frame = CloseFrame { code: CloseCode::Restart, reason: "Florin restarts".into() };
            let _ = tokio::time::timeout(WRITE_WITHIN, socket.close(Some(frame))).await;
        }
    }

    /// Tells of events. Ok when this process stops.
    async fn events(&self, socket: &mut Socket, session: &Session) -> Result<(), Gone> {
        let (mut news, mut stopping) = (self.ports.news.of(session.whose.account), self.stopping.clone());
        let mut pings = tokio::time::interval(PING_EVERY);
        loop {
            news.mark_unchanged();
            for event in session.again() {
                let found = self.ports.store().find(Query::Numbered { id: event }).await.map_err(gone)?.sequenced();
                for event in &found {
                    self.tell(socket, session, event).await?;
                }
            }
            while self.tell_new(socket, session).await? {}
            tokio::select! {
                said = socket.next() => heard(&self.ports, session, said.ok_or(Gone)?.map_err(|_| Gone)?),
                _ = news.changed() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = pings.tick() => self.ping(socket, session).await?,
                () = turned(&mut stopping) => return Ok(()),
            }
        }
    }

    /// A sign of life; and the end once the key that began the session opens nothing any more.
    async fn ping(&self, socket: &mut Socket, session: &Session) -> Result<(), Gone> {
        if !self.api().may_listen(session).await {
            return Err(Gone);
        }
        send(socket, Message::Ping(Vec::new().into())).await
    }

    /// Tells of the next events. False when there were none.
    async fn tell_new(&self, socket: &mut Socket, session: &Session) -> Result<bool, Gone> {
        let (account, after) = (session.whose.account, session.cursor());
        let query = Query::OfAccount { account, after, before: u64::MAX, backwards: false, limit: AT_ONCE };
        let events = self.ports.store().find(query).await.map_err(gone)?.sequenced();
        for event in &events {
            if self.tell(socket, session, event).await? {
                session.told(event.link.sequence, event.stored.event.id);
            }
            session.passed(event.link.sequence);
        }
        Ok(!events.is_empty())
    }

    /// Tells of one event. False if it is none that listeners are told of.
    async fn tell(&self, socket: &mut Socket, session: &Session, event: &SequencedEvent) -> Result<bool, Gone> {
        let Some(payload) = self.api().told(session.whose.account, session.whose.live, event).await else {
            return Ok(false);
        };
        let id = self.ports.look.id(Kind::Event, event.stored.event.id);
        // The listener takes those of the default version, or those of the newest: here both are the same.
        for version in [None, Some(PRESENT)] {
            let message = json!({
                "type": "webhook_event",
                "endpoint": { "api_version": version },
                "event_payload": payload,
                "http_headers": {
                    "Content-Type": "application/json; charset=utf-8",
                    "Stripe-Signature": signature(&session.secret, &payload),
                    "User-Agent": "Florin/1.0 (webhooks)",
                },
                "webhook_conversation_id": format!("wc_{id}"),
                "webhook_id": format!("we_{id}"),
            });
            send(socket, Message::text(message.to_string())).await?;
        }
        Ok(true)
    }

    /// Tells of requests. Ok when this process stops.
    async fn requests(&self, socket: &mut Socket, session: &Session) -> Result<(), Gone> {
        let (mut requests, mut stopping) = (self.requests.listen(), self.stopping.clone());
        let mut pings = tokio::time::interval(PING_EVERY);
        loop {
            tokio::select! {
                said = socket.next() => heard(&self.ports, session, said.ok_or(Gone)?.map_err(|_| Gone)?),
                entry = requests.recv() => match entry {
                    Ok(entry) if wanted(session, &entry) => send(socket, told(&entry)).await?,
                    // A listener that reads too slowly misses some: it looks at what happens, and counts nothing.
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return Ok(()),
                },
                _ = pings.tick() => self.ping(socket, session).await?,
                () = turned(&mut stopping) => return Ok(()),
            }
        }
    }
}

/// Until this process stops.
async fn turned(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

fn gone(_: StoreTrouble) -> Gone {
    Gone
}

async fn send(socket: &mut Socket, message: Message) -> Result<(), Gone> {
    match tokio::time::timeout(WRITE_WITHIN, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Gone),
    }
}

/// `event_ack` says that the listener has an event; what the endpoint behind it answered (`webhook_response`) is its own affair.
fn heard(ports: &Real, session: &Session, message: Message) {
    let Ok(said) = serde_json::from_str::<Value>(message.to_text().unwrap_or_default()) else { return };
    let id = ["event_id", "event_token"].iter().find_map(|name| said[*name].as_str());
    if said["type"] == "event_ack"
        && let Some(event) = id.and_then(|id| ports.look.key(Kind::Event, id))
    {
        session.heard(event);
    }
}

/// `t=<seconds>,v1=<hex>`: HMAC-SHA256 under the whole secret over the time, a full stop, and the payload.
fn signature(secret: &str, payload: &str) -> String {
    let at = now().seconds();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{at}.{payload}").as_bytes());
    let hex: String = tag.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    format!("t={at},v1={hex}")
}

fn wanted(session: &Session, entry: &Entry) -> bool {
    let ours = entry.account == session.whose.account && entry.live == session.whose.live;
    ours && session.filters.want(&entry.method, &entry.path, entry.status)
}

fn told(entry: &Entry) -> Message {
    let error = entry.error_type.as_ref().map(|kind| {
        json!({
            "type": kind,
            "code": entry.error_code.as_deref().unwrap_or_default(),
            "param": entry.error_param.as_deref().unwrap_or_default(),
        })
    });
    let payload = json!({
        "created_at": entry.at.seconds(),
        "error": error,
        "livemode": entry.live,
        "method": entry.method,
        "request_id": entry.id,
        "status": entry.status,
        "url": entry.path,
    });
    let message =
        json!({ "type": "request_log_event", "event_payload": payload.to_string(), "request_log_id": entry.id });
    Message::text(message.to_string())
}
