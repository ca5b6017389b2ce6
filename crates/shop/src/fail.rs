//! Why the shop cannot start or go on, for people. Knows no page.

/// A named error: what happened and what to do. Holds no secret and nothing of a customer.
#[derive(Debug)]
pub struct Fail {
    pub code: &'static str,
    pub message: String,
}

impl Fail {
    pub fn new(code: &'static str, message: impl Into<String>) -> Fail {
        Fail { code, message: message.into() }
    }
}

impl From<rusqlite::Error> for Fail {
    fn from(error: rusqlite::Error) -> Fail {
        // The text of an SQLite error names tables and columns, never values.
        Fail::new("shop_database", format!("the shop's database: {error}"))
    }
}
