//! How bodies become bytes: a leading format version, then postcard. Formats are kept by golden files.

use serde::{Serialize, de::DeserializeOwned};

/// Bytes that are no body of this kind: a newer format, or damage that the seal did not see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadBody {
    Empty,
    /// The format version found; a newer Florin wrote it.
    Newer(u8),
    Damaged,
}

/// A stored body with a format version of its own.
pub trait Body: Serialize + DeserializeOwned {
    const FORMAT: u8;

    fn encode(&self) -> Vec<u8> {
        match postcard::to_extend(self, vec![Self::FORMAT]) {
            Ok(bytes) => bytes,
            Err(_) => unreachable!("plain data always serializes"),
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, BadBody> {
        match bytes.split_first() {
            None => Err(BadBody::Empty),
            Some((format, _)) if *format > Self::FORMAT => Err(BadBody::Newer(*format)),
            Some((format, rest)) => Self::decode_format(*format, rest),
        }
    }

    /// Older formats are read here; the default knows only the present one.
    fn decode_format(format: u8, rest: &[u8]) -> Result<Self, BadBody> {
        match format == Self::FORMAT {
            true => whole(rest),
            false => Err(BadBody::Damaged),
        }
    }
}

/// One value that takes all of the bytes.
pub(crate) fn whole<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, BadBody> {
    match postcard::take_from_bytes(bytes) {
        Ok((body, [])) => Ok(body),
        _ => Err(BadBody::Damaged),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::attempt::{Attempt, Because, State};
    use crate::commit::ClaimId;
    use crate::consent::{Consent, ConsentPersonal};
    use crate::domain::{Domain, DomainName, Named};
    use crate::flow::{Claiming, OpenClaim};
    use crate::id::Key;
    use crate::method::{Hold, PaymentMethod};
    use crate::money::Currency;
    use crate::movement::{Movement, Settled, Source};
    use crate::order::{Buyer, OrderKey, OrderUse, SharedSecret, SignedOrder};
    use crate::payment::{CancelReason, CaptureMethod, Method, Payment, PaymentError, PaymentPersonal, Stage};
    use crate::refund::{Refund, RefundReason, RefundStage};
    use crate::restore::{Orphan, Restore, RestoreStage};
    use crate::sample::{
        APPROVAL, CHARGE, FUNDS, NOW, OPEN, PAYMENT, START, VERIFICATION, attempt, card, eur, every_move, every_stage,
        every_state, held, payment, signed_order,
    };
    use crate::sample::{SALE, reversed, reversing};
    use crate::settlement::{
        Break, BreakState, Cleared, Cursor, Held, Owed, Reason, Report, Resolution, RrnText, Settlement, Share, Total,
    };
    use crate::setup::{Purpose, Setup, SetupPersonal, SetupStage};
    use crate::wire::CardToken;
    use std::fmt::Debug;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    /// A format that was ever written is read for ever: a changed golden file is a migration, not a test to mend. `FLORIN_WRITE=1`
    /// writes the files anew, for formats that nobody has stored yet.
    #[track_caller]
    pub(crate) fn golden<T: Body + Debug + PartialEq>(name: &str, file: &str, bodies: &[T]) {
        if std::env::var_os("FLORIN_WRITE").is_some() {
            let lines: String = bodies.iter().map(|b| hex(&b.encode()) + "\n").collect();
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
            let path = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path());
            let path = path.filter(|p| std::fs::read_to_string(p).unwrap() == file).last().unwrap();
            std::fs::write(path, lines).unwrap();
            return;
        }
        still_read(name, file, bodies);
        for (n, (line, body)) in file.lines().zip(bodies).enumerate() {
            assert_eq!(hex(&body.encode()), line, "{name}, line {}", n + 1);
        }
    }

    /// Lines of a format that is written no more.
    #[track_caller]
    fn still_read<T: Body + Debug + PartialEq>(name: &str, file: &str, bodies: &[T]) {
        let byte = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap();
        let stored: Vec<Vec<u8>> = file.lines().map(|l| l.as_bytes().chunks(2).map(byte).collect()).collect();
        assert_eq!(stored.len(), bodies.len(), "{name}");
        for (n, (bytes, body)) in stored.iter().zip(bodies).enumerate() {
            assert_eq!(T::decode(bytes).as_ref(), Ok(body), "{name}, line {}", n + 1);
        }
    }

    fn claim() -> Option<OpenClaim> {
        Some(Claiming { id: ClaimId { slot: -7, digest: [5; 32] }, request: [6; 32] }.open())
    }

    fn refund(stage: RefundStage) -> Refund {
        let attempt = attempt(OPEN, every_move()[4], 2, every_state()[0].clone());
        let reason = RefundReason::RequestedByCustomer;
        Refund { payment: PAYMENT, charge: CHARGE, customer: None, money: eur(300), live: true, reason, stage, attempt }
    }

    #[test]
    fn consents() {
        let body = Consent { live: true, customer: PAYMENT, at: NOW };
        golden("consents", include_str!("../tests/golden/consents.hex"), &[body]);
        let text = |s: &str| s.to_owned();
        let (purpose, text_version) = (text("marketing_email"), text("2026-11"));
        let bodies = [(true, Some(text("checkout"))), (false, None)].map(|(granted, source)| ConsentPersonal {
            purpose: purpose.clone(),
            granted,
            text_version: text_version.clone(),
            source,
        });
        golden("what was agreed", include_str!("../tests/golden/consent_personal.hex"), &bodies);
    }

    #[test]
    fn orphans_and_restores() {
        let states = [reversing(Because::Recovered), reversed(true, Because::Recovered)];
        let bodies = states.map(|state| {
            let undone = matches!(state, State::Reversed { .. }).then_some(NOW);
            let attempt = Attempt { card: CardToken::LOST, ..attempt(CHARGE, SALE, 1, state) };
            Orphan { live: true, taken: eur(700), found: START, undone, attempt }
        });
        golden("orphans", include_str!("../tests/golden/orphans.hex"), &bodies);
        let stages = [
            RestoreStage::Comparing,
            RestoreStage::Open { at: NOW, entries: 12, orphans: 3, accepted: 1 },
            RestoreStage::Released { at: NOW },
        ];
        let bodies = stages.map(|stage| Restore { made: START, restored: NOW, stage });
        golden("restores", include_str!("../tests/golden/restores.hex"), &bodies);
    }

    #[test]
    fn payments_by_stage() {
        let bodies = every_stage().map(held);
        golden("stages", include_str!("../tests/golden/payment_stages.hex"), &bodies);
        still_read("stages of format 1", include_str!("../tests/golden/payment_stages_1.hex"), &bodies);
    }

    #[test]
    fn payments_by_move_and_state_of_the_attempt() {
        let moves = every_move().map(|what| attempt(OPEN, what, 2, every_state()[0].clone()));
        let states = every_state().map(|state| attempt(OPEN, every_move()[0], 2, state));
        let bodies: Vec<Payment> = [&moves[..], &states[..]]
            .concat()
            .into_iter()
            .map(|a| crate::attempt::Attempt { claim: claim(), ..a })
            .map(|a| Payment { attempts: vec![a], ..payment(CaptureMethod::Automatic, Stage::RequiresConfirmation) })
            .collect();
        golden("attempts", include_str!("../tests/golden/payment_attempts.hex"), &bodies);
        still_read("attempts of format 1", include_str!("../tests/golden/payment_attempts_1.hex"), &bodies);
    }

    #[test]
    fn the_least_and_the_most_of_a_payment() {
        let stage = Stage::RequiresPaymentMethod { last_error: None };
        let least = Payment { card: None, ..payment(CaptureMethod::Automatic, stage) };
        let most = Payment { live: true, customer: Some(Key(i64::MAX)), ..held(every_stage()[1].clone()) };
        let before = [least.clone(), most.clone()];
        still_read("extremes of format 1", include_str!("../tests/golden/payment_extremes_1.hex"), &before);
        let order = |buyer| Payment { order: Some(SignedOrder { buyer, ..signed_order() }), ..most.clone() };
        let orders = [Buyer::Nobody, Buyer::Named([8; 32]), Buyer::Customer(Key(i64::MAX))].map(order);
        let bodies: Vec<Payment> = before.into_iter().chain(orders).collect();
        golden("extremes", include_str!("../tests/golden/payment_extremes.hex"), &bodies);
    }

    #[test]
    fn refunds_by_stage() {
        let failed = RefundStage::Failed { error: PaymentError::Declined(FUNDS), at: NOW };
        let bodies = [RefundStage::Pending, RefundStage::Succeeded { at: START }, failed].map(refund);
        golden("refunds", include_str!("../tests/golden/refund_stages.hex"), &bodies);
    }

    #[test]
    fn setups_and_methods() {
        let asked = attempt(OPEN, VERIFICATION, 2, every_state()[0].clone());
        let (at, reason) = (NOW, CancelReason::Abandoned);
        let stages = [
            SetupStage::RequiresPaymentMethod { last_error: None },
            SetupStage::RequiresPaymentMethod { last_error: Some(PaymentError::Unanswered) },
            SetupStage::RequiresConfirmation,
            SetupStage::Processing { attempt: OPEN },
            SetupStage::Succeeded { at, attempt: OPEN },
            SetupStage::Canceled { at, reason },
            SetupStage::RequiresAction { authentication: OPEN },
        ];
        let bodies = stages.map(|stage| {
            let mut setup = Setup::plain(false, Purpose::Intent);
            setup.choose(Method { key: Key(600), card: card() });
            Setup { stage, attempts: vec![asked.clone()], ..setup }
        });
        golden("setups", include_str!("../tests/golden/setup_stages.hex"), &bodies);
        // Before setups asked their cardholder there was no such stage; after that both layouts bore the number 1.
        let before: Vec<Setup> = bodies.iter().take(6).chain(&bodies).cloned().collect();
        still_read("setups of format 1", include_str!("../tests/golden/setup_stages_1.hex"), &before);
        let holds = [Hold::Free, Hold::UsedBy(PAYMENT), Hold::Customer(Key(6)), Hold::Detached];
        let bodies = holds.map(|hold| PaymentMethod { hold, ..PaymentMethod::free(true, card()) }.learnt(&APPROVAL));
        golden("methods", include_str!("../tests/golden/payment_method.hex"), &bodies);
    }

    #[test]
    fn personal_data() {
        let told = |description: &str, email: &str| PaymentPersonal {
            description: Some(description.into()),
            receipt_email: Some(email.into()),
            metadata: vec![("order".into(), "6735".into())],
            ..PaymentPersonal::default()
        };
        let bodies = [PaymentPersonal::default(), told("Zwei Karten für Tosca", "anna@example.com")];
        golden("personal", include_str!("../tests/golden/payment_personal.hex"), &bodies);
        let returns = |url: &str| SetupPersonal {
            description: Some("Abonnement".into()),
            metadata: vec![("order".into(), "6735".into())],
            return_url: Some(url.into()).filter(|url: &String| !url.is_empty()),
            ..SetupPersonal::default()
        };
        let bodies = [SetupPersonal::default(), returns("https://shop.example/done")];
        golden("personal of setups", include_str!("../tests/golden/setup_personal.hex"), &bodies);
        let before = [SetupPersonal::default(), returns("")];
        let before: Vec<SetupPersonal> = before.into_iter().chain(bodies).collect();
        still_read("personal of setups, format 1", include_str!("../tests/golden/setup_personal_1.hex"), &before);
    }

    #[test]
    fn movements() {
        let wire = attempt(OPEN, every_move()[0], 2, every_state()[0].clone()).wire;
        let sold = Source::Charge { charge: OPEN, capture: false };
        let pending = Movement {
            payment: PAYMENT,
            source: sold,
            money: eur(1000),
            fee: 39,
            live: false,
            wire,
            expected: NOW,
            place: Key(9),
            settled: Settled::Pending,
        };
        let by = Settled::By { report: 7, line: 3, cost: -2, at: NOW };
        let claimed = Source::Charge { charge: CHARGE, capture: true };
        let settled = Movement { source: claimed, live: true, settled: by, ..pending.clone() };
        let source = Source::Refund { refund: Key(9), charge: CHARGE };
        let refund = Movement { source, money: eur(-300), fee: 0, ..settled.clone() };
        golden("movements", include_str!("../tests/golden/movements.hex"), &[pending, settled, refund]);
    }

    #[test]
    fn settlement() {
        let total = Total { currency: Currency::EUR, lines: 2, amount: 700, costs: 3 };
        let (told, seen) = (vec![total], vec![Total { lines: 1, ..total }]);
        let report = Report { id: 7, closed: NOW, lines: 2, applied: 1, settled: 1, told, seen };
        golden("reports", include_str!("../tests/golden/settlement_reports.hex"), &[report]);

        let rrn = RrnText(*b"632500000000");
        let missing = Break::opened(rrn, Reason::MissingAtAcquirer, NOW).about(Key(77), Key(9), eur(1000));
        let (line, what, stan) = (3, Cleared::Reversal, 42);
        let held = vec![Held { report: 7, line, what, stan, money: eur(-300), costs: 1 }];
        let at = |how| BreakState::Resolved { how, at: START };
        let unknown = Break { held, sums: vec![total], ..Break::opened(rrn, Reason::UnknownToUs, NOW) };
        let ends = [Resolution::SettledLate, Resolution::Matched, Resolution::Canceled];
        let ended = ends.map(|how| Break { reason: Reason::Late, state: at(how), ..missing.clone() });
        let bodies: Vec<Break> = [missing, unknown].into_iter().chain(ended).collect();
        golden("breaks", include_str!("../tests/golden/settlement_breaks.hex"), &bodies);

        let shares = vec![Share { currency: Currency::EUR, lines: 2, amount: 700, fees: 39 }];
        let balance = vec![Owed { currency: Currency::EUR, pending: -5, available: 661 }];
        let share = Settlement { report: 7, closed: NOW, live: true, shares, balance };
        golden("shares", include_str!("../tests/golden/settlement_shares.hex"), &[share]);

        let begun = Cursor { through: 0, marks: vec![], checked: Key(0), looking: None };
        let looking = Some((Key(9), Key(8)));
        let on = Cursor { through: 7, marks: vec![(6, START), (7, NOW)], checked: Key(5), looking };
        golden("cursors", include_str!("../tests/golden/settlement_cursor.hex"), &[begun, on]);
    }

    #[test]
    fn endpoints_and_their_deliveries() {
        use crate::deliver::{Delivery, GivenUp, Outbox, Outcome, Stage, Try};
        use crate::endpoint::{Endpoint, SigningSecret};
        let secret = |name: &str| SigningSecret::new(format!("whsec_{name}"));
        let least = Endpoint {
            live: false,
            url: "https://shop.example/hook".into(),
            events: vec!["*".into()],
            api_version: None,
            enabled: true,
            given_up: None,
            deleted: false,
            description: None,
            metadata: vec![],
            secrets: vec![(secret("a"), None)],
            after: 0,
            since: Key(7),
        };
        let most = Endpoint {
            live: true,
            api_version: Some("2026-10-28.endive".into()),
            enabled: false,
            given_up: Some(NOW),
            deleted: true,
            description: Some("orders".into()),
            metadata: vec![("shop".into(), "6735".into())],
            secrets: vec![(secret("b"), None), (secret("a"), Some(NOW))],
            after: u64::MAX,
            ..least.clone()
        };
        golden("endpoints", include_str!("../tests/golden/endpoints.hex"), &[least, most]);
        let last = |outcome| Some(Try { at: START, took_ms: 12, outcome, answer: "ok".into() });
        let delivery = |stage, last| Delivery {
            live: false,
            endpoint: Key(7),
            event: Key(8),
            kind: crate::commit::EventKind::ChargeSucceeded,
            sequence: 300,
            object: PAYMENT,
            since: START,
            by_hand: false,
            tries: 2,
            last,
            stage,
        };
        let given_up = |why| Stage::GivenUp { at: NOW, why };
        let bodies = [
            delivery(Stage::Waiting { after: Key(6), until: NOW }, None),
            delivery(Stage::Retrying { next: NOW }, last(Outcome::Answered(500))),
            delivery(Stage::Retrying { next: NOW }, last(Outcome::TimedOut)),
            delivery(Stage::Retrying { next: NOW }, last(Outcome::NoAddress)),
            delivery(Stage::Retrying { next: NOW }, last(Outcome::ForbiddenAddress)),
            delivery(Stage::Retrying { next: NOW }, last(Outcome::NoConnection)),
            delivery(Stage::Retrying { next: NOW }, last(Outcome::BadTls)),
            delivery(Stage::Retrying { next: NOW }, last(Outcome::Broken)),
            delivery(Stage::Retrying { next: NOW }, last(Outcome::BadUrl)),
            delivery(Stage::Delivered { at: NOW }, last(Outcome::Answered(200))),
            delivery(given_up(GivenUp::TooOften), last(Outcome::Answered(404))),
            delivery(given_up(GivenUp::NoEndpoint), None),
            Delivery { live: true, by_hand: true, ..delivery(given_up(GivenUp::NothingToShow), None) },
        ];
        golden("deliveries", include_str!("../tests/golden/deliveries.hex"), &bodies);
        let far = Outbox { cursor: 300, open_until: NOW, failing_since: Some(START) };
        golden("outboxes", include_str!("../tests/golden/outboxes.hex"), &[Outbox::default(), far]);
    }

    #[test]
    fn domains() {
        let domain = |live, name, enabled| Domain { live, name: DomainName::parse(name).unwrap(), enabled };
        let bodies = [domain(false, "shop.example", true), domain(true, "cafete.example", false)];
        golden("domains", include_str!("../tests/golden/domains.hex"), &bodies);
        golden("domain names", include_str!("../tests/golden/domain_names.hex"), &[Named { domain: Key(5) }]);
    }

    #[test]
    fn accounts_and_what_is_asked_of_their_keys() {
        use crate::account::Account;
        use crate::key_rules::{KeyRules, Signing};
        let account = |require_order_code| Account {
            name: "Cafeteria".into(),
            live: true,
            country: *b"NL",
            currency: Currency::EUR,
            require_order_code,
        };
        golden("accounts", include_str!("../tests/golden/accounts.hex"), &[account(false), account(true)]);
        still_read("accounts of format 1", include_str!("../tests/golden/accounts_1.hex"), &[account(false)]);
        let secret = || SharedSecret::new("ordsec_a".into());
        let keys = [None, Some(NOW)].map(|ends| OrderKey { live: true, secret: secret(), ends });
        golden("order keys", include_str!("../tests/golden/order_keys.hex"), &keys);
        let used = [OrderUse { digest: [7; 32], payment: PAYMENT }];
        golden("order uses", include_str!("../tests/golden/order_uses.hex"), &used);
        let rules = [None, Some(Signing::Hmac(secret())), Some(Signing::Ed25519([9; 32]))].map(|signing| KeyRules {
            order_code: true,
            signature_required: signing.is_some(),
            signing,
        });
        golden("rules of keys", include_str!("../tests/golden/key_rules.hex"), &rules);
    }

    #[test]
    fn entries_of_the_audit_log() {
        use crate::audit::{Action, Actor, Head, Outcome, Recorded, SeenPersonal, Word};
        use crate::id::Kind;
        let first = Recorded {
            number: 1,
            before: [0; 32],
            at: NOW,
            action: Action::SignIn,
            actor: Actor::Nobody,
            outcome: Outcome::Refused,
            account: None,
            subject: None,
            detail: None,
            seen: None,
        };
        let more = |actor, outcome| Recorded {
            number: 300,
            before: [9; 32],
            action: Action::MessageTest,
            actor,
            outcome,
            account: Some(Key(77)),
            subject: Some((Kind::ApiKey as u8, Key(5))),
            detail: Some(Word::new("role:support")),
            seen: Some([7; 32]),
            ..first.clone()
        };
        let bodies = [
            first.clone(),
            more(Actor::User(Key(6)), Outcome::Done),
            more(Actor::ApiKey(Key(6)), Outcome::Failed),
            more(Actor::Local, Outcome::Begun),
            more(Actor::System, Outcome::Done),
        ];
        golden("entries", include_str!("../tests/golden/audit_entries.hex"), &bodies);
        let heads = [Head::default(), Head { size: 300, last: [8; 32] }];
        golden("heads", include_str!("../tests/golden/audit_heads.hex"), &heads);
        let text = |s: &str| Some(s.to_owned());
        let seen = SeenPersonal { salt: [3; 32], address: text("203.0.113.9"), device: text("Firefox on Linux") };
        golden("seen", include_str!("../tests/golden/audit_seen.hex"), &[SeenPersonal::default(), seen]);
    }

    #[test]
    fn messages() {
        use crate::notice::{Channel, Language, NotSent, Notice, NoticePersonal, Stage, Words};
        let notice = |channel, last, stage| Notice { channel, user: Some(Key(5)), ends: NOW, tries: 2, last, stage };
        let bodies = [
            Notice { user: None, ..notice(Channel::Mail, None, Stage::Waiting) },
            notice(Channel::Sms, Some(NotSent::NoConnection), Stage::Waiting),
            notice(Channel::Sms, Some(NotSent::NotSignedIn), Stage::Sending { since: START }),
            notice(Channel::Sms, Some(NotSent::Later), Stage::Sent { at: NOW }),
            notice(Channel::Sms, None, Stage::Unknown { at: NOW }),
            notice(Channel::Sms, None, Stage::Failed { at: NOW, why: NotSent::NoSender }),
            notice(Channel::Sms, None, Stage::Failed { at: NOW, why: NotSent::Refused }),
            notice(Channel::Sms, None, Stage::Failed { at: NOW, why: NotSent::BadAddress }),
            notice(Channel::Sms, None, Stage::Failed { at: NOW, why: NotSent::TooLate }),
            notice(Channel::Sms, None, Stage::Failed { at: NOW, why: NotSent::Erased }),
        ];
        golden("messages", include_str!("../tests/golden/notices.hex"), &bodies);
        let text = |s: &str| s.to_owned();
        let words = [
            Words::Code { code: text("123456"), minutes: 5 },
            Words::NewDevice { device: text("Firefox"), address: text("203.0.113.9"), at: NOW },
            Words::Invitation { by: text("Ada"), link: text("https://pay.example/join"), hours: 24 },
            Words::FactorsChanged { what: text("totp"), at: NOW },
            Words::RecoveryCodeUsed { left: 9, at: NOW },
            Words::Checkpoint { note: text("pay.example/audit") },
            Words::Test,
        ];
        let languages = [Language::English, Language::Korean, Language::Chinese].into_iter().cycle();
        let said = words.into_iter().zip(languages);
        let said =
            said.map(|(words, language)| NoticePersonal { to: text("ada@shop.example"), language, words: Some(words) });
        let bodies: Vec<NoticePersonal> = [NoticePersonal::default()].into_iter().chain(said).collect();
        golden("what messages say", include_str!("../tests/golden/notice_personal.hex"), &bodies);
    }

    #[test]
    fn what_is_no_body() {
        #[track_caller]
        fn check(bytes: &[u8], expected: BadBody) {
            assert_eq!(Payment::decode(bytes), Err(expected));
        }
        let good = held(every_stage()[0].clone()).encode();
        assert_eq!(good[0], Payment::FORMAT);
        check(&[], BadBody::Empty);
        for cut in 1..good.len() {
            check(&good[..cut], BadBody::Damaged);
        }
        check(&[&good[..], &[0]].concat(), BadBody::Damaged);
        check(&[&[0], &good[1..]].concat(), BadBody::Damaged);
        check(&[&[3], &good[1..]].concat(), BadBody::Newer(3));
        check(&[255], BadBody::Newer(255));
    }
}
