//! The world of one seed: its clock, its queue of events, its processes, its incidents. Knows the order of things, not their meaning.

use crate::audit::Audit;
use crate::calm::look;
use crate::cards::Stored;
use crate::clock::epoch;
use crate::door::Asker;
use crate::exec::{Group, Sim, Task, TaskId};
use crate::faults::{Fault, Weather};
use crate::gateway::Gateway;
use crate::net::{LinkId, Net};
use crate::rare::Rare;
use crate::rng::Rng;
use crate::trace::Trace;
use crate::vault::Vault;
use florin_api::Look;
use florin_core::id::Key;
use florin_core::time::Time;
use florin_merchant::OrderKey;
use florin_sandbox::{Host, HostSettings};
use florin_store::MemoryStore;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// How long the storm lasts at most.
pub const LONGEST_STORM_MS: i64 = 900_000;
/// How often the acquirer closes its day during the storm.
const DAYS_CLOSED: u32 = 4;
/// Within this after the storm every attempt has its end.
pub const HEALED_WITHIN_MS: i64 = 1_800_000;
/// Within this every event has reached its endpoint: the pause between two tries grows to an hour and a quarter.
const TOLD_WITHIN_MS: i64 = 9_000_000;
/// Events of one seed at most: more is a loop that does not end.
const EVENTS_LIMIT: u64 = 3_000_000;

/// What happens at a point in time.
pub enum Event {
    Wake(TaskId),
    /// A frame's body reaches the host.
    ToHost {
        link: LinkId,
        body: Vec<u8>,
    },
    /// A frame's body reaches the vault.
    ToVault {
        link: LinkId,
        body: Vec<u8>,
    },
    /// The host ends a connection.
    Closed {
        link: LinkId,
    },
    HalfOpen {
        link: LinkId,
    },
    /// A vault's link wants time to pass.
    VaultTick {
        vault: usize,
        start: u32,
    },
    /// A vault writes what waits for writing.
    VaultWrite {
        vault: usize,
        start: u32,
    },
    VaultConnect {
        vault: usize,
        start: u32,
    },
    GatewayStart {
        index: usize,
    },
    VaultStart {
        vault: usize,
    },
    /// A vault notices that a gateway is gone.
    GatewayGone {
        asker: Asker,
    },
    Incident(Incident),
    /// The storm is over.
    Heal,
}

/// Trouble that comes at a time of its own.
#[derive(Clone, Copy, Debug)]
pub enum Incident {
    LinkDrop,
    HalfOpen,
    PeerDown,
    IssuerDown,
    GatewayCrash,
    VaultCrash,
    BothCrash,
    ClockJump,
    ClockStops,
    ClockGoesOn,
    /// The acquirer closes its day.
    CloseDay,
    /// This gateway's store has stopped: it must start again.
    StoreStopped {
        index: usize,
        start: u32,
    },
}

pub struct World {
    pub seed: u64,
    pub rng: Rng,
    /// Steady time in ms since the world began.
    pub now: i64,
    /// Wall time at the beginning, Unix ms.
    pub epoch: i64,
    /// What the machine's wall clock is ahead by.
    pub clock_ahead_ms: i64,
    /// Steady time at which the clock stopped, while it stands still.
    pub clock_stopped_at: Option<i64>,
    /// The clock is never set back or ahead of these.
    pub clock_within_ms: (i64, i64),
    pub weather: Weather,
    pub healed_at: Option<i64>,
    pub trace: Trace,
    pub faults: BTreeMap<Fault, u64>,
    pub rare: Rare,

    events: BTreeMap<(i64, u64), Event>,
    sequence: u64,
    handled: u64,
    pub ready: VecDeque<TaskId>,
    pub current: TaskId,
    pub spawned: Vec<(TaskId, Group, Task)>,
    pub killed: Vec<Group>,
    next_task: TaskId,

    pub store: MemoryStore,
    pub gateways: Vec<Gateway>,
    pub vaults: Vec<Vault>,
    pub net: Net,
    pub host: Host,
    pub cards: Vec<Stored>,
    pub audit: Audit,
    /// Clients that have not finished what they came for.
    pub busy_clients: u32,
    pub next_claim: i64,
    pub next_request: u64,
    pub next_token: i64,
    /// How everything is named to the outside.
    pub look: Arc<Look>,
    /// Merchants' keys and customers, by account.
    pub secrets: BTreeMap<Key, String>,
    pub customers: BTreeMap<Key, Vec<Key>>,
    /// What they sign orders with.
    pub order_keys: BTreeMap<Key, OrderKey>,
    /// A week has passed after the storm.
    pub aged: bool,
    over: bool,
}

/// What one seed decides before anything happens.
pub struct Plan {
    pub seed: u64,
    pub story: bool,
}

