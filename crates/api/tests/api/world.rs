//! The test world: a clock that is set, keys that count, an acquirer that answers as the card says. Knows no endpoint.

use crate::shapes;
use florin_api::keys::manage::{self, NewKey};
use florin_api::{
    Api, Declared, Expires, Failed, GuardSettings, House, JourneyLink, KeyClass, LimitSettings, Look, Named, NotNamed,
    NotRenewed, Says, says,
};
use florin_core::abuse_log::AbuseLog;
use florin_core::account::Account;
use florin_core::audit::By;
use florin_core::commit::{EventKind, JobKind};
use florin_core::customer;
use florin_core::decline::{DeclineCode, Retry};
use florin_core::edge::{EdgeRequest, EdgeResponse, SwappedCard, SwappedCode};
use florin_core::fees::Fees;
use florin_core::id::{IdCodec, Key, KeyGen, Kind};
use florin_core::money::Currency;
use florin_core::payment::{CardFacts, Funding};
use florin_core::ports::{NoSlot, Ports, Slot, Told};
use florin_core::record::{self, Change};
use florin_core::request_log::RequestLog;
use florin_core::seal::Secret;
use florin_core::sequencer;
use florin_core::store::{Query, Store, Wait};
use florin_core::terminal::HOUSE;
use florin_core::threeds;
use florin_core::time::Time;
use florin_core::wire::{
    Act, Approval, ApprovalCode, CardToken, Checks, Decline, Network, NetworkId, Order, ResponseCode, Terminal, Unsure,
    Verdict,
};
use florin_store::{MemoryStore, Retention, SqliteRequestLog, block_on};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard};

pub const START: Time = Time(1_795_299_300_000);
pub const ACCOUNT: Key = Key(77);
pub const OTHER_ACCOUNT: Key = Key(78);
/// 1.4 % and 25 of the smallest unit; settled after two days.
const FEES: Fees = Fees { basis_points: 140, fixed_minor: 25, settles_after_ms: 172_800_000 };

/// What both engines are to these tests.
pub trait Engine: Store + customer::Forget {}

impl<T: Store + customer::Forget> Engine for T {}

pub struct World {
    pub store: Box<dyn Engine>,
    look: Arc<Look>,
    log: SqliteRequestLog,
    state: Mutex<State>,
}

type Meanwhile = Box<dyn FnOnce() + Send>;

/// Where another request comes in between what a request read and what it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// While the vault is asked for a test card by name.
    Naming,
    /// While a trace number is taken.
    Numbering,
    /// While the issuer is asked.
    Asking,
}

pub struct State {
    now: Time,
    keys: KeyGen,
    stan: u32,
    orders: Vec<Order>,
    /// What the issuer says to the next sale or authorization of a token that is not here: yes.
    scripts: Vec<(CardToken, Verdict)>,
    /// Cards whose issuer says yes to being set up, whatever it says to payments.
    attachable: Vec<CardToken>,
    /// Cards whose issuer takes no money back.
    keeping: Vec<CardToken>,
    random: u8,
    /// Cards that take part in 3-D Secure.
    enrolled: Vec<CardToken>,
    /// What came of the challenge.
    pub issuer_says: threeds::Answer,
    /// Happens at the next such moment.
    meanwhile: Option<(Moment, Meanwhile)>,
    /// What the vault was asked about authentications.
    pub asked: Vec<threeds::Ask>,
    /// What the operator is told of requests that failed on our side.
    pub failed: Vec<String>,
}

impl World {
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
    fn passes(&self, moment: Moment) {
        let waits = self.lock().meanwhile.take_if(|(at, _)| *at == moment);
        if let Some((_, happens)) = waits {
            happens();
        }
    }
}

pub fn yes() -> Verdict {
    Verdict::Approved(Approval {
        response: ResponseCode(*b"00"),
        code: Some(ApprovalCode(*b"A1B2C3")),
        network_id: Some(NetworkId(123_456_789_012)),
        checks: Checks::default(),
    })
}

