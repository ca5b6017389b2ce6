//! How an answer leaves the host: as it is, or as a fault makes it. Knows no card and no books.

use crate::misbehave::Fault;
use florin_connect::Wiped;
use florin_connect::iso8583::{Dialect, Message};

/// One thing for the shell to do on the connection that the request came from, in order of `after_ms`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Milliseconds from now.
    pub after_ms: u32,
    pub kind: ReplyKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplyKind {
    /// A message body: the shell puts the length header before it.
    Frame(Vec<u8>),
    /// The same, written one byte at a time.
    Slowly {
        body: Vec<u8>,
        ms_per_byte: u32,
    },
    /// Bytes that go out as they are, header included.
    Raw(Vec<u8>),
    /// Nothing more is read or written; the connection stays open.
    HalfOpen,
    Close,
}

impl Reply {
    fn now(kind: ReplyKind) -> Reply {
        Reply { after_ms: 0, kind }
    }
    pub(crate) fn close() -> Vec<Reply> {
        vec![Reply::now(ReplyKind::Close)]
    }
}

/// The replies that carry `answer`, spoilt by `fault` if there is one.
pub fn replies(dialect: &Dialect, mut answer: Message, fault: Option<Fault>) -> Vec<Reply> {
    match fault {
        Some(Fault::AlteredAmount) => alter(&mut answer, 4, add_one),
        Some(Fault::AlteredStan) => alter(&mut answer, 11, add_one),
        Some(Fault::AlteredRrn) => alter(&mut answer, 37, other_last),
        _ => {}
    }
    let Some(mut body) = encode(dialect, &answer) else { return Vec::new() };
    let Some(fault) = fault else { return vec![Reply::now(ReplyKind::Frame(body))] };
    match fault {
        Fault::Lost | Fault::Drop => Vec::new(),
        Fault::Late { ms } | Fault::Reorder { ms } => vec![Reply { after_ms: ms, kind: ReplyKind::Frame(body) }],
        Fault::Doubled { ms } => {
            vec![Reply::now(ReplyKind::Frame(body.clone())), Reply { after_ms: ms, kind: ReplyKind::Frame(body) }]
        }
        Fault::Slow { ms_per_byte } => vec![Reply::now(ReplyKind::Slowly { body, ms_per_byte })],
        Fault::HalfOpen => vec![Reply::now(ReplyKind::HalfOpen)],
        Fault::Close | Fault::Down { .. } => Reply::close(),
        Fault::Garbage => vec![Reply::now(ReplyKind::Frame(garbage(body.len())))],
        Fault::PartialFrame => {
            let mut frame = dialect.framing.frame(&body).map(|f| f.to_vec()).unwrap_or_default();
            frame.truncate(frame.len() / 2);
            vec![Reply::now(ReplyKind::Raw(frame)), Reply::now(ReplyKind::HalfOpen)]
        }
        Fault::UnknownMti => {
            if let Some(mti) = body.get_mut(..4) {
                mti.copy_from_slice(b"0999");
            }
            vec![Reply::now(ReplyKind::Frame(body))]
        }
        Fault::AlteredAmount | Fault::AlteredStan | Fault::AlteredRrn | Fault::IssuerDown { .. } | Fault::Report(_) => {
            vec![Reply::now(ReplyKind::Frame(body))]
        }
    }
}

fn encode(dialect: &Dialect, message: &Message) -> Option<Vec<u8>> {
    dialect.encode(message).ok().map(|body: Wiped| body.to_vec())
}

fn alter(answer: &mut Message, de: u8, how: fn(&str) -> String) {
    if let Some(value) = answer.get(de).map(how) {
        answer.set(de, &value);
    }
}

/// The next number of as many digits, from all nines round to 0.
fn add_one(digits: &str) -> String {
    let width = digits.len();
    let next = digits.parse::<u64>().map_or(0, |n| n + 1).to_string();
    if next.len() > width { "0".repeat(width) } else { format!("{next:0>width$}") }
}

fn other_last(text: &str) -> String {
    let other = if text.ends_with('0') { "1" } else { "0" };
    format!("{}{other}", text.get(..text.len().saturating_sub(1)).unwrap_or(""))
}

/// Bytes that are no message: the first is no version of ISO 8583.
fn garbage(length: usize) -> Vec<u8> {
    let mut byte = 0xffu8;
    let next = |_| {
        byte = byte.wrapping_mul(167).wrapping_add(13);
        byte | 0x80
    };
    (0..length.max(4)).map(next).collect()
}
