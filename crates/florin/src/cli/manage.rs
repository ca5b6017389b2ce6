//! The words for merchants' accounts, logs and webhooks. Does nothing itself.

use clap::Subcommand;
use std::path::PathBuf;

#[derive(Subcommand)]
pub enum Webhooks {
    /// Endpoints, newest first
    List {
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
    },
    /// Make an endpoint and print its signing secret, once
    Create {
        /// For example http://127.0.0.1:4242/webhooks (plain HTTP on loopback is for demos)
        url: String,
        /// A type of event, for example payment_intent.succeeded; may be repeated [default: all]
        #[arg(long = "event", value_name = "TYPE")]
        events: Vec<String>,
    },
    /// What an endpoint was told, newest first
    Deliveries {
        /// Its id (we_…)
        endpoint: String,
        /// succeeded, retrying, waiting or failed
        #[arg(long)]
        status: Option<String>,
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
    },
    /// Tell of an event again
    Resend {
        /// Its id (evt_…)
        event: String,
        /// One endpoint (we_…) [default: all that want it]
        #[arg(long)]
        endpoint: Option<String>,
    },
}

#[derive(Subcommand)]
pub enum Accounts {
    /// All accounts
    List,
    /// Make an account with no keys; `florin keys create --account` makes them
    Create {
        #[arg(long)]
        name: String,
        /// ISO 3166-1, for example NL [default: NL]
        #[arg(long)]
        country: Option<String>,
        /// ISO 4217, for example eur [default: eur]
        #[arg(long)]
        currency: Option<String>,
    },
    /// Change what an account asks for
    Set {
        /// Which [default: the first]
        #[arg(long, value_name = "ACCT")]
        account: Option<String>,
        /// Confirm no payment without a signed order
        #[arg(long, value_name = "BOOL")]
        require_order_code: Option<bool>,
    },
}

#[derive(Subcommand)]
pub enum Abuse {
    /// The newest decisions
    Log {
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        limit: u32,
    },
}

#[derive(Subcommand)]
pub enum Logs {
    /// The newest requests
    List {
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        limit: u32,
        /// For example 404, or 4xx
        #[arg(long)]
        status: Option<String>,
        /// GET, POST or DELETE
        #[arg(long)]
        method: Option<String>,
        /// One request by its id (req_…)
        #[arg(long, value_name = "REQ")]
        id: Option<String>,
    },
    /// Requests as they come, until stopped
    Tail,
}

#[derive(Subcommand)]
pub enum Customers {
    /// Print everything that is kept about a customer, as JSON: the customer and all its versions, cards, payments, refunds, consents
    Export {
        /// For example cus_2wTkQ0Zl8mHVQ1fBqJ3sXy
        id: String,
        /// Into this file, which must not be there yet, for this user alone [default: prints it]
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Make everything personal of a customer unreadable, for good: payments and books stay
    Erase {
        id: String,
        /// Say that it is meant
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Subcommand)]
pub enum Users {
    /// Who may sign in, and who is invited
    List,
    /// Print a link for the first owner; links that were printed before open nothing any more
    Link,
    /// Print a link with which somebody enrols, once, within a day
    Invite {
        /// For example kim@example.com
        email: String,
        /// owner, admin, developer, support, analyst or auditor
        #[arg(long)]
        role: String,
        /// On this account alone [default: on all]
        #[arg(long, value_name = "ACCT")]
        account: Option<String>,
        /// Largest refund of a support member, for example "50.00 eur"
        #[arg(long, value_name = "AMOUNT")]
        refund_limit: Option<String>,
    },
    /// Let somebody who lost their factors make others: asks for a second person's approval first
    Reset {
        /// Their id (user_…)
        #[arg(required_unless_present = "approved")]
        user: Option<String>,
        /// The approval's id, once it is given: prints the link
        #[arg(long, value_name = "APPROVAL", conflicts_with = "user")]
        approved: Option<String>,
    },
    /// Keep somebody out: every session is over at once
    Disable { user: String },
    /// Let somebody in again
    Enable { user: String },
    /// Make unreadable who somebody was, for good: what they did stays
    Erase {
        user: String,
        /// Say that it is meant
        #[arg(long)]
        yes: bool,
    },
}
