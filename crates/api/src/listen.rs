//! Who listens to an account's events or requests over a WebSocket, as the official command line does: sessions, held in memory alone.
//! Knows no socket.

use florin_core::id::Key;
use florin_core::time::Time;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Sessions of all accounts, and of one. When there are as many, the one that was used longest ago ends.
const MOST_SESSIONS: usize = 1_024;
const MOST_SESSIONS_OF_ONE: usize = 32;
/// A session that nobody is connected to ends after this.
const IDLE_MS: i64 = 600_000;
/// Events that were asked for again and did not go out yet, of one session.
const MOST_AGAIN: usize = 256;

/// What is listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    Webhooks,
    RequestLogs,
}

impl Feature {
    pub const ALL: &[Feature] = &[Feature::Webhooks, Feature::RequestLogs];

    pub fn as_str(self) -> &'static str {
        match self {
            Feature::Webhooks => "webhooks",
            Feature::RequestLogs => "request_logs",
        }
    }
    /// What a restricted key must be allowed to read.
    pub fn resource(self) -> &'static str {
        match self {
            Feature::Webhooks => "events",
            Feature::RequestLogs => "request_logs",
        }
    }
    pub fn parse(text: &str) -> Option<Feature> {
        Feature::ALL.iter().copied().find(|feature| feature.as_str() == text)
    }
}

/// Which requests a listener wants to hear of; an empty list is no condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    /// Named accounts, of which this API has none: the listener is warned.
    pub accounts: Vec<String>,
    methods: Vec<String>,
    paths: Vec<String>,
    /// `SUCCEEDED`, `FAILED`.
    outcomes: Vec<String>,
    statuses: Vec<String>,
    /// `2XX`, `4XX`, `5XX`.
    status_classes: Vec<String>,
}

impl Filters {
    /// Reads an object of lists of texts, as the command line writes it. Unknown names are no conditions.
    pub fn read(value: &Value) -> Option<Filters> {
        let list = |name: &str| match value.get(name) {
            None | Some(Value::Null) => Some(vec![]),
            Some(list) => list.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect(),
        };
        let filters = Filters {
            accounts: list("filter_account")?,
            methods: list("filter_http_method")?,
            paths: list("filter_request_path")?,
            outcomes: list("filter_request_status")?,
            statuses: list("filter_status_code")?,
            status_classes: list("filter_status_code_type")?,
        };
        (value.is_object() || value.is_null()).then_some(filters)
    }

    pub fn want(&self, method: &str, path: &str, status: u16) -> bool {
        let one = |list: &[String], value: &str| list.is_empty() || list.iter().any(|e| e.eq_ignore_ascii_case(value));
        let outcome = if (200..300).contains(&status) { "succeeded" } else { "failed" };
        one(&self.methods, method)
            && one(&self.paths, path)
            && one(&self.outcomes, outcome)
            && one(&self.statuses, &status.to_string())
            && one(&self.status_classes, &format!("{}xx", status / 100))
    }
}

/// Who began a session: an account, in one mode, by this API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whose {
    pub account: Key,
    pub live: bool,
    pub key: Key,
}

pub struct Session {
    pub whose: Whose,
    pub feature: Feature,
    pub filters: Filters,
    /// Signs what the listener gets.
    pub secret: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The number of the last event that went out.
    cursor: u64,
    /// Events that went out and that the listener did not say it has, by their numbers.
    unheard: BTreeMap<u64, Key>,
    again: Vec<Key>,
    connected: u32,
}