fn no(response: &[u8; 2], code: DeclineCode) -> Verdict {
    let (response, checks) = (ResponseCode(*response), Checks::default());
    Verdict::Declined(Decline { code, response, advice: None, retry: Retry::Later, checks, network_id: None })
}

/// Test cards by name, and what their issuer says.
fn named(name: &str) -> Option<(Network, [u8; 4], Verdict)> {
    Some(match name {
        "pm_card_visa" | "tok_visa" => (Network::Visa, *b"4242", yes()),
        "pm_card_mastercard" => (Network::Mastercard, *b"4444", yes()),
        "pm_card_chargeDeclined" => (Network::Visa, *b"0002", no(b"05", DeclineCode::GenericDecline)),
        "pm_card_chargeCustomerFail" => (Network::Visa, *b"0341", no(b"05", DeclineCode::GenericDecline)),
        "pm_card_chargeDeclinedInsufficientFunds" => {
            (Network::Visa, *b"9995", no(b"51", DeclineCode::InsufficientFunds))
        }
        "pm_card_chargeDeclinedExpiredCard" => (Network::Visa, *b"0069", no(b"54", DeclineCode::ExpiredCard)),
        "pm_card_chargeDeclinedIncorrectCvc" => (Network::Visa, *b"0127", no(b"N7", DeclineCode::IncorrectCvc)),
        "pm_card_authenticationRequired" => (Network::Visa, *b"3184", no(b"1A", DeclineCode::AuthenticationRequired)),
        "pm_card_threeDSecureOptional" => (Network::Visa, *b"3055", yes()),
        "pm_card_refundFail" => (Network::Visa, *b"5126", yes()),
        "pm_card_noAnswer" => (Network::Visa, *b"0019", Verdict::Unknown(Unsure::NoAnswer)),
        _ => return None,
    })
}

impl Ports for World {
    fn now(&self) -> Time {
        self.lock().now
    }
    fn fresh_key(&self) -> Key {
        let mut state = self.lock();
        let now = state.now;
        state.keys.next(now)
    }
    fn store(&self) -> &dyn Store {
        &*self.store
    }
    fn fees(&self) -> Fees {
        FEES
    }
    fn slot<'a>(&'a self) -> Wait<'a, Result<Slot, NoSlot>> {
        self.passes(Moment::Numbering);
        let mut state = self.lock();
        state.stan += 1;
        let slot = Slot { terminal: Terminal(4), stan: state.stan };
        Box::pin(std::future::ready(Ok(slot)))
    }
    fn submit<'a>(&'a self, order: Order) -> Wait<'a, Verdict> {
        self.passes(Moment::Asking);
        let mut state = self.lock();
        state.orders.push(order);
        let scripted = state.scripts.iter().find(|(token, _)| *token == order.card).map(|(_, verdict)| *verdict);
        let verdict = match order.act {
            Act::Sale { .. } | Act::Authorization { .. } if order.proof.is_some() => yes(),
            Act::Sale { .. } | Act::Authorization { .. } => scripted.unwrap_or_else(yes),
            Act::Verification { .. } if order.proof.is_some() => yes(),
            Act::Verification { .. } if state.attachable.contains(&order.card) => yes(),
            Act::Verification { .. } => scripted.unwrap_or_else(yes),
            Act::Refund { .. } if state.keeping.contains(&order.card) => no(b"57", DeclineCode::GenericDecline),
            Act::Increment { .. } | Act::Completion { .. } | Act::Refund { .. } | Act::Reversal { .. } => yes(),
        };
        Box::pin(std::future::ready(verdict))
    }
    fn authenticate<'a>(&'a self, ask: threeds::Ask) -> Wait<'a, threeds::Answer> {
        let mut state = self.lock();
        let answer = match &ask {
            threeds::Ask::Enrolled { card, .. } => threeds::Answer::Enrolled(state.enrolled.contains(card)),
            threeds::Ask::Begin(_) => threeds::Answer::Challenge { url: "http://bank.test/challenge?creq=e30".into() },
            threeds::Ask::Result { .. } => state.issuer_says.clone(),
        };
        state.asked.push(ask);
        Box::pin(std::future::ready(answer))
    }
    fn render(&self, told: Told<'_>) -> Vec<u8> {
        self.look.answer(told)
    }
    fn nudge(&self) {}
}

