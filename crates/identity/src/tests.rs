//! The port as core uses it: passwords through the thread that hashes, and a passkey of an authenticator that is made here.

mod authenticator;
mod passkeys;
mod passwords;
