//! Signed notes and checkpoints as the transparency logs of the world write them (c2sp.org/signed-note, c2sp.org/tlog-checkpoint), signed
//! with Ed25519 (RFC 8032) by aws-lc-rs: the crates for this format bring a second source of cryptography.

use super::tree::Hash;
use aws_lc_rs::digest;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use data_encoding::{BASE64, HEXLOWER};

/// Of a note, in bytes: a checkpoint has some hundred and fifty.
pub const LONGEST_NOTE_BYTES: usize = 16 * 1024;
/// Of a log's name, in bytes.
const LONGEST_NAME_BYTES: usize = 255;
/// The number of Ed25519 among the note's algorithms.
const ALGORITHM: u8 = 1;

/// Why a note is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadNote {
    /// It is no note, or no checkpoint.
    Malformed,
    /// None of its signatures is by this key.
    NotSigned,
    /// It names this key, and the signature is wrong.
    BadSignature,
    /// It is of another log.
    AnotherLog,
}

impl BadNote {
    pub const fn as_str(self) -> &'static str {
        match self {
            BadNote::Malformed => "is not a checkpoint",
            BadNote::NotSigned => "is not signed by this key",
            BadNote::BadSignature => "has a wrong signature: it was changed after it was signed",
            BadNote::AnotherLog => "is of another log",
        }
    }
}

/// A log's name: no space, no plus, nothing that breaks a line.
pub fn is_name(name: &str) -> bool {
    let fits = !name.is_empty() && name.len() <= LONGEST_NAME_BYTES;
    fits && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

/// A signed tree head: how many entries there were, and the root over them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name, the same as its key's.
    pub origin: String,
    pub size: u64,
    pub root: Hash,
}

impl Checkpoint {
    fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, BASE64.encode(&self.root))
    }

    /// Reads a note's text. Lines after the third are allowed and mean nothing.
    fn read(text: &str) -> Option<Checkpoint> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let number: u64 = size.parse().ok().filter(|n: &u64| n.to_string() == size)?;
        let root = BASE64.decode(root.as_bytes()).ok()?.try_into().ok()?;
        (is_name(origin) && lines.all(|l| !l.is_empty())).then(|| Checkpoint {
            origin: origin.into(),
            size: number,
            root,
        })
    }
}

/// Signs checkpoints of one log.
pub struct Signer {
    name: String,
    pair: Ed25519KeyPair,
}

impl Signer {
    /// None for a name that a note cannot carry.
    pub fn new(name: &str, seed: &[u8; 32]) -> Option<Signer> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
        is_name(name).then(|| Signer { name: name.to_owned(), pair })
    }

    pub fn verifier(&self) -> Verifier {
        let public = self.pair.public_key().as_ref().try_into().unwrap_or([0; 32]);
        Verifier { name: self.name.clone(), public }
    }

    /// The whole note.
    pub fn sign(&self, size: u64, root: Hash) -> String {
        let text = Checkpoint { origin: self.name.clone(), size, root }.text();
        let mut signed = self.verifier().id().to_vec();
        signed.extend_from_slice(self.pair.sign(text.as_bytes()).as_ref());
        format!("{text}\n\u{2014} {} {}\n", self.name, BASE64.encode(&signed))
    }
}

/// The key that checks them: what is given to those who watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier {
    pub name: String,
    public: [u8; 32],
}

impl Verifier {
    fn id(&self) -> [u8; 4] {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(self.name.as_bytes());
        context.update(&[b'\n', ALGORITHM]);
        context.update(&self.public);
        context.finish().as_ref().first_chunk::<4>().copied().unwrap_or([0; 4])
    }

    /// `name+hash+key`, as notes' verifier keys are written.
    pub fn text(&self) -> String {
        let key: Vec<u8> = [ALGORITHM].into_iter().chain(self.public).collect();
        format!("{}+{}+{}", self.name, HEXLOWER.encode(&self.id()), BASE64.encode(&key))
    }

    pub fn parse(text: &str) -> Option<Verifier> {
        let mut parts = text.trim().splitn(3, '+');
        let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
        let key = BASE64.decode(key.as_bytes()).ok()?;
        let (algorithm, public) = key.split_first()?;
        let verifier = Verifier { name: name.to_owned(), public: public.try_into().ok()? };
        let right = *algorithm == ALGORITHM && is_name(name) && HEXLOWER.encode(&verifier.id()) == id;
        right.then_some(verifier)
    }

