//! Files of every size, both ways; files that the reference program made; and every byte that may be wrong.

use super::*;
use std::io::{Cursor, Read};

fn written(bytes: &[u8], to: &[Recipient]) -> Vec<u8> {
    let mut file = encrypt(to, Vec::new()).unwrap();
    // In uneven pieces, as compressors write.
    bytes.chunks(70_001).for_each(|part| file.write_all(part).unwrap());
    file.finish().unwrap()
}

fn read(file: &[u8], with: &[Identity]) -> Result<Vec<u8>, String> {
    let mut plain = Vec::new();
    let mut opened = decrypt(with, Cursor::new(file)).map_err(|e| format!("{e:?}"))?;
    opened.read_to_end(&mut plain).map_err(|e| e.to_string())?;
    Ok(plain)
}

#[test]
fn what_is_written_can_be_read() {
    let (one, other, third) =
        (Identity::generate().unwrap(), Identity::generate().unwrap(), Identity::generate().unwrap());
    let to = [one.recipient().unwrap(), other.recipient().unwrap()];
    for size in [0, 1, 65_535, 65_536, 65_537, 131_072, 300_000] {
        let bytes: Vec<u8> = (0..size).map(|n: u32| n.to_le_bytes()[n as usize % 3]).collect();
        let file = written(&bytes, &to);
        assert_eq!(read(&file, std::slice::from_ref(&one)).as_ref(), Ok(&bytes), "{size}");
        assert_eq!(read(&file, std::slice::from_ref(&other)).as_ref(), Ok(&bytes), "{size}");
        assert_eq!(read(&file, std::slice::from_ref(&third)), Err("NoMatch".to_owned()), "{size}");
    }
}

#[test]
fn no_byte_of_a_file_may_change() {
    let one = [Identity::generate().unwrap()];
    let file = written(b"0123456789", &[one[0].recipient().unwrap()]);
    for n in 0..file.len() {
        let mut changed = file.clone();
        changed[n] ^= 1;
        assert!(read(&changed, &one).is_err(), "byte {n}");
        assert!(read(&file[..n], &one).is_err(), "cut at {n}");
    }
    let mut longer = file.clone();
    longer.push(0);
    assert!(read(&longer, &one).is_err());
    // The second chunk taken away: the first does not say that it is the last.
    let long = written(&[7; 70_000], &[one[0].recipient().unwrap()]);
    assert!(read(&long[..long.len() - (70_000 - 65_536) - 16], &one).is_err());
}

/// Made by `age` 0.11 (Rust) under these keys.
const IDENTITY: &str = "AGE-SECRET-KEY-1PJJMKMR9UKFUAGLFNJ022QTDRLCM4Q04EME8TZQG3D26HNXK895Q056493";
const RECIPIENT: &str = "age1h9cmaqvhe2232lk7sjwd2yv60wlsu2ng6a6pw8k525akc0tr2sdqjqwzhu";
const BY_KEY: &str = "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBxT3JYQWNzNUhmeHp3VlBVVWxiTFFLTEdtVHh5eFRmaEwxczB4emExQ3c4CnhHUjZXTFNKR256aE9Pbk5UdDNGKzZyTkNtdDBXaFJYTlk5aGd5WTBNMHcKLT4gL1JBO0RzLWdyZWFzZSB1IlRARzcgTEEkbWtebjggVFEsICtUJj5jaH11CkJGSTJRS0FaeE80Wmc0ZzV6cWRMTSsyREl1YjBTME1nNVlkT2xVYlFwZS93ckdVOFBkMGJQZXhmWk5BOTZ1MlkKbHphQ1UrNHhRSTlOdTc5K1pIT1MwV2pJK3U2MmhpY1g0M2pLTFFPNDNIVTVWVnVmTjUydXdoYwotLS0gaWJIVkc1akFyYTJCMVYzKzNLTGM5RlcwTG1TWGxRV01GOXR1L203WFBRbwqy6kQFnS6XuXbfm5BZ/zAjAszD5+0bj3dIHZC6P5U2ENpgLdJd5zL2kMpHE/NyQo7P0JkI7Btx";
const BY_PASSPHRASE: &str = "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCBuVGZuTXh3QklVbElqT1lWT21oempBIDE4ClpvaTd1ZEJrMXNQMVZQdmxudURQTTd3cFRtYnd4SzZuMjVRaExZZnM4aUkKLS0tIEJNUWlaMFcxbjVBVVdjWEpKWEM5Z0lUa2FpS2Z1RTlYSXd3RC9BMkVRTEUKWtwffCk8HkgeetNGyNSLv0WBLvjyF+HBlAEKzdkIXlW0vAsfy3rT9Hj0KSlcEH9LLgtYE3fbsg==";
const WORDS: &[u8] = b"made by the age program";

#[test]
fn files_of_the_reference_open() {
    let identity = Identity::parse(IDENTITY).unwrap();
    assert_eq!((identity.recipient().unwrap().text().as_str(), identity.text().as_str()), (RECIPIENT, IDENTITY));
    let file = |text: &str| base64_decode(text.trim_end_matches('=')).unwrap();
    assert_eq!(read(&file(BY_KEY), &[identity]).unwrap(), WORDS);
    let open = |with: &str| decrypt_with(with, Cursor::new(file(BY_PASSPHRASE)));
    let mut plain = Vec::new();
    open("correct horse battery").unwrap().read_to_end(&mut plain).unwrap();
    assert_eq!(plain, WORDS);
    assert_eq!(open("correct horse batteries").err(), Some(NotOpened::NoMatch));
}

#[test]
fn keys_are_one_text_each() {
    let odd = ["", "age1", &RECIPIENT[..60], &RECIPIENT.replacen('1', "2", 1), &format!("{RECIPIENT}q"), IDENTITY];
    odd.iter().for_each(|text| assert!(Recipient::parse(text).is_none(), "{text}"));
    assert!(Identity::parse(RECIPIENT).is_none() && Identity::parse(&IDENTITY[..70]).is_none());
}

#[test]
fn base64_is_strict() {
    for (bytes, text) in [(&b""[..], ""), (b"f", "Zg"), (b"fo", "Zm8"), (b"foo", "Zm9v"), (b"foob", "Zm9vYg")] {
        assert_eq!((base64_encode(bytes, false).as_str(), base64_decode(text).as_deref()), (text, Some(bytes)));
        assert_eq!(base64_encode(bytes, true).len() % 4, 0);
    }
    for odd in ["Z", "Zh", "Zg==", "Z g", "Zm9vY"] {
        assert_eq!(base64_decode(odd), None, "{odd}");
    }
}
