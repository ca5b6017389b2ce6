//! The templates and what each of them is given. Knows no request.

use crate::assets::{PATHS, Paths};
use crate::journey::Journey;
use crate::respond;
use crate::told::Around;
use crate::words::{Language, Words};
use askama::Template;
use florin_core::edge::EdgeResponse;

/// What every page has.
pub struct Base {
    pub words: Words,
    pub live: bool,
    /// A link to itself, up to the code of a language.
    here: String,
    /// It looks again whether there is something new: what it shows now.
    version: Option<String>,
}

impl Base {
    pub fn new(words: Words, live: bool, here: String) -> Base {
        Base { words, live, here, version: None }
    }
    fn say(&self, key: &str) -> String {
        self.words.say(key)
    }
    fn paths(&self) -> &'static Paths {
        &PATHS
    }
    fn tag(&self) -> &'static str {
        self.words.0.tag()
    }
    fn languages(&self) -> [(Language, bool, String); 3] {
        Language::ALL.map(|l| (l, l == self.words.0, format!("{}{}", self.here, l.code())))
    }
}

/// Cards that a newcomer tries first: number as people type it, and the word for what it does.
const CARDS: [(&str, &str); 3] = [
    ("4242 4242 4242 4242", "home-card-good"),
    ("4000 0000 0000 9995", "home-card-funds"),
    ("4000 0027 6000 3184", "home-card-challenge"),
];

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    base: Base,
    around: Around,
    cards: Vec<(&'static str, String)>,
}

#[derive(Template)]
#[template(path = "no.html")]
struct NoPage {
    base: Base,
    title: String,
    says: String,
}

#[derive(Template)]
#[template(path = "journey.html")]
struct JourneyPage {
    base: Base,
    j: Journey,
    refund: bool,
}

/// Why there is no page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum No {
    Forged,
    Expired,
    Page,
    Method,
    Trouble,
}

impl No {
    const fn status(self) -> u16 {
        match self {
            No::Forged => 403,
            No::Expired => 410,
            No::Page => 404,
            No::Method => 405,
            No::Trouble => 503,
        }
    }
    const fn as_str(self) -> &'static str {
        match self {
            No::Forged => "forged",
            No::Expired => "expired",
            No::Page => "page",
            No::Method => "method",
            No::Trouble => "trouble",
        }
    }
}

pub fn no(base: Base, why: No) -> EdgeResponse {
    let key = format!("no-{}", why.as_str());
    let (title, says) = (base.say(&format!("{key}-title")), base.say(&key));
    render(why.status(), &NoPage { base, title, says })
}

pub fn home(base: Base, around: Around) -> EdgeResponse {
    let cards = CARDS.iter().map(|(number, key)| (*number, base.say(key))).collect();
    render(200, &HomePage { base, around, cards })
}

/// `version` says what is shown, if the page is to look for more.
pub fn journey(mut base: Base, j: Journey, version: Option<String>, refund: bool) -> EdgeResponse {
    base.version = version;
    render(200, &JourneyPage { base, j, refund })
}

fn render(status: u16, page: &dyn askama::DynTemplate) -> EdgeResponse {
    match page.dyn_render() {
        Ok(body) => respond::html(status, body),
        // Templates write to memory and call nothing that fails.
        Err(_) => respond::json(500, "{}"),
    }
}
