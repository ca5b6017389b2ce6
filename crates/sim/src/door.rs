//! A vault's door as the world runs it: orders come in and verdicts go back over one connection for each start of a gateway.
//! An approval that its asker may not have heard becomes a late answer. Knows which gateway asked, not what for.

use crate::exec::{Cell, Group, Sim};
use crate::faults::Fault;
use crate::gateway::deliver_late;
use crate::world::{Event, World};
use florin_connect::amount;
use florin_connect::card::{Card, Pan};
use florin_core::threeds::Proof;
use florin_core::wire::{Late, NotSent, Order, Unsure, Verdict};
use florin_sandbox::{Purchase, authentication_value};
use florin_vault::link::Ticket;
use std::collections::{BTreeMap, VecDeque};

/// An approval given to a gateway that goes away within this time may not have been heard.
const UNHEARD_MS: i64 = 120_000;
/// Approvals remembered for a gateway.
const GIVEN_LIMIT: usize = 4_096;
/// Late answers that were not acknowledged are told again after this.
const LATE_AGAIN_MS: i64 = 30_000;
/// The gateway's client of the vault waits no longer for a verdict.
const ANSWER_LIMIT_MS: i64 = 60_000;

/// One connection of one start of one gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asker {
    pub index: usize,
    pub start: u32,
    pub connection: u32,
}

/// An order whose verdict somebody waits for.
pub struct Asked {
    asker: Asker,
    order: Order,
    cell: Cell<Verdict>,
}

/// What a vault has in memory and on its disk for the gateways behind its door.
#[derive(Default)]
pub struct Door {
    /// Open connections, with the approvals that were given over them a short while ago, and when.
    open: BTreeMap<Asker, VecDeque<(i64, Late)>>,
    /// On the vault's disk: answers that no gateway has acknowledged.
    late: BTreeMap<u64, Late>,
    next_late: u64,
}

impl Door {
    /// Every late answer was taken.
    pub fn is_quiet(&self) -> bool {
        self.late.is_empty()
    }

    /// The process is gone, and with it what it had in memory.
    pub fn crash(&mut self) {
        self.open.clear();
    }

    /// Remembers an approval for a while. False when the asker is gone already.
    fn give(&mut self, now: i64, asker: Asker, approval: Late) -> bool {
        let Some(given) = self.open.get_mut(&asker) else { return false };
        while given.len() >= GIVEN_LIMIT || given.front().is_some_and(|(at, _)| now - at > UNHEARD_MS) {
            given.pop_front();
        }
        given.push_back((now, approval));
        true
    }

    /// The approvals that this gateway, which is gone, may not have heard.
    fn close(&mut self, now: i64, asker: Asker) -> Vec<Late> {
        let given = self.open.remove(&asker).unwrap_or_default();
        given.into_iter().filter(|(at, _)| now - at <= UNHEARD_MS).map(|(_, late)| late).collect()
    }

    /// The same answer twice is one late answer.
    fn put(&mut self, late: Late) -> u64 {
        if let Some((number, _)) = self.late.iter().find(|(_, known)| **known == late) {
            return *number;
        }
        self.next_late += 1;
        self.late.insert(self.next_late, late);
        self.next_late
    }
}

impl Asked {
    pub fn put(&self, world: &mut World, verdict: Verdict) {
        self.cell.put(world, verdict);
    }
}

impl World {
    fn is_alive(&self, asker: Asker) -> bool {
        let gateway = &self.gateways[asker.index];
        gateway.up && gateway.start == asker.start && gateway.connection == asker.connection
    }

    fn vault_of(&self, gateway: usize) -> usize {
        gateway % self.vaults.len()
    }

    /// An order comes in.
    fn hand_over(&mut self, sim: &Sim, asked: Asked) {
        let vault = self.vault_of(asked.asker.index);
        if !self.vaults[vault].up {
            return asked.put(self, Verdict::NotSent(NotSent::NoVault));
        }
        if self.is_alive(asked.asker) {
            self.vaults[vault].door.open.entry(asked.asker).or_default();
        } else if self.rng.chance(500) {
            // It died before it had written; else what it wrote is read after its death.
            return;
        }
        self.check_order(&asked.order);
        match self.submit_to_link(vault, &asked.order) {
            Ok(ticket) => {
                self.vaults[vault].waiting.insert(ticket, asked);
                self.write_soon(sim, vault);
            }
            Err(verdict) => {
                self.give(sim, vault, &asked, verdict);
                self.wake_vault(vault);
            }
        }
    }

    fn submit_to_link(&mut self, vault: usize, order: &Order) -> Result<Ticket, Verdict> {
        let now = self.moment();
        if order.card.is_lost() {
            return self.vaults[vault].link.submit(now, order, None);
        }
        let place = usize::try_from(order.card.key.0 - 1).unwrap_or(usize::MAX);
        let stored = self.cards.get(place % self.cards.len()).ok_or(Verdict::NotSent(NotSent::NoSuchCard))?;
        let proven = order.proof.and_then(|proof| self.proven(order, proof, &stored.card));
        let card = proven.as_ref().unwrap_or(&stored.card);
        self.vaults[vault].link.submit(now, order, Some(card))
    }

    /// The card with the value that its issuer made for this order.
    fn proven(&self, order: &Order, proof: Proof, card: &Card) -> Option<Card> {
        let purchase = Purchase {
            card: self.host.card_hash(card.pan.reveal()),
            amount: amount::to_wire(order.money).ok()?.parse().ok()?,
            currency: order.money.currency.numeric(),
            directory: proof.directory,
            eci: proof.eci,
        };
        let pan = Pan::parse(card.pan.reveal()).ok()?;
        Some(Card { pan, expiry: card.expiry, cvc: None, cavv: authentication_value(self.host.value_key(), &purchase) })
    }