impl House for World {
    fn abuse(&self) -> Option<&dyn AbuseLog> {
        Some(&self.log)
    }
    fn named<'a>(&'a self, _: Key, name: &'a str) -> Wait<'a, Result<Named, NotNamed>> {
        self.passes(Moment::Naming);
        let found = named(name).ok_or(NotNamed::Unknown).map(|(network, last4, verdict)| {
            let token = CardToken { key: self.fresh_key(), vault: 3 };
            let mut state = self.lock();
            state.scripts.push((token, verdict));
            if &last4 == b"5126" {
                state.keeping.push(token);
            }
            if &last4 == b"0341" {
                state.attachable.push(token);
            }
            if matches!(&last4, b"3184" | b"3055") {
                state.enrolled.push(token);
            }
            drop(state);
            Named { facts: facts(token, network, last4), digest: [last4[3]; 32] }
        });
        Box::pin(std::future::ready(found))
    }
    fn renewed<'a>(
        &'a self,
        _: Key,
        _: bool,
        card: CardToken,
        Expires { month, year }: Expires,
    ) -> Wait<'a, Result<CardFacts, NotRenewed>> {
        let refused = |code, param| Err(NotRenewed::Refused { code, param, message: "Give another date." });
        let renewed = match (month, year) {
            (1..=12, 2026..) => {
                let token = CardToken { key: self.fresh_key(), ..card };
                Ok(CardFacts { exp_month: month, exp_year: year, ..facts(token, Network::Visa, *b"4242") })
            }
            (1..=12, _) => refused("invalid_expiry_year", "exp_year"),
            (_, _) => refused("invalid_expiry_month", "exp_month"),
        };
        Box::pin(std::future::ready(renewed))
    }
    fn random(&self, bytes: &mut [u8]) {
        let mut state = self.lock();
        state.random = state.random.wrapping_add(1);
        bytes.fill(state.random);
    }
    fn failed(&self, what: &Failed<'_>) {
        let line = format!("{} {} {} {:?}", what.request, what.path, what.status, what.trouble);
        self.lock().failed.push(line);
    }
    fn requests(&self) -> &dyn RequestLog {
        &self.log
    }
    fn journey(&self, account: Key, kind: Kind, key: Key) -> Option<JourneyLink> {
        let (account, id) = (self.look.id(Kind::Account, account), self.look.id(kind, key));
        let url = format!("http://dashboard.test/journey/{id}?account={account}");
        Some(JourneyLink { url, expires: self.now().plus_ms(86_400_000) })
    }
}

fn facts(token: CardToken, network: Network, last4: [u8; 4]) -> CardFacts {
    CardFacts {
        token,
        network,
        first6: *b"424242",
        last4,
        exp_year: 2034,
        exp_month: 12,
        fingerprint: [
            b'f', b'0', b'0', b'd', last4[0], last4[1], last4[2], last4[3], b'a', b'b', b'c', b'd', b'e', b'f', b'g',
            b'h',
        ],
        funding: Funding::Credit,
        country: Some(*b"US"),
    }
}

/// An answer as a client gets it.
#[derive(Clone, Debug)]
pub struct Got {
    pub status: u16,
    pub body: Value,
    pub headers: Vec<(String, String)>,
    pub bytes: Vec<u8>,
}

impl Got {
    pub fn at(&self, path: &str) -> &Value {
        self.body.pointer(path).unwrap_or(&Value::Null)
    }
    pub fn text(&self, path: &str) -> String {
        self.at(path).as_str().unwrap_or_else(|| panic!("no text at {path} of {:#}", self.body)).to_owned()
    }
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
    /// (status, `error.code`, `error.param`)
    pub fn error(&self) -> (u16, &str, &str) {
        let text = |path| self.at(path).as_str().unwrap_or("");
        (self.status, text("/error/code"), text("/error/param"))
    }
}

