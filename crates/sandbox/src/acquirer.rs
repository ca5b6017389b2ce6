//! The acquirer's host: takes message bodies, checks them, answers repeats from the books, routes the rest, and replies.
//! Pure: no clock, no sockets, no chance. Knows ISO 8583 and nothing of who is at the other end.

use crate::answer;
use crate::books::{Books, ByCurrency};
use crate::deliver::{self, Reply};
use crate::entry::{CardHash, Entry, EntryId, HashKey, Kind, Trace};
use crate::issuer::Issuers;
use crate::journal::{Notes, Reached};
use crate::magic::{Magic, Trick};
use crate::misbehave::{BadRule, Fault, NetworkName, Rule, Script};
use crate::network::Outages;
use crate::plastic::{Fate, Plastic};
use crate::request::{BadField, Request};
use crate::settings::{BadRecords, Counts, HostSettings, Record};
use crate::settlement::{self, ReportFault, ReportLine, ReportScript, ReportsAnswer};
use crate::threeds::{self, Shown, UsedValues};
use crate::trail::{self, JournalPage};
use crate::{decide, network, totals};
use florin_connect::core::time::Time;
use florin_connect::core::wire::Network;
use florin_connect::iso8583::{Class, Dialect, LINK_JSON, Message};
use florin_connect::journey::Hop;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// An answer that is to be later than the gateway's time limit (15 s) comes after this.
pub const LATE_ANSWER_MS: u32 = 20_000;
/// Stand-in decisions are looked through at most this often.
const TICK_MS: i64 = 1_000;
/// Hops that wait to be taken; older ones are dropped first.
const HOPS_LIMIT: usize = 100_000;

/// Reversals whose tries are counted; then counting starts again.
const TRIES_LIMIT: usize = 10_000;

/// The whole model: acquirer, networks, issuers and their books.
pub struct Host {
    pub(crate) settings: HostSettings,
    pub(crate) dialect: &'static Dialect,
    pub(crate) key: HashKey,
    pub(crate) books: Books,
    pub(crate) issuers: Issuers,
    pub(crate) outages: Outages,
    pub(crate) magic: Magic,
    pub(crate) approval_salt: u64,
    /// Cards that got their 91 of `decline_91_then_approve`.
    pub(crate) declined_once: BTreeSet<CardHash>,
    /// Tries of reversals that are answered at the third.
    tries: BTreeMap<Trace, u8>,
    used_values: UsedValues,
    script: Script,
    report_script: ReportScript,
    down_until: Option<Time>,
    next_tick: Time,
    counts: Counts,
    records: Vec<Record>,
    hops: VecDeque<Hop>,
}

impl Host {
    pub fn new(settings: HostSettings) -> Host {
        let [a, b, c, d, e, f, g, h, ..] = settings.hash_key;
        Host {
            dialect: Dialect::link(),
            key: HashKey::new(&settings.hash_key),
            books: Books::default(),
            issuers: Issuers::new(settings.credit_line_minor, settings.approvals_per_day_limit),
            outages: Outages::default(),
            magic: if settings.magic_amounts { Magic::read(LINK_JSON) } else { Magic::default() },
            approval_salt: u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            declined_once: BTreeSet::new(),
            tries: BTreeMap::new(),
            used_values: UsedValues::default(),
            script: Script::default(),
            report_script: ReportScript::default(),
            down_until: None,
            next_tick: Time(0),
            counts: Counts::default(),
            records: Vec::new(),
            hops: VecDeque::new(),
            settings,
        }
    }

    /// The host as it was when these records were taken, oldest first: the same books, accounts and stored answers.
    pub fn restore(settings: HostSettings, records: impl IntoIterator<Item = Record>) -> Result<Host, BadRecords> {
        let mut host = Host::new(HostSettings { records: false, ..settings.clone() });
        for record in records {
            match record {
                Record::Entry(entry) if entry.id == host.books.next_id() => host.post(entry),
                Record::DayClosed { after, at } if after + 1 == host.books.next_id() => drop(host.books.close_day(at)),
                Record::Entry(_) | Record::DayClosed { .. } => {
                    return Err(BadRecords { expected: host.books.next_id() });
                }
            }
        }
        host.settings.records = settings.records;
        Ok(host)
    }

    /// Works on one message body. The replies belong on the connection that it came from.
    pub fn receive(&mut self, now: Time, body: &[u8]) -> Vec<Reply> {
        self.receive_timed(now, body, &mut || now.0.saturating_mul(1000))
    }

