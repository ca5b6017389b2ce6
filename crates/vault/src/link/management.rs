//! Network management (0800/0810): sign-on after connecting, echo after silence, answers to the other side's own.
//! Knows nothing of orders.

use super::{CloseReason, Frame, LinkSettings, LinkState};
use crate::core::time::Time;
use florin_connect::iso8583::{Message, Mti};
use std::collections::VecDeque;
use zeroize::Zeroizing;

/// DE 70: the other side begins a new settlement day. Needs no more than an answer.
pub(super) const CUT_OVER: &str = "201";
/// DE 39: a network management code that we do not know (invalid transaction).
pub(super) const NOT_SUPPORTED: &str = "12";
/// Frames of network management that may wait to be written.
const QUEUE_LIMIT_FRAMES: usize = 64;
const STAN_LIMIT: u32 = 1_000_000;

/// What is to be done now.
pub(super) enum Step {
    Nothing,
    SignOn,
    Echo,
    Close(CloseReason),
}

/// Our own request that waits for its 0810.
struct Asked {
    stan: String,
    at: String,
    code: &'static str,
    due: Time,
}

pub(super) struct Management {
    stan: u32,
    asked: Option<Asked>,
    missed_echoes: u32,
    /// Steady time at which the other side was last heard.
    heard: Time,
    queue: VecDeque<Zeroizing<Vec<u8>>>,
}

impl Management {
    pub fn new() -> Management {
        Management { stan: 0, asked: None, missed_echoes: 0, heard: Time(0), queue: VecDeque::new() }
    }

    pub fn connected(&mut self, now: Time) {
        self.disconnected();
        self.heard = now;
    }

    pub fn disconnected(&mut self) {
        self.asked = None;
        self.missed_echoes = 0;
        self.queue.clear();
    }

    /// Anything that arrives shows that the other side lives.
    pub fn heard(&mut self, now: Time) {
        self.heard = now;
        self.missed_echoes = 0;
    }

    /// False when the queue is full: the other side asks and does not read.
    pub fn queue(&mut self, frame: Zeroizing<Vec<u8>>) -> bool {
        let room = self.queue.len() < QUEUE_LIMIT_FRAMES;
        if room {
            self.queue.push_back(frame);
        }
        room
    }

    pub fn take_frames(&mut self) -> Vec<Frame> {
        self.queue.drain(..).map(|bytes| Frame { bytes, send_by: None }).collect()
    }

    /// A 0800 with this code. It waits for its answer until `due`.
    pub fn ask(&mut self, wall: Time, code: &'static str, due: Time) -> Message {
        self.stan = (self.stan % (STAN_LIMIT - 1)) + 1;
        let (stan, at) = (format!("{:06}", self.stan), transmission_time(wall));
        let mut message = Message::new(Mti::NETWORK);
        message.set(7, &at);
        message.set(11, &stan);
        message.set(70, code);
        self.asked = Some(Asked { stan, at, code, due });
        message
    }

    /// The code of what we asked, if this 0810 answers it.
    pub fn answered(&mut self, message: &Message) -> Option<&'static str> {
        let fits = |asked: &mut Asked| {
            message.get(11) == Some(&asked.stan)
                && message.get(7) == Some(&asked.at)
                && message.get(70).is_none_or(|code| code == asked.code)
        };
        self.asked.take_if(fits).map(|asked| asked.code)
    }

    pub fn tick(&mut self, now: Time, state: LinkState, settings: &LinkSettings) -> Step {
        if state == LinkState::Down {
            return Step::Nothing;
        }
        if let Some(asked) = &self.asked {
            if now < asked.due {
                return Step::Nothing;
            }
            let echo = asked.code == settings.echo_code;
            // Other traffic since then is a sign of life as good as the echo's own answer.
            let alive = self.heard.plus_ms(i64::from(settings.management_limit_ms)) >= asked.due;
            self.asked = None;
            if !echo {
                return Step::Close(CloseReason::NoSignOn);
            }
            if !alive {
                self.missed_echoes += 1;
                if self.missed_echoes >= settings.missed_echoes_limit {
                    return Step::Close(CloseReason::NoEcho);
                }
                return Step::Echo;
            }
        }
        match state {
            LinkState::Up if now >= self.silent_at(settings) => Step::Echo,
            LinkState::SignedOff if now >= self.silent_at(settings) => Step::SignOn,
            LinkState::Down | LinkState::SigningOn | LinkState::Up | LinkState::SignedOff => Step::Nothing,
        }
    }

    pub fn next_wake(&self, state: LinkState, settings: &LinkSettings) -> Option<Time> {
        match (state, &self.asked) {
            (LinkState::Down, _) => None,
            (_, Some(asked)) => Some(asked.due),
            (LinkState::Up | LinkState::SignedOff, None) => Some(self.silent_at(settings)),
            (LinkState::SigningOn, None) => None,
        }
    }

    fn silent_at(&self, settings: &LinkSettings) -> Time {
        self.heard.plus_ms(i64::from(settings.echo_after_ms))
    }
}

/// The 0810 to the other side's 0800: what it sent, and DE 39.
pub(super) fn answer(request: &Message, code: &str) -> Option<Message> {
    let mut answer = Message::new(request.mti.response()?);
    for de in [7, 11, 32, 37, 41, 42, 70] {
        if let Some(value) = request.get(de) {
            answer.set(de, value);
        }
    }
    answer.set(39, code);
    Some(answer)
}

/// DE 7: MMDDhhmmss, UTC.
fn transmission_time(wall: Time) -> String {
    let c = wall.civil();
    format!("{:02}{:02}{:02}{:02}{:02}", c.month, c.day, c.hour, c.minute, c.second)
}
