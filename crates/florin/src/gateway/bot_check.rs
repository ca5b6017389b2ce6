//! Asks the service that the operator chose whether a browser's token is a person's: the form that hCaptcha, reCAPTCHA and Turnstile share
//! (`secret`, `response`; JSON with `success`). Tells it nothing of buyer or payment, not even an address.

use super::hooks::Client;
use florin_core::deliver::{Letter, Outcome};
use florin_core::id::Key;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use url::form_urlencoded;
use zeroize::Zeroizing;

/// As the gateway's process is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BotCheckSettings {
    pub url: String,
    /// What the browser needs, for everybody to see.
    pub site_key: String,
    pub secret_file: PathBuf,
}

pub struct BotCheck {
    client: Client,
    url: String,
    pub site_key: String,
    secret: Zeroizing<String>,
    live: bool,
    /// Connections are kept by slot, and a slot looks a name up once at a time: people at the same moment take others.
    next: AtomicI64,
}

const SLOTS: i64 = 32;

impl BotCheck {
    pub fn new(settings: BotCheckSettings, secret: Zeroizing<String>, client: Client, live: bool) -> BotCheck {
        let BotCheckSettings { url, site_key, secret_file: _ } = settings;
        BotCheck { client, url, site_key, secret, live, next: AtomicI64::new(0) }
    }

    /// No answer, and whatever is no clear yes, is a no.
    pub async fn is_person(&self, token: &str) -> bool {
        let headers = vec![("content-type", "application/x-www-form-urlencoded".to_owned())];
        let (url, body) = (self.url.clone(), form(&self.secret, token));
        let endpoint = Key(self.next.fetch_add(1, Ordering::Relaxed).rem_euclid(SLOTS));
        let reply = self.client.post(Letter { endpoint, live: self.live, url, headers, body }).await;
        let told: Option<Value> = serde_json::from_slice(&reply.body).ok();
        reply.outcome == Outcome::Answered(200) && told.is_some_and(|told| told["success"] == true)
    }
}

fn form(secret: &str, token: &str) -> Vec<u8> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("secret", secret).append_pair("response", token);
    form.finish().into_bytes()
}
