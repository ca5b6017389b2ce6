//! What the vault says of itself. Holds numbers and states, no card data.

use crate::edge::EdgeCounts;
use crate::egress::LinkHealth;
use crate::harden::Hardened;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// This start of this vault, as card tokens name it.
    pub instance: u32,
    pub version: String,
    pub live: bool,
    pub link: LinkHealth,
    /// Security codes held in memory.
    pub cells: usize,
    pub hardened: Hardened,
    /// What the edge counted, if there is one.
    #[serde(default)]
    pub edge: Option<EdgeCounts>,
}
