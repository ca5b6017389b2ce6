//! Millions of damaged messages: the codec gives a message or an error, never a panic, and what it accepts it writes back the same.

use super::*;

const MUTATIONS: u64 = 2_000_000;

/// A small generator of our own: the same damage at every run, on every machine.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }
    fn byte(&mut self) -> u8 {
        const LIKELY: &[u8] = b"0123456789ABCDEFabcdef \0\xff=^";
        match self.below(4) {
            0 => self.next().to_le_bytes()[0],
            _ => LIKELY[self.below(LIKELY.len())],
        }
    }
}

fn damage(chance: &mut Chance, body: &mut Vec<u8>) {
    let at = chance.below(body.len());
    match chance.below(8) {
        0 if !body.is_empty() => body[at] ^= 1 << chance.below(8),
        1 => body.truncate(at),
        2 => {
            let byte = chance.byte();
            body.insert(at, byte);
        }
        3 if !body.is_empty() => {
            body.remove(at);
        }
        // A bitmap digit: elements appear and vanish.
        4 if body.len() > 36 => {
            let digit = 4 + chance.below(32);
            body[digit] = b"0123456789ABCDEFabcdef"[chance.below(22)];
        }
        5 => {
            let tail = body[at..].to_vec();
            body.extend(tail.iter().take(40));
        }
        6 if body.len() > 4 => {
            let digit = chance.below(4);
            body[digit] = b'0' + chance.next().to_le_bytes()[0] % 10;
        }
        _ if !body.is_empty() => body[at] = chance.byte(),
        _ => {}
    }
}

/// Frames with every kind of element in them.
fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = tests::golden_bodies();
    let mut full = Message::new(Mti::REVERSAL);
    full.set(2, "4242424242424242").set(35, "4242424242424242=3112").set(38, "A1 2C3").set(44, "0Y");
    full.set(48, "84002035").set(52, "0123456789ABCDEF").set(54, "0057840C000000000500").set(55, "9F2608");
    full.set(60, "01001C02002FU").set(64, "00112233445566AA").set(70, "301").set(95, &"0".repeat(42));
    full.set(102, "ACCOUNT").set(123, "01005AB1CD").set(126, "10003123").set(128, "FFEEDDCCBBAA9988");
    seeds.push(Dialect::link().encode(&full).unwrap().to_vec());
    seeds
}

/// The one way to write an accepted body: bitmaps in upper case, no empty second bitmap.
fn canonical(body: &[u8]) -> Vec<u8> {
    let mut out = body.to_vec();
    let second = body[4] >= b'8';
    let bitmaps = 4..if second { 36 } else { 20 };
    out[bitmaps].make_ascii_uppercase();
    if second && out[20..36].iter().all(|digit| *digit == b'0') {
        out.drain(20..36);
        out[4] = b"01234567"[usize::from(if out[4] >= b'A' { out[4] - b'A' + 2 } else { out[4] - b'8' })];
    }
    out
}

/// Whatever decodes must encode to the same bytes, in their canonical form, and those must decode to the same message.
fn check(dialect: &Dialect, body: &[u8]) -> bool {
    let Ok(message) = dialect.decode(body) else { return false };
    let again = dialect.encode(&message).expect("what was read can be written");
    assert!(again.as_slice() == canonical(body), "another text for a message of {} bytes", body.len());
    assert!(dialect.decode(&again).expect("what was written can be read").same_as(&message));
    masked(&message);
    title(&message);
    MatchKey::of(&message);
    true
}

#[test]
fn millions_of_mutations() {
    let wanted = std::env::var("FLORIN_MUTATIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(MUTATIONS);
    let dialect = Dialect::link();
    let seeds = seeds();
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let (mut accepted, mut body) = (0u64, Vec::new());
    for round in 0..wanted {
        // Damage adds up for a while, then a fresh frame is taken.
        if round % 6 == 0 || body.is_empty() {
            body.clone_from(&seeds[chance.below(seeds.len())]);
        }
        damage(&mut chance, &mut body);
        accepted += u64::from(check(dialect, &body));
    }
    // Damage that only changes values is accepted, damage of the structure is not: both must have happened.
    assert!(accepted > wanted / 50 && accepted < wanted / 2, "{accepted} of {wanted} accepted");
}

#[test]
fn every_cut_and_every_single_bit() {
    let dialect = Dialect::link();
    for body in seeds() {
        for end in 0..body.len() {
            assert!(dialect.decode(&body[..end]).is_err(), "cut at {end}");
        }
        for bit in 0..body.len() * 8 {
            let mut flipped = body.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            check(dialect, &flipped);
        }
    }
}
