//! Four eyes: what one person wishes, another approves with a fresh factor, and only then a flow performs it, once. Knows none of the
//! flows that perform.

use super::draft::Draft;
use super::no::No;
use super::role::{Action, Permit, Seat};
use super::rows::{Approval, ApprovalState};
use super::{APPROVAL_MS, People};
use crate::audit::{Action as Deed, Entry};
use crate::flow::{TRIES, View, read};
use crate::id::{Key, Kind};
use crate::money::Money;
use crate::store::Query;
use crate::terminal::HOUSE;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// Wishes that are looked at, newest first.
const MOST_WISHES: u32 = 200;

/// What is wished, as exactly as it will be done. The numbers of variants are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wish {
    /// A link with which somebody who lost their factors makes others.
    ResetFactors {
        user: Key,
    },
    /// `details`: SHA-256 over where the money is to go.
    EditPayout {
        account: Key,
        details: [u8; 32],
    },
    RefundBig {
        account: Key,
        payment: Key,
        money: Money,
    },
    /// `details`: SHA-256 over class, name and rights of the key.
    LiveKey {
        account: Key,
        details: [u8; 32],
    },
    RotateKek,
}

impl Wish {
    /// What one must be allowed to wish and to approve it.
    pub const fn action(&self) -> Action {
        match self {
            Wish::ResetFactors { .. } => Action::EditTeam,
            Wish::EditPayout { .. } => Action::EditPayout,
            Wish::RefundBig { .. } => Action::RefundBig,
            Wish::LiveKey { .. } => Action::EditLiveKeys,
            Wish::RotateKek => Action::RotateKek,
        }
    }
}

impl Wish {
    /// The account that it is about; none: the installation.
    pub const fn account(&self) -> Option<Key> {
        match self {
            Wish::EditPayout { account, .. } | Wish::RefundBig { account, .. } | Wish::LiveKey { account, .. } => {
                Some(*account)
            }
            Wish::ResetFactors { .. } | Wish::RotateKek => None,
        }
    }

    /// Whether a permit reaches so far: one for an account decides what is about that account.
    fn is_within(&self, permit: &Permit) -> bool {
        permit.account().is_none() || permit.account() == self.account()
    }
}

/// A wish as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub approval: Key,
    pub wish: Wish,
    /// None: the command line.
    pub by: Option<Key>,
    pub asked: Time,
    pub until: Time,
    pub state: ApprovalState,
}

fn asked(view: &View<Approval>) -> Asked {
    let Approval { wish, by, until, state } = view.body.clone();
    Asked { approval: view.key, wish, by, asked: view.key.time(), until, state }
}

fn told(deed: Deed, permit: &Permit, view: &View<Approval>) -> Entry {
    let entry = Entry::new(deed, permit.actor()).subject(Kind::Approval, view.key);
    Entry { account: permit.account(), ..entry }.detail(view.body.wish.action().name())
}

impl People {
    /// Asks for a second person. Where nobody else is there who could approve, the machine's owner alone lets in whoever lost their factors;
    /// the log says so.
    pub async fn wish(&self, permit: &Permit, wish: Wish) -> Result<Asked, No> {
        permit.must(wish.action())?;
        if !wish.is_within(permit) {
            return Err(No::NoSuch);
        }
        let until = self.ports.now().plus_ms(APPROVAL_MS);
        let alone = permit.user().is_none() && self.nobody_else(wish).await?;
        let by = permit.user();
        let approved = ApprovalState::Approved { by, at: self.ports.now() };
        let state = if alone { approved } else { ApprovalState::Waiting };
        let body = Approval { wish, by, until, state };
        let mut draft = Draft::default();
        let view = draft.make(self, self.ports.fresh_key(), body, None, vec![]);
        draft.tell(told(Deed::ApprovalAsk, permit, &view));
        if alone {
            draft.tell(told(Deed::ApprovalGive, permit, &view).detail("alone"));
        }
        if self.put(draft).await? { Ok(asked(&view)) } else { Err(No::Contended) }
    }

    /// Whether only the person that it is about could approve a reset.
    async fn nobody_else(&self, wish: Wish) -> Result<bool, No> {
        let Wish::ResetFactors { user: of } = wish else { return Ok(false) };
        let users = self.users().await?;
        let may = |seat: &Seat| seat.account.is_none() && Action::Approve.allows(seat.role);
        Ok(!users.iter().any(|user| user.key != of && user.body.is_active() && user.body.seats.iter().any(may)))
    }

    /// Wishes of the last days, newest first.
    pub async fn wishes(&self, permit: &Permit) -> Result<Vec<Asked>, No> {
        permit.must(Action::Approve)?;
        let query = Query::List { under: HOUSE, kind: Kind::Approval, before: None, limit: MOST_WISHES };
        let rows = self.ports.store().find(query).await?.rows();
        let all = rows.iter().map(|row| Ok(asked(&read(row)?))).collect::<Result<Vec<Asked>, No>>()?;
        Ok(all.into_iter().filter(|asked| asked.wish.is_within(permit)).collect())
    }

    /// `permit`: to approve. The role must allow what is wished, too, and it must be somebody else.
    pub async fn approve(&self, permit: &Permit, approval: Key, yes: bool) -> Result<Asked, No> {
        permit.must(Action::Approve)?;
        for _ in 0..TRIES {
            let view = self.load::<Approval>(approval).await?;
            if !view.body.wish.is_within(permit) {
                return Err(No::NoSuch);
            }
            let now = self.ports.now();
            match view.body.state {
                ApprovalState::Waiting if now < view.body.until => {}
                ApprovalState::Waiting => return Err(No::Expired),
                ApprovalState::Approved { .. } | ApprovalState::Refused { .. } | ApprovalState::Done { .. } => {
                    return Err(No::Used);
                }
            }
            let action = view.body.wish.action();
            if !action.allows(permit.role()) {
                return Err(No::Denied { action, who: action.who() });
            }
            // A wish may be taken back by whoever had it, but not approved.
            if yes && view.body.by == permit.user() {
                return Err(No::Oneself);
            }
            let (by, at) = (permit.user(), now);
            let state = if yes { ApprovalState::Approved { by, at } } else { ApprovalState::Refused { by, at } };
            let mut draft = Draft::default();
            let done = draft.change(self, &view, Approval { state, ..view.body.clone() }, None, vec![]);
            draft.tell(told(if yes { Deed::ApprovalGive } else { Deed::ApprovalRefuse }, permit, &view));
            if self.put(draft).await? {
                return Ok(asked(&done));
            }
        }
        Err(No::Contended)
    }

    /// Takes an approval into the commit of what was wished: it works once.
    pub(super) async fn taking(&self, draft: &mut Draft, approval: Key) -> Result<Wish, No> {
        let view = self.load::<Approval>(approval).await?;
        let now = self.ports.now();
        match view.body.state {
            ApprovalState::Approved { .. } if now < view.body.until => {}
            ApprovalState::Waiting => return Err(No::SecondPerson(view.body.wish.action())),
            ApprovalState::Approved { .. } => return Err(No::Expired),
            ApprovalState::Refused { .. } | ApprovalState::Done { .. } => return Err(No::Used),
        }
        let state = ApprovalState::Done { at: now };
        draft.change(self, &view, Approval { state, ..view.body.clone() }, None, vec![]);
        Ok(view.body.wish)
    }
}
