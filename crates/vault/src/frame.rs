//! Frames between the gateway and the vault: `length u32 | id u32 | kind u8 | payload`, big-endian, the length counting what follows it.
//! Knows no socket. What was read is wiped: a frame may carry a card on its way to a token.

use crate::cards::NewCard;
use crate::core::id::Key;
use zeroize::{Zeroize, Zeroizing};

/// Largest frame towards the vault.
pub const REQUEST_LIMIT_BYTES: usize = 64 * 1024;
/// Largest frame from the vault.
pub const ANSWER_LIMIT_BYTES: usize = 4 * 1024 * 1024;
const LENGTH_BYTES: usize = 4;
/// id and kind.
const HEAD_BYTES: usize = 5;

/// What a frame is. The answer to a request has its id and its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FrameKind {
    /// An `Order` -> a `Verdict`, both postcard.
    Submit = 1,
    /// A card, written by hand -> 0 and a `Tokenised` (postcard), or 1 and the number of a refusal.
    Tokenise = 2,
    /// Retrieval reference numbers, JSON -> hops, JSON.
    Hops = 3,
    /// Nothing -> `Health`, JSON.
    Health = 4,
    /// Asks to be told of late answers.
    Watch = 5,
    /// From the vault: the number of a late answer (i64) and a `Late` (postcard).
    Late = 6,
    /// The number of a late answer (i64): it is durable at the gateway. Has no answer.
    LateDone = 7,
    /// Answer to a request that could not be read.
    BadRequest = 8,
    /// An `Ask` about an authentication -> an `Answer`, both postcard.
    ThreeDs = 9,
    /// A `KeysAsk` (postcard) -> a `KeysAnswer`, JSON.
    Keys = 10,
    /// A `Renewal` (postcard) -> what `Tokenise` has.
    Renew = 11,
}

impl FrameKind {
    fn from_u8(n: u8) -> Option<FrameKind> {
        use FrameKind::{BadRequest, Health, Hops, Keys, Late, LateDone, Renew, Submit, ThreeDs, Tokenise, Watch};
        [Submit, Tokenise, Hops, Health, Watch, Late, LateDone, BadRequest, ThreeDs, Keys, Renew]
            .into_iter()
            .find(|kind| *kind as u8 == n)
    }
}

/// Appends a frame. False, and nothing appended, if it is above what a length can say.
pub fn put_frame(out: &mut Vec<u8>, id: u32, kind: FrameKind, payload: &[u8]) -> bool {
    let Ok(length) = u32::try_from(payload.len() + HEAD_BYTES) else { return false };
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&id.to_be_bytes());
    out.push(kind as u8);
    out.extend_from_slice(payload);
    true
}

/// The other side does not speak this protocol: the connection must be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadFrame {
    TooLong,
    TooShort,
    UnknownKind,
}

pub struct Inbound<'a> {
    pub id: u32,
    pub kind: FrameKind,
    pub payload: &'a [u8],
}

/// Cuts a stream into frames. Wipes what it handed out.
pub struct Inbox {
    buffer: Zeroizing<Vec<u8>>,
    start: usize,
    limit_bytes: usize,
}

impl Inbox {
    pub fn new(limit_bytes: usize) -> Inbox {
        Inbox { buffer: Zeroizing::new(Vec::new()), start: 0, limit_bytes }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.forget_handed_out();
        let needed = self.buffer.len() + bytes.len();
        if needed > self.buffer.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(needed.next_power_of_two()));
            larger.extend_from_slice(&self.buffer);
            // The smaller one is wiped as it is dropped.
            self.buffer = larger;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame. Call it until it gives nothing before the next `push`.
    pub fn next_frame(&mut self) -> Result<Option<Inbound<'_>>, BadFrame> {
        let waiting = self.buffer.get(self.start..).unwrap_or_default();
        let Some((length, rest)) = waiting.split_first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| BadFrame::TooLong)?;
        if length > self.limit_bytes {
            return Err(BadFrame::TooLong);
        }
        let Some(frame) = rest.get(..length) else { return Ok(None) };
        let Some(([i1, i2, i3, i4, kind], payload)) = frame.split_first_chunk::<HEAD_BYTES>() else {
            return Err(BadFrame::TooShort);
        };
        let kind = FrameKind::from_u8(*kind).ok_or(BadFrame::UnknownKind)?;
        self.start += LENGTH_BYTES + length;
        Ok(Some(Inbound { id: u32::from_be_bytes([*i1, *i2, *i3, *i4]), kind, payload }))
    }

    /// Wipes the frames that were handed out and moves the rest to the front.
    pub fn forget_handed_out(&mut self) {
        if self.start == 0 {
            return;
        }
        self.buffer.copy_within(self.start.., 0);
        let left = self.buffer.len() - self.start;
        if let Some(tail) = self.buffer.get_mut(left..) {
            tail.zeroize();
        }
        self.buffer.truncate(left);
        self.start = 0;
    }
}

const NO_CVC: u8 = 255;

