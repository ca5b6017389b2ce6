//! The audit log for pages: entries with the names of those who did it, filtered by walking down, checked and proven. Each look is an entry itself,
//! written before it is answered.

use super::{Flows, no};
use crate::desk::*;
use florin_core::audit::{self, Action, Actor, Outcome, Recorded, proof};
use florin_core::flow::View;
use florin_core::id::{Key, Kind};
use florin_core::people::Action as Right;
use std::collections::BTreeMap;

/// Entries of one page.
const PAGE: usize = 50;
/// Rows that are read at a time, and at most for one page.
const STEP: u32 = 500;
const MOST_READ: usize = 20_000;
/// The whole log is read for a check: not more often than this.
const CHECK_EVERY_MS: i64 = 60_000;

pub const GROUPS: [&str; 8] = ["entering", "factors", "team", "keys", "data", "webhooks", "money", "system"];

/// What an action belongs to, for the filter.
pub const fn group(action: Action) -> &'static str {
    match action {
        Action::SignIn
        | Action::SecondFactor
        | Action::SignOut
        | Action::StepUp
        | Action::Lock
        | Action::RecoveryCodeUse
        | Action::SessionRevoke
        | Action::EnrolLinkMake
        | Action::Enrol
        | Action::LinkUse
        | Action::CodeSend => "entering",
        Action::PasskeyAdd
        | Action::PasskeyRemove
        | Action::PasskeyRename
        | Action::PasskeyCloned
        | Action::TotpSet
        | Action::TotpRemove
        | Action::PhoneSet
        | Action::PhoneRemove
        | Action::RecoveryCodesMake
        | Action::PasswordChange
        | Action::FactorsReset => "factors",
        Action::UserInvite
        | Action::InvitationAccept
        | Action::InvitationRevoke
        | Action::RoleChange
        | Action::UserDisable
        | Action::UserEnable
        | Action::UserErase
        | Action::UserChange
        | Action::ApprovalAsk
        | Action::ApprovalGive
        | Action::ApprovalRefuse
        | Action::ApprovalPerform => "team",
        Action::ApiKeyMake
        | Action::ApiKeyRoll
        | Action::ApiKeyEnd
        | Action::KeyRulesChange
        | Action::OrderKeyMake
        | Action::OrderKeyEnd
        | Action::GatewayRootRotate
        | Action::AccountKeysRotate
        | Action::VaultKekRotate
        | Action::VaultDataKeyRotate => "keys",
        Action::CustomerExport | Action::CustomerErase | Action::Export | Action::SensitiveRead | Action::AuditRead => {
            "data"
        }
        Action::EndpointMake | Action::EndpointChange | Action::EndpointDelete | Action::EndpointSecretRoll => {
            "webhooks"
        }
        Action::PayoutAccountChange | Action::Refund | Action::Capture | Action::Cancel => "money",
        Action::AccountMake
        | Action::AccountRulesChange
        | Action::SettingChange
        | Action::BackupMake
        | Action::BackupRestore
        | Action::RestoreRelease
        | Action::GatewayStart
        | Action::MessageTest => "system",
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Names that were looked up, so that each is read once.
type Names = BTreeMap<Key, String>;

impl Flows {
    /// Their right to read, and the entry that says that they did.
    async fn reads(&self, asker: &Asker, number: Option<u64>) -> Result<(), Refused> {
        let here = self.here(asker).await?;
        // The log is the installation's: who sits on one account alone does not read it.
        let permit = here.signed.permit(Right::ReadAudit, None).map_err(no::refused)?;
        let entry = audit::Entry::new(Action::AuditRead, permit.actor());
        let entry = number.into_iter().fold(entry, |e, n| e.subject(Kind::AuditEntry, audit::key_of(n)));
        audit::before_read(&*self.ports, entry).await.map_err(no::failed)
    }

    pub(super) async fn entries(&self, asker: &Asker, query: AuditQuery) -> Result<AuditList, Refused> {
        self.reads(asker, None).await?;
        let (mut names, mut entries) = (Names::new(), vec![]);
        let (mut before, mut read) = (query.before, 0);
        let actor = query.actor.as_deref().map(str::to_lowercase);
        'walk: loop {
            let page = audit::list(self.ports.store(), before, STEP).await.map_err(no::failed)?;
            let Some(last) = page.last() else { break };
            before = Some(last.body.number);
            read += page.len();
            for view in &page {
                let e = &view.body;
                if query.from.is_some_and(|from| e.at < from) {
                    break 'walk;
                }
                let fits = query.until.is_none_or(|until| e.at < until)
                    && query.group.as_deref().is_none_or(|asked| group(e.action) == asked);
                if !fits {
                    continue;
                }
                let shown = self.shown(view, &mut names).await?;
                if actor.as_deref().is_none_or(|part| shown.actor.to_lowercase().contains(part)) {
                    entries.push(shown);
                }
                if entries.len() > PAGE {
                    break 'walk;
                }
            }
            if page.len() < STEP as usize || read >= MOST_READ {
                break;
            }
        }
        let more = entries.len() > PAGE;
        entries.truncate(PAGE);
        Ok(AuditList { entries, more, groups: GROUPS.to_vec(), verified: self.checked().await? })
    }

    async fn shown(&self, view: &View<Recorded>, names: &mut Names) -> Result<AuditEntry, Refused> {
        let e = &view.body;
        let actor = match e.actor {
            Actor::User(user) => self.named(user, names).await?,
            Actor::ApiKey(key) => self.ids.encode(Kind::ApiKey, key),
            Actor::Local | Actor::System | Actor::Nobody => e.actor.as_str().to_owned(),
        };
        let subject = match e.about() {
            Some((Kind::User, user)) => Some(self.named(user, names).await?),
            Some((Kind::AuditEntry, _)) | None => None,
            Some((kind, key)) => Some(self.ids.encode(kind, key)),
        };
        let detail = e.detail.as_ref().map(|word| word.as_str().to_owned());
        let subject = match (subject, detail) {
            (Some(subject), Some(detail)) => Some(format!("{subject} · {detail}")),
            (subject, detail) => subject.or(detail),
        };
        Ok(AuditEntry {
            number: e.number,
            at: e.at,
            what: e.action.as_str().to_owned(),
            actor,
            subject,
            address: None,
            outcome: match e.outcome {
                Outcome::Refused | Outcome::Failed => State::Refused,
                Outcome::Done | Outcome::Begun => State::Done,
            },
            leaf: hex(&e.hash()),
            link: hex(&e.before),
        })
    }

    async fn named(&self, user: Key, names: &mut Names) -> Result<String, Refused> {
        if let Some(name) = names.get(&user) {
            return Ok(name.clone());
        }
        let name =
            self.people.name(user).await.map_err(no::refused)?.unwrap_or_else(|| self.ids.encode(Kind::User, user));
        names.insert(user, name.clone());
        Ok(name)
    }

    /// The last check, made anew once it is old.
    async fn checked(&self) -> Result<Verified, Refused> {
        let now = self.ports.now();
        let last = self.checked.lock().ok().and_then(|checked| checked.clone());
        if let Some((at, told)) = last
            && (0..CHECK_EVERY_MS).contains(&now.since(at))
        {
            return Ok(told);
        }
        let found = audit::verify(self.ports.store(), &[]).await.map_err(no::failed)?;
        let told = match found.wrong.first() {
            Some((number, _)) => Verified::Broken { number: *number },
            None => Verified::Sound { entries: found.size, at: now, checkpoint: None },
        };
        if let Ok(mut checked) = self.checked.lock() {
            *checked = Some((now, told.clone()));
        }
        Ok(told)
    }

    pub(super) async fn one_entry(&self, asker: &Asker, number: u64) -> Result<AuditEntry, Refused> {
        self.reads(asker, Some(number)).await?;
        let (view, seen) = audit::read_entry(self.ports.store(), number).await.map_err(no::failed)?;
        let shown = self.shown(&view, &mut Names::new()).await?;
        let from: Vec<String> = [seen.address, seen.device].into_iter().flatten().collect();
        let address = (!from.is_empty()).then(|| from.join(" · "));
        Ok(AuditEntry { address, ..shown })
    }

    pub(super) async fn proof(&self, asker: &Asker, number: u64) -> Result<String, Refused> {
        self.reads(asker, Some(number)).await?;
        let signer = self.signer.as_ref().ok_or(Refused::Rule { why: "refused-no-proof" })?;
        let found = audit::verify(self.ports.store(), &[]).await.map_err(no::failed)?;
        if !found.wrong.is_empty() {
            return Err(Refused::Rule { why: "refused-log-broken" });
        }
        let (body, hashes) = found.tree.prove(number).ok_or(Refused::Missing)?;
        let checkpoint = signer.sign(found.tree.size(), found.tree.root());
        Ok(proof::write(number, body, &hashes, &checkpoint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::{Language, Words};

    #[test]
    fn every_action_has_words_and_a_group() {
        for language in Language::ALL {
            for action in Action::ALL {
                assert!(Words(language).known("audit", action.as_str()).is_some(), "{language:?}: {}", action.as_str());
                assert!(GROUPS.contains(&group(*action)), "{action:?}");
            }
            for name in GROUPS {
                assert!(Words(language).known("audit-group", name).is_some(), "{language:?}: {name}");
            }
        }
    }
}
