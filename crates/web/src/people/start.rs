//! The first page after signing in, the choice of account, and recovery codes as they are shown once. Knows no payment.

use super::guard;
use super::view::Answered;
use super::visit::Visit;
use crate::assets::PATHS;
use crate::desk::{Hidden, Person, Refused, Task};
use crate::pages::{Base, render};
use askama::Template;
use florin_core::edge::EdgeResponse;

/// A step of setting up, with the page that does it.
struct Step {
    done: bool,
    title: String,
    says: String,
    path: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "people/start.html")]
struct StartPage {
    base: Base,
    hello: String,
    role: String,
    says: String,
    person: Person,
    steps: Vec<Step>,
    left: usize,
    waiting: Option<String>,
}

pub async fn show(visit: &mut Visit<'_>) -> Answered {
    let person = visit.signed().await?;
    let words = visit.words();
    let step = |(task, done): &(Task, bool)| {
        let (key, path) = match task {
            Task::Passkey => ("task-passkey", Some("/security/passkey")),
            Task::Codes => ("task-codes", Some("/security/codes")),
            Task::SecondPerson => ("task-second", Some("/team/invite")),
            Task::Payment => ("task-payment", None),
        };
        Step {
            done: *done,
            title: words.say(key),
            says: words.say(&format!("{key}-says")),
            path: path.filter(|_| !done),
        }
    };
    let steps: Vec<Step> = person.tasks.iter().map(step).collect();
    let page = StartPage {
        base: visit.base.clone(),
        hello: words.with("start-hello", "name", &person.name),
        role: words.of("role", person.role.name()),
        says: words.of("role-says", person.role.name()),
        left: steps.iter().filter(|step| !step.done).count(),
        steps,
        waiting: (person.waiting > 0).then(|| words.count("start-waiting", person.waiting)),
        person,
    };
    Ok(render(200, &page))
}

pub async fn switch(visit: &mut Visit<'_>) -> Answered {
    let person = visit.signed().await?;
    let asked = visit.form().text("account");
    let known = person.accounts.iter().find(|account| account.id == asked).ok_or(Refused::Missing)?;
    let mut answer = visit.lead_done("/", "switched");
    guard::give_account(&mut answer, &known.id);
    Ok(answer)
}

#[derive(Template)]
#[template(path = "people/codes.html")]
struct CodesPage {
    base: Base,
    codes: Vec<String>,
    step: Option<String>,
}

impl CodesPage {
    fn script(&self) -> &'static str {
        &PATHS.forms
    }
}

/// Shown once: whoever loads it again sends the form again, and that makes nothing.
pub fn codes_page(visit: &Visit<'_>, codes: &[Hidden], step: Option<String>) -> EdgeResponse {
    let codes = codes.iter().map(|code| code.0.clone()).collect();
    render(200, &CodesPage { base: visit.base.clone(), codes, step })
}