pub struct Shop {
    pub world: Arc<World>,
    pub api: Arc<Api>,
    pub secret: String,
    pub publishable: String,
    pub other: String,
}

/// One request as it is put together.
#[derive(Clone, Debug)]
pub struct Request {
    pub edge: EdgeRequest,
}

impl Request {
    pub fn new(method: &str, path: &str, body: &str) -> Request {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        Request {
            edge: EdgeRequest {
                id: "req_0123456789abcdefghijkl".into(),
                method: method.into(),
                path: path.into(),
                query: query.into(),
                headers: vec![],
                body: body.as_bytes().to_vec(),
                client: IpAddr::V4(Ipv4Addr::LOCALHOST),
                site: florin_core::edge::Site::Api,
                tls: true,
                cards: vec![],
                codes: vec![],
            },
        }
    }
    pub fn header(mut self, name: &str, value: &str) -> Request {
        self.edge.headers.push((name.into(), value.into()));
        self
    }
    pub fn key(self, key: &str) -> Request {
        let bearer = format!("Bearer {key}");
        self.header("authorization", &bearer)
    }
}

impl Shop {
    pub fn open() -> Shop {
        Shop::limited(LimitSettings::NONE)
    }

    pub fn limited(limits: LimitSettings) -> Shop {
        Shop::on(Box::new(MemoryStore::new()), limits)
    }

    /// With the defence against card testing.
    pub fn guarded(guard: GuardSettings) -> Shop {
        Shop::with(Box::new(MemoryStore::new()), LimitSettings::NONE, guard)
    }

    pub fn on(store: Box<dyn Engine>, limits: LimitSettings) -> Shop {
        Shop::with(store, limits, GuardSettings::OFF)
    }

    fn with(store: Box<dyn Engine>, limits: LimitSettings, guard: GuardSettings) -> Shop {
        let root = Secret::new([5; 32]);
        let look = Arc::new(Look::new(IdCodec::new(&[7; 16]), &root).reached_at(Some("http://pay.test".into())));
        let state = State {
            now: START,
            keys: KeyGen::new(1, None),
            stan: 0,
            orders: vec![],
            scripts: vec![],
            attachable: vec![],
            keeping: vec![],
            random: 0,
            enrolled: vec![],
            meanwhile: None,
            issuer_says: threeds::Answer::Waiting,
            asked: vec![],
            failed: vec![],
        };
        let world = Arc::new(World {
            store,
            look: look.clone(),
            log: SqliteRequestLog::in_memory(Retention::default()).unwrap(),
            state: Mutex::new(state),
        });
        let api = Api::new(world.clone(), world.clone(), look, &root, limits, false);
        let api = Arc::new(api.guarded(guard, &root));
        for (key, name) in [(ACCOUNT, "One"), (OTHER_ACCOUNT, "Two")] {
            let account = Account::plain(name.into(), false, *b"NL", Currency::EUR);
            let change = Change::to(account, EventKind::AccountCreated);
            block_on(record::make(&*world, HOUSE, key, change, None, &|_| vec![])).unwrap();
        }
        let issue = |account, class| {
            block_on(manage::issue(&By::SYSTEM, &api, account, NewKey::plain(class, false))).unwrap().text
        };
        let (secret, publishable) = (issue(ACCOUNT, KeyClass::Secret), issue(ACCOUNT, KeyClass::Publishable));
        let other = issue(OTHER_ACCOUNT, KeyClass::Secret);
        Shop { world, api, secret, publishable, other }
    }

