//! What happened, one after the other: durable steps of the gateway and messages between the parties, in acts. A message that was sent
//! and received is one item with two times.

use super::route::{Role, name};
use super::{clock, meaning};
use crate::told::{Field, Hop, Step, Told, Word};
use crate::words::Words;

/// One act: the order, a message and what came of it, a reversal, a refund.
pub struct Group {
    pub title: String,
    pub items: Vec<Item>,
}

pub struct Item {
    /// Class: `step`, `ask`, `answer`, `silence`, `card`.
    pub kind: &'static str,
    pub at: String,
    pub machine: String,
    /// Since the item before.
    pub delta: Option<String>,
    pub from: Option<String>,
    pub to: Option<String>,
    pub says: String,
    pub code: Option<Code>,
    /// `0200`, and what that is.
    pub mti: Option<(String, String)>,
    /// How long the message was under way.
    pub travelled: Option<String>,
    pub notes: Vec<String>,
    pub facts: Vec<(String, String)>,
    pub fields: Vec<FieldRow>,
}

impl Item {
    pub fn opens(&self) -> bool {
        self.mti.is_some() || !self.facts.is_empty()
    }
}

/// The answer in two characters, and in words where it is said first.
pub struct Code {
    pub text: String,
    pub words: String,
    pub good: bool,
}

pub struct FieldRow {
    pub de: String,
    pub name: String,
    pub value: String,
    pub meaning: Option<String>,
    /// The message before, of the same way, did not have it so.
    pub new: bool,
}

enum Moment<'a> {
    Step(&'a Step),
    Hop { hop: &'a Hop, heard_us: Option<i64>, notes: Vec<&'a str> },
    Sealed,
}

/// A saved card was sealed long before: that belongs to another story.
const SEALED_WITHIN_MS: i64 = 3_600_000;

pub fn groups(told: &Told, words: Words) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let (mut last_us, mut before): (Option<i64>, Option<&Hop>) = (None, None);
    let mut decided: Option<String> = None;
    for (at_us, moment) in moments(told) {
        let title = match &moment {
            Moment::Step(step) => group_title(step, words),
            Moment::Hop { .. } | Moment::Sealed => None,
        };
        // A card that was sealed just before the order belongs to its act.
        let same = title.as_ref().is_some_and(|title| groups.last().is_some_and(|group| group.title == *title));
        if (title.is_some() && !same) || groups.is_empty() {
            let title = title.unwrap_or_else(|| words.say("group-order"));
            groups.push(Group { title, items: Vec::new() });
        }
        let mut item = match &moment {
            Moment::Step(step) => of_step(step, words),
            Moment::Hop { hop, heard_us, notes } => {
                let item = of_hop(hop, *heard_us, notes, before, words);
                before = Some(hop);
                item
            }
            Moment::Sealed => sealed(words),
        };
        // Who passes an answer on does not decide again: its code is said in words once.
        let code = item.code.as_ref().map(|code| code.text.clone());
        if code == decided
            && let Some(code) = &mut item.code
        {
            code.words.clear();
        }
        decided = code;
        // A step is known to the millisecond, so its share of it is not shown.
        let shown_us = if matches!(moment, Moment::Hop { .. }) { at_us } else { at_us.div_euclid(1_000) * 1_000 };
        (item.at, item.machine) = (clock::of_day(shown_us), clock::machine(shown_us));
        item.delta = last_us.map(|last| clock::span(shown_us - last, words));
        last_us = Some(shown_us.max(last_us.unwrap_or(shown_us)));
        if let Some(group) = groups.last_mut() {
            group.items.push(item);
        }
    }
    groups
}