    /// The same; `clock_us` (Unix microseconds) times the hops.
    pub fn receive_timed(&mut self, now: Time, body: &[u8], clock_us: &mut dyn FnMut() -> i64) -> Vec<Reply> {
        if self.is_down(now) {
            return Reply::close();
        }
        self.tick(now);
        self.counts.received += 1;
        let message = match self.dialect.decode(body) {
            Ok(message) => message,
            Err(_) => {
                self.counts.unreadable += 1;
                return Vec::new();
            }
        };
        let fault = self.script.pick(message.mti.as_str());
        self.counts.faults += u64::from(fault.is_some());
        if fault == Some(Fault::Drop) {
            return Vec::new();
        }
        let mut hops = std::mem::take(&mut self.hops);
        let mut notes = Notes::new(self.dialect, self.settings.hops, clock_us, &mut hops);
        let (answer, own_fault) = self.work(now, &message, &mut notes);
        let fault = fault.or(own_fault).filter(|_| answer.is_some());
        if let Some(fault) = fault {
            notes.spoilt(fault);
        }
        while hops.len() > HOPS_LIMIT {
            hops.pop_front();
        }
        self.hops = hops;
        answer.map_or_else(Vec::new, |answer| deliver::replies(self.dialect, answer, fault))
    }

    /// The answer to a message, and what goes wrong with it by the card's or the amount's wish.
    fn work(&mut self, now: Time, message: &Message, notes: &mut Notes<'_>) -> (Option<Message>, Option<Fault>) {
        match message.mti.class() {
            _ if message.mti.response().is_none() => (None, None),
            Class::Authorization | Class::Financial | Class::Reversal => self.work_on_payment(now, message, notes),
            Class::Reconciliation => (totals::answer(self.dialect, self.books.day_totals(), message), None),
            Class::Network => (self.network_management(message), None),
            Class::FileUpdate | Class::Administrative | Class::Fee => {
                (answer::refusal(self.dialect, message, "12"), None)
            }
        }
    }

    /// 0800: sign-on, sign-off, echo, key change and cut-over are all acknowledged; another DE 70 is not ours.
    fn network_management(&mut self, message: &Message) -> Option<Message> {
        if self.dialect.check_mandatory(message).is_err() {
            self.counts.malformed += 1;
            return answer::refusal(self.dialect, message, "30");
        }
        let code = message.get(70).unwrap_or("");
        let known = matches!(code, "001" | "002" | "061" | "062" | "071" | "072" | "101" | "161" | "201" | "301");
        let mut reply = answer::refusal(self.dialect, message, if known { "00" } else { "12" })?;
        reply.set(70, code);
        Some(reply)
    }

    fn work_on_payment(
        &mut self,
        now: Time,
        message: &Message,
        notes: &mut Notes<'_>,
    ) -> (Option<Message>, Option<Fault>) {
        notes.received(message);
        let request = match Request::read(self.dialect, message, &self.key) {
            Ok(request) => request,
            Err(BadField(de)) => {
                self.counts.malformed += 1;
                return (notes.refused(message, "30", &format!("DE {de} is missing or does not read")), None);
            }
        };
        let trick = self.magic.trick(request.asked);
        let silent = match trick {
            Some(Trick::NoReply) => request.is_purchase(),
            Some(Trick::ReversalNeedsThreeTries) => request.is_reversal() && !self.third_try(&request),
            _ => false,
        };
        if silent {
            notes.silent("the amount asks for no answer");
            return (None, None);
        }
        let shown = self.shown(message, &request);
        let wish = Wish::of(message, &request, shown, trick);
        let answer = match self.answered_before(&request) {
            Some(entry) => self.repeat(message, &request, &entry, notes),
            None if self.books.len() >= self.settings.entries_limit => {
                notes.refused(message, "96", "the books are full: start again with an empty data folder")
            }
            None => self.decide_and_book(now, message, &request, wish, notes),
        };
        (answer, wish.fault)
    }

    fn repeat(
        &mut self,
        message: &Message,
        request: &Request,
        entry: &Entry,
        notes: &mut Notes<'_>,
    ) -> Option<Message> {
        self.counts.repeated += 1;
        if !same_request(entry, request) {
            return notes.refused(message, "94", "STAN, DE 7, DE 32 and DE 41 belong to another request");
        }
        notes.answered(message, entry, Reached::Acquirer, "answered before: the stored answer")
    }