    /// Another process on the same store.
    pub fn restart(&mut self) {
        let (world, look, root) = (self.world.clone(), self.world.look.clone(), Secret::new([5; 32]));
        self.api = Arc::new(Api::new(world.clone(), world, look, &root, LimitSettings::NONE, false));
    }
    /// A second passes before each request.
    pub fn send(&self, request: Request) -> Got {
        self.pass(1_000);
        self.send_now(request)
    }
    pub fn pass(&self, ms: i64) {
        let mut state = self.world.lock();
        state.now = state.now.plus_ms(ms);
    }
    pub fn now(&self) -> Time {
        self.world.lock().now
    }
    pub fn world_key(&self) -> Key {
        self.world.fresh_key()
    }
    pub fn id(&self, kind: Kind, key: Key) -> String {
        self.world.look.id(kind, key)
    }
    pub fn send_now(&self, mut request: Request) -> Got {
        // As the edge makes ids: no two are equal.
        request.edge.id = format!("req_{:022}", self.world.fresh_key().0);
        let answer = block_on(self.api.handle(request.edge.clone()));
        Self::held(&request, answer)
    }
    /// The same with a card at hand, and what parameters the endpoint asked for.
    pub fn declare(&self, mut request: Request) -> (Got, Arc<Declared>) {
        let token = CardToken { key: self.world.fresh_key(), vault: 3 };
        let card = facts(token, Network::Visa, *b"4242");
        request.edge.cards = vec![SwappedCard { param: "card".into(), facts: card, digest: [1; 32], cvc_given: true }];
        let declared = Arc::new(Declared::default());
        let answer = block_on(self.api.declare(request.edge.clone(), &declared));
        (Self::held(&request, answer), declared)
    }
    /// What must hold of every answer.
    fn held(request: &Request, answer: EdgeResponse) -> Got {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        let got = Got { status: answer.status, body, headers: answer.headers, bytes: answer.body };
        let told = format!("{} {} {}", request.edge.method, request.edge.path, got.status);
        assert!(got.status < 500, "{told}: {}", got.body);
        assert_eq!(got.header("request-id"), Some(request.edge.id.as_str()), "{told}");
        // What browsers see of an intent lacks private fields: it is not the whole shape.
        let public = request.edge.headers.iter().any(|(_, value)| value.starts_with("Bearer pk_"));
        if !(public && request.edge.path.starts_with("/v1/payment_intents/")) {
            shapes::check(&told, &got.body);
        }
        // What may be expanded is checked by what the route is said to answer with: it does.
        let object = |at: &str| got.at(at).as_str().unwrap_or("").to_owned();
        let found = (object("/object"), object("/data/0/object"));
        match says(&request.edge.method, &request.edge.path) {
            Some(Says::One(said)) if got.status == 200 && !said.is_empty() => assert_eq!(found.0, said, "{told}"),
            Some(Says::List(said) | Says::Search(said)) if got.status == 200 => {
                assert!(found.1.is_empty() || found.1 == said, "{told}: {}", found.1);
            }
            Some(Says::One(_) | Says::List(_) | Says::Search(_)) | None => {}
        }
        got
    }
    /// A page as a browser asks for it: the status, and where it is sent.
    pub fn browse(&self, method: &str, url: &str) -> (u16, String) {
        let path = url.strip_prefix("http://pay.test").unwrap_or(url);
        let mut request = Request::new(method, path, "").header("accept-language", "ko-KR, en;q=0.5");
        request.edge.site = florin_core::edge::Site::Card;
        let answer = block_on(self.api.handle(request.edge));
        let location = answer.headers.into_iter().find(|(n, _)| n == "location").map(|(_, v)| v);
        (answer.status, location.unwrap_or_default())
    }
    pub fn post(&self, path: &str, body: &str) -> Got {
        self.send(Request::new("POST", path, body).key(&self.secret))
    }
    pub fn get(&self, path: &str) -> Got {
        self.send(Request::new("GET", path, "").key(&self.secret))
    }
    pub fn delete(&self, path: &str) -> Got {
        self.send(Request::new("DELETE", path, "").key(&self.secret))
    }
    /// The same under an idempotency key.
    pub fn post_once(&self, key: &str, path: &str, body: &str) -> Got {
        self.send(Request::new("POST", path, body).key(&self.secret).header("idempotency-key", key))
    }
    /// A request whose body holds a card that the edge swapped, at `florin_card=0`.
    pub fn with_card(&self, request: Request, digest: u8) -> Got {
        self.with_card_of(request, digest, Network::Visa)
    }
    pub fn with_card_of(&self, request: Request, digest: u8, network: Network) -> Got {
        let token = CardToken { key: self.world.fresh_key(), vault: 3 };
        let facts = facts(token, network, *b"4242");
        let mut request = request;
        request.edge.cards = vec![SwappedCard { param: "card".into(), facts, digest: [digest; 32], cvc_given: true }];
        self.send(request)
    }
    /// The messages that reached the vault so far.
    pub fn sent(&self) -> Vec<Order> {
        self.world.lock().orders.clone()
    }
    /// A request whose body holds a security code that the edge swapped, at `florin_code=0`.
    pub fn with_code(&self, request: Request) -> (CardToken, Got) {
        let token = CardToken { key: self.world.fresh_key(), vault: 3 };
        let mut request = request;
        request.edge.codes = vec![SwappedCode { param: "cvc_update".into(), token }];
        (token, self.send(request))
    }
    /// Erases what deleted customers leave, as a worker does, until no such job is left.
    pub fn erase(&self) {
        for _ in 0..3 {
            let now = self.now();
            let lease = self.world.store.lease(JobKind::Erase, now, 10, now.plus_ms(1_000));
            for job in block_on(lease).unwrap() {
                block_on(customer::forget(&*self.world, &*self.world.store, &job)).unwrap();
            }
            self.pass(120_000);
        }
        let left = block_on(self.world.store.find(Query::Jobs { kind: None, limit: 100 })).unwrap().jobs();
        assert!(left.iter().all(|job| job.kind != JobKind::Erase), "an erasure ends");
    }
    /// Time passes, and a worker does the jobs of this kind that are due.
    pub fn work_after(&self, ms: i64, kind: JobKind) {
        self.pass(ms);
        let now = self.now();
        for job in block_on(self.world.store.lease(kind, now, 10, now.plus_ms(1_000))).unwrap() {
            let done = match kind {
                JobKind::Expire => block_on(florin_core::payment::expire(&*self.world, &job)),
                JobKind::Chase => block_on(florin_core::chase::chase(&*self.world, &job)),
                JobKind::Resolve | JobKind::Deliver | JobKind::Erase | JobKind::Notify => {
                    panic!("{kind:?} has another worker")
                }
            };
            done.unwrap();
        }
    }
    /// This request comes in between while the next one is worked on.
    pub fn meanwhile(&self, moment: Moment, path: &str, body: &str) {
        self.meanwhile_told(moment, Request::new("POST", path, body).key(&self.secret), 200);
    }
    /// The same with the status that it is answered with.
    pub fn meanwhile_told(&self, moment: Moment, request: Request, status: u16) {
        let api = Arc::clone(&self.api);
        let happens = move || assert_eq!(block_on(api.handle(request.edge)).status, status);
        self.world.lock().meanwhile = Some((moment, Box::new(happens)));
    }
    pub fn key(&self, kind: florin_core::id::Kind, id: &str) -> Key {
        self.world.look.key(kind, id).unwrap()
    }
    pub fn orders(&self) -> usize {
        self.world.lock().orders.len()
    }
    /// Numbers the events, as a worker does.
    pub fn number(&self) {
        for shard in 0..florin_core::commit::SHARDS {
            block_on(sequencer::sequence(&*self.world.store, shard)).unwrap();
        }
    }
    /// A payment that succeeded.
    pub fn paid(&self, amount: i64) -> Got {
        let got = self.post(
            "/v1/payment_intents",
            &format!("amount={amount}&currency=eur&payment_method=pm_card_visa&confirm=true"),
        );
        assert_eq!(got.text("/status"), "succeeded");
        got
    }
}