/// In order. What was durable before a message left is shown before it, what came of an answer after it.
fn moments(told: &Told) -> Vec<(i64, Moment<'_>)> {
    let us = |at: florin_core::time::Time| at.0.saturating_mul(1_000);
    let step = |s| (us(Step::at(s)) + if s.word.is_before_wire() { 0 } else { 999 }, Moment::Step(s));
    let mut all: Vec<(i64, Moment<'_>)> = told.steps.iter().map(step).collect();
    let sealed = told.card.as_ref().and_then(|card| card.sealed);
    all.extend(sealed.filter(|at| told.created.since(*at) < SEALED_WITHIN_MS).map(|at| (us(at), Moment::Sealed)));
    let mut hops: Vec<&Hop> = told.hops.iter().collect();
    hops.sort_by_key(|hop| hop.at_us);
    let mut hops = hops.into_iter().peekable();
    while let Some(hop) = hops.next() {
        let mut notes: Vec<&str> = vec![hop.note.as_str()];
        let mut heard_us = None;
        if let Some(same) = hops.next_if(|next| is_heard(hop, next)) {
            heard_us = Some(same.at_us);
            notes.push(&same.note);
        }
        notes.retain(|note| !note.is_empty());
        all.push((hop.at_us, Moment::Hop { hop, heard_us, notes }));
    }
    all.sort_by_key(|(at, _)| *at);
    all
}

impl Step {
    const fn at(&self) -> florin_core::time::Time {
        self.at
    }
}

/// The same message, sent by one and received by the other.
fn is_heard(sent: &Hop, heard: &Hop) -> bool {
    let same = (&sent.from, &sent.to, &sent.title) == (&heard.from, &heard.to, &heard.title);
    same && sent.by == sent.from && heard.by == heard.to && sent.fields == heard.fields
}

fn group_title(step: &Step, words: Words) -> Option<String> {
    match step.word {
        Word::Created if step.refund => Some(words.say("group-refund")),
        Word::Created => Some(words.say("group-order")),
        // A refund is made and sent in one commit.
        Word::Sending => Some(words.of("group", step.operation.unwrap_or("sale"))),
        Word::Reversing => Some(words.say("group-reversing")),
        Word::Changed
        | Word::Repeating
        | Word::Challenged
        | Word::Held
        | Word::Succeeded
        | Word::Failed
        | Word::Canceled => None,
    }
}

fn blank(kind: &'static str, says: String) -> Item {
    Item {
        kind,
        at: String::new(),
        machine: String::new(),
        delta: None,
        from: None,
        to: None,
        says,
        code: None,
        mti: None,
        travelled: None,
        notes: Vec::new(),
        facts: Vec::new(),
        fields: Vec::new(),
    }
}

fn sealed(words: Words) -> Item {
    let (from, to) = (Some(words.say("party-form")), Some(words.say("party-vault")));
    Item { from, to, ..blank("card", words.say("say-sealed")) }
}

fn of_step(step: &Step, words: Words) -> Item {
    let key = match (step.refund, step.word) {
        (true, Word::Succeeded) => "refunded",
        (true, Word::Failed) => "refund-failed",
        (_, word) => word.as_str(),
    };
    let mut facts =
        vec![(words.say("fact-of"), step.of.clone()), (words.say("fact-version"), step.version.to_string())];
    facts.extend(step.stan.map(|stan| (words.say("fact-stan"), format!("{stan:06}"))));
    facts.extend(step.request.as_ref().map(|request| (words.say("fact-request"), request.clone())));
    if !step.events.is_empty() {
        facts.push((words.say("fact-events"), step.events.join(", ")));
    }
    let created = step.word == Word::Created && !step.refund;
    let from = words.say(if created { "party-shop" } else { "party-gateway" });
    let to = created.then(|| words.say("party-gateway"));
    Item { from: Some(from), to, facts, ..blank("step", words.of("say-step", key)) }
}

fn of_hop(hop: &Hop, heard_us: Option<i64>, notes: &[&str], before: Option<&Hop>, words: Words) -> Item {
    let (mti, purpose) = title(&hop.title);
    let answer = hop.fields.iter().find(|f| f.de == 39);
    let from = Role::of(&hop.from);
    let (kind, says) = match mti {
        None => ("silence", words.say("say-silence")),
        Some(_) if answer.is_some() => ("answer", words.of("say-answer", from.as_str())),
        Some(mti) if mti.get(1..2) == Some("4") => ("ask", words.of("say-undo", from.as_str())),
        Some(_) => ("ask", words.of("say-ask", from.as_str())),
    };
    let code = answer.map(|f| Code {
        text: f.value.clone(),
        words: words.of("rc", &f.value),
        good: matches!(f.value.as_str(), "00" | "08" | "11" | "85"),
    });
    let called = mti.map(|mti| {
        let what = words.of("mti", mti);
        let what = purpose.map_or(what.clone(), |p| format!("{what}: {}", words.of("purpose", p)));
        (mti.to_owned(), what)
    });
    // An answer repeats a part of what was asked; the first message of its kind shows everything as it is.
    let same = before.filter(|b| b.title == hop.title).map_or(&[][..], |b| b.fields.as_slice());
    let row = |f: &Field| FieldRow {
        de: f.de.to_string(),
        name: words.known("de", &f.de.to_string()).unwrap_or_else(|| f.name.clone()),
        value: f.value.clone(),
        meaning: meaning::of(f, &hop.fields, words),
        new: !same.is_empty() && !same.contains(f),
    };
    Item {
        from: Some(name(&hop.from, words)),
        to: Some(name(&hop.to, words)),
        code,
        mti: called,
        travelled: heard_us.map(|heard| clock::span(heard - hop.at_us, words)),
        notes: notes.iter().map(|note| words.of("note", note)).collect(),
        fields: hop.fields.iter().map(row).collect(),
        ..blank(kind, says)
    }
}

/// `0200 financial request: sale` is message type 0200 for a sale.
fn title(text: &str) -> (Option<&str>, Option<&str>) {
    let mti = text.get(..4).filter(|mti| mti.bytes().all(|b| b.is_ascii_digit()));
    (mti, text.split_once(": ").map(|(_, purpose)| purpose))
}
