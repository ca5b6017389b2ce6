//! Rare branches that a simulation takes often: short batches, lost nudges, lost races, refused leases. Code asks `rare(Site::…)` where the
//! world could have gone that way by itself; whoever simulates the world answers. Knows no chance of its own, and no simulation.

use std::cell::{Cell, RefCell};

/// A place in the production code with a branch that is legal and seldom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Site {
    /// Somebody else changed a row just before this commit.
    CommitContended,
    /// The first look at an idempotency key comes before the commit that takes it.
    ClaimUnseen,
    /// A lease gives two trace numbers.
    ShortBlock,
    /// A block of trace numbers is too old.
    BlockOver,
    /// No terminal can be leased.
    LeaseRefused,
    /// An order reaches the vault when its time to be sent is over.
    SendTooLate,
    /// Nobody hears that a job is due.
    NudgeLost,
    /// A worker takes a job and does nothing with it.
    ResolveLeft,
    ExpireLeft,
    ChaseLeft,
    RetryLeft,
    /// A late answer is not taken this time.
    LateRefused,
    /// One event gets its number, the others wait.
    ShortNumbering,
    /// A round looks at one event.
    ShortRound,
    /// Deliveries that waited are not woken by the one that they waited for.
    ReleaseSkipped,
    /// A pull ends after one look at the acquirer's reports.
    ShortPull,
    /// The store gives one job where several are due.
    ShortLease,
    /// The vault's link has no room for a message.
    LinkFull,
    /// A list reads two rows at a time.
    ShortPage,
    /// What is remembered of an API key is gone.
    KeyForgotten,
    /// A key asked too often in too short a time.
    KeyOverLimit,
    /// The defence against card testing refuses a try.
    TryBlocked,
}

impl Site {
    pub const ALL: &[Site] = &[
        Site::CommitContended,
        Site::ClaimUnseen,
        Site::ShortBlock,
        Site::BlockOver,
        Site::LeaseRefused,
        Site::SendTooLate,
        Site::NudgeLost,
        Site::ResolveLeft,
        Site::ExpireLeft,
        Site::ChaseLeft,
        Site::RetryLeft,
        Site::LateRefused,
        Site::ShortNumbering,
        Site::ShortRound,
        Site::ReleaseSkipped,
        Site::ShortPull,
        Site::ShortLease,
        Site::LinkFull,
        Site::ShortPage,
        Site::KeyForgotten,
        Site::KeyOverLimit,
        Site::TryBlocked,
    ];
    pub const fn name(self) -> &'static str {
        match self {
            Site::CommitContended => "commit_contended",
            Site::ClaimUnseen => "claim_unseen",
            Site::ShortBlock => "short_block",
            Site::BlockOver => "block_over",
            Site::LeaseRefused => "lease_refused",
            Site::SendTooLate => "send_too_late",
            Site::NudgeLost => "nudge_lost",
            Site::ResolveLeft => "resolve_left",
            Site::ExpireLeft => "expire_left",
            Site::ChaseLeft => "chase_left",
            Site::RetryLeft => "retry_left",
            Site::LateRefused => "late_refused",
            Site::ShortNumbering => "short_numbering",
            Site::ShortRound => "short_round",
            Site::ReleaseSkipped => "release_skipped",
            Site::ShortPull => "short_pull",
            Site::ShortLease => "short_lease",
            Site::LinkFull => "link_full",
            Site::ShortPage => "short_page",
            Site::KeyForgotten => "key_forgotten",
            Site::KeyOverLimit => "key_over_limit",
            Site::TryBlocked => "try_blocked",
        }
    }
}

/// Says whether the branch is taken this time.
pub type Chooser = Box<dyn FnMut(Site) -> bool>;

thread_local! {
    // Apart from the chooser, so that a process that simulates nothing reads one byte and goes on: no feature, no second build.
    static ARMED: Cell<bool> = const { Cell::new(false) };
    static CHOOSER: RefCell<Option<Chooser>> = const { RefCell::new(None) };
}

/// Whether the rare branch is taken here. Always no on a thread that nobody armed.
#[inline]
pub fn rare(site: Site) -> bool {
    ARMED.get() && chosen(site)
}

#[cold]
fn chosen(site: Site) -> bool {
    // A chooser that asks this itself gets no for an answer.
    CHOOSER.with(|c| c.try_borrow_mut().is_ok_and(|mut chooser| chooser.as_mut().is_some_and(|choose| choose(site))))
}

/// `usual`, or `short` where the rare branch is taken.
#[inline]
pub fn or_short<T>(site: Site, usual: T, short: T) -> T {
    if rare(site) { short } else { usual }
}

/// This thread's rare branches are chosen as long as this lives.
#[must_use]
pub struct Armed(());

/// Arms this thread. What was armed before it is replaced.
pub fn arm(chooser: Chooser) -> Armed {
    CHOOSER.set(Some(chooser));
    ARMED.set(true);
    Armed(())
}

impl Drop for Armed {
    fn drop(&mut self) {
        ARMED.set(false);
        CHOOSER.set(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_armed_thread_takes_rare_branches() {
        assert!(!rare(Site::ShortBlock));
        let armed = arm(Box::new(|site| site == Site::ShortBlock));
        assert!(rare(Site::ShortBlock) && !rare(Site::BlockOver));
        assert_eq!((or_short(Site::ShortBlock, 9, 2), or_short(Site::BlockOver, 9, 2)), (2, 9));
        drop(armed);
        assert!(!rare(Site::ShortBlock));
    }

    #[test]
    fn every_site_is_listed_once_in_order() {
        assert!(Site::ALL.windows(2).all(|w| w[0] < w[1]));
        assert_eq!(Site::ALL.last(), Some(&Site::TryBlocked));
    }
}