    /// The checkpoint in a note that this key signed. Signatures of others are passed over.
    pub fn open(&self, note: &str) -> Result<Checkpoint, BadNote> {
        let plain = note.len() <= LONGEST_NOTE_BYTES && !note.contains(|c: char| c.is_control() && c != '\n');
        let at = note.rfind("\n\n").filter(|_| plain).ok_or(BadNote::Malformed)?;
        let (text, signatures) = note.split_at_checked(at + 1).ok_or(BadNote::Malformed)?;
        let signatures = signatures.strip_prefix('\n').and_then(|s| s.strip_suffix('\n')).ok_or(BadNote::Malformed)?;
        let mut ours = None;
        for line in signatures.split('\n') {
            let line = line.strip_prefix("\u{2014} ").ok_or(BadNote::Malformed)?;
            let (name, signed) = line.split_once(' ').ok_or(BadNote::Malformed)?;
            let signed = BASE64.decode(signed.as_bytes()).map_err(|_| BadNote::Malformed)?;
            let (id, signature) = signed.split_first_chunk::<4>().ok_or(BadNote::Malformed)?;
            if name == self.name && *id == self.id() {
                ours = Some(signature.to_vec());
            }
        }
        let signature = ours.ok_or(BadNote::NotSigned)?;
        let key = UnparsedPublicKey::new(&ED25519, &self.public);
        key.verify(text.as_bytes(), &signature).map_err(|_| BadNote::BadSignature)?;
        let checkpoint = Checkpoint::read(text).ok_or(BadNote::Malformed)?;
        if checkpoint.origin == self.name { Ok(checkpoint) } else { Err(BadNote::AnotherLog) }
    }
}

/// The notes of a log of this name in a file that they were appended to, or in a mail that was kept, in order. One that a crash cut off
/// does not open; the next one does.
pub fn notes(name: &str, file: &str) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    let (mut inside, mut signed) = (false, false);
    for line in file.lines() {
        let signature = line.starts_with('\u{2014}');
        if line == name {
            notes.push(String::new());
            inside = true;
        } else if signed && !signature {
            // What a mail says below it.
            inside = false;
        }
        signed = signature;
        if let Some(note) = notes.last_mut().filter(|_| inside) {
            note.push_str(line);
            note.push('\n');
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> Signer {
        Signer::new("pay.example/audit", &[7; 32]).unwrap()
    }

    /// The example of c2sp.org/tlog-checkpoint's family: a note by a key of Go's sumdb tests, PeterNeumann.
    #[test]
    fn a_note_of_somebody_else_opens() {
        let key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let verifier = Verifier::parse(key).unwrap();
        assert_eq!(verifier.text(), key);
        let note = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\
                    \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        // The signature is right; the text is no checkpoint.
        assert_eq!(verifier.open(note), Err(BadNote::Malformed));
        assert_eq!(verifier.open(&note.replace("answer", "Answer")), Err(BadNote::BadSignature));
    }

    #[test]
    fn what_is_signed_opens_and_nothing_else() {
        let (signer, root) = (signer(), [5; 32]);
        let verifier = Verifier::parse(&signer.verifier().text()).unwrap();
        let note = signer.sign(42, root);
        let expected = Checkpoint { origin: "pay.example/audit".into(), size: 42, root };
        assert_eq!(verifier.open(&note), Ok(expected.clone()));
        // Beside somebody else's signature.
        let witnessed = format!("{note}\u{2014} witness.example {}\n", BASE64.encode(&[1; 68]));
        assert_eq!(verifier.open(&witnessed), Ok(expected));
        let other = Signer::new("pay.example/audit", &[8; 32]).unwrap().verifier();
        assert_eq!(other.open(&note), Err(BadNote::NotSigned));
        assert_eq!(verifier.open(&note.replace("\n42\n", "\n41\n")), Err(BadNote::BadSignature));
        for bad in
            ["", "\n", "a\n\n", &note[1..note.len() - 1], &note.replace('\n', "\r\n"), &note.replace("\n42", "\n042")]
        {
            assert!(verifier.open(bad).is_err(), "{bad}");
        }
        for cut in 0..note.len() {
            if let Some(short) = note.get(..cut) {
                assert!(verifier.open(short).is_err(), "cut at {cut}");
            }
        }
    }

    #[test]
    fn names_and_keys() {
        for bad in ["", "two words", "a+b", "a\nb"] {
            assert!(Signer::new(bad, &[7; 32]).is_none(), "{bad}");
        }
        let text = signer().verifier().text();
        for bad in [text.replace("pay.", "pai."), text.replace('+', "-"), text[..text.len() - 4].to_owned()] {
            assert_eq!(Verifier::parse(&bad), None, "{bad}");
        }
    }

    #[test]
    fn a_file_of_notes_falls_apart_into_its_notes() {
        let [one, two] = [1, 2].map(|size| signer().sign(size, [9; 32]));
        let of = |file: &str| notes("pay.example/audit", file);
        assert_eq!(of(&format!("\n{one}\n{two}")), [one.clone(), two.clone()]);
        assert_eq!(of(&format!("From: x\n\n{one}{two}\n\nDo not answer it.\n")), [one.clone(), two.clone()]);
        assert_eq!(of(""), Vec::<String>::new());
        // One that was cut by a crash.
        let torn = of(&format!("\n{}\n{two}", &one[..25]));
        assert_eq!((torn.len(), signer().verifier().open(&torn[0]).is_ok(), &torn[1]), (2, false, &two));
    }
}
