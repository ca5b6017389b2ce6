//! The command line: what it takes, and the help that teaches it. Does nothing itself.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

const AFTER: &str = "\
Exit codes: 0 done · 1 an error, named on standard error · 2 wrong usage · 3 the card was declined · 4 the outcome is not known yet

Settings come from flags, then FLORIN_* variables, then ./florin.toml, then $XDG_CONFIG_HOME/florin/config.toml, then defaults.
`florin doctor` shows each value and where it came from.

First steps:
  florin pay 19.99 eur --card visa        pay by a test card and see every hop
  florin pay 5 usd --card timeout         an answer gets lost: see it taken back
  florin refund ID                        give the money back
  florin prove --seeds 1000               crash it a thousand times, compare with the issuer's books";

#[derive(Parser)]
#[command(
    name = "florin",
    version,
    about = "A payment gateway with the whole card path in one binary",
    after_help = AFTER,
    max_term_width = 120,
    disable_help_subcommand = true
)]
pub struct Cli {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Args, Clone)]
pub struct Common {
    /// Folder that keeps everything [default: ./florin-data]
    #[arg(long, alias = "dir", global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Settings file [default: ./florin.toml if there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print JSON for programs instead of text for people
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Subcommand)]
pub enum Command {
    /// Pay by card and print the payment's journey hop by hop
    Pay(Pay),
    /// Claim the money of a payment that was made with --capture manual
    Capture {
        /// For example pi_2wTkQ0Zl8mHVQ1fBqJ3sXy
        id: String,
        /// A part, for example 5.00 [default: all that is held]
        #[arg(long, allow_negative_numbers = true)]
        amount: Option<String>,
    },
    /// Give up a payment: nothing is taken, a hold is released
    Cancel { id: String },
    /// Give money back
    Refund {
        /// The payment
        id: String,
        /// A part, for example 5.00 [default: all that is left]
        #[arg(allow_negative_numbers = true)]
        amount: Option<String>,
    },
    /// Print a payment or a refund
    Show { id: String },
    /// List payments, newest first
    List {
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
    },
    /// Print a payment's journey again
    Trace {
        id: String,
        /// Print a link that opens it in a browser for a day
        #[arg(long)]
        link: bool,
        /// Open it in the browser
        #[arg(long)]
        open: bool,
    },
    /// Run the simulation: crashes, lost answers and races, then our books against the issuer's
    Prove(Prove),
    /// Settlement reports of the acquirer, and where they and our books differ
    Settlement {
        #[command(subcommand)]
        ask: SettlementAsk,
    },
    /// Open an installation that came back from a backup, once it is compared with the acquirer
    Restore {
        #[command(subcommand)]
        ask: RestoreAsk,
    },
    /// Run the sandbox's acquirer, card networks and issuers alone, or ask a running one
    Network(Network),
    /// Run sandbox, vault, gateway and a shop in test mode until stopped
    Demo(Demo),
    /// Run vault and gateway against the acquirer of the settings
    Serve,
    /// API keys: list, create, roll, revoke
    Keys {
        #[command(subcommand)]
        ask: Keys,
        /// Whose keys [default: the first account's]
        #[arg(long, global = true, value_name = "ACCT")]
        account: Option<String>,
    },
    /// What is kept about a customer: all of it, or the end of it
    Customers {
        #[command(subcommand)]
        ask: Customers,
        /// Whose customer [default: the first account's]
        #[arg(long, global = true, value_name = "ACCT")]
        account: Option<String>,
    },
    /// Merchants' accounts on this installation
    Accounts {
        #[command(subcommand)]
        ask: Accounts,
    },
    /// The log of API requests
    Logs {
        #[command(subcommand)]
        ask: Logs,
        /// Whose requests [default: the first account's]
        #[arg(long, global = true, value_name = "ACCT")]
        account: Option<String>,
    },
    /// The defence against card testing: what it asked more of, and refused
    Abuse {
        #[command(subcommand)]
        ask: Abuse,
        /// Whose payments [default: the first account's]
        #[arg(long, global = true, value_name = "ACCT")]
        account: Option<String>,
    },
    /// Print the scripts that run in customers' browsers, and whether an installation serves exactly those (exit code 1 if not)
    Scripts {
        /// The card form's address, as https://pay.example.com [default: of what runs on the data folder]
        #[arg(long)]
        url: Option<String>,
    },
    /// Webhook endpoints of the running demo: list, create, what was delivered, telling again
    Webhooks {
        #[command(subcommand)]
        ask: Webhooks,
    },
    /// Start vault and gateway of the running system anew, one after the other, without losing a request
    Restart,
    /// Backups: make, list, try out, restore, and make them all the time
    Backup {
        #[command(subcommand)]
        ask: Backup,
    },
    /// Check this machine, the settings and the data, and say what to do
    Doctor,
    /// The ledger of the data folder
    Ledger {
        #[command(subcommand)]
        ask: LedgerAsk,
    },
    /// The same as `florin ledger verify`
    #[command(hide = true)]
    Verify,
    /// Print completions for a shell: `florin completions bash > /etc/bash_completion.d/florin`
    Completions { shell: clap_complete::Shell },
    /// Print the version and what it is built with
    Version,
    #[command(hide = true)]
    Bench(Bench),
    #[command(hide = true)]
    Process(Process),
}

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
pub enum Backup {
    /// Make an age identity: the file opens backups, its recipient (age1…) is what they are made for
    Keygen {
        /// The file; never overwritten
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Make a backup: what changed since the newest one, or all
    Create {
        #[command(flatten)]
        making: Making,
    },
    /// Make backups all the time, until stopped
    Schedule {
        #[command(flatten)]
        making: Making,
        /// Between two looks at what changed, for example 10s, 5m
        #[arg(long, default_value = "10s", value_name = "TIME", value_parser = seconds)]
        every: u32,
        /// Between two whole ones, for example 24h
        #[arg(long, default_value = "24h", value_name = "TIME", value_parser = seconds)]
        whole_every: u32,
    },
    /// List backups, newest first
    List {
        #[command(flatten)]
        place: Place,
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
    },
    /// Bring a backup back beside the data, look through all of it, and throw it away again
    Verify {
        /// [default: the newest]
        id: Option<String>,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        opening: Opening,
    },
    /// Bring a backup back into a data folder that holds no data; what runs on it is fenced
    Restore(Restoring),
}

#[derive(Args)]
pub struct Restoring {
    /// [default: the newest]
    pub id: Option<String>,
    /// The newest one made then or before, for example 2026-11-22T06:45:00Z
    #[arg(long, value_name = "TIME", conflicts_with = "id")]
    pub at: Option<String>,
    /// The folder [default: the data folder]
    #[arg(long, value_name = "DIR")]
    pub into: Option<PathBuf>,
    /// Folder with gateway.root and vault.kek, which are in no backup [default: `keys` of the data folder, and vault.kek of the settings]
    #[arg(long, value_name = "DIR")]
    pub keys: Option<PathBuf>,
    /// Even if ledger, rows or cards in it do not hold together
    #[arg(long)]
    pub damaged: bool,
    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    pub opening: Opening,
}

#[derive(Args)]
pub struct Place {
    /// Where backups lie: a folder, or s3://bucket/prefix [default: backup.place]
    #[arg(long, value_name = "PLACE")]
    pub place: Option<String>,
}

#[derive(Args)]
pub struct Making {
    #[command(flatten)]
    pub place: Place,
    /// Who can read it: age1…; may be repeated [default: backup.recipients]
    #[arg(long = "recipient", value_name = "AGE1")]
    pub recipients: Vec<String>,
    /// Instead: whoever knows the passphrase in this file
    #[arg(long, value_name = "FILE", conflicts_with = "recipients")]
    pub passphrase_file: Option<PathBuf>,
    /// All of it, not what changed; of a schedule: the first one
    #[arg(long)]
    pub whole: bool,
}

#[derive(Args)]
pub struct Opening {
    /// The identity file that opens it
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// The file with the passphrase that opens it
    #[arg(long, value_name = "FILE", conflicts_with = "identity")]
    pub passphrase_file: Option<PathBuf>,
}

/// `10`, `10s`, `5m`, `24h`, `7d`: one second at least, a year at most.
fn seconds(text: &str) -> Result<u32, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => 0,
    };
    let seconds = digits.parse::<u32>().ok().and_then(|n| n.checked_mul(unit)).filter(|n| (1..=31_536_000).contains(n));
    seconds.ok_or_else(|| "a time is like 10s, 5m, 24h or 7d".to_owned())
}

