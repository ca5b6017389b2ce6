//! What can go wrong in a simulated world, and how much of it one seed draws. Knows neither payments nor messages.

use crate::rng::Rng;
use serde::Serialize;

/// Every kind of trouble that is injected. A run of a thousand seeds that left one out has shown less than it claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// A frame vanished on its way to the host.
    RequestLost,
    /// A frame vanished on its way back.
    AnswerLost,
    FrameDoubled,
    /// A frame took more than a second.
    FrameDelayed,
    /// A frame overtook an earlier one of its connection.
    FrameReordered,
    AmountAltered,
    StanAltered,
    RrnAltered,
    /// Bytes that are no message came in place of an answer.
    Garbage,
    LinkDropped,
    LinkHalfOpen,
    PeerDown,
    /// An issuer is silent; its network stands in.
    IssuerDown,
    /// The sandbox's own script of misbehaviour fell on a message.
    Script,
    /// The host answered 96 and did nothing.
    Malfunction,
    /// The host did what it was asked and answered 96.
    MalfunctionAfterWork,
    /// The host refused a message before it looked at it.
    RefusedUnseen,
    /// The host does not remember reversals that come before their original.
    ForgetfulHost,
    GatewayCrash,
    VaultCrash,
    BothCrash,
    CrashBeforeCommit,
    CrashAfterCommit,
    /// A commit was applied and its answer was lost.
    AnswerOfCommitLost,
    /// A commit was not applied, and nobody said so.
    CommitLost,
    ClockForward,
    ClockBack,
    /// The vault was kept from writing for a while.
    WritesStalled,
    /// A verdict took seconds through the socket.
    VerdictSlow,
    /// A client gave up waiting and asked again.
    ClientImpatient,
    /// A week passed, and holds came to their end.
    WeekPassed,
    /// The machine's clock stood still for a while.
    ClockStopped,
    /// A year ended while all this went on.
    YearTurned,
    /// It happened on the 29th of February.
    LeapDay,
    /// The disk failed at the n-th commit: its group is refused, the writer stops, the process ends.
    DiskError,
    /// A webhook endpoint took seconds to answer.
    EndpointSlow,
    /// A webhook endpoint answered 500.
    EndpointError,
    /// A webhook endpoint took the connection and never answered.
    EndpointHang,
    /// A webhook endpoint's connection broke.
    EndpointReset,
    /// A webhook endpoint took a letter, and its answer was lost.
    EndpointUnheard,
}

impl Fault {
    pub const ALL: [Fault; 40] = [
        Fault::RequestLost,
        Fault::AnswerLost,
        Fault::FrameDoubled,
        Fault::FrameDelayed,
        Fault::FrameReordered,
        Fault::AmountAltered,
        Fault::StanAltered,
        Fault::RrnAltered,
        Fault::Garbage,
        Fault::LinkDropped,
        Fault::LinkHalfOpen,
        Fault::PeerDown,
        Fault::IssuerDown,
        Fault::Script,
        Fault::Malfunction,
        Fault::MalfunctionAfterWork,
        Fault::RefusedUnseen,
        Fault::ForgetfulHost,
        Fault::GatewayCrash,
        Fault::VaultCrash,
        Fault::BothCrash,
        Fault::CrashBeforeCommit,
        Fault::CrashAfterCommit,
        Fault::AnswerOfCommitLost,
        Fault::CommitLost,
        Fault::ClockForward,
        Fault::ClockBack,
        Fault::WritesStalled,
        Fault::VerdictSlow,
        Fault::ClientImpatient,
        Fault::WeekPassed,
        Fault::ClockStopped,
        Fault::YearTurned,
        Fault::LeapDay,
        Fault::DiskError,
        Fault::EndpointSlow,
        Fault::EndpointError,
        Fault::EndpointHang,
        Fault::EndpointReset,
        Fault::EndpointUnheard,
    ];
    pub const fn as_str(self) -> &'static str {
        match self {
            Fault::RequestLost => "request_lost",
            Fault::AnswerLost => "answer_lost",
            Fault::FrameDoubled => "frame_doubled",
            Fault::FrameDelayed => "frame_delayed",
            Fault::FrameReordered => "frame_reordered",
            Fault::AmountAltered => "amount_altered",
            Fault::StanAltered => "stan_altered",
            Fault::RrnAltered => "rrn_altered",
            Fault::Garbage => "garbage",
            Fault::LinkDropped => "link_dropped",
            Fault::LinkHalfOpen => "link_half_open",
            Fault::PeerDown => "peer_down",
            Fault::IssuerDown => "issuer_down",
            Fault::Script => "script",
            Fault::Malfunction => "malfunction",
            Fault::MalfunctionAfterWork => "malfunction_after_work",
            Fault::RefusedUnseen => "refused_unseen",
            Fault::ForgetfulHost => "forgetful_host",
            Fault::GatewayCrash => "gateway_crash",
            Fault::VaultCrash => "vault_crash",
            Fault::BothCrash => "both_crash",
            Fault::CrashBeforeCommit => "crash_before_commit",
            Fault::CrashAfterCommit => "crash_after_commit",
            Fault::AnswerOfCommitLost => "answer_of_commit_lost",
            Fault::CommitLost => "commit_lost",
            Fault::ClockForward => "clock_forward",
            Fault::ClockBack => "clock_back",
            Fault::WritesStalled => "writes_stalled",
            Fault::VerdictSlow => "verdict_slow",
            Fault::ClientImpatient => "client_impatient",
            Fault::WeekPassed => "week_passed",
            Fault::ClockStopped => "clock_stopped",
            Fault::YearTurned => "year_turned",
            Fault::LeapDay => "leap_day",
            Fault::DiskError => "disk_error",
            Fault::EndpointSlow => "endpoint_slow",
            Fault::EndpointError => "endpoint_error",
            Fault::EndpointHang => "endpoint_hang",
            Fault::EndpointReset => "endpoint_reset",
            Fault::EndpointUnheard => "endpoint_unheard",
        }
    }
}

