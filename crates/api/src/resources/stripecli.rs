//! `/v1/stripecli/sessions`: the official command line asks to listen to events or requests, and where to.

use crate::ask::{Answer, Ask};
use crate::error::ApiError;
use crate::listen::{Feature, Filters, Session, Whose};
use crate::params::{LONGEST_TEXT, Params};
use crate::permission::{self, Permission};
use crate::version::PRESENT;
use florin_core::commit::shard;
use florin_core::id::Key;
use florin_core::store::Query;
use serde_json::json;

/// Where the edge takes WebSockets of listeners.
pub const SUBSCRIBE_PATH: &str = "/v1/stripecli/subscribe";
/// The listener makes a new connection after this, so that none lasts for ever.
const RECONNECT_AFTER_S: u32 = 600;
const LONGEST_DEVICE_NAME: usize = 255;

pub async fn create(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let device = params.text("device_name", LONGEST_DEVICE_NAME)?.unwrap_or_default();
    let one = params.text("websocket_feature", 100)?;
    let features = params.texts("websocket_features")?.unwrap_or_default();
    let filters = filters(params)?;
    let forwards = ["forward_to_url", "forward_connect_to_url", "forward_thin_to_url", "forward_thin_connect_to_url"];
    params.ignore(&forwards);
    params.done()?;
    let wanted = features.iter().chain(&one).find_map(|text| Feature::parse(text));
    let known: Vec<&str> = Feature::ALL.iter().map(|feature| feature.as_str()).collect();
    let feature = wanted.ok_or_else(|| {
        params.bad("websocket_features", format!("Invalid websocket_features: must name one of {}.", known.join(", ")))
    })?;
    let permission = Permission { resource: feature.resource(), write: false };
    if !ask.caller.may(permission.resource, false) {
        return Err(permission::lacking(ask.look(), &ask.caller, &permission));
    }
    let head = ask.store().find(Query::ChainHead { shard: shard(ask.account()) }).await?.head();
    let secret = ask.look().listener_secret(ask.account(), ask.caller.live, &device);
    let warns = !filters.accounts.is_empty();
    let cursor = head.map_or(0, |link| link.sequence);
    let whose = Whose { account: ask.account(), live: ask.caller.live, key: ask.caller.key };
    let session = Session::new(whose, feature, filters, secret.clone(), cursor);
    let mut random = [0u8; 24];
    ask.api.house.random(&mut random);
    let hex: String = random.iter().map(|b| format!("{b:02x}")).collect();
    let id = format!("cliws_{hex}");
    ask.api.sessions.begin(id.clone(), session, ask.now());
    let scheme = if ask.request.tls { "wss" } else { "ws" };
    let host = ask.request.headers.iter().find(|(name, _)| name == "host").map_or("localhost", |(_, host)| host);
    Ok(Answer::ok(json!({
        "object": "stripecli.session",
        "default_version": PRESENT,
        "display_connect_filter_warning": warns,
        "latest_version": PRESENT,
        "reconnect_delay": RECONNECT_AFTER_S,
        "secret": secret,
        "websocket_authorized_feature": feature.as_str(),
        "websocket_id": id,
        "websocket_url": format!("{scheme}://{host}{SUBSCRIBE_PATH}"),
    })))
}

/// Sends an event once more to all who listen now.
pub fn resend(ask: &Ask<'_>, params: &Params, event: Key) -> Result<(), ApiError> {
    match ask.api.sessions.again(ask.account(), ask.caller.live, event) {
        0 => Err(params.bad(
            "for_stripecli",
            "No CLI endpoints found to retry delivery. Run 'stripe listen' and retry the request to see the event in \
             the CLI, or provide a specific webhook endpoint.",
        )),
        _ => Ok(()),
    }
}

/// A JSON object in a text, as the command line writes it.
fn filters(params: &Params) -> Result<Filters, ApiError> {
    let Some(text) = params.text("filters", LONGEST_TEXT)? else { return Ok(Filters::default()) };
    let read = serde_json::from_str(&text).ok().and_then(|value| Filters::read(&value));
    read.ok_or_else(|| params.bad("filters", "Invalid filters: must be a JSON object of lists of texts."))
}