impl World {
    pub fn new(plan: &Plan, cards: Vec<Stored>) -> World {
        let mut rng = Rng::new(plan.seed);
        let weather = Weather::draw(&mut rng);
        let settings = HostSettings {
            magic_amounts: !weather.forgetful,
            forgets_early_reversals: weather.forgetful,
            ..HostSettings::new([7; 32])
        };
        let gateways = rng.between(1, 2);
        let vaults = if gateways == 2 { rng.between(1, 2) } else { 1 };
        let lowest = -rng.pick(&[0, 0, 1_000, 3_600_000, 43_200_000, 86_400_000]);
        World {
            seed: plan.seed,
            now: 0,
            epoch: epoch(&mut rng),
            clock_ahead_ms: 0,
            clock_stopped_at: None,
            clock_within_ms: (lowest, lowest + 86_400_000),
            healed_at: None,
            trace: Trace::new(plan.story),
            faults: BTreeMap::new(),
            rare: Rare::default(),
            events: BTreeMap::new(),
            sequence: 0,
            handled: 0,
            ready: VecDeque::new(),
            current: 0,
            spawned: Vec::new(),
            killed: Vec::new(),
            next_task: 1,
            store: MemoryStore::new(),
            gateways: (0..gateways).map(|_| Gateway::default()).collect(),
            vaults: (0..vaults).map(|_| Vault::new()).collect(),
            net: Net::default(),
            host: Host::new(settings),
            cards,
            audit: Audit::new(weather.forgetful),
            busy_clients: 0,
            next_claim: 0,
            next_request: 0,
            next_token: 0,
            look: Arc::new(look()),
            secrets: BTreeMap::new(),
            customers: BTreeMap::new(),
            order_keys: BTreeMap::new(),
            aged: false,
            over: false,
            weather,
            rng,
        }
    }

    /// The machine's wall clock.
    pub fn wall(&self) -> Time {
        Time(self.epoch + self.clock_stopped_at.unwrap_or(self.now) + self.clock_ahead_ms)
    }

    /// The time as everybody else has it.
    pub fn true_time(&self) -> Time {
        Time(self.epoch + self.now)
    }

    pub fn at(&mut self, when: i64, event: Event) {
        self.sequence += 1;
        self.events.insert((when.max(self.now), self.sequence), event);
    }

    pub fn after(&mut self, ms: i64, event: Event) {
        self.at(self.now.saturating_add(ms), event);
    }

    pub fn spawn(&mut self, group: Group, task: Task) -> TaskId {
        let id = self.next_task;
        self.next_task += 1;
        self.spawned.push((id, group, task));
        self.ready.push_back(id);
        id
    }

    pub fn next_event(&mut self) -> Option<Event> {
        let ((when, sequence), event) = self.events.pop_first()?;
        self.handled += 1;
        self.now = when;
        self.trace.mix(when ^ sequence.cast_signed());
        Some(event)
    }

    /// The world ends when a promise was broken, when all is quiet after the storm, or when it should long have been.
    pub fn ended(&mut self) -> bool {
        if self.audit.violation.is_some() || self.over {
            return true;
        }
        if self.handled > EVENTS_LIMIT {
            self.audit.broken("the world comes to rest", None, || "too many events".into());
            return true;
        }
        if let Some(healed) = self.healed_at {
            let settled = self.busy_clients == 0
                && self.audit.at_rest()
                && self.net.is_quiet()
                && self.vaults.iter().all(Vault::is_quiet);
            let working = self.gateways.iter().any(|gateway| gateway.working > 0);
            let quiet = settled && !working && self.audit.told.at_rest() && !self.audit.cardholders_are_waited_for();
            if quiet && self.a_week_passes() {
                return false;
            }
            self.over = quiet && !self.audit.holds_are_left();
            if !settled && self.now > healed + HEALED_WITHIN_MS {
                let (clients, open) = (self.busy_clients, self.audit.open_things());
                self.audit.broken("every attempt ends", open.first().copied(), || {
                    format!(
                        "30 minutes after the storm: {clients} clients wait, {} attempts or jobs are open",
                        open.len()
                    )
                });
                return true;
            }
            if !self.over && self.now > healed + TOLD_WITHIN_MS {
                let open = self.audit.told.open();
                self.audit.broken("endpoints are told of every event", None, || {
                    format!("two and a half hours after the storm: {open}, gateways work: {working}")
                });
                return true;
            }
        }
        self.over
    }

    pub fn note(&mut self, fault: Fault) {
        *self.faults.entry(fault).or_insert(0) += 1;
        self.audit.seen_faults |= 1 << (fault as u64);
        self.trace.mix(1_000 + fault as i64);
    }

