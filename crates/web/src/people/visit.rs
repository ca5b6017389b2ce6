//! One request of a reader: who it is, what they sent, and how they are answered. Knows no single page.

use super::form::Form;
use super::guard;
use crate::desk::{Act, Asker, Desk, Done, Opened, Person, Refused};
use crate::link::parameter;
use crate::pages::{Base, Shell};
use crate::respond;
use crate::words::Words;
use florin_core::edge::{EdgeRequest, EdgeResponse};
use url::form_urlencoded;

pub struct Visit<'a> {
    pub desk: &'a dyn Desk,
    pub request: &'a EdgeRequest,
    pub base: Base,
    pub asker: Asker,
    /// What was just done has been shown.
    pub flashed: bool,
    /// Asked of the desk once a request.
    person: Option<Person>,
}

/// Words that a flash may say: a cookie is the browser's, so no other text of it is ever shown.
const FLASHES: [&str; 22] = [
    "passkey-added",
    "passkey-renamed",
    "passkey-removed",
    "totp-set",
    "phone-sent",
    "phone-set",
    "phone-removed",
    "codes-kept",
    "password-changed",
    "session-ended",
    "sessions-ended",
    "invited",
    "withdrawn",
    "role-changed",
    "disabled",
    "enabled",
    "approved",
    "refused",
    "waits",
    "switched",
    "welcome",
    "code-sent",
];

impl<'a> Visit<'a> {
    pub fn new(desk: &'a dyn Desk, request: &'a EdgeRequest, mut base: Base) -> Visit<'a> {
        base.people = true;
        let language = base.words.0.code();
        Visit { desk, request, base, asker: guard::asker(request, language), flashed: false, person: None }
    }
    pub fn words(&self) -> Words {
        self.base.words
    }
    pub fn say(&self, key: &str) -> String {
        self.base.words.say(key)
    }
    pub fn form(&self) -> Form {
        Form::read(&self.request.body)
    }
    /// The query as a form: filters, and what a link filled in.
    pub fn query(&self) -> Form {
        Form::read(self.request.query.as_bytes())
    }

    /// The path and query that was asked for.
    pub fn here(&self) -> String {
        let kept: Vec<&str> =
            self.request.query.split('&').filter(|p| !p.is_empty() && !p.starts_with("lang=")).collect();
        let sign = if kept.is_empty() { "" } else { "?" };
        format!("{}{sign}{}", self.request.path, kept.join("&"))
    }
    /// Where the reader wanted to go: of the form, or of the address.
    pub fn wanted(&self, form: &Form) -> Option<String> {
        let query = || parameter(&self.request.query, "to").map(|_| self.query().raw("to").to_owned());
        let asked = Some(form.raw("to").to_owned()).filter(|to| !to.is_empty()).or_else(query)?;
        let path = guard::own_path(&asked)?;
        let useful = !["/sign-in", "/sign-out", "/confirm", "/enrol", "/passkey"].iter().any(|no| path.starts_with(no));
        useful.then(|| path.to_owned())
    }
    pub fn with_return(&self, path: &str, to: &str) -> String {
        match guard::own_path(to).filter(|to| *to != "/") {
            None => path.to_owned(),
            Some(to) => {
                let to: String = form_urlencoded::byte_serialize(to.as_bytes()).collect();
                let sign = if path.contains('?') { '&' } else { '?' };
                format!("{path}{sign}to={to}")
            }
        }
    }

    /// Whoever is signed in; from here on pages have their navigation.
    pub async fn signed(&mut self) -> Result<Person, Refused> {
        if let Some(person) = &self.person {
            return Ok(person.clone());
        }
        let person = self.desk.who(&self.asker).await?;
        let flash =
            guard::cookie(self.request, guard::FLASH).and_then(|word| FLASHES.into_iter().find(|known| *known == word));
        if let Some(word) = flash.filter(|_| self.request.method != "POST") {
            self.base.flash = Some(self.say(&format!("done-{word}")));
            self.flashed = true;
        }
        self.base.shell = Some(Shell::new(self.words(), &person, &self.request.path));
        self.person = Some(person.clone());
        Ok(person)
    }

    pub async fn act(&self, act: Act) -> Result<Done, Refused> {
        self.desk.act(&self.asker, act).await
    }

    /// On to another page: POST, redirect, GET (RFC 9110 §15.4.4).
    pub fn lead(&self, path: &str) -> EdgeResponse {
        respond::redirect(path)
    }
    pub fn lead_done(&self, path: &str, word: &'static str) -> EdgeResponse {
        let mut answer = respond::redirect(path);
        guard::tell(&mut answer, word);
        answer
    }
    /// They are in: under a name that nobody knew before, and what was under way is over.
    pub fn let_in(&self, opened: &Opened, to: &str) -> EdgeResponse {
        let mut answer = respond::redirect(to);
        guard::give_session(&mut answer, opened);
        guard::take(&mut answer, guard::ENTRY);
        answer
    }
    /// The form again, with what is wrong with it, or the page for what has no place there.
    pub fn told(&self, form: Form, why: Refused) -> Result<Form, Refused> {
        form.told(why, self.words(), self.desk.now().seconds())
    }
    /// What a form's act is answered with when it gives nothing back.
    pub fn after(&self, done: &Done, path: &str, word: &'static str) -> EdgeResponse {
        match done {
            Done::Plain | Done::Codes { .. } | Done::Entry(_) | Done::Invited { .. } => self.lead_done(path, word),
            Done::Session(opened) => {
                let mut answer = self.lead_done(path, word);
                guard::give_session(&mut answer, opened);
                answer
            }
            Done::Waits(_) => self.lead_done("/approvals", "waits"),
        }
    }
}
