//! Bodies in chunks (RFC 9112 §7.1), put together as they arrive. Knows no socket.

use zeroize::Zeroizing;

/// A chunk's size line, or all trailers.
const LINE_LIMIT_BYTES: usize = 256;
/// What sizes and line breaks may take beside the body.
const OVERHEAD_LIMIT_BYTES: usize = 64 * 1024;
/// Digits of a chunk's size.
const SIZE_LIMIT_DIGITS: usize = 8;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Size,
    Data(usize),
    /// The line break behind the data.
    DataEnd,
    Trailers,
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadChunk {
    /// The body is above the limit.
    TooLarge,
    /// Not as RFC 9112 has it.
    Malformed,
}

pub struct Chunked {
    step: Step,
    /// In memory that is wiped, also when it grows.
    body: Zeroizing<Vec<u8>>,
    /// What was in bodies that were taken before the end.
    taken_bytes: usize,
    limit_bytes: usize,
    overhead_bytes: usize,
    trailer_bytes: usize,
}

impl Chunked {
    pub fn new(limit_bytes: usize) -> Chunked {
        let body = Zeroizing::new(Vec::new());
        Chunked { step: Step::Size, body, taken_bytes: 0, limit_bytes, overhead_bytes: 0, trailer_bytes: 0 }
    }

    pub fn is_done(&self) -> bool {
        self.step == Step::Done
    }

    /// What came so far and was not taken yet.
    pub fn take_body(&mut self) -> Zeroizing<Vec<u8>> {
        self.taken_bytes += self.body.len();
        std::mem::take(&mut self.body)
    }

    /// Takes what it can of `bytes` and says how many they were. What is left belongs to a line that is not whole yet.
    pub fn push(&mut self, bytes: &[u8]) -> Result<usize, BadChunk> {
        let mut taken = 0;
        loop {
            let rest = bytes.get(taken..).unwrap_or_default();
            let used = match self.step {
                Step::Done => return Ok(taken),
                Step::Data(left) => {
                    let part = rest.get(..left.min(rest.len())).unwrap_or_default();
                    append(&mut self.body, part);
                    self.step = if part.len() == left { Step::DataEnd } else { Step::Data(left - part.len()) };
                    part.len()
                }
                Step::DataEnd => match rest {
                    [b'\r', b'\n', ..] => {
                        self.step = Step::Size;
                        2
                    }
                    [] | [b'\r'] => 0,
                    _ => return Err(BadChunk::Malformed),
                },
                Step::Size => match line(rest)? {
                    None => 0,
                    Some(line) => {
                        let size = size(line)?;
                        if self.taken_bytes + self.body.len() + size > self.limit_bytes {
                            return Err(BadChunk::TooLarge);
                        }
                        self.step = if size == 0 { Step::Trailers } else { Step::Data(size) };
                        self.spend(line.len() + 2)?
                    }
                },
                Step::Trailers => match line(rest)? {
                    None => 0,
                    Some([]) => {
                        self.step = Step::Done;
                        2
                    }
                    // Read and not used: nothing that comes behind a body is believed.
                    Some(line) => {
                        self.trailer_bytes += line.len();
                        if self.trailer_bytes > LINE_LIMIT_BYTES {
                            return Err(BadChunk::Malformed);
                        }
                        line.len() + 2
                    }
                },
            };
            if used == 0 {
                return Ok(taken);
            }
            taken += used;
        }
    }

    fn spend(&mut self, bytes: usize) -> Result<usize, BadChunk> {
        self.overhead_bytes += bytes;
        if self.overhead_bytes > OVERHEAD_LIMIT_BYTES { Err(BadChunk::TooLarge) } else { Ok(bytes) }
    }
}

/// The first line, without its line break; nothing while it is not whole.
fn line(bytes: &[u8]) -> Result<Option<&[u8]>, BadChunk> {
    let Some(end) = bytes.iter().position(|b| *b == b'\n') else {
        return if bytes.len() > LINE_LIMIT_BYTES { Err(BadChunk::Malformed) } else { Ok(None) };
    };
    let line = bytes.get(..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(BadChunk::Malformed)?;
    if line.len() > LINE_LIMIT_BYTES || line.contains(&b'\r') {
        return Err(BadChunk::Malformed);
    }
    Ok(Some(line))
}

/// Extensions (behind `;`) are read over.
fn size(line: &[u8]) -> Result<usize, BadChunk> {
    let digits = line.split(|b| *b == b';').next().unwrap_or_default().trim_ascii_end();
    let hex = !digits.is_empty() && digits.len() <= SIZE_LIMIT_DIGITS && digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).map_err(|_| BadChunk::Malformed)?;
    if hex { usize::from_str_radix(text, 16).map_err(|_| BadChunk::Malformed) } else { Err(BadChunk::Malformed) }
}

/// Grows by moving into a larger one, so that the smaller is wiped.
pub fn append(to: &mut Zeroizing<Vec<u8>>, bytes: &[u8]) {
    let needed = to.len() + bytes.len();
    if needed > to.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity(needed.next_power_of_two()));
        larger.extend_from_slice(to);
        *to = larger;
    }
    to.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_put_together_however_they_arrive() {
        let check = |text: &str, expected: Result<(&str, usize), BadChunk>| {
            for step in 1..=text.len() {
                let mut chunked = Chunked::new(20);
                let (mut waiting, mut taken, mut bad) = (Vec::new(), 0, None);
                for part in text.as_bytes().chunks(step) {
                    waiting.extend_from_slice(part);
                    match chunked.push(&waiting) {
                        Ok(used) => {
                            taken += used;
                            waiting.drain(..used);
                        }
                        Err(e) => bad = bad.or(Some(e)),
                    }
                }
                let got = match (bad, chunked.is_done()) {
                    (Some(bad), _) => Err(bad),
                    (None, true) => Ok((String::from_utf8(chunked.take_body().to_vec()).unwrap(), taken)),
                    (None, false) => Ok(("not done".to_string(), taken)),
                };
                assert_eq!(got, expected.map(|(body, taken)| (body.to_string(), taken)), "{text:?} in parts of {step}");
            }
        };
        check("3\r\nabc\r\n0\r\n\r\n", Ok(("abc", 13)));
        check("3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\nGET", Ok(("abc0123456789", 32)));
        check("0\r\nTrailer: x\r\n\r\n", Ok(("", 17)));
        check("3\r\nabc\r\n", Ok(("not done", 8)));
        check("15\r\n", Err(BadChunk::TooLarge));
        check("FFFFFFFF\r\n", Err(BadChunk::TooLarge));
        check("100000000\r\n", Err(BadChunk::Malformed));
        check("3\nabc\r\n", Err(BadChunk::Malformed));
        check("-1\r\n", Err(BadChunk::Malformed));
        check("0x3\r\n", Err(BadChunk::Malformed));
        check(" 3\r\n", Err(BadChunk::Malformed));
        check("\r\n", Err(BadChunk::Malformed));
        check("3\r\nabcd\r\n", Err(BadChunk::Malformed));
        check(&format!("3;{}", "x".repeat(300)), Err(BadChunk::Malformed));
    }
}