impl Session {
    pub fn new(whose: Whose, feature: Feature, filters: Filters, secret: String, cursor: u64) -> Session {
        let state = State { cursor, ..State::default() };
        Session { whose, feature, filters, secret, state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection begins; what the one before lost is sent once more.
    pub fn connected(&self) {
        let mut state = self.lock();
        state.connected += 1;
        let lost = std::mem::take(&mut state.unheard);
        state.again.extend(lost.into_values());
        state.again.truncate(MOST_AGAIN);
    }
    pub fn disconnected(&self) {
        let mut state = self.lock();
        state.connected = state.connected.saturating_sub(1);
    }
    pub fn cursor(&self) -> u64 {
        self.lock().cursor
    }
    /// Events up to this number are done with.
    pub fn passed(&self, number: u64) {
        let mut state = self.lock();
        state.cursor = state.cursor.max(number);
    }
    /// An event went out.
    pub fn told(&self, number: u64, event: Key) {
        let mut state = self.lock();
        if state.unheard.len() < MOST_AGAIN {
            state.unheard.insert(number, event);
        }
    }
    /// The listener has it.
    pub fn heard(&self, event: Key) {
        self.lock().unheard.retain(|_, told| *told != event);
    }
    /// The events that are to go out once more.
    pub fn again(&self) -> Vec<Key> {
        std::mem::take(&mut self.lock().again)
    }
}

#[derive(Default)]
pub struct Sessions {
    table: Mutex<BTreeMap<String, (Time, Arc<Session>)>>,
    wake: OnceLock<Box<dyn Fn(Key) + Send + Sync>>,
}

impl Sessions {
    /// Whom to tell that there is something to send.
    pub fn on_news(&self, wake: Box<dyn Fn(Key) + Send + Sync>) {
        let _ = self.wake.set(wake);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, (Time, Arc<Session>)>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn begin(&self, id: String, session: Session, now: Time) {
        let mut table = self.lock();
        forget(&mut table, now);
        let of_one = table.values().filter(|(_, other)| other.whose.account == session.whose.account).count();
        let all = table.len();
        if of_one >= MOST_SESSIONS_OF_ONE || all >= MOST_SESSIONS {
            let ours = |other: &Session| all >= MOST_SESSIONS || other.whose.account == session.whose.account;
            let oldest = table.iter().filter(|(_, (_, s))| ours(s)).min_by_key(|(_, (used, _))| *used);
            if let Some(oldest) = oldest.map(|(id, _)| id.clone()) {
                table.remove(&oldest);
            }
        }
        table.insert(id, (now, Arc::new(session)));
    }

    /// The session that a connection names.
    pub fn find(&self, id: &str, now: Time) -> Option<Arc<Session>> {
        let mut table = self.lock();
        forget(&mut table, now);
        let (used, session) = table.get_mut(id)?;
        *used = now;
        Some(Arc::clone(session))
    }

    /// Sends an event once more to all who listen to the account's events. How many they are.
    pub fn again(&self, account: Key, live: bool, event: Key) -> usize {
        let table = self.lock();
        let ours = |whose: Whose| whose.account == account && whose.live == live;
        let listens = |s: &&Arc<Session>| ours(s.whose) && s.feature == Feature::Webhooks;
        let mut told = 0;
        for session in table.values().map(|(_, s)| s).filter(listens) {
            let mut state = session.lock();
            if state.connected > 0 && state.again.len() < MOST_AGAIN {
                state.again.push(event);
                told += 1;
            }
        }
        drop(table);
        if let Some(wake) = self.wake.get().filter(|_| told > 0) {
            wake(account);
        }
        told
    }
}

/// Those that nobody was connected to for long.
fn forget(table: &mut BTreeMap<String, (Time, Arc<Session>)>, now: Time) {
    for (used, session) in table.values_mut() {
        // A clock that was set back makes nothing older than it is.
        *used = (*used).min(now);
        if session.lock().connected > 0 {
            *used = now;
        }
    }
    table.retain(|_, (used, _)| now.since(*used) < IDLE_MS);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(account: i64) -> Session {
        let whose = Whose { account: Key(account), live: false, key: Key(7) };
        Session::new(whose, Feature::Webhooks, Filters::default(), String::new(), 0)
    }

    #[test]
    fn sessions_end_when_nobody_is_there() {
        let sessions = Sessions::default();
        let at = |ms: i64| Time(1_000_000 + ms);
        sessions.begin("a".into(), session(1), at(0));
        sessions.begin("b".into(), session(1), at(0));
        sessions.find("a", at(1)).unwrap().connected();
        assert!(sessions.find("a", at(10 * IDLE_MS)).is_some(), "somebody is connected");
        assert!(sessions.find("b", at(10 * IDLE_MS)).is_none());
        assert!(sessions.find("a", at(-IDLE_MS)).is_some(), "the clock was set back");
    }

    #[test]
    fn sessions_are_bounded() {
        let sessions = Sessions::default();
        sessions.begin("other".into(), session(2), Time(0));
        for n in 0..40 {
            sessions.begin(format!("s{n}"), session(1), Time(n));
        }
        let there = |id: &str| sessions.find(id, Time(50)).is_some();
        assert!(there("other") && there("s39") && there("s8") && !there("s7"));
    }

    #[test]
    fn what_was_not_heard_goes_out_once_more() {
        let session = session(1);
        session.connected();
        for n in [5, 6] {
            session.told(n, Key(100 + i64::try_from(n).unwrap()));
            session.passed(n);
        }
        session.heard(Key(105));
        assert_eq!((session.again(), session.cursor()), (vec![], 6));
        session.connected();
        assert_eq!(session.again(), [Key(106)]);
        session.connected();
        assert_eq!(session.again(), [], "once more, not for ever");
    }

    #[test]
    fn an_event_is_sent_again_to_those_who_listen() {
        let sessions = Sessions::default();
        assert_eq!(sessions.again(Key(1), false, Key(9)), 0);
        sessions.begin("a".into(), session(1), Time(0));
        assert_eq!(sessions.again(Key(1), false, Key(9)), 0, "nobody is connected");
        let session = sessions.find("a", Time(0)).unwrap();
        session.connected();
        let to = |account, live| sessions.again(Key(account), live, Key(9));
        assert_eq!((to(1, false), to(2, false), to(1, true)), (1, 0, 0));
        assert_eq!(session.again(), [Key(9)]);
    }

    #[test]
    fn requests_that_are_wanted() {
        let check = |filters: &str, expected: bool| {
            let filters = Filters::read(&serde_json::from_str(filters).unwrap()).unwrap();
            assert_eq!(filters.want("POST", "/v1/refunds", 402), expected, "{filters:?}");
        };
        check("{}", true);
        check(r#"{"filter_http_method":["post"]}"#, true);
        check(r#"{"filter_http_method":["GET"]}"#, false);
        check(r#"{"filter_request_path":["/v1/refunds"],"filter_request_status":["FAILED"]}"#, true);
        check(r#"{"filter_request_status":["SUCCEEDED"]}"#, false);
        check(r#"{"filter_status_code":["402"],"filter_status_code_type":["4XX"]}"#, true);
        check(r#"{"filter_status_code_type":["2XX","5XX"]}"#, false);
        check(r#"{"filter_request_path":["/v1/charges"]}"#, false);
        for text in ["[]", "1", r#"{"filter_account":"a"}"#, r#"{"filter_account":[1]}"#] {
            assert_eq!(Filters::read(&serde_json::from_str(text).unwrap()), None, "{text}");
        }
    }
}