/// How much of each trouble a seed has. Chances are per mille of each occasion.
#[derive(Clone, Debug)]
pub struct Weather {
    pub request_lost: u32,
    pub answer_lost: u32,
    pub doubled: u32,
    pub delayed: u32,
    pub longest_delay_ms: i64,
    pub amount_altered: u32,
    pub stan_altered: u32,
    pub rrn_altered: u32,
    pub garbage: u32,
    pub malfunction: u32,
    pub malfunction_after_work: u32,
    pub refused: u32,
    pub forgetful: bool,
    pub commit_crash: u32,
    pub commit_trouble: u32,
    pub stalled: u32,
    pub verdict_slow: u32,
    pub impatient: u32,
    /// Longest pause of one store call.
    pub store_ms: i64,
    /// Incidents over the whole storm.
    pub link_drops: u32,
    pub half_opens: u32,
    pub peer_downs: u32,
    pub issuer_downs: u32,
    pub gateway_crashes: u32,
    pub vault_crashes: u32,
    pub both_crashes: u32,
    pub clock_jumps: u32,
    pub clock_stops: u32,
    /// Every so many commits of a gateway the disk fails; 0 is never.
    pub disk_fails_each: u32,
    pub script: bool,
    /// Webhook endpoints fail so often.
    pub hooks: u32,
}

impl Weather {
    /// No trouble at all: what everything runs in after the storm.
    pub const CALM: Weather = Weather {
        request_lost: 0,
        answer_lost: 0,
        doubled: 0,
        delayed: 0,
        longest_delay_ms: 50,
        amount_altered: 0,
        stan_altered: 0,
        rrn_altered: 0,
        garbage: 0,
        malfunction: 0,
        malfunction_after_work: 0,
        refused: 0,
        forgetful: false,
        commit_crash: 0,
        commit_trouble: 0,
        stalled: 0,
        verdict_slow: 0,
        impatient: 0,
        store_ms: 3,
        link_drops: 0,
        half_opens: 0,
        peer_downs: 0,
        issuer_downs: 0,
        gateway_crashes: 0,
        vault_crashes: 0,
        both_crashes: 0,
        clock_jumps: 0,
        clock_stops: 0,
        disk_fails_each: 0,
        script: false,
        hooks: 0,
    };

    /// A swarm: each seed draws which troubles it has at all, then how much of them.
    pub fn draw(rng: &mut Rng) -> Weather {
        let weather = Weather {
            request_lost: some(rng, 400, 300),
            answer_lost: some(rng, 500, 300),
            doubled: some(rng, 400, 300),
            delayed: some(rng, 500, 300),
            longest_delay_ms: rng.spread(1_000, 60_000),
            amount_altered: some(rng, 200, 60),
            stan_altered: some(rng, 200, 60),
            rrn_altered: some(rng, 200, 60),
            garbage: some(rng, 200, 60),
            malfunction: some(rng, 250, 150),
            malfunction_after_work: some(rng, 250, 150),
            refused: some(rng, 200, 60),
            forgetful: false,
            commit_crash: some(rng, 350, 30),
            commit_trouble: some(rng, 300, 30),
            stalled: some(rng, 200, 100),
            verdict_slow: some(rng, 250, 150),
            impatient: some(rng, 300, 200),
            store_ms: rng.spread(1, 400),
            link_drops: some(rng, 400, 6),
            half_opens: some(rng, 200, 3),
            peer_downs: some(rng, 200, 2),
            issuer_downs: some(rng, 200, 3),
            gateway_crashes: some(rng, 450, 6),
            vault_crashes: some(rng, 350, 4),
            both_crashes: some(rng, 200, 3),
            clock_jumps: some(rng, 300, 4),
            clock_stops: some(rng, 150, 3),
            disk_fails_each: if rng.chance(150) { u32::try_from(rng.between(20, 200)).unwrap_or(20) } else { 0 },
            script: rng.chance(200),
            hooks: some(rng, 500, 900),
        };
        if rng.chance(150) { weather.with_forgetful_host() } else { weather }
    }

    /// A host that forgets early reversals is survived only by the answer that tells of the approval: so no answer is lost on the way
    /// to the vault, and no vault dies with what it remembers. Gateways die, and clocks jump so that recovery comes too early.
    fn with_forgetful_host(self) -> Weather {
        Weather {
            request_lost: self.request_lost,
            doubled: self.doubled,
            delayed: self.delayed.max(200),
            longest_delay_ms: self.longest_delay_ms.max(45_000),
            forgetful: true,
            commit_crash: self.commit_crash,
            commit_trouble: self.commit_trouble,
            stalled: self.stalled,
            verdict_slow: self.verdict_slow,
            impatient: self.impatient,
            store_ms: self.store_ms,
            gateway_crashes: self.gateway_crashes,
            clock_jumps: self.clock_jumps,
            disk_fails_each: self.disk_fails_each,
            hooks: self.hooks,
            ..Weather::CALM
        }
    }
}

/// 1 to `most` in `per_mille` of the seeds, else nothing.
fn some(rng: &mut Rng, per_mille: u32, most: u32) -> u32 {
    let amount = u32::try_from(rng.between(1, i64::from(most))).unwrap_or(1);
    if rng.chance(per_mille) { amount } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_listed_once_in_order() {
        assert!(Fault::ALL.windows(2).all(|w| w[0] < w[1]));
        assert_eq!(Fault::ALL.last(), Some(&Fault::EndpointUnheard));
    }
}