/// A card as it goes to the vault, in memory that is wiped. Nothing if a part is too long to be one.
pub fn write_card(card: &NewCard) -> Option<Zeroizing<Vec<u8>>> {
    let number = card.number.as_bytes();
    let cvc = card.cvc.as_ref().map(|cvc| cvc.as_bytes());
    let cvc_len = cvc.map_or(Some(NO_CVC), |cvc| u8::try_from(cvc.len()).ok().filter(|len| *len != NO_CVC))?;
    let mut out = Zeroizing::new(Vec::with_capacity(16 + number.len() + cvc.map_or(0, <[u8]>::len)));
    out.extend_from_slice(&card.account.0.to_be_bytes());
    out.extend_from_slice(&[u8::from(card.live), card.exp_month]);
    out.extend_from_slice(&card.exp_year.to_be_bytes());
    out.extend_from_slice(&[u8::try_from(number.len()).ok()?, cvc_len]);
    out.extend_from_slice(number);
    out.extend_from_slice(cvc.unwrap_or_default());
    Some(out)
}

/// Reads what `write_card` wrote.
pub fn read_card(payload: &[u8]) -> Option<NewCard> {
    let (account, rest) = payload.split_first_chunk::<8>()?;
    let ([live, exp_month, y1, y2, number_len, cvc_len], rest) = rest.split_first_chunk::<6>()?;
    let (number, cvc) = rest.split_at_checked(usize::from(*number_len))?;
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(|text| Zeroizing::new(text.to_owned()));
    let cvc = match (*cvc_len, cvc) {
        (NO_CVC, []) => None,
        (len, cvc) if usize::from(len) == cvc.len() => Some(text(cvc)?),
        _ => return None,
    };
    let live = match live {
        0 => false,
        1 => true,
        _ => return None,
    };
    Some(NewCard {
        account: Key(i64::from_be_bytes(*account)),
        live,
        number: text(number)?,
        exp_month: *exp_month,
        exp_year: u16::from_be_bytes([*y1, *y2]),
        cvc,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_as_they_went_in_however_they_arrive() {
        let mut stream = Vec::new();
        assert!(put_frame(&mut stream, 7, FrameKind::Submit, b"abc"));
        assert!(put_frame(&mut stream, u32::MAX, FrameKind::Health, b""));
        for step in 1..=stream.len() {
            let mut inbox = Inbox::new(64);
            let mut got = Vec::new();
            for part in stream.chunks(step) {
                inbox.push(part);
                while let Some(frame) = inbox.next_frame().unwrap() {
                    got.push((frame.id, frame.kind, frame.payload.to_vec()));
                }
            }
            assert_eq!(got, [(7, FrameKind::Submit, b"abc".to_vec()), (u32::MAX, FrameKind::Health, vec![])], "{step}");
            inbox.forget_handed_out();
            assert!(inbox.buffer.is_empty());
        }
    }

    #[test]
    fn what_is_no_frame_is_refused_by_name() {
        let check = |bytes: &[u8], expected: Option<BadFrame>| {
            let mut inbox = Inbox::new(64);
            inbox.push(bytes);
            assert_eq!(inbox.next_frame().err(), expected, "{bytes:?}");
        };
        check(&[0, 0, 0, 65], Some(BadFrame::TooLong));
        check(&[255, 255, 255, 255, 1], Some(BadFrame::TooLong));
        check(&[0, 0, 0, 4, 0, 0, 0, 1], Some(BadFrame::TooShort));
        check(&[0, 0, 0, 5, 0, 0, 0, 1, 0], Some(BadFrame::UnknownKind));
        check(&[0, 0, 0, 5, 0, 0, 0, 1, 12], Some(BadFrame::UnknownKind));
        check(&[0, 0, 0, 5, 0, 0, 0, 1], None);
    }

    #[test]
    fn cards_survive_the_way_and_nothing_else_is_a_card() {
        let text = |s: &str| Zeroizing::new(s.to_string());
        let card = |number: &str, cvc: Option<&str>| NewCard {
            account: Key(1 << 40),
            live: false,
            number: text(number),
            exp_month: 12,
            exp_year: 2034,
            cvc: cvc.map(text),
        };
        for (number, cvc) in [("4242 4242 4242 4242", Some("123")), ("visa", None), ("", Some("")), ("4242", Some("é"))]
        {
            let bytes = write_card(&card(number, cvc)).unwrap();
            let back = read_card(&bytes).unwrap();
            assert_eq!((back.number.as_str(), back.cvc.as_ref().map(|c| c.as_str())), (number, cvc));
            assert_eq!((back.account, back.live, back.exp_month, back.exp_year), (Key(1 << 40), false, 12, 2034));
            for cut in 0..bytes.len() {
                assert!(read_card(&bytes[..cut]).is_none(), "{number} cut at {cut}");
            }
        }
        assert!(write_card(&card(&"4".repeat(256), None)).is_none());
        assert!(write_card(&card("4", Some(&"1".repeat(255)))).is_none());
    }
}
