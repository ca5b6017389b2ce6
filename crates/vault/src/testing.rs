//! What several tests share.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of its own for one test, gone afterwards.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("florin-vault-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
    pub fn root(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Fails if a file in the folder (or below) contains the card number in any of the forms in which one leaks, or the code as it is.
pub fn assert_no_card_data(folder: &Path, numbers: &[&str], codes: &[&str]) {
    let forms: Vec<Vec<u8>> =
        numbers.iter().flat_map(|n| forms(n)).chain(codes.iter().map(|c| c.as_bytes().to_vec())).collect();
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_no_card_data(&path, numbers, codes);
            continue;
        }
        let Ok(bytes) = std::fs::read(&path) else { continue };
        files += 1;
        for form in &forms {
            assert!(!contains(&bytes, form), "{} holds card data as {form:?}", path.display());
        }
    }
    assert!(files > 0, "nothing was searched");
}

pub fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Raw, in groups, packed decimal, UTF-16, hexadecimal, and base64 at each of its three offsets.
fn forms(number: &str) -> Vec<Vec<u8>> {
    let digits = number.as_bytes();
    let grouped = |by: &str| {
        let groups: Vec<&str> = digits.chunks(4).map(|g| std::str::from_utf8(g).unwrap()).collect();
        groups.join(by).into_bytes()
    };
    let packed =
        |digits: &[u8]| digits.chunks_exact(2).map(|d| (d[0] - b'0') << 4 | (d[1] - b'0')).collect::<Vec<u8>>();
    let wide = digits.iter().flat_map(|d| [*d, 0]).collect();
    let hex = digits.iter().map(|d| format!("{d:02x}")).collect::<String>().into_bytes();
    let mut forms = vec![digits.to_vec(), grouped(" "), grouped("-"), packed(digits), packed(&digits[1..]), wide, hex];
    for offset in 0..3 {
        let mut shifted = vec![0u8; offset];
        shifted.extend_from_slice(digits);
        let text = base64(&shifted);
        // The first and last characters depend on the neighbours.
        forms.push(text[4..text.len() - 4].to_vec());
    }
    forms
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    for chunk in bytes.chunks(3) {
        let n = chunk.iter().fold(0usize, |n, b| n << 8 | usize::from(*b)) << (8 * (3 - chunk.len()));
        out.extend([18, 12, 6, 0].map(|shift| LETTERS[(n >> shift) & 63]));
    }
    out
}

#[test]
fn the_search_finds_what_it_searches_for() {
    let number = "4929123456789012";
    for (n, form) in forms(number).into_iter().enumerate() {
        let folder = Folder::new();
        let text = [b"before ".as_slice(), &form, b" after"].concat();
        std::fs::write(folder.path("file"), text).unwrap();
        let found = std::panic::catch_unwind(|| assert_no_card_data(folder.root(), &[number], &[])).is_err();
        assert!(found, "form {n}");
    }
}
