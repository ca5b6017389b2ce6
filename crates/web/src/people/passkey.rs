//! What the browser's authenticator is asked, for the page's script. Knows no form.

use super::guard;
use super::view::Answered;
use super::visit::Visit;
use crate::desk::{Purpose, Refused};
use crate::respond;

/// Refusals become a status alone: the script says its own sentence, and the next page says more.
pub async fn options(visit: &mut Visit<'_>, purpose: &str) -> Answered {
    let Some(purpose) = Purpose::ALL.into_iter().find(|known| known.name() == purpose) else {
        return Err(Refused::Missing);
    };
    match visit.desk.options(&visit.asker, purpose).await {
        Ok(options) => {
            let mut answer = respond::json(200, &options.json);
            if let Some(entry) = &options.entry {
                guard::give_entry(&mut answer, entry);
            }
            Ok(answer)
        }
        Err(why) => {
            let status = match why {
                Refused::SignedOut | Refused::Expired | Refused::Used | Refused::Unknown => 401,
                Refused::StepUp | Refused::Role { .. } => 403,
                Refused::Locked { .. } => 429,
                Refused::Trouble => 503,
                Refused::Wrong | Refused::Field { .. } | Refused::Stale | Refused::Missing | Refused::Rule { .. } => {
                    409
                }
            };
            Ok(respond::json(status, "{}"))
        }
    }
}