    fn decide_and_book(
        &mut self,
        now: Time,
        message: &Message,
        request: &Request,
        wish: Wish,
        notes: &mut Notes<'_>,
    ) -> Option<Message> {
        let checked = self.check(now, message, request);
        let reached = match checked {
            Err(_) => Reached::Acquirer,
            Ok(()) if request.is_purchase() && self.issuer_silent(now, request, &wish.plastic) => Reached::Network,
            Ok(()) => Reached::Issuer,
        };
        notes.passed_on(message, request.network, reached);
        let untold: Vec<EntryId> = if self.settings.hops { self.books.untold().collect() } else { Vec::new() };
        let entry = match checked {
            Ok(()) => self.decide(now, message, request, wish),
            Err(no) => self.refuse(now, request, no),
        };
        for id in untold.into_iter().filter(|id| !self.books.is_untold(*id)) {
            if let Some(told) = self.books.entry(id) {
                notes.told(told);
            }
        }
        self.post(entry);
        notes.answered(message, &entry, reached, "")
    }

    /// The stored answer. A host that forgets early reversals has none for a reversal that found nothing.
    fn answered_before(&self, request: &Request) -> Option<Entry> {
        let entry = self.books.answered(&request.trace)?;
        let forgotten =
            self.settings.forgets_early_reversals && entry.kind == Kind::Reversal && entry.original.is_none();
        (!forgotten).then_some(*entry)
    }

    /// What a purchase shows of an authentication. A value is good for one request.
    fn shown(&mut self, message: &Message, request: &Request) -> Shown {
        if !request.is_purchase() || self.books.answered(&request.trace).is_some() {
            return Shown::Nothing;
        }
        let key = &self.settings.hash_key;
        match threeds::shown(key, message, request.card, request.asked, request.currency) {
            Shown::Proven(directory) if !self.used_values.take(directory) => Shown::Wrong,
            shown => shown,
        }
    }

    /// What the issuers' access control servers make authentication values with.
    pub fn value_key(&self) -> &[u8; 32] {
        &self.settings.hash_key
    }

    /// Counts the tries of a reversal; true from the third on.
    fn third_try(&mut self, request: &Request) -> bool {
        if self.tries.len() >= TRIES_LIMIT {
            self.tries.clear();
        }
        let tries = self.tries.entry(request.trace).or_insert(0);
        *tries = tries.saturating_add(1);
        *tries >= 3
    }

    /// Books an entry: the one way in which books and accounts change.
    pub(crate) fn post(&mut self, entry: Entry) {
        let stood_in = entry.stand_in && entry.approved();
        let posting = self.books.append(entry, self.settings.forgets_early_reversals);
        if !stood_in {
            let approval = matches!(entry.kind, Kind::Hold | Kind::Sale | Kind::Advice).then_some(entry.at);
            self.issuers.post(entry.card, entry.currency, posting, approval);
        }
        if self.settings.records {
            self.records.push(Record::Entry(entry));
        }
    }

    /// Tells issuers of stand-in decisions (0120) that are due. Called by `receive`; a shell may call it on a timer as well.
    pub fn tick(&mut self, now: Time) {
        if now < self.next_tick {
            return;
        }
        self.next_tick = now.plus_ms(TICK_MS);
        let due = |told: &Entry| {
            let reachable = told.network.is_none_or(|n| !self.outages.down(n, now));
            reachable && told.at.plus_ms(network::STAND_IN_ADVICE_AFTER_MS) <= now
        };
        let waiting = self.books.untold().filter(|id| self.books.entry(*id).is_some_and(due));
        for id in waiting.collect::<Vec<EntryId>>() {
            self.tell(now, id);
        }
    }

    /// 0120 from the network to the issuer, if this decision was made in its place and not told yet.
    pub(crate) fn tell(&mut self, now: Time, id: EntryId) {
        let Some(told) = self.books.entry(id).filter(|_| self.books.is_untold(id)) else { return };
        let advice = Entry {
            id: self.books.next_id(),
            at: now,
            kind: Kind::Advice,
            original: Some(id),
            target: None,
            stand_in: false,
            ..*told
        };
        self.post(advice);
    }

