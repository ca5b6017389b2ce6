//! What comes long after the storm: a week passes, and holds that nobody captured are given up, in weather of their own.
//! Also what issuers' access control servers know of cardholders. Knows the order of things, not what they mean.

use crate::faults::{Fault, Weather};
use crate::world::{Event, Incident, World};
use florin_core::id::Key;
use florin_core::payment::Stage;
use florin_core::setup::SetupStage;
use florin_core::threeds::{Answer, Ask, Settled};

/// Longer than any hold lasts, whatever the clock was when it was made.
const PASSES_MS: i64 = 10 * 86_400_000;
/// How long the weather after it lasts at most.
const SECOND_STORM_MS: i64 = 120_000;

impl World {
    /// Once all is quiet and holds are left: a week passes for everybody, and the weather turns. False when there is nothing to wait for.
    pub fn a_week_passes(&mut self) -> bool {
        if self.aged || !self.audit.holds_are_left() {
            return false;
        }
        self.aged = true;
        self.epoch += PASSES_MS;
        self.healed_at = None;
        self.rare.storm(true);
        let drawn = Weather::draw(&mut self.rng);
        self.weather = match self.weather.forgetful {
            // Nothing may be lost that tells of a late approval (see `Weather::with_forgetful_host`).
            true => Weather { gateway_crashes: drawn.gateway_crashes, forgetful: true, ..Weather::CALM },
            false => Weather { forgetful: false, clock_jumps: 0, script: false, hooks: 0, ..drawn },
        };
        self.tell(None, || "ten days pass".into());
        let weather = self.weather.clone();
        let incidents = [
            (weather.link_drops, Incident::LinkDrop),
            (weather.peer_downs, Incident::PeerDown),
            (weather.gateway_crashes, Incident::GatewayCrash),
            (weather.both_crashes, Incident::BothCrash),
        ];
        for (count, incident) in incidents {
            for _ in 0..count {
                let when = self.now + self.rng.between(1, SECOND_STORM_MS);
                self.at(when, Event::Incident(incident));
            }
        }
        self.note(Fault::WeekPassed);
        self.after(SECOND_STORM_MS, Event::Heal);
        true
    }

    /// What a payment or a setup waits for its cardholder with.
    pub fn authentication_of(&self, owner: Key) -> Option<Key> {
        let of_payment = self.audit.payment(owner).and_then(|p| match p.stage {
            Stage::RequiresAction { authentication } => Some(authentication),
            _ => None,
        });
        let of_setup = || {
            self.audit.setup(owner).and_then(|s| match s.stage {
                SetupStage::RequiresAction { authentication } => Some(authentication),
                _ => None,
            })
        };
        of_payment.or_else(of_setup)
    }

    /// The cardholder answers on the issuer's page. The first answer counts.
    pub fn cardholder_answers(&mut self, authentication: Key, settled: Settled) {
        self.audit.cardholders.entry(authentication).or_insert(settled);
    }

    /// What the vault says of cardholders: every third card takes no part in 3-D Secure, and the directory is not always there.
    pub fn directory_answers(&mut self, ask: &Ask) -> Answer {
        if self.healed_at.is_none() && self.rng.chance(100) {
            return Answer::Trouble;
        }
        match ask {
            Ask::Enrolled { card, .. } => Answer::Enrolled(card.key.0 % 3 != 0),
            Ask::Begin(_) => Answer::Challenge { url: "https://issuer.example/challenge".into() },
            Ask::Result { authentication, .. } => {
                self.audit.cardholders.get(authentication).map_or(Answer::Waiting, |settled| Answer::Settled(*settled))
            }
        }
    }
}
