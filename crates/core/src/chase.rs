//! A cardholder who was sent to their issuer and did not come back: what came of it is asked for, and a challenge that nobody ends has
//! an end. Believes no browser, and sends nothing to an issuer.

use crate::attempt::{Owner, drop_job};
use crate::commit::{Clock, Commit, Job, JobId, JobKind, Version};
use crate::flow::{self, Failure, Met};
use crate::id::{Key, Kind};
use crate::payment::{self, Payment, PaymentView};
use crate::ports::Ports;
use crate::rare::{Site, rare};
use crate::refusal::Refusal;
use crate::setup::{self, Setup, SetupView};
use crate::threeds::{Answer, Ask, Authentication, Settled, TransId, TransStatus};
use crate::time::Time;

/// How long the browser has before anybody else asks. Pauses double up to `JobKind::Chase.longest_wait_ms()`.
const FIRST_PAUSE_MS: i64 = 60_000;
/// An authentication that has no result after this has failed: issuers give their pages less (EMV 3DS 2.2 §5.5: time-outs are N).
pub const AUTHENTICATION_LIMIT_MS: i64 = 3_600_000;
/// Whatever the clock says: it may have been set back since. More than the pauses of an hour, so that a process that dies often ends nothing
/// early.
const MOST_TRIES: u32 = 12;

/// The job that asks. It goes by the authentication's own key, so that whoever ends the wait can name it.
pub(crate) fn job(account: Key, owner: Key, authentication: Key, now: Time) -> Job {
    let (id, kind, clock) = (job_of(authentication), JobKind::Chase, Clock::Real);
    let due = now.plus_ms(FIRST_PAUSE_MS);
    Job { id, kind, account, subject: owner, attempt: authentication, due, clock, tries: 0 }
}

pub(crate) const fn job_of(authentication: Key) -> JobId {
    authentication
}

fn pause_ms(tries: u32) -> i64 {
    FIRST_PAUSE_MS.saturating_mul(1 << tries.min(10)).min(JobKind::Chase.longest_wait_ms())
}

/// What is known of the authentication, if the thing waits for it still.
fn result(answer: &Answer, authentication: &Authentication, now: Time, tries: u32) -> Option<Settled> {
    let over = now.since(authentication.key.time()) >= AUTHENTICATION_LIMIT_MS || tries >= MOST_TRIES;
    let nobody = Settled { status: TransStatus::Failed, eci: None, directory: TransId([0; 16]), challenged: true };
    match answer {
        Answer::Settled(settled) => Some(*settled),
        Answer::Waiting | Answer::Trouble | Answer::Challenge { .. } | Answer::Enrolled(_) => over.then_some(nobody),
    }
}

/// Where a thing waits for its cardholder.
struct Waiting {
    authentication: Authentication,
    live: bool,
    version: Version,
}

/// Does a leased `Chase` job: goes on with what waits for a cardholder when the issuer has their answer, or when they had their time.
pub async fn chase(ports: &dyn Ports, due: &Job) -> Result<(), Failure> {
    if rare(Site::ChaseLeft) {
        return Ok(());
    }
    for _ in 0..flow::TRIES {
        let row = ports.store().get(&[due.subject]).await?.into_iter().next().flatten();
        let seen = row.as_ref().map_or(Version::NONE, |row| row.version);
        let waiting = match row.as_ref().map(|row| (row.kind, row)) {
            Some((Kind::Payment, row)) => of_payment(&flow::read(row)?, due.attempt),
            Some((Kind::Setup, row)) => of_setup(&flow::read(row)?, due.attempt),
            _ => None,
        };
        let Some(waiting) = waiting else {
            if drop_job(ports, due, seen).await? {
                return Ok(());
            }
            continue;
        };
        let Authentication { key, card, money, .. } = waiting.authentication;
        let (account, live) = (due.account, waiting.live);
        let answer = ports.authenticate(Ask::Result { account, live, authentication: key, card, money }).await;
        let now = ports.now();
        if let Some(settled) = result(&answer, &waiting.authentication, now, due.tries) {
            return go_on(ports, due, settled).await;
        }
        let ends = key.time().plus_ms(AUTHENTICATION_LIMIT_MS);
        let next = now.plus_ms(pause_ms(due.tries)).min(ends.max(now.plus_ms(FIRST_PAUSE_MS)));
        let again = Job { due: next, ..*due };
        let commit = Commit { expect: vec![(due.subject, waiting.version)], jobs: vec![again], ..Commit::default() };
        match flow::commit(ports.store(), commit, None).await? {
            Met::Applied => return Ok(()),
            Met::Conflict | Met::Replay(_) | Met::Guard => {}
        }
    }
    Err(Refusal::Contended.into())
}

