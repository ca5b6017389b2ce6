//! Standard output for people and programs. A reader that has seen enough (`florin list | head`) ends the command quietly.

use std::fmt;
use std::io::{ErrorKind, Write};

/// Prints a line. Used through `out!`.
pub fn line(text: fmt::Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = out.write_fmt(text).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()) {
        // Nobody reads any more: what the command was to do is done.
        std::process::exit(if error.kind() == ErrorKind::BrokenPipe { 0 } else { 1 });
    }
}

/// `println!` that does not panic when nobody reads.
macro_rules! out {
    ($($part:tt)*) => { $crate::out::line(format_args!($($part)*)) };
}

pub(crate) use out;