    fn write_soon(&mut self, sim: &Sim, vault: usize) {
        if self.rng.chance(self.weather.stalled) {
            self.note(Fault::WritesStalled);
            let (ms, start) = (self.rng.spread(200, 15_000), self.vaults[vault].start);
            self.after(ms, Event::VaultWrite { vault, start });
            self.wake_vault(vault);
        } else {
            self.pump(sim, vault);
        }
    }

    /// Answers an order. An approval that nobody hears of is a late answer: whoever settles the attempt must know that money moved.
    pub fn give(&mut self, sim: &Sim, vault: usize, asked: &Asked, verdict: Verdict) {
        let Order { account, owner, attempt, wire, .. } = asked.order;
        let late = Late { account, owner, attempt, wire, verdict };
        let (now, approved) = (self.now, matches!(verdict, Verdict::Approved(_)));
        if approved && !self.vaults[vault].door.give(now, asked.asker, late) {
            return self.keep_late(sim, vault, late);
        }
        asked.put(self, verdict);
    }

    /// The client waited in vain: the vault hangs, or what it says does not come through. Nobody hears any more on this connection.
    fn hang_up(&mut self, asker: Asker) {
        if !self.is_alive(asker) {
            return;
        }
        self.gateways[asker.index].connection += 1;
        let vault = self.vault_of(asker.index);
        let waiting = self.vaults[vault].waiting.values().filter(|asked| asked.asker == asker);
        let lost: Vec<Cell<Verdict>> = waiting.map(|asked| asked.cell.clone()).collect();
        lost.iter().for_each(|cell| cell.put(self, Verdict::Unknown(Unsure::LinkLost)));
        self.tell(None, || format!("gateway {} gives up its connection to vault {vault}", asker.index));
        self.connection_ends(asker);
    }

    /// The vault notices shortly after.
    pub fn connection_ends(&mut self, asker: Asker) {
        let noticed_in = self.rng.between(0, 2);
        self.after(noticed_in, Event::GatewayGone { asker });
    }

    /// A gateway's end of the connection is closed.
    pub fn gateway_gone(&mut self, sim: &Sim, asker: Asker) {
        let (now, vault) = (self.now, self.vault_of(asker.index));
        for late in self.vaults[vault].door.close(now, asker) {
            self.keep_late(sim, vault, late);
        }
    }

    /// Makes a late answer durable, then tells of it.
    pub fn keep_late(&mut self, sim: &Sim, vault: usize, late: Late) {
        let number = self.vaults[vault].door.put(late);
        self.tell(Some(late.owner), || format!("a late answer: {}", crate::words::verdict(&late.verdict)));
        for index in 0..self.gateways.len() {
            if self.vault_of(index) == vault {
                deliver_late(self, sim, index, vault, number, late);
            }
        }
    }

    /// A gateway asks for late answers: all that its vault has.
    pub fn watch_late(&mut self, sim: &Sim, index: usize) {
        let vault = self.vault_of(index);
        if self.vaults[vault].up {
            for (number, late) in self.vaults[vault].door.late.clone() {
                deliver_late(self, sim, index, vault, number, late);
            }
        }
    }

    /// Late answers are told to every gateway when the vault starts, and again as long as they are not acknowledged.
    pub fn tell_late_again(&mut self, sim: &Sim, vault: usize) {
        let start = self.vaults[vault].start;
        let sim = sim.clone();
        let task = async move {
            loop {
                {
                    let world = &mut *sim.lock();
                    if !world.vaults[vault].up || world.vaults[vault].start != start {
                        return;
                    }
                    for index in 0..world.gateways.len() {
                        if world.vault_of(index) == vault {
                            world.watch_late(&sim, index);
                        }
                    }
                }
                sim.sleep(LATE_AGAIN_MS).await;
            }
        };
        self.spawn(Group::Client, Box::pin(task));
    }

    /// The late answer is durable at a gateway. If the vault does not hear that, it tells of it again.
    pub fn acknowledge(&mut self, vault: usize, number: u64) {
        if self.vaults[vault].up {
            self.vaults[vault].door.late.remove(&number);
        }
    }
}

/// What the gateway's client of the vault does: never fails, says what is known.
pub async fn submit(sim: &Sim, index: usize, order: Order) -> Verdict {
    let until = sim.now() + ANSWER_LIMIT_MS;
    let cell = Cell::new();
    let (asker, back) = {
        let world = &mut *sim.lock();
        let gateway = &world.gateways[index];
        let asker = Asker { index, start: gateway.start, connection: gateway.connection };
        let slow = world.rng.chance(world.weather.verdict_slow);
        if slow {
            world.note(Fault::VerdictSlow);
        }
        let back = if slow { world.rng.between(500, 60_000) } else { world.rng.between(0, 2) };
        let there = world.rng.between(0, 2);
        let (asked, sim) = (Asked { asker, order, cell: cell.clone() }, sim.clone());
        let frame = async move {
            sim.sleep(there).await;
            sim.lock().hand_over(&sim, asked);
        };
        // The frame outlives its process once it is written.
        world.spawn(Group::Client, Box::pin(frame));
        (asker, back)
    };
    let given = sim.wait(&cell, Some(until)).await;
    let heard_at = sim.now() + back;
    sim.sleep(heard_at.min(until) - sim.now()).await;
    let mut world = sim.lock();
    let verdict = match given {
        _ if !world.is_alive(asker) => Verdict::Unknown(Unsure::LinkLost),
        Some(verdict) if heard_at <= until => verdict,
        Some(_) | None => {
            world.hang_up(asker);
            Verdict::Unknown(Unsure::NoAnswer)
        }
    };
    world.tell(Some(order.owner), || format!("the vault says: {}", crate::words::verdict(&verdict)));
    verdict
}
