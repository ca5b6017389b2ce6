//! The words of what runs: the demo, the sandbox's network, and a system's processes. Does nothing itself.

use clap::{Args, Subcommand};

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
    Front {
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
