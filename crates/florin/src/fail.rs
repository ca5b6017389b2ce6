//! Errors as people and programs see them: a code, what happened, what to do, and the exit code.

use serde::Serialize;

/// A named error. `message` says what happened and what to do next; it never holds card data or personal data.
#[derive(Debug, Serialize)]
pub struct Fail {
    pub code: String,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub param: Option<String>,
    #[serde(skip)]
    pub exit: u8,
}

impl Fail {
    pub fn new(code: &str, message: impl Into<String>) -> Fail {
        Fail { code: code.to_owned(), message: message.into(), param: None, exit: 1 }
    }
    pub fn usage(code: &str, param: &str, message: impl Into<String>) -> Fail {
        Fail { code: code.to_owned(), message: message.into(), param: Some(param.to_owned()), exit: 2 }
    }
    pub fn exit(mut self, exit: u8) -> Fail {
        self.exit = exit;
        self
    }
    /// Prints to standard error: one line of JSON, or two lines of text.
    pub fn print(&self, json: bool) {
        if json {
            return crate::log::line(format_args!("{}", serde_json::json!({ "error": self })));
        }
        match &self.param {
            Some(param) => {
                crate::log::line(format_args!("florin: {} ({param}): {}", self.code, self.message));
            }
            None => crate::log::line(format_args!("florin: {}: {}", self.code, self.message)),
        }
    }
}

pub type Outcome = Result<u8, Fail>;

/// An I/O error with the thing it happened to.
pub fn io(what: &str, path: &std::path::Path, error: &std::io::Error) -> Fail {
    let hint = match error.kind() {
        std::io::ErrorKind::PermissionDenied => "Give this user access to it, or choose another folder with --data.",
        std::io::ErrorKind::StorageFull => "Free some space, then run it again: nothing was half-written.",
        std::io::ErrorKind::NotFound => "Check the path.",
        _ => "Check the disk and the path.",
    };
    Fail::new("io_error", format!("cannot {what} {}: {error}. {hint}", path.display()))
}
