//! Messages to people: mail and SMS. A message is a row and a job, put in the commit of what it tells of; a worker sends it. Address and
//! words are personal, sealed under the message's own key, which is destroyed when the message has ended. Knows no SMTP and no SMPP.

mod send;

pub use send::{Courier, Letter, Posted, send};

use crate::codec::Body;
use crate::commit::{Beside, Clock, Commit, EventKind, Job, JobKind, Version};
use crate::flow::{self, Failure, View};
use crate::id::{Key, Kind};
use crate::ports::Ports;
use crate::record::{self, Change, Record};
use crate::store::Store;
use crate::terminal::HOUSE;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// Of an address, in characters (RFC 5321 §4.5.3.1.3).
pub const LONGEST_ADDRESS: usize = 254;
/// Mail that nobody takes is tried until then.
pub const MAIL_ENDS_MS: i64 = 86_400_000;

/// How it goes. The numbers of variants are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Channel {
    Mail,
    Sms,
}

impl Channel {
    pub const fn as_str(self) -> &'static str {
        match self {
            Channel::Mail => "mail",
            Channel::Sms => "sms",
        }
    }
}

/// The language of its words. The numbers of variants are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Language {
    #[default]
    English,
    Korean,
    Chinese,
}

/// What it says. The numbers of variants are stored.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Words {
    /// A code for a sign-in.
    Code {
        code: String,
        minutes: u16,
    },
    /// Somebody signed in from a device that was not seen before.
    NewDevice {
        device: String,
        address: String,
        at: Time,
    },
    /// Come into the team: a one-time link.
    Invitation {
        by: String,
        link: String,
        hours: u16,
    },
    /// A factor was added, removed or replaced; `what` is its name as people know it: `passkey`, `totp`, `phone`, `password`, `recovery_codes`.
    FactorsChanged {
        what: String,
        at: Time,
    },
    RecoveryCodeUsed {
        left: u16,
        at: Time,
    },
    /// A signed checkpoint of the audit log, as it stands in the file.
    Checkpoint {
        note: String,
    },
    Test,
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Words {
    pub const fn name(&self) -> &'static str {
        match self {
            Words::Code { .. } => "code",
            Words::NewDevice { .. } => "new_device",
            Words::Invitation { .. } => "invitation",
            Words::FactorsChanged { .. } => "factors_changed",
            Words::RecoveryCodeUsed { .. } => "recovery_code_used",
            Words::Checkpoint { .. } => "checkpoint",
            Words::Test => "test",
        }
    }
}

/// Why it did not go. The numbers of variants are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotSent {
    /// No sender is set up for this channel.
    NoSender,
    /// The server was not reached, or there was no TLS with it.
    NoConnection,
    /// It did not know us.
    NotSignedIn,
    /// It took it not, for now: a reply that says to come again.
    Later,
    /// It took it not, for good.
    Refused,
    /// The address cannot be written to.
    BadAddress,
    /// Its time was over before it was sent.
    TooLate,
    /// Its address or words were erased.
    Erased,
}

impl NotSent {
    pub const fn as_str(self) -> &'static str {
        match self {
            NotSent::NoSender => "no_sender",
            NotSent::NoConnection => "no_connection",
            NotSent::NotSignedIn => "not_signed_in",
            NotSent::Later => "later",
            NotSent::Refused => "refused",
            NotSent::BadAddress => "bad_address",
            NotSent::TooLate => "too_late",
            NotSent::Erased => "erased",
        }
    }
}

/// How far it is. The numbers of variants are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    Waiting,
    /// Durable before the first byte: from here on it may have been sent.
    Sending {
        since: Time,
    },
    Sent {
        at: Time,
    },
    /// It may have been sent and may not: it is not sent again.
    Unknown {
        at: Time,
    },
    Failed {
        at: Time,
        why: NotSent,
    },
}