#[derive(Subcommand)]
pub enum LedgerAsk {
    /// Add up every balance anew, walk the ledger's chain and the events' chains, compare every row with its commitment (nothing may
    /// run on the folder)
    Verify,
}

#[derive(Subcommand)]
pub enum Keys {
    /// Keys of the account with their last use; never their text
    List,
    /// Make a key and print its text, once
    Create {
        #[arg(long, value_enum, default_value_t = Class::Secret)]
        class: Class,
        /// What people call it
        #[arg(long)]
        name: Option<String>,
        /// Of a restricted key: RESOURCE:none, :read or :write, for example payment_intents:write; may be repeated
        #[arg(long = "permission", value_name = "RESOURCE:ACCESS")]
        permissions: Vec<String>,
        /// From where it may be used: an address or a network, for example 203.0.113.0/24; may be repeated [default: everywhere]
        #[arg(long = "from", value_name = "NETWORK")]
        from: Vec<String>,
        /// It opens nothing from then on, in seconds since 1970
        #[arg(long, value_name = "SECONDS")]
        expires: Option<i64>,
    },
    /// Make a key that takes another's place, and print its text, once
    Roll {
        /// Its id (key_…) or its last four characters
        id: String,
        /// How long the old key goes on beside the new one
        #[arg(long, default_value_t = 0, value_name = "SECONDS")]
        overlap: i64,
    },
    /// End a key now
    Revoke {
        /// Its id (key_…) or its last four characters
        id: String,
    },
    /// All keys: what wraps, since when, which data keys seal how many cards and records, and what is overdue
    Status,
    /// Every algorithm and key that there is: what for, how long, where, by which standard
    Inventory,
    /// Make a key-encryption key for a new vault: as a file, behind a passphrase, split among custodians, or in a hardware module
    Init(Box<NewKek>),
    /// Enter the passphrase or one custodian's share at a vault that waits for it
    Unlock {
        /// Read it from this file instead of the terminal [default: asks without showing it; without a terminal, standard input]
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
    },
    /// Put another key in the place of one, while the vault serves
    Rotate {
        #[arg(value_enum)]
        what: Rotate,
        /// Read the passphrase, or a share, from this file instead of the terminal; once for each share
        #[arg(long = "from", value_name = "FILE")]
        from: Vec<PathBuf>,
        /// Where the custodians' new shares are written, a file each [default: they are printed]
        #[arg(long, value_name = "DIR")]
        shares_to: Option<PathBuf>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Rotate {
    /// The key-encryption key: every other key is wrapped anew, no card is touched
    Kek,
    /// The data key: every card is sealed anew, in the background; an interrupted run goes on at the next start
    Data,
    /// The gateway's keys of accounts: every stored record is sealed anew, and persons get other keys; goes on by itself like `data`
    Accounts,
    /// The key file that wraps the keys of accounts (gateway.root): no record is touched
    Root,
}

#[derive(Args)]
pub struct NewKek {
    /// The file to make, outside the data folder; `vault.kek` names it
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    #[arg(long, value_enum, default_value_t = Kind::File)]
    pub kind: Kind,
    /// Read the passphrase from this file instead of the terminal
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// Somebody who gets a share; once for each, at least two
    #[arg(long = "custodian", value_name = "NAME")]
    pub custodians: Vec<String>,
    /// How many of them must come together at each start
    #[arg(long, value_name = "N")]
    pub needed: Option<u8>,
    /// Where the shares are written, a file each [default: they are printed]
    #[arg(long, value_name = "DIR")]
    pub shares_to: Option<PathBuf>,
    /// The hardware module's PKCS#11 library, for example /usr/lib/softhsm/libsofthsm2.so
    #[arg(long, value_name = "FILE")]
    pub module: Option<PathBuf>,
    /// Label of its token
    #[arg(long)]
    pub token: Option<String>,
    /// Label for the key in it
    #[arg(long, default_value = "florin-kek")]
    pub label: String,
    /// File of the token's user PIN, mode 0600
    #[arg(long, value_name = "FILE")]
    pub pin_file: Option<PathBuf>,
    /// A folder that the library reads and writes, for the vault's confinement; may be repeated
    #[arg(long = "folder", value_name = "DIR")]
    pub folders: Vec<PathBuf>,
    /// A variable that the library reads, for example SOFTHSM2_CONF=/etc/softhsm2.conf; may be repeated
    #[arg(long = "env", value_name = "NAME=VALUE")]
    pub environment: Vec<String>,
    /// A TCP port that the library connects to; may be repeated
    #[arg(long = "port", value_name = "PORT")]
    pub ports: Vec<u16>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// 32 random bytes that their owner alone may read
    File,
    /// A file that a passphrase opens (argon2id)
    Passphrase,
    /// Split: some of the custodians must come together (Shamir)
    Shares,
    /// In a hardware security module (PKCS#11), which never gives it out
    Pkcs11,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Class {
    Secret,
    Publishable,
    Restricted,
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

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Prove {
    #[command(subcommand)]
    pub what: Option<ProveWhat>,
    /// How many histories to run
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    pub from: u64,
    /// Threads [default: one per core]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub threads: Option<u16>,
}

#[derive(Subcommand)]
pub enum ProveWhat {
    /// Send cards in every way, then look for them in the memory of vault and gateway, in files and in answers
    Memory {
        /// How many cards
        #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u16).range(16..=8_000))]
        cards: u16,
    },
    /// Kill the processes of a demo with -9 under load, then compare what was acknowledged with all books
    Crash(Crash),
    /// Race refunds, captures and cancellations over one payment each, and requests under one idempotency key, on a store of its own
    Races(Races),
}

#[derive(Args)]
pub struct Races {
    /// Payments that are raced over
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub races: u32,
    /// Requests about one payment at the same moment
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(2..=256))]
    pub racers: u32,
    /// Idempotency keys that are raced over
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub keys: u32,
    /// Requests under one key at the same moment
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(2..=256))]
    pub key_racers: u32,
}