    /// Adds a rule of misbehaviour; `down` and `issuer_down` begin at once.
    pub fn misbehave(&mut self, now: Time, rule: Rule) -> Result<(), BadRule> {
        rule.check()?;
        match rule.fault {
            Fault::Down { ms } => self.down_until = Some(now.plus_ms(i64::from(ms))),
            Fault::IssuerDown { network, ms } => {
                let until = now.plus_ms(i64::from(ms));
                let wanted = network.map(NetworkName::network);
                for network in Network::ALL.into_iter().filter(|n| wanted.is_none_or(|w| w == *n)) {
                    self.outages.begin(network, until);
                }
            }
            Fault::Report(fault) => (0..rule.next.unwrap_or(1)).for_each(|_| self.report_script.add(fault)),
            _ => self.script.add(rule)?,
        }
        Ok(())
    }

    /// Ends all misbehaviour.
    pub fn behave(&mut self) {
        self.script.clear();
        self.report_script.clear();
        self.outages.end_all();
        self.down_until = None;
    }

    /// The rules that are in force.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.script.rules()
    }

    /// While true the host takes no connection and closes those that it has.
    pub fn is_down(&self, now: Time) -> bool {
        self.down_until.is_some_and(|until| now < until)
    }

    pub fn books(&self) -> &Books {
        &self.books
    }

    pub fn issuers(&self) -> &Issuers {
        &self.issuers
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The keyed hash under which the books know this card number.
    pub fn card_hash(&self, number: &str) -> CardHash {
        self.key.card(number)
    }

    /// Ends the business day: gives its totals, and its report's id if something was cleared in it, and starts the next.
    pub fn close_day(&mut self, at: Time) -> (ByCurrency, Option<u64>) {
        if self.settings.records {
            self.records.push(Record::DayClosed { after: self.books.next_id() - 1, at });
        }
        let reported = self.books.has_lines();
        let totals = self.books.close_day(at);
        let report = reported.then_some(self.books.days().len() as u64);
        if report.and_then(|id| self.report_script.closed(id)) == Some(ReportFault::LateLine) {
            self.books.put_off_a_line();
        }
        (totals, report)
    }

    /// Settlement reports after this one that can be had now.
    pub fn reports(&self, after: u64, now: Time) -> ReportsAnswer {
        settlement::after(&self.books, &self.report_script, after, now)
    }

    /// Lines of a report after this line; none when there is no such report.
    pub fn report_lines(&self, report: u64, after: u32, limit: usize) -> Vec<ReportLine> {
        settlement::page(&self.books, &self.report_script, report, after, limit).unwrap_or_default()
    }

    /// What came from the gateway at or after `since`, behind entry `after`, oldest first.
    pub fn journal(&self, since: Time, after: EntryId, now: Time) -> JournalPage {
        let acquirer = self.dialect.identity.acquirer.parse().unwrap_or(0);
        trail::page(&self.books, acquirer, since, after, now)
    }

    pub(crate) fn report_script(&self) -> &ReportScript {
        &self.report_script
    }

    /// Whether messages from now on are noted as hops.
    pub fn collect_hops(&mut self, on: bool) {
        self.settings.hops = on;
    }

    /// Records since the last call, in order.
    pub fn take_records(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.records)
    }

    /// Hops since the last call, in order.
    pub fn take_hops(&mut self) -> Vec<Hop> {
        std::mem::take(&mut self.hops).into()
    }
}

/// What a request's card and amount ask for.
#[derive(Clone, Copy)]
pub(crate) struct Wish {
    pub plastic: Plastic,
    pub trick: Option<Trick>,
    /// What goes wrong with the answer.
    fault: Option<Fault>,
}

impl Wish {
    /// Only purchases have wishes: advices, refunds and reversals are answered as they should be.
    fn of(message: &Message, request: &Request, shown: Shown, trick: Option<Trick>) -> Wish {
        if !request.is_purchase() {
            return Wish { plastic: Plastic::PLAIN, trick: None, fault: None };
        }
        let plastic = decide::plastic(message, request, shown);
        let fault = match plastic.fate {
            Fate::Answered => trick.and_then(Trick::fault),
            Fate::Lost => Some(Fault::Lost),
            Fate::Late => Some(Fault::Late { ms: LATE_ANSWER_MS }),
        };
        Wish { plastic: trick.map_or(plastic, |t| t.plastic(plastic)), trick, fault }
    }
}

/// Whether a request with a known key is the known request, sent again.
fn same_request(entry: &Entry, request: &Request) -> bool {
    entry.rrn == request.rrn
        && (request.cardless || entry.card == request.card)
        && entry.asked == request.asked
        && entry.currency == request.currency
        && entry.processing == request.processing
        && entry.target == request.target
}