impl Stage {
    pub const fn as_str(&self) -> &'static str {
        match self {
            Stage::Waiting => "waiting",
            Stage::Sending { .. } => "sending",
            Stage::Sent { .. } => "sent",
            Stage::Unknown { .. } => "unknown",
            Stage::Failed { .. } => "failed",
        }
    }
    pub const fn has_ended(&self) -> bool {
        match self {
            Stage::Waiting | Stage::Sending { .. } => false,
            Stage::Sent { .. } | Stage::Unknown { .. } | Stage::Failed { .. } => true,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub channel: Channel,
    /// The user that it goes to, where it goes to one.
    pub user: Option<Key>,
    /// It is worth nothing after this.
    pub ends: Time,
    pub tries: u32,
    /// Why the last try did not work out, while it is tried again.
    pub last: Option<NotSent>,
    pub stage: Stage,
}

impl Body for Notice {
    const FORMAT: u8 = 1;
}

impl Record for Notice {
    const KIND: Kind = Kind::Notice;
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticePersonal {
    pub to: String,
    pub language: Language,
    /// None only where it was erased.
    pub words: Option<Words>,
}

impl Body for NoticePersonal {
    const FORMAT: u8 = 1;
}

pub type NoticeView = View<Notice>;

/// What somebody is to be told.
#[derive(Clone, Debug)]
pub struct Message {
    pub channel: Channel,
    pub user: Option<Key>,
    /// An address of mail, or a phone number in E.164: `+31612345678`.
    pub to: String,
    pub language: Language,
    pub words: Words,
    /// It is worth nothing after so long: a code's life. At most a day.
    pub lives_ms: i64,
}

/// Puts a message into a commit; returns its key. Nudge after the commit.
pub fn add(commit: &mut Commit, ports: &dyn Ports, message: Message) -> Key {
    let (beside, job) = beside(ports, message);
    let key = beside.row.key;
    commit.with([beside], &|| ports.fresh_key());
    commit.jobs.push(job);
    key
}

/// The same beside a plain thing's change.
pub fn with<T>(mut change: Change<T>, ports: &dyn Ports, message: Message) -> Change<T> {
    let (beside, job) = beside(ports, message);
    change.beside.push(beside);
    change.jobs.push(job);
    change
}

fn beside(ports: &dyn Ports, message: Message) -> (Beside, Job) {
    let (key, id, now) = (ports.fresh_key(), ports.fresh_key(), ports.now());
    let ends = now.plus_ms(message.lives_ms.clamp(0, MAIL_ENDS_MS));
    let body =
        Notice { channel: message.channel, user: message.user, ends, tries: 0, last: None, stage: Stage::Waiting };
    let personal = NoticePersonal { to: message.to, language: message.language, words: Some(message.words) };
    let personal = Some(crate::commit::Personal { subject: key, body: personal.encode() });
    let view = View { key, account: HOUSE, version: Version::NONE.next(), at: now, body, personal };
    let beside = Beside { from: Version::NONE, row: record::row(&view, vec![]), event: EventKind::NoticeChanged };
    (beside, job(id, key, now))
}

const fn job(id: Key, notice: Key, due: Time) -> Job {
    let (kind, clock) = (JobKind::Notify, Clock::Real);
    Job { id, kind, account: HOUSE, subject: notice, attempt: notice, due, clock, tries: 0 }
}

/// Puts a message by itself.
pub async fn queue(ports: &dyn Ports, message: Message) -> Result<Key, Failure> {
    let mut commit = Commit::default();
    let key = add(&mut commit, ports, message);
    match flow::commit(ports.store(), commit, None).await? {
        flow::Met::Applied => {
            flow::nudge(ports);
            Ok(key)
        }
        flow::Met::Conflict | flow::Met::Guard | flow::Met::Replay(_) => Err(crate::refusal::Refusal::Contended.into()),
    }
}

/// How far a message is.
pub async fn stage(store: &dyn Store, key: Key) -> Result<Stage, Failure> {
    Ok(flow::load::<Notice>(store, HOUSE, Kind::Notice, key).await?.body.stage)
}
