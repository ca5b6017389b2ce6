//! `florin users`: who may sign in to the dashboard, from the machine's own terminal.

use super::manage::ask;
use crate::cli::{Common, Users};
use crate::fail::{Fail, Outcome};
use crate::gateway::ops::Ask;
use crate::gateway::people::PeopleAsk;
use crate::out::out;
use serde_json::Value;

pub fn run(common: &Common, asked: &Users) -> Outcome {
    let question = match asked {
        Users::List => PeopleAsk::List,
        Users::Link => PeopleAsk::FirstLink,
        Users::Invite { email, role, account, refund_limit } => PeopleAsk::Invite {
            email: email.clone(),
            role: role.clone(),
            account: account.clone(),
            refund_limit: refund_limit.clone(),
        },
        Users::Reset { approved: Some(approval), .. } => PeopleAsk::Reset { approval: approval.clone() },
        Users::Reset { user, approved: None } => PeopleAsk::AskReset { user: user.clone().unwrap_or_default() },
        Users::Disable { user } => PeopleAsk::Disable { user: user.clone() },
        Users::Enable { user } => PeopleAsk::Enable { user: user.clone() },
        Users::Erase { user, yes: true } => PeopleAsk::Erase { user: user.clone() },
        Users::Erase { user, yes: false } => {
            let says = format!(
                "who {user} was becomes unreadable for good; what they did stays in the audit log. Say so with --yes."
            );
            return Err(Fail::usage("not_confirmed", "--yes", says));
        }
    };
    let told = ask(common, Ask::People(question))?;
    if common.json {
        out!("{told}");
        return Ok(0);
    }
    match asked {
        Users::List => list(&told),
        Users::Link => match told["link"].as_str() {
            Some(link) => out!("The first owner enrols here, once, within a day:\n{link}"),
            None => out!("There is an owner already, or no dashboard runs. Owners invite others at the dashboard."),
        },
        Users::Invite { email, .. } => {
            out!("{email} enrols here, once, within a day:\n{}", told["link"].as_str().unwrap_or(""));
        }
        Users::Reset { approved: Some(_), .. } => {
            out!(
                "New password and factors are made here, once, within a day:\n{}",
                told["link"].as_str().unwrap_or("")
            );
        }
        Users::Reset { approved: None, .. } => {
            let id = told["id"].as_str().unwrap_or("");
            if told["state"] == "approved" {
                out!(
                    "Nobody else could approve it, so you alone did: the audit log says so. Now: florin users reset --approved {id}"
                );
                return Ok(0);
            }
            out!(
                "An owner or admin has to approve it at the dashboard within a day. Then: florin users reset --approved {id}"
            );
        }
        Users::Disable { .. } | Users::Enable { .. } => out!("{}", line(&told)),
        Users::Erase { user, .. } => out!("Nobody can read any more who {user} was."),
    }
    Ok(0)
}

fn list(told: &Value) {
    let empty = vec![];
    let members = told["data"].as_array().unwrap_or(&empty);
    let waiting = told["invitations"].as_array().unwrap_or(&empty);
    if members.is_empty() {
        out!("Nobody can sign in yet. `florin users link` prints the first owner's link while the dashboard runs.");
    }
    members.iter().for_each(|member| out!("{}", line(member)));
    for one in waiting {
        let text = |key: &str| one[key].as_str().unwrap_or("");
        out!("{}  {}  invited  {}", text("id"), text("email"), text("purpose"));
    }
}

fn line(member: &Value) -> String {
    let text = |key: &str| member[key].as_str().unwrap_or("");
    let roles: Vec<String> = member["seats"].as_array().map_or(vec![], |seats| seats.iter().map(role).collect());
    let factors = format!(
        "{} passkeys, {}, {} recovery codes",
        member["passkeys"],
        if member["totp"] == true { "app" } else { "no app" },
        member["recovery_codes_left"]
    );
    format!(
        "{}  {:<8}  {}  {} <{}>  {factors}",
        text("id"),
        text("state"),
        roles.join("+"),
        text("name"),
        text("email")
    )
}

fn role(seat: &Value) -> String {
    let name = seat["role"].as_str().unwrap_or("");
    seat["account"].as_str().map_or_else(|| name.to_owned(), |account| format!("{name}@{account}"))
}
