//! A vault process as the world runs it: the real link with cards in memory, its journal of late answers, the gateway's door.
//! Knows what the real vault's shell knows: when to connect, to write, to tell.

use crate::exec::{Cell, Group, Sim};
use crate::faults::Fault;
use crate::gateway::deliver_late;
use crate::net::LinkId;
use crate::world::{Event, World};
use florin_connect::connector::{self, Terms};
use florin_connect::iso8583::Dialect;
use florin_core::time::Time;
use florin_core::wire::{Late, NotSent, Order, Unsure, Verdict};
use florin_vault::link::{Link, LinkSettings, Moment, Ticket};
use std::collections::BTreeMap;

/// The name of the connector whose link this is.
const CONNECTOR: usize = 0;
/// A late answer that was not acknowledged is told again after this.
const TELL_AGAIN_MS: i64 = 5_000;
const ROOM_BYTES: usize = 1 << 20;

pub struct Vault {
    pub up: bool,
    pub start: u32,
    link: Link,
    connection: Option<LinkId>,
    waiting: BTreeMap<Ticket, Cell<Verdict>>,
    /// On the vault's disk: answers that no gateway has acknowledged.
    late: BTreeMap<u64, Late>,
    next_late: u64,
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
            late: BTreeMap::new(),
            next_late: 0,
            wake: None,
        }
    }

    /// Nobody waits for an answer, and every late one was taken.
    pub fn is_quiet(&self) -> bool {
        self.waiting.is_empty() && self.late.is_empty()
    }

    pub fn acknowledge(&mut self, number: u64) {
        self.late.remove(&number);
    }

    pub fn still_late(&self, number: u64) -> bool {
        self.late.contains_key(&number)
    }
}

fn new_link() -> Link {
    let dialect = Dialect::link();
    let settings = LinkSettings { journey: false, echo_after_ms: 60_000, ..LinkSettings::new(Terms::of(dialect)) };
    Link::new(dialect, connector::ALL[CONNECTOR], settings)
}

impl World {
    fn moment(&self) -> Moment {
        Moment { steady: Time(self.now), wall: self.wall() }
    }

    pub fn start_vault(&mut self, sim: &Sim, vault: usize) {
        if self.vaults[vault].up {
            return;
        }
        let v = &mut self.vaults[vault];
        (v.up, v.start, v.link, v.connection, v.wake) = (true, v.start + 1, new_link(), None, None);
        let (start, late) = (v.start, v.late.keys().copied().collect::<Vec<u64>>());
        self.tell(None, || format!("vault {vault} starts"));
        self.vault_connect(sim, vault, start);
        late.into_iter().for_each(|number| self.tell_late(sim, vault, number));
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
        waiting.values().for_each(|cell| cell.put(self, Verdict::Unknown(Unsure::LinkLost)));
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
    fn pump(&mut self, sim: &Sim, vault: usize) {
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
            if let Some(cell) = self.vaults[vault].waiting.remove(&ticket) {
                cell.put(self, verdict);
            }
        }
        for answer in late {
            let v = &mut self.vaults[vault];
            v.next_late += 1;
            let number = v.next_late;
            v.late.insert(number, answer);
            self.tell(Some(answer.owner), || format!("a late answer: {}", crate::words::verdict(&answer.verdict)));
            self.tell_late(sim, vault, number);
        }
        if let (Some(_), Some(link)) = (self.vaults[vault].link.must_close(), self.vaults[vault].connection) {
            return self.link_closed(sim, link);
        }
        self.wake_vault(vault);
    }

    fn wake_vault(&mut self, vault: usize) {
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

    /// Offers a late answer to a gateway that is up, until one takes it.
    pub fn tell_late(&mut self, sim: &Sim, vault: usize, number: u64) {
        let Some(late) = self.vaults[vault].late.get(&number).copied() else { return };
        if !self.vaults[vault].up {
            return;
        }
        let up: Vec<usize> = (0..self.gateways.len()).filter(|index| self.gateways[*index].up).collect();
        if !up.is_empty() {
            let index = self.rng.pick(&up);
            deliver_late(self, sim, index, vault, number, late);
        }
        let (sim, again) = (sim.clone(), sim.clone());
        let start = self.vaults[vault].start;
        let task = async move {
            sim.sleep(TELL_AGAIN_MS).await;
            let mut world = again.lock();
            if world.vaults[vault].start == start && world.vaults[vault].still_late(number) {
                world.tell_late(&again, vault, number);
            }
        };
        self.spawn(Group::Client, Box::pin(task));
    }

    /// The door: an order is handed over, or could not be.
    fn hand_over(&mut self, sim: &Sim, vault: usize, order: &Order) -> Result<Cell<Verdict>, Verdict> {
        if !self.vaults[vault].up {
            return Err(Verdict::NotSent(NotSent::NoVault));
        }
        self.check_order(order);
        let now = self.moment();
        let place = usize::try_from(order.card.key.0 - 1).unwrap_or(usize::MAX);
        let Some(stored) = self.cards.get(place) else { return Err(Verdict::NotSent(NotSent::NoSuchCard)) };
        let taken = self.vaults[vault].link.submit(now, order, &stored.card);
        let ticket = match taken {
            Ok(ticket) => ticket,
            Err(verdict) => {
                self.wake_vault(vault);
                return Err(verdict);
            }
        };
        let cell = Cell::new();
        self.vaults[vault].waiting.insert(ticket, cell.clone());
        if self.rng.chance(self.weather.stalled) {
            self.note(Fault::WritesStalled);
            let (ms, start) = (self.rng.spread(200, 15_000), self.vaults[vault].start);
            self.after(ms, Event::VaultWrite { vault, start });
            self.wake_vault(vault);
        } else {
            self.pump(sim, vault);
        }
        Ok(cell)
    }
}

/// What the gateway's client of the vault does: never fails, says what is known.
pub async fn submit(sim: &Sim, gateway: usize, order: Order) -> Verdict {
    let (vault, there, back) = {
        let world = &mut *sim.lock();
        let slow = world.rng.chance(world.weather.verdict_slow);
        if slow {
            world.note(Fault::VerdictSlow);
        }
        let back = if slow { world.rng.between(500, 60_000) } else { world.rng.between(0, 2) };
        (gateway % world.vaults.len(), world.rng.between(0, 2), back)
    };
    sim.sleep(there).await;
    let handed = sim.lock().hand_over(sim, vault, &order);
    let verdict = match handed {
        Ok(cell) => sim.wait(&cell, None).await.unwrap_or(Verdict::Unknown(Unsure::LinkLost)),
        Err(verdict) => verdict,
    };
    sim.sleep(back).await;
    let mut world = sim.lock();
    world.tell(Some(order.owner), || format!("the vault says: {}", crate::words::verdict(&verdict)));
    verdict
}