    pub fn tell(&mut self, about: Option<Key>, text: impl FnOnce() -> String) {
        self.trace.tell(self.now, about, text);
    }

    pub fn handle(&mut self, sim: &Sim, event: Event) {
        match event {
            Event::Wake(task) => self.ready.push_back(task),
            Event::ToHost { link, body } => self.reaches_host(link, &body),
            Event::ToVault { link, body } => self.reaches_vault(sim, link, &body),
            Event::Closed { link } => self.link_closed(sim, link),
            Event::HalfOpen { link } => self.net.half_open(link),
            Event::VaultTick { vault, start } => self.vault_tick(sim, vault, start),
            Event::VaultWrite { vault, start } => self.vault_write(sim, vault, start),
            Event::VaultConnect { vault, start } => self.vault_connect(sim, vault, start),
            Event::GatewayStart { index } => self.start_gateway(sim, index),
            Event::VaultStart { vault } => self.start_vault(sim, vault),
            Event::GatewayGone { asker } => self.gateway_gone(sim, asker),
            Event::Incident(incident) => self.strike(sim, incident),
            Event::Heal => self.heal(sim),
        }
    }

    /// Starts everything and lays out the storm's incidents.
    pub fn begin(&mut self, sim: &Sim, storm_ms: i64) {
        self.rare.storm(true);
        for vault in 0..self.vaults.len() {
            self.start_vault(sim, vault);
        }
        for index in 0..self.gateways.len() {
            self.start_gateway(sim, index);
        }
        let weather = self.weather.clone();
        let incidents = [
            (weather.link_drops, Incident::LinkDrop),
            (weather.half_opens, Incident::HalfOpen),
            (weather.peer_downs, Incident::PeerDown),
            (weather.issuer_downs, Incident::IssuerDown),
            (weather.gateway_crashes, Incident::GatewayCrash),
            (weather.vault_crashes, Incident::VaultCrash),
            (weather.both_crashes, Incident::BothCrash),
            (weather.clock_jumps, Incident::ClockJump),
            (weather.clock_stops, Incident::ClockStops),
            (DAYS_CLOSED, Incident::CloseDay),
        ];
        for (count, incident) in incidents {
            for _ in 0..count {
                let when = self.rng.between(1, storm_ms);
                self.at(when, Event::Incident(incident));
            }
        }
        if weather.forgetful {
            self.note(Fault::ForgetfulHost);
        }
        self.script_host();
        self.at(storm_ms, Event::Heal);
    }

    fn strike(&mut self, sim: &Sim, incident: Incident) {
        if let Incident::StoreStopped { index, start } = incident {
            if self.gateways[index].start == start {
                self.crash_gateway(index);
            }
            return;
        }
        if self.healed_at.is_some() {
            return;
        }
        match incident {
            Incident::LinkDrop => self.drop_some_link(sim),
            Incident::HalfOpen => self.half_open_some_link(),
            Incident::PeerDown => self.peer_down(sim),
            Incident::IssuerDown => self.issuer_down(),
            Incident::GatewayCrash => {
                let index = self.rng.below(self.gateways.len() as u64) as usize;
                self.note(Fault::GatewayCrash);
                self.crash_gateway(index);
            }
            Incident::VaultCrash => {
                let vault = self.rng.below(self.vaults.len() as u64) as usize;
                self.note(Fault::VaultCrash);
                self.crash_vault(vault);
            }
            Incident::BothCrash => {
                self.note(Fault::BothCrash);
                (0..self.gateways.len()).for_each(|index| self.crash_gateway(index));
                (0..self.vaults.len()).for_each(|vault| self.crash_vault(vault));
            }
            Incident::ClockJump => self.clock_jump(),
            Incident::ClockStops => self.clock_stops(),
            Incident::ClockGoesOn => self.clock_goes_on(),
            Incident::CloseDay => self.close_day(),
            Incident::StoreStopped { .. } => {}
        }
    }

    /// Everything is up and nothing is lost any more. The clock stays as it is: it only stops jumping.
    fn heal(&mut self, sim: &Sim) {
        let now = self.true_time();
        self.healed_at = Some(self.now);
        self.clock_goes_on();
        self.note_days();
        self.rare.storm(false);
        self.weather = Weather { forgetful: self.weather.forgetful, ..Weather::CALM };
        self.host.behave();
        self.net.peer_up();
        self.tell(None, || "the storm is over: all is up, nothing is lost".into());
        self.trace.mix(now.0);
        for vault in 0..self.vaults.len() {
            if !self.vaults[vault].up {
                self.start_vault(sim, vault);
            }
        }
        for index in 0..self.gateways.len() {
            if !self.gateways[index].up {
                self.start_gateway(sim, index);
            }
        }
    }
}
