//! How much the defence stops and whom it hinders: good and bad traffic, mixed by a seed, played through the counters.

use super::*;
use crate::harness::Chance;

impl Chance {
    fn under(&mut self, n: u64) -> u64 {
        self.next() % n
    }
    fn percent(&mut self, n: u64) -> bool {
        self.under(100) < n
    }
}

/// A try and what its issuer would say.
struct Planned {
    at: i64,
    a_try: Try,
    approves: bool,
    /// The cardholder is there and can be authenticated.
    honest: bool,
}

const ACCOUNT: Key = Key(77);

fn try_of(address: u32, card: u64, intent: i64, small: bool) -> Try {
    let mut fingerprint = [0; 16];
    fingerprint[..8].copy_from_slice(&(card.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_be_bytes());
    Try {
        account: ACCOUNT,
        live: true,
        intent: Some(Key(intent)),
        setup: false,
        card: Some(fingerprint),
        address: Some(IpAddr::from(address.to_be_bytes())),
        small,
        merchant: false,
        proven: false,
        person: false,
    }
}

/// 20,000 purchases in a day: one in twelve first tries is declined, then another card or the same again, up to four times; one buyer in five
/// shares one of forty addresses (offices, mobile networks) with hundreds of others.
fn good(chance: &mut Chance, plan: &mut Vec<Planned>) {
    for n in 0..20_000u64 {
        let shared = chance.percent(20);
        let address = if shared { 0x0a00_0000 + chance.under(40) as u32 } else { 0x2000_0000 + n as u32 };
        let (mut at, mut card) = (chance.under(86_400_000) as i64, 1_000_000 + n * 4);
        for tried in 0..4 {
            let approves = if tried == 0 { !chance.percent(8) } else { chance.percent(60) };
            let a_try = try_of(address, card, 1_000_000 + n as i64, chance.percent(10));
            plan.push(Planned { at, a_try, approves, honest: true });
            if approves {
                break;
            }
            card += chance.under(2);
            at += 20_000 + chance.under(60_000) as i64;
        }
    }
}

/// How many addresses, how many payments, a try every so many milliseconds, over small amounts.
type Bad = (u64, i64, i64, bool);

/// 1,000 cards, of which 8 of a hundred live.
fn bad(chance: &mut Chance, plan: &mut Vec<Planned>, (addresses, intents, every_ms, small): Bad) {
    for n in 0..1_000 {
        let address = 0xc000_0000 + (chance.under(addresses)) as u32;
        let a_try = try_of(address, 500_000_000 + n as u64, 9_000_000 + n % intents, small);
        plan.push(Planned { at: 40_000_000 + n * every_ms, a_try, approves: chance.percent(8), honest: false });
    }
}

/// (cards of testers that reached an issuer, good tries that were refused, good tries that were asked to authenticate, good tries)
fn play(seed: u64, how: Bad) -> (usize, usize, usize, usize) {
    let (mut chance, mut plan) = (Chance(seed), vec![]);
    good(&mut chance, &mut plan);
    bad(&mut chance, &mut plan, how);
    plan.sort_by_key(|p| p.at);
    let guard = Guard::new(GuardSettings::ON, Secret::new([1; 32]));
    let (mut reached, mut refused, mut asked, mut tries) = (0, 0, 0, 0);
    for p in &plan {
        let now = Time(1_795_299_300_000 + p.at);
        tries += usize::from(p.honest);
        let shut = guard.admits(ACCOUNT, p.a_try.address.unwrap(), now).is_err();
        let (ahead, _) = guard.look(&p.a_try, now);
        // Nineteen cards of twenty take part in 3-D Secure; whoever is not the cardholder comes no further.
        let challenged = matches!(ahead, Decision::Challenge { .. }) && p.a_try.card.unwrap()[0] % 20 != 0;
        asked += usize::from(challenged && p.honest);
        let mut a_try = p.a_try;
        if challenged && !shut {
            if !p.honest {
                continue;
            }
            a_try.proven = true;
        }
        let stopped = shut
            || match guard.before(&a_try, now).0 {
                Decision::Refuse(_) => true,
                Decision::Challenge { strict: true, .. } => {
                    guard.after(&a_try, Came::Neither, now);
                    guard.refused(&a_try, now);
                    true
                }
                Decision::Challenge { strict: false, .. } | Decision::Allow => false,
            };
        refused += usize::from(stopped && p.honest);
        reached += usize::from(!stopped && !p.honest);
        if !stopped {
            guard.after(&a_try, if p.approves { Came::Approved } else { Came::Declined }, now);
        }
    }
    (reached, refused, asked, tries)
}

#[test]
fn ninety_nine_of_a_hundred_tested_cards_are_stopped() {
    #[track_caller]
    fn check(what: &str, how: Bad) {
        for seed in 1..=5 {
            let (reached, refused, asked, tries) = play(seed, how);
            assert!(reached <= 10, "{what}, seed {seed}: {reached} of 1,000 tested cards reached an issuer");
            assert!(refused * 1_000 < tries, "{what}, seed {seed}: {refused} of {tries} good tries were refused");
            assert!(asked * 100 < tries * 3, "{what}, seed {seed}: {asked} of {tries} good tries were challenged");
        }
    }
    check("one address, one payment", (1, 1, 1_000, true));
    check("one address, a payment each", (1, 1_000, 1_000, true));
    check("eight addresses", (8, 1_000, 500, true));
    check("two hundred addresses", (200, 1_000, 300, true));
    check("an address each", (1_000_000, 1_000, 300, true));
    check("usual amounts, one address", (1, 1_000, 1_000, false));
    check("usual amounts, an address each", (1_000_000, 1_000, 300, false));
}
