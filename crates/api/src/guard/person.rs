//! Before an address is refused for testing cards, whoever sits there may show to be a person: a service that the operator chose says so of a
//! token. Then the cardholder is authenticated instead. Knows no HTTP and no service.

use crate::gate::header;
use crate::keys::Caller;
use crate::{Api, KeyClass};
use florin_core::edge::EdgeRequest;

/// In a request: what the service gave the browser. In an answer: the site key with which the browser asks the service.
pub const HEADER: &str = "florin-bot-check";
const LONGEST_TOKEN: usize = 4_096;

/// Whether this request brings what the service believes. Asked of nobody unless a token comes; a service that is away believes nothing.
pub async fn is_person(api: &Api, request: &EdgeRequest, caller: &Caller) -> bool {
    let asked = api.guard.is_on() && caller.class == KeyClass::Publishable && api.house.bot_check().is_some();
    match header(request, HEADER).filter(|token| asked && !token.is_empty() && token.len() <= LONGEST_TOKEN) {
        Some(token) => api.house.is_person(token).await,
        None => false,
    }
}
