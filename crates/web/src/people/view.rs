//! The page that most forms share: what it is for, what is wrong, fields, one button; a passkey or a QR code where there is one. Knows no desk.

use super::form::{Field, Form};
use crate::assets::PATHS;
use crate::desk::{NewTotp, Purpose, Refused};
use crate::pages::{Base, render};
use askama::Template;
use florin_core::edge::EdgeResponse;

pub type Answered = Result<EdgeResponse, Refused>;

/// A button that asks the browser's authenticator; without scripts it is not there.
pub struct PasskeyPart {
    pub purpose: Purpose,
    /// Where the authenticator's answer goes.
    pub action: String,
    pub button: String,
    pub hint: Option<String>,
    pub fields: Vec<Field>,
    pub hidden: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "people/form.html")]
pub struct FormPage {
    pub base: Base,
    pub title: String,
    pub lead: Option<String>,
    /// What is wrong with all of it.
    pub note: Option<String>,
    /// Field and words, for the list above the form.
    pub faults: Vec<(String, String)>,
    pub facts: Vec<(String, String)>,
    pub points: Vec<String>,
    pub passkey: Option<PasskeyPart>,
    pub totp: Option<NewTotp>,
    pub fields: Vec<Field>,
    pub hidden: Vec<(String, String)>,
    pub action: String,
    /// None: there is nothing to send but the passkey.
    pub submit: Option<String>,
    pub danger: bool,
    pub back: Option<String>,
    pub more: Vec<(String, String)>,
    pub step: Option<String>,
}

impl FormPage {
    /// Its words are `KEY-title` and `KEY-submit`.
    pub fn new(base: &Base, key: &str, action: &str, form: &Form, fields: Vec<Field>) -> FormPage {
        let say = |part: &str| base.words.say(&format!("{key}-{part}"));
        let faults = fields.iter().filter_map(|f| f.fault.clone().map(|fault| (f.name.to_owned(), fault))).collect();
        FormPage {
            base: base.clone(),
            title: say("title"),
            lead: None,
            note: form.note.clone(),
            faults,
            facts: vec![],
            points: vec![],
            passkey: None,
            totp: None,
            fields,
            hidden: vec![],
            action: action.to_owned(),
            submit: Some(say("submit")),
            danger: false,
            back: None,
            more: vec![],
            step: None,
        }
    }
    pub fn lead(mut self, lead: String) -> FormPage {
        self.lead = Some(lead);
        self
    }
    pub fn back(mut self, path: &str) -> FormPage {
        self.back = Some(path.to_owned());
        self
    }
    pub fn hide(mut self, name: &str, value: &str) -> FormPage {
        self.hidden.push((name.to_owned(), value.to_owned()));
        self
    }
    pub fn danger(mut self) -> FormPage {
        self.danger = true;
        self
    }
    fn is_wrong(&self) -> bool {
        self.note.is_some() || !self.faults.is_empty()
    }
    fn passkeys_script(&self) -> &'static str {
        &PATHS.passkeys
    }
    /// 422 with faults: browsers show it, and nothing was done.
    pub fn answer(self) -> EdgeResponse {
        let status = if self.is_wrong() { 422 } else { 200 };
        render(status, &self)
    }
}
