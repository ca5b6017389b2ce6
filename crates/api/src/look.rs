//! How things are named to the outside (ids, client secrets) and how the stored answer of an idempotency key is written.

use crate::resources::{payment_intents, refunds, setup_intents};
use florin_core::id::{IdCodec, Key, Kind};
use florin_core::ports::Told;
use florin_core::seal::Secret;
use serde_json::Value;

/// Shared by the API and by the ports that finish answers after a crash.
pub struct Look {
    ids: IdCodec,
    /// Client secrets are derived, not stored.
    clients: Secret,
    /// `scheme://host:port` under which browsers reach the edge; None where nobody is sent there.
    public: Option<String>,
}

impl Look {
    pub fn new(ids: IdCodec, root: &Secret) -> Look {
        Look { ids, clients: root.derive(b"client secrets"), public: None }
    }

    /// The same for an installation that browsers reach there.
    pub fn reached_at(self, public: Option<String>) -> Look {
        Look { public, ..self }
    }
    pub fn is_public(&self) -> bool {
        self.public.is_some()
    }

    /// Opens the page of one authentication.
    pub fn threeds_token(&self, authentication: Key) -> String {
        self.derived(b"3ds", Kind::Payment, authentication)
    }
    /// Where the cardholder is sent to (`authenticate`), or comes back to (`return`).
    pub fn threeds_url(&self, step: &str, (kind, key): (Kind, Key), authentication: Key) -> String {
        let (base, id) = (self.public.as_deref().unwrap_or(""), self.id(kind, key));
        format!("{base}/3ds/{step}/{id}/{}", self.threeds_token(authentication))
    }

    pub fn id(&self, kind: Kind, key: Key) -> String {
        self.ids.encode(kind, key)
    }
    pub fn key(&self, kind: Kind, id: &str) -> Option<Key> {
        self.ids.decode(kind, id)
    }

    /// `<id>_secret_<24 characters>`: opens this one thing together with a publishable key.
    pub fn client_secret(&self, kind: Kind, key: Key) -> String {
        format!("{}_secret_{}", self.id(kind, key), self.derived(b"client", kind, key))
    }
    /// The key of what is found by a value and not by an id: nobody can tell the value from it.
    pub fn place(&self, label: &str, account: Key, live: bool, value: &str) -> Key {
        let parts = [label.as_bytes(), &account.0.to_be_bytes(), &[u8::from(live)], value.as_bytes()];
        florin_core::id::place(&self.clients.mac(&parts))
    }
    /// The signing secret of whoever listens to an account's events from this device: the same each time.
    pub fn listener_secret(&self, account: Key, live: bool, device: &str) -> String {
        let parts: [&[u8]; 4] = [b"listener", &account.0.to_be_bytes(), &[u8::from(live)], device.as_bytes()];
        let hex: String = self.clients.mac(&parts).iter().map(|b| format!("{b:02x}")).collect();
        format!("whsec_{hex}")
    }
    fn derived(&self, label: &[u8], kind: Kind, key: Key) -> String {
        let mac = self.clients.mac(&[label, &[kind as u8], &key.0.to_be_bytes()]);
        mac.iter().take(12).map(|b| format!("{b:02x}")).collect()
    }

    /// What `Ports::render` returns: the stored answer to an operation that sent a message.
    pub fn answer(&self, told: Told<'_>) -> Vec<u8> {
        let (status, body) = match told {
            Told::Payment(view) => payment_intents::outcome(self, view),
            Told::Refund(view) => (200, refunds::shape(self, view)),
            Told::Setup(view) => setup_intents::outcome(self, view),
        };
        stored(status, &body)
    }
}

/// Of a stored status: the body is what was sent, whatever was expanded in it.
const WHOLE: u16 = 0x8000;

/// Status (two bytes, big-endian), then the body, in which things within are ids.
pub fn stored(status: u16, body: &Value) -> Vec<u8> {
    let mut out = status.to_be_bytes().to_vec();
    out.extend_from_slice(body.to_string().as_bytes());
    out
}

/// The same for a body that was expanded already.
pub fn stored_whole(status: u16, body: &Value) -> Vec<u8> {
    stored(status | WHOLE, body)
}

/// Reads what `stored` and `stored_whole` wrote: status, body, and whether the body is whole.
pub fn unstored(bytes: &[u8]) -> Option<(u16, Value, bool)> {
    let (status, body) = bytes.split_first_chunk::<2>()?;
    let status = u16::from_be_bytes(*status);
    Some((status & !WHOLE, serde_json::from_slice(body).ok()?, status & WHOLE != 0))
}
