//! Sends messages whose job is due, and what the terminal may ask of them. Knows no protocol.

use super::ops::Answer;
use super::ports::{Real, now};
use crate::log::log;
use florin_core::audit::{Action, By};
use florin_core::commit::{Commit, JobKind};
use florin_core::id::Kind;
use florin_core::notice::{self, Channel, Language, Message, Notice, Stage, Words};
use florin_core::ports::Ports;
use florin_core::store::Store;
use florin_core::terminal::HOUSE;
use florin_core::{audit, flow};
use florin_notify::Senders;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Messages on their way at a time.
const ATONCE: usize = 4;
/// How long the worker keeps a leased message for itself, in milliseconds: longer than any sender waits for its server.
const SENDING_MS: i64 = 180_000;
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A test message is worth nothing after this.
const TEST_LIVES_MS: i64 = 60_000;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum MessageAsk {
    Test {
        sms: bool,
        to: String,
    },
    /// How far a message is.
    State {
        id: String,
    },
}

pub async fn answer(ports: &Real, senders: &Senders, asked: MessageAsk) -> Answer {
    let told = match asked {
        MessageAsk::Test { sms, to } => test(ports, senders, sms, to).await,
        MessageAsk::State { id } => state(ports, &id).await,
    };
    match told {
        Ok(value) => Answer::Ok(value),
        Err((code, message)) => Answer::Error { code: code.to_owned(), message, param: None, status: 400 },
    }
}

type Told = Result<Value, (&'static str, String)>;

async fn test(ports: &Real, senders: &Senders, sms: bool, to: String) -> Told {
    let (channel, setting) = if sms { (Channel::Sms, "sms.protocol") } else { (Channel::Mail, "mail.host") };
    if !senders.has(channel) {
        return Err(("setting_missing", format!("set {setting} and what goes with it, and start Florin anew.")));
    }
    if sms && !florin_notify::is_number(&to) {
        return Err(("invalid_number", "a number begins with + and its country: +31612345678.".to_owned()));
    }
    if to.chars().count() > notice::LONGEST_ADDRESS {
        return Err(("invalid_address", "an address has at most 254 characters.".to_owned()));
    }
    let message =
        Message { channel, user: None, to, language: Language::English, words: Words::Test, lives_ms: TEST_LIVES_MS };
    let failed = |failure: flow::Failure| ("api_error", super::ops::plain(&failure));
    for _ in 0..flow::TRIES {
        let mut head = audit::head(ports.store()).await.map_err(failed)?;
        let mut commit = Commit::default();
        let key = notice::add(&mut commit, ports, message.clone());
        let entry = By::LOCAL.did(Action::MessageTest).subject(Kind::Notice, key).detail(channel.as_str());
        audit::add(&mut commit, &mut head, ports, [entry]);
        match ports.store().commit(commit).await {
            Ok(()) => {
                ports.nudge();
                return Ok(
                    json!({ "id": ports.ids.encode(Kind::Notice, key), "object": "message", "status": "waiting" }),
                );
            }
            Err(florin_core::store::CommitError::Refused(_)) => {}
            Err(florin_core::store::CommitError::Trouble(trouble)) => return Err(failed(trouble.into())),
        }
    }
    Err(("contended", "others were faster. Ask again.".to_owned()))
}

async fn state(ports: &Real, id: &str) -> Told {
    let missing = || ("no_such_message", format!("there is no message {id}."));
    let key = ports.ids.decode(Kind::Notice, id).ok_or_else(missing)?;
    let view = flow::load::<Notice>(ports.store(), HOUSE, Kind::Notice, key).await.map_err(|_| missing())?;
    let why = match view.body.stage {
        Stage::Failed { why, .. } => Some(why),
        Stage::Waiting | Stage::Sending { .. } => view.body.last,
        Stage::Sent { .. } | Stage::Unknown { .. } => None,
    };
    Ok(json!({
        "id": id, "object": "message", "status": view.body.stage.as_str(), "ended": view.body.stage.has_ended(),
        "tries": view.body.tries, "reason": why.map(|why| why.as_str()),
    }))
}

/// Sends what is due, for ever. A job that fails stays leased, and comes back when its lease is over.
pub async fn sends(ports: Arc<Real>, senders: Arc<Senders>) {
    let room = Arc::new(Semaphore::new(ATONCE));
    loop {
        let at = now();
        let leased = match u32::try_from(room.available_permits()).unwrap_or(0) {
            0 => vec![],
            n => ports.store.lease(JobKind::Notify, at, n, at.plus_ms(SENDING_MS)).await.unwrap_or_default(),
        };
        let more = !leased.is_empty();
        for job in leased {
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
            let (ports, senders) = (Arc::clone(&ports), Arc::clone(&senders));
            tokio::spawn(async move {
                if let Err(failure) = notice::send(&*ports, &*senders, &ports.store, &job).await {
                    log!("florin gateway", "a message is not at its end yet: {}", failure);
                }
                drop(permit);
            });
        }
        if !more {
            let _ = tokio::time::timeout(LOOK_EVERY, ports.messages.notified()).await;
        }
    }
}
