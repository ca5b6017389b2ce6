//! Hashing and comparing through the port.

use crate::{Identity, Place};
use florin_core::people::Checker;
use florin_core::seal::Secret;

pub fn place() -> Place {
    let origins = vec!["http://localhost:4000".to_owned(), "https://localhost:4001".to_owned()];
    Place { relying_party: "localhost".to_owned(), origins, product: "Florin".to_owned() }
}

pub fn identity(root: u8) -> Identity {
    Identity::new(&Secret::new([root; 32]), &place()).unwrap()
}

#[tokio::test]
async fn a_password_fits_what_was_kept_of_it_alone() {
    let identity = identity(1);
    let kept = identity.hash("a quiet lake in may").await.unwrap();
    assert!(kept.starts_with("$argon2id$v=19$m=47104,t=1,p=1$"), "{kept}");
    assert_eq!(identity.fits("a quiet lake in may", Some(&kept)).await, Ok(true));
    assert_eq!(identity.fits("a quiet lake in mai", Some(&kept)).await, Ok(false));
    assert_eq!(identity.fits("a quiet lake in may", None).await, Ok(false));
    assert_eq!(identity.fits("", None).await, Ok(false));
    assert_eq!(identity.fits("a quiet lake in may", Some("no hash")).await, Ok(false));
    // Two of the same have nothing in common, and the key that is not in the database is needed.
    assert_ne!(identity.hash("a quiet lake in may").await.unwrap(), kept);
    assert_eq!(self::identity(2).fits("a quiet lake in may", Some(&kept)).await, Ok(false));
    // Composed or not, it is the same letter.
    let composed = identity.hash("caf\u{e9} at the river").await.unwrap();
    assert_eq!(identity.fits("cafe\u{301} at the river", Some(&composed)).await, Ok(true));
}

#[test]
fn a_relying_party_is_the_host_or_above_it() {
    let check = |id: &str, origin: &str, good: bool| {
        let place = Place { relying_party: id.to_owned(), origins: vec![origin.to_owned()], ..place() };
        assert_eq!(Identity::new(&Secret::new([1; 32]), &place).is_ok(), good, "{id} {origin}");
    };
    check("pay.example.com", "https://pay.example.com", true);
    check("example.com", "https://pay.example.com", true);
    check("other.com", "https://pay.example.com", false);
    check("ample.com", "https://pay.example.com", false);
    check("pay.example.com", "pay.example.com", false);
}