#[derive(Args)]
pub struct Crash {
    /// How many kills
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub kills: u32,
    /// How long the load lasts at least [default: as long as the kills take, two seconds each]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    pub seconds: u64,
    /// The same seed makes the same load and the same choice of victims, though not the same moments
    #[arg(long)]
    pub seed: Option<u64>,
    /// Stories (payments with what follows them) begun each second
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u16).range(1..=2_000))]
    pub rate: u16,
    /// Requests at a time
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub connections: u16,
    /// Instead of killing: so many races of refunds, captures and cancellations over one payment each
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub races: Option<u32>,
    /// Keep the data folder when all is well; after a difference it is kept anyway
    #[arg(long)]
    pub keep: bool,
}

#[derive(Args)]
pub struct Bench {
    /// How long payments are measured at each number of connections
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=3_600))]
    pub seconds: u16,
    /// Connections at a time; may be repeated [default: 1, 8, 64 and 256]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub connections: Vec<u32>,
    /// Measure the store, the link and the terminal's door instead
    #[arg(long)]
    pub parts: bool,
    /// With --parts: small numbers
    #[arg(long, requires = "parts")]
    pub quick: bool,
}

#[derive(Args)]
pub struct Demo {
    /// Port of the API on loopback (TLS) [default: a free one]
    #[arg(long)]
    pub port: Option<u16>,
    /// Exact amounts ask the sandbox for misbehaviour (for example 90.01: no reply)
    #[arg(long)]
    pub magic_amounts: bool,
    /// Open the shop in the browser
    #[arg(long)]
    pub open: bool,
    /// Make browsers of this user, and as root programs of this machine, believe the demo's certificates
    #[arg(long)]
    pub trust: bool,
}

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Network {
    #[command(subcommand)]
    pub ask: Option<Ask>,
    /// Port of the acquirer's ISO 8583 host (mutual TLS); 0 takes a free one [default: 8583]
    #[arg(long)]
    pub port: Option<u16>,
    /// Port of the control interface on loopback; 0 takes a free one [default: 0]
    #[arg(long)]
    pub control_port: Option<u16>,
    /// Also take ISO 8583 without TLS on this loopback port, for tools that cannot do mutual TLS
    #[arg(long, value_name = "PORT")]
    pub plain_port: Option<u16>,
    /// Exact amounts ask for misbehaviour (for example 90.01: no reply); off unless given
    #[arg(long)]
    pub magic_amounts: bool,
}

