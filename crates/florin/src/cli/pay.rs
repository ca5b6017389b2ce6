//! The words of `florin pay`. Does nothing itself.

use clap::{Args, ValueEnum};

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum When {
    Automatic,
    Manual,
}

#[derive(Args)]
pub struct Pay {
    /// Decimal amount, for example 19.99
    #[arg(allow_negative_numbers = true)]
    pub amount: String,
    /// ISO 4217 code, for example eur
    pub currency: String,
    /// Test card by name: visa, mastercard, amex, decline, insufficient-funds, timeout, … (`--card list` prints all)
    #[arg(long, default_value = "visa", conflicts_with = "number")]
    pub card: String,
    /// A published test card number, or - to read it from standard input
    #[arg(long)]
    pub number: Option<String>,
    /// Expiry MM/YY
    #[arg(long, requires = "number", default_value = "12/34")]
    pub exp: String,
    /// Security code on the card
    #[arg(long, requires = "number")]
    pub cvc: Option<String>,
    /// Take the money at once, or hold it for `florin capture`
    #[arg(long, value_enum, default_value_t = When::Automatic)]
    pub capture: When,
    /// What the customer ordered (kept encrypted)
    #[arg(long)]
    pub description: Option<String>,
    /// Where the receipt would go (kept encrypted)
    #[arg(long)]
    pub email: Option<String>,
    /// Repeat a call with the same key and get the same answer, never a second charge
    #[arg(long, value_name = "KEY")]
    pub idempotency_key: Option<String>,
}
