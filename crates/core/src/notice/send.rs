//! Sends a message: that it is being sent is durable before the first byte, so a crash on the way never sends it twice. What may have
//! been sent is `Unknown` and stays so; what surely was not is tried again with the same Message-ID until its time is over.

use super::{Channel, Language, NotSent, Notice, NoticePersonal, NoticeView, Stage, Words};
use crate::commit::{Commit, Event, EventKind, Job};
use crate::customer::Forget;
use crate::flow::{self, Failure, Met, View};
use crate::id::{Key, Kind};
use crate::ports::Ports;
use crate::record;
use crate::refusal::Refusal;
use crate::store::Wait;
use crate::terminal::HOUSE;
use crate::time::Time;

/// The first pause after a try that surely did not go; doubles.
const FIRST_PAUSE_MS: i64 = 2_000;
/// The longest pause. `JobKind::Notify` never waits longer.
const LONGEST_PAUSE_MS: i64 = 600_000;

/// A message as a sender gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    pub key: Key,
    pub channel: Channel,
    pub to: String,
    pub language: Language,
    pub words: Words,
    /// Nothing of it leaves after this.
    pub ends: Time,
}

/// What came of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posted {
    /// The server said that it took it.
    Accepted,
    /// Surely not taken; it may be tried again.
    NotYet(NotSent),
    /// Surely not taken, and it never will be.
    Never(NotSent),
    /// The server may have taken it.
    Unknown,
}

/// Hands a message to a server. Never fails: what is not known is `Posted::Unknown`.
pub trait Courier: Send + Sync {
    fn post<'a>(&'a self, letter: Letter) -> Wait<'a, Posted>;
}

/// Does a leased `Notify` job.
pub async fn send(ports: &dyn Ports, courier: &dyn Courier, keys: &dyn Forget, job: &Job) -> Result<(), Failure> {
    let notice: NoticeView = flow::load(ports.store(), HOUSE, Kind::Notice, job.subject).await?;
    let ended = match notice.body.stage {
        Stage::Waiting => attempt(ports, courier, notice, job).await?,
        // Somebody was sending it and did not say how it went.
        Stage::Sending { .. } => {
            let at = ports.now();
            put(ports, &notice, Notice { stage: Stage::Unknown { at }, ..notice.body.clone() }, job, None).await?;
            true
        }
        Stage::Sent { .. } | Stage::Unknown { .. } | Stage::Failed { .. } => true,
    };
    if !ended {
        return Ok(());
    }
    // Only now: a crash in between leaves the job, which comes back to do this.
    keys.forget(&[job.subject]).await?;
    let commit = Commit { done: vec![job.id], ..Commit::default() };
    applied(flow::commit(ports.store(), commit, None).await?)
}

/// One try. Returns whether the message has ended.
async fn attempt(ports: &dyn Ports, courier: &dyn Courier, notice: NoticeView, job: &Job) -> Result<bool, Failure> {
    let now = ports.now();
    let letter = match letter(&notice, now)? {
        Ok(letter) => letter,
        Err(why) => {
            let failed = Notice { stage: Stage::Failed { at: now, why }, ..notice.body.clone() };
            put(ports, &notice, failed, job, None).await?;
            return Ok(true);
        }
    };
    let tries = notice.body.tries.saturating_add(1);
    let sending = Notice { tries, stage: Stage::Sending { since: now }, ..notice.body.clone() };
    let notice = put(ports, &notice, sending, job, None).await?;
    let posted = courier.post(letter).await;
    let now = ports.now();
    let (after, again) = after(&notice.body, posted, now);
    let ended = after.stage.has_ended();
    put(ports, &notice, after, job, again).await?;
    Ok(ended)
}

