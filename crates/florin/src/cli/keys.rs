//! The words of `florin keys`: API keys and the vault's. Does nothing itself.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

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
    /// What is asked of one key's requests: signatures (RFC 9421), signed orders
    Set {
        /// Its id (key_…) or its last four characters
        id: String,
        /// It confirms no payment without a signed order
        #[arg(long, value_name = "BOOL")]
        require_order_code: Option<bool>,
        /// hmac (makes a secret and prints it, once), none, or a PEM file with a public key of ed25519
        #[arg(long, value_name = "HOW")]
        signing: Option<String>,
        /// Its requests are refused unless they are signed
        #[arg(long, value_name = "BOOL")]
        require_signature: Option<bool>,
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
    /// Who has a share of the key-encryption key, and how many must come together; with --from, whose share this is
    Custodians {
        /// Check the share in this file against the key, without opening anything; once for each share
        #[arg(long = "from", value_name = "FILE")]
        from: Vec<PathBuf>,
    },
    /// Wrap every key under a new key-encryption key: the same as `rotate kek`
    Rewrap {
        /// Read the passphrase, or a share, from this file instead of the terminal; once for each share
        #[arg(long = "from", value_name = "FILE")]
        from: Vec<PathBuf>,
        /// Where the custodians' new shares are written, a file each [default: they are printed]
        #[arg(long, value_name = "DIR")]
        shares_to: Option<PathBuf>,
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

#[derive(Subcommand)]
pub enum OrderKeys {
    /// Keys of the account; never their text
    List,
    /// Make a key and print its text, once
    Create {
        /// Write id and text into this file instead, for its owner alone; never overwritten
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Make a key that takes another's place, and print its text, once
    Roll {
        /// Its id (ordkey_…)
        id: String,
        /// How long the old key goes on beside the new one
        #[arg(long, default_value_t = 86_400, value_name = "SECONDS")]
        overlap: i64,
        /// Write id and text into this file instead, for its owner alone; never overwritten
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// End a key now: what it signed is taken no more
    Revoke {
        /// Its id (ordkey_…)
        id: String,
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