#[derive(Subcommand)]
pub enum Ask {
    /// What the issuers' books say of a message
    Books(Find),
    /// What passed between acquirer, network and issuer
    Journal {
        /// Retrieval reference number (DE 37)
        #[arg(long)]
        rrn: String,
    },
    /// Totals of the issuers' books by currency
    Summary,
    /// Let the next messages go wrong (lost, drop, late, doubled, altered-amount, slow, half-open, down, …), or the next
    /// settlement reports (report-missing-line, report-late-line, report-wrong-amount, report-unknown-line, report-twice, …)
    Misbehave {
        /// The kind, or `off`
        kind: String,
        /// How many messages
        #[arg(long, default_value_t = 1)]
        count: u32,
        /// Only this message type, for example 0200
        #[arg(long)]
        mti: Option<String>,
    },
    /// Close the acquirer's day
    CloseDay,
}

#[derive(Subcommand)]
pub enum SettlementAsk {
    /// List the reports that were applied, newest first
    Reports {
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// List open breaks: missing_at_acquirer, unknown_to_us, amount_differs, currency_differs, duplicate
    Breaks {
        /// Resolved ones too (late ones among them)
        #[arg(long)]
        all: bool,
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Fetch and apply new reports now
    Pull,
}

#[derive(Subcommand)]
pub enum RestoreAsk {
    /// Compare with the acquirer's journal, book or reverse what was lost, then take payments again
    Reconcile {
        /// Say what would be done, and do nothing
        #[arg(long)]
        dry_run: bool,
        /// Open although differences remain
        #[arg(long)]
        accept: bool,
        /// Begin so many minutes before the backup
        #[arg(long, default_value_t = 60, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(1..=100_000))]
        margin: u32,
    },
    /// Open without a comparison, for an acquirer that gives no journal
    Release {
        /// Say that what the acquirer has was compared by hand
        #[arg(long)]
        without_comparing: bool,
    },
    /// List payments that were found at the acquirer alone
    Orphans {
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
}

#[derive(Args)]
pub struct Find {
    /// Retrieval reference number (DE 37)
    #[arg(long)]
    pub rrn: Option<String>,
    /// Trace number (DE 11)
    #[arg(long)]
    pub stan: Option<String>,
    /// Transmission date and time (DE 7)
    #[arg(long)]
    pub de7: Option<String>,
    /// Terminal id (DE 41)
    #[arg(long)]
    pub terminal: Option<String>,
}

#[derive(Args)]
pub struct Process {
    #[command(subcommand)]
    pub role: Role,
}

#[derive(Subcommand)]
pub enum Role {
    Vault {
        #[arg(long)]
        settings: String,
    },
    Gateway {
        #[arg(long)]
        settings: String,
    },
    Sandbox {
        #[arg(long)]
        settings: String,
    },
    Shop {
        #[arg(long)]
        settings: String,
    },
}