/// What is to be sent, or why it is not.
fn letter(notice: &NoticeView, now: Time) -> Result<Result<Letter, NotSent>, Failure> {
    if now >= notice.body.ends {
        return Ok(Err(notice.body.last.unwrap_or(NotSent::TooLate)));
    }
    let NoticePersonal { to, language, words } = notice.personal()?;
    let (key, channel, ends) = (notice.key, notice.body.channel, notice.body.ends);
    Ok(words.map(|words| Letter { key, channel, to, language, words, ends }).ok_or(NotSent::Erased))
}

/// The message after a try, and when it is tried again.
fn after(sending: &Notice, posted: Posted, now: Time) -> (Notice, Option<Time>) {
    let (stage, last, again) = match posted {
        Posted::Accepted => (Stage::Sent { at: now }, None, None),
        Posted::Unknown => (Stage::Unknown { at: now }, None, None),
        Posted::Never(why) => (Stage::Failed { at: now, why }, None, None),
        Posted::NotYet(why) => {
            let pause = FIRST_PAUSE_MS.saturating_mul(1 << sending.tries.saturating_sub(1).min(10));
            let next = now.plus_ms(pause.min(LONGEST_PAUSE_MS));
            match next < sending.ends {
                true => (Stage::Waiting, Some(why), Some(next)),
                false => (Stage::Failed { at: now, why }, None, None),
            }
        }
    };
    (Notice { stage, last, ..sending.clone() }, again)
}

async fn put(
    ports: &dyn Ports,
    from: &NoticeView,
    body: Notice,
    job: &Job,
    again: Option<Time>,
) -> Result<NoticeView, Failure> {
    let (version, at) = (from.version.next(), ports.now());
    // Each version carries its personal data, as long as it may be needed.
    let personal = from.personal.clone().filter(|_| !body.stage.has_ended());
    let view = View { key: from.key, account: from.account, version, at, body, personal };
    let (id, kind, account, cause) = (ports.fresh_key(), EventKind::NoticeChanged, from.account, from.key);
    let commit = Commit {
        expect: vec![(from.key, from.version)],
        put: vec![record::row(&view, vec![])],
        events: vec![Event { id, kind, account, cause, version }],
        jobs: again.map(|due| Job { due, ..*job }).into_iter().collect(),
        ..Commit::default()
    };
    applied(flow::commit(ports.store(), commit, None).await?)?;
    Ok(view)
}

fn applied(met: Met) -> Result<(), Failure> {
    match met {
        Met::Applied => Ok(()),
        // Another worker has it.
        Met::Conflict | Met::Guard | Met::Replay(_) => Err(Refusal::Contended.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time(1_000_000);

    #[test]
    fn what_a_try_leads_to() {
        #[track_caller]
        fn check(tries: u32, posted: Posted, stage: Stage, last: Option<NotSent>, again: Option<i64>) {
            let ends = NOW.plus_ms(60_000);
            let since = NOW;
            let channel = Channel::Mail;
            let sending = Notice { channel, user: None, ends, tries, last: None, stage: Stage::Sending { since } };
            let expected = (Notice { stage, last, ..sending.clone() }, again.map(|ms| NOW.plus_ms(ms)));
            assert_eq!(after(&sending, posted, NOW), expected);
        }
        let failed = |why| Stage::Failed { at: NOW, why };
        check(1, Posted::Accepted, Stage::Sent { at: NOW }, None, None);
        check(1, Posted::Unknown, Stage::Unknown { at: NOW }, None, None);
        check(1, Posted::Never(NotSent::Refused), failed(NotSent::Refused), None, None);
        check(1, Posted::NotYet(NotSent::Later), Stage::Waiting, Some(NotSent::Later), Some(2_000));
        check(4, Posted::NotYet(NotSent::NoConnection), Stage::Waiting, Some(NotSent::NoConnection), Some(16_000));
        // Its time is over before it would be tried again.
        check(6, Posted::NotYet(NotSent::Later), failed(NotSent::Later), None, None);
        check(u32::MAX, Posted::NotYet(NotSent::Later), failed(NotSent::Later), None, None);
    }
}
