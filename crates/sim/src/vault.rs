//! A vault process as the world runs it: the real link to the host, behind it the gateways' door.
//! Knows what the real vault's shell knows: when to connect, to write, to close.

use crate::door::{Asked, Door};
use crate::exec::Sim;
use crate::net::LinkId;
use crate::world::{Event, World};
use florin_connect::connector::{self, Terms};
use florin_connect::iso8583::Dialect;
use florin_core::time::Time;
use florin_core::wire::{Unsure, Verdict};
use florin_vault::link::{Link, LinkSettings, Moment, Ticket};
use std::collections::BTreeMap;

/// The name of the connector whose link this is.
const CONNECTOR: usize = 0;
const ROOM_BYTES: usize = 1 << 20;

pub struct Vault {
    pub up: bool,
    pub start: u32,
    pub link: Link,
    connection: Option<LinkId>,
    pub waiting: BTreeMap<Ticket, Asked>,
    pub door: Door,
    wake: Option<i64>,
}

impl Vault {
    pub fn new() -> Vault {
        Vault {
            up: false,
            start: 0,
            link: new_link(),
            connection: None,
            waiting: BTreeMap::new(),
            door: Door::default(),
            wake: None,
        }
    }

    /// Nobody waits for an answer, and every late one was taken.
    pub fn is_quiet(&self) -> bool {
        self.waiting.is_empty() && self.door.is_quiet()
    }
}

fn new_link() -> Link {
    let dialect = Dialect::link();
    let settings = LinkSettings { journey: false, echo_after_ms: 60_000, ..LinkSettings::new(Terms::of(dialect)) };
    Link::new(dialect, connector::ALL[CONNECTOR], settings)
}

impl World {
    pub fn moment(&self) -> Moment {
        Moment { steady: Time(self.now), wall: self.wall() }
    }

    pub fn start_vault(&mut self, sim: &Sim, vault: usize) {
        if self.vaults[vault].up {
            return;
        }
        let v = &mut self.vaults[vault];
        (v.up, v.start, v.link, v.connection, v.wake) = (true, v.start + 1, new_link(), None, None);
        let start = v.start;
        self.tell(None, || format!("vault {vault} starts"));
        self.vault_connect(sim, vault, start);
        self.tell_late_again(sim, vault);
    }

    pub fn crash_vault(&mut self, vault: usize) {
        let v = &mut self.vaults[vault];
        if !v.up {
            return;
        }
        v.up = false;
        // The socket breaks: what was handed over may have been sent.
        let waiting = std::mem::take(&mut v.waiting);
        let connection = v.connection.take();
        v.door.crash();
        waiting.values().for_each(|asked| asked.put(self, Verdict::Unknown(Unsure::LinkLost)));
        connection.into_iter().for_each(|link| self.net.close(link));
        let pause = self.rng.spread(50, 60_000);
        self.tell(None, || format!("vault {vault} crashes, and will be back in {pause} ms"));
        self.after(pause, Event::VaultStart { vault });
    }

    pub fn vault_connect(&mut self, sim: &Sim, vault: usize, start: u32) {
        let v = &self.vaults[vault];
        if !v.up || v.start != start || v.connection.is_some() {
            return;
        }
        match self.dial(vault) {
            Some(link) => {
                let now = self.moment();
                self.vaults[vault].connection = Some(link);
                self.vaults[vault].link.connected(now);
                self.tell(None, || format!("vault {vault} has connection {link}"));
                self.pump(sim, vault);
            }
            None => {
                let pause = self.rng.between(1_000, 5_000);
                self.after(pause, Event::VaultConnect { vault, start });
            }
        }
    }

    /// A connection ended, by whichever side.
    pub fn link_closed(&mut self, sim: &Sim, link: LinkId) {
        self.net.close(link);
        let Some(vault) = self.vaults.iter().position(|v| v.connection == Some(link)) else { return };
        self.tell(None, || format!("connection {link} of vault {vault} is gone"));
        let now = self.moment();
        self.vaults[vault].connection = None;
        self.vaults[vault].link.disconnected(now);
        let (start, pause) = (self.vaults[vault].start, self.rng.between(200, 3_000));
        self.after(pause, Event::VaultConnect { vault, start });
        self.pump(sim, vault);
    }

    pub fn vault_received(&mut self, sim: &Sim, vault: usize, link: LinkId, body: &[u8]) {
        if self.vaults[vault].up && self.vaults[vault].connection == Some(link) {
            let now = self.moment();
            self.vaults[vault].link.received(now, body);
            self.pump(sim, vault);
        }
    }

    pub fn vault_tick(&mut self, sim: &Sim, vault: usize, start: u32) {
        let now = self.moment();
        let v = &mut self.vaults[vault];
        if v.up && v.start == start {
            v.wake = None;
            v.link.tick(now);
            self.pump(sim, vault);
        }
    }

    pub fn vault_write(&mut self, sim: &Sim, vault: usize, start: u32) {
        if self.vaults[vault].up && self.vaults[vault].start == start {
            self.pump(sim, vault);
        }
    }

    /// Does what the link asks for: write, tell verdicts, keep late answers, close, wake again.
    pub fn pump(&mut self, sim: &Sim, vault: usize) {
        let now = self.moment();
        let v = &mut self.vaults[vault];
        let frames = match v.connection {
            Some(link) => v.link.take_frames(now, ROOM_BYTES).into_iter().map(|f| (link, f)).collect(),
            None => Vec::new(),
        };
        let (verdicts, late) = (v.link.take_verdicts(), v.link.take_late());
        for (link, frame) in frames {
            // Two bytes of length stand before the body.
            let body = frame.bytes.get(2..).unwrap_or_default().to_vec();
            self.send_to_host(link, &body);
        }
        for (ticket, verdict) in verdicts {
            if let Some(asked) = self.vaults[vault].waiting.remove(&ticket) {
                self.give(sim, vault, &asked, verdict);
            }
        }
        for answer in late {
            self.keep_late(sim, vault, answer);
        }
        if let (Some(_), Some(link)) = (self.vaults[vault].link.must_close(), self.vaults[vault].connection) {
            return self.link_closed(sim, link);
        }
        self.wake_vault(vault);
    }

    pub fn wake_vault(&mut self, vault: usize) {
        let v = &mut self.vaults[vault];
        let Some(next) = v.link.next_wake() else { return };
        // A deadline itself is still in time: look just after it.
        let next = next.0.max(self.now) + 1;
        if v.wake.is_none_or(|wake| next < wake) {
            v.wake = Some(next);
            let start = v.start;
            self.at(next, Event::VaultTick { vault, start });
        }
    }
}
