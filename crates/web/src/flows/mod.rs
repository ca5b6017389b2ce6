//! The desk over core's flows about people, approvals and the audit log: what pages ask becomes a flow, what flows refuse becomes a refusal that
//! a page can tell. Decides nothing about rights; knows no store and no cryptography.

mod acts;
mod audit;
mod no;
mod views;

use crate::desk::*;
use florin_core::audit::note::Signer;
use florin_core::id::{IdCodec, Key, Kind};
use florin_core::people::{People, Signed, Visit};
use florin_core::ports::Ports;
use florin_core::time::Time;
use std::sync::{Arc, Mutex};

/// One for a process.
pub struct Flows {
    people: Arc<People>,
    ports: Arc<dyn Ports>,
    ids: IdCodec,
    /// `scheme://host:port` of the pages, for links that are handed over.
    origin: String,
    /// Invitations go out by mail; else their link is shown to whoever invites.
    mails: bool,
    /// Signs the tree that a proof leads to.
    signer: Option<Arc<Signer>>,
    /// What the log's last check said.
    checked: Mutex<Option<(Time, Verified)>>,
}

/// Whoever asks, with the account that they look at.
struct Here {
    signed: Signed,
    account: Key,
    /// None: they have a seat on all accounts, and on the installation.
    scope: Option<Key>,
}

impl Flows {
    pub fn new(people: Arc<People>, ports: Arc<dyn Ports>, ids: IdCodec, origin: String) -> Flows {
        Flows { people, ports, ids, origin, mails: false, signer: None, checked: Mutex::new(None) }
    }
    pub fn with_mail(self, mails: bool) -> Flows {
        Flows { mails, ..self }
    }
    pub fn with_signer(self, signer: Option<Arc<Signer>>) -> Flows {
        Flows { signer, ..self }
    }

    fn key(&self, kind: Kind, id: &str) -> Result<Key, Refused> {
        self.ids.decode(kind, id).ok_or(Refused::Missing)
    }
    fn visit(asker: &Asker) -> Visit {
        let device = asker.device.as_ref().map(|device| device.0.clone());
        Visit { address: asker.client, agent: asker.agent.clone(), device }
    }
    fn session(asker: &Asker) -> Result<&str, Refused> {
        asker.session.as_ref().map(|proof| proof.0.as_str()).ok_or(Refused::SignedOut)
    }
    fn entry(asker: &Asker) -> Result<&str, Refused> {
        asker.entry.as_ref().map(|proof| proof.0.as_str()).ok_or(Refused::Unknown)
    }
    async fn signed(&self, asker: &Asker) -> Result<Signed, Refused> {
        self.people.who(Self::session(asker)?).await.map_err(no::refused)
    }
    /// Their session, and the account that they chose among those that they may see.
    async fn here(&self, asker: &Asker) -> Result<Here, Refused> {
        let signed = self.signed(asker).await?;
        let everywhere = signed.seats().iter().any(|seat| seat.account.is_none());
        let own = self.accounts(&signed).await?;
        let chosen = asker.account.as_deref().and_then(|id| self.ids.decode(Kind::Account, id));
        let account =
            chosen.filter(|key| own.iter().any(|(own, _)| own == key)).or_else(|| own.first().map(|(key, _)| *key));
        let account = account.ok_or(Refused::Missing)?;
        Ok(Here { signed, account, scope: (!everywhere).then_some(account) })
    }
    /// The accounts that somebody has a seat on, with their names.
    async fn accounts(&self, signed: &Signed) -> Result<Vec<(Key, String)>, Refused> {
        let all = florin_core::account::all(&*self.ports).await.map_err(no::failed)?;
        let may = |key: Key| signed.seats().iter().any(|seat| seat.account.is_none_or(|own| own == key));
        Ok(all.into_iter().filter(|view| may(view.key)).map(|view| (view.key, view.body.name)).collect())
    }
}

impl Desk for Flows {
    fn now(&self) -> Time {
        self.ports.now()
    }
    fn who<'a>(&'a self, asker: &'a Asker) -> Answer<'a, Person> {
        Box::pin(self.person(asker))
    }
    fn stage<'a>(&'a self, asker: &'a Asker) -> Answer<'a, Stage> {
        Box::pin(self.standing(asker))
    }
    fn act<'a>(&'a self, asker: &'a Asker, act: Act) -> Answer<'a, Done> {
        Box::pin(self.perform(asker, act))
    }
    fn options<'a>(&'a self, asker: &'a Asker, purpose: Purpose) -> Answer<'a, Options> {
        Box::pin(self.ask(asker, purpose))
    }
    fn new_totp<'a>(&'a self, asker: &'a Asker) -> Answer<'a, NewTotp> {
        Box::pin(self.totp(asker))
    }
    fn ways<'a>(&'a self, asker: &'a Asker) -> Answer<'a, Ways> {
        Box::pin(async move {
            let factors = self.people.factors(&self.signed(asker).await?);
            let passkey = factors.passkeys.iter().any(|key| !key.blocked);
            Ok(Ways { passkey, totp: factors.totp_added.is_some(), recovery: factors.recovery_left > 0, sms: None })
        })
    }
    fn security<'a>(&'a self, asker: &'a Asker) -> Answer<'a, Security> {
        Box::pin(async move { Ok(views::security(&self.people.factors(&self.signed(asker).await?))) })
    }
    fn sessions<'a>(&'a self, asker: &'a Asker) -> Answer<'a, Vec<SessionRow>> {
        Box::pin(self.own_sessions(asker))
    }
    fn team<'a>(&'a self, asker: &'a Asker) -> Answer<'a, Team> {
        Box::pin(self.members(asker))
    }
    fn approvals<'a>(&'a self, asker: &'a Asker) -> Answer<'a, Vec<Approval>> {
        Box::pin(self.wishes(asker))
    }
    fn audit<'a>(&'a self, asker: &'a Asker, query: AuditQuery) -> Answer<'a, AuditList> {
        Box::pin(self.entries(asker, query))
    }
    fn audit_entry<'a>(&'a self, asker: &'a Asker, number: u64) -> Answer<'a, AuditEntry> {
        Box::pin(self.one_entry(asker, number))
    }
    fn audit_proof<'a>(&'a self, asker: &'a Asker, number: u64) -> Answer<'a, String> {
        Box::pin(self.proof(asker, number))
    }
}