fn of_payment(view: &PaymentView, authentication: Key) -> Option<Waiting> {
    let waits = view.body.stage == (payment::Stage::RequiresAction { authentication });
    let found = view.body.authentication(authentication).filter(|_| waits)?;
    Some(Waiting { authentication: *found, live: view.body.live, version: view.version })
}

fn of_setup(view: &SetupView, authentication: Key) -> Option<Waiting> {
    let waits = view.body.stage == (setup::SetupStage::RequiresAction { authentication });
    let found = view.body.authentication(authentication).filter(|_| waits)?;
    Some(Waiting { authentication: *found, live: view.body.live, version: view.version })
}

async fn go_on(ports: &dyn Ports, due: &Job, settled: Settled) -> Result<(), Failure> {
    let (account, owner, authentication) = (due.account, due.subject, due.attempt);
    let row = ports.store().get(&[owner]).await?.into_iter().next().flatten();
    let done = match row.map(|row| row.kind) {
        Some(<Payment as Owner>::KIND) => {
            let command = payment::Authenticated { account, payment: owner, authentication, settled };
            payment::authenticated(ports, &command).await.map(drop)
        }
        Some(<Setup as Owner>::KIND) => {
            let command = setup::AuthenticatedSetup { account, setup: owner, authentication, settled };
            setup::authenticated(ports, &command).await.map(drop)
        }
        _ => Ok(()),
    };
    match done {
        // The cardholder came back this moment: the job comes back and sees.
        Err(Failure::Refused(Refusal::UnexpectedState { .. } | Refusal::SetupState { .. })) => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_ten_minutes() {
        let minutes: Vec<i64> = (0..6).map(|tries| pause_ms(tries) / 60_000).collect();
        assert_eq!(minutes, [1, 2, 4, 8, 10, 10]);
        assert_eq!(pause_ms(u32::MAX), 600_000);
    }

    /// Who is still waited for, `after_ms` and so many tries later.
    #[test]
    fn a_wait_has_an_end() {
        #[track_caller]
        fn check(after_ms: i64, tries: u32, answer: Answer, expected: Option<TransStatus>) {
            let made = Time(1_795_299_300_000);
            let (key, card) = (Key(made.0 << 20), crate::sample::card().token);
            let (what, money) = (crate::sample::SALE, crate::sample::eur(1000));
            let credential = crate::wire::Credential::default();
            let asked = Authentication {
                key,
                what,
                credential,
                money,
                card,
                mandated: false,
                asked_by_issuer: true,
                settled: None,
            };
            let found = result(&answer, &asked, made.plus_ms(after_ms), tries);
            assert_eq!(found.map(|settled| settled.status), expected);
        }
        let (hour, failed) = (AUTHENTICATION_LIMIT_MS, Some(TransStatus::Failed));
        check(hour - 1, 1, Answer::Waiting, None);
        check(hour - 1, 1, Answer::Trouble, None);
        check(hour, 1, Answer::Waiting, failed);
        check(hour, 1, Answer::Trouble, failed);
        // The clock was a day ahead when they were sent there.
        check(-86_400_000, MOST_TRIES - 1, Answer::Waiting, None);
        check(-86_400_000, MOST_TRIES, Answer::Waiting, failed);
        let status = TransStatus::Authenticated;
        let said = Settled { status, eci: None, directory: TransId([7; 16]), challenged: true };
        check(2 * hour, 1, Answer::Settled(said), Some(status));
    }
}
