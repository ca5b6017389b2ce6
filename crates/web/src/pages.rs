//! The templates and what each of them is given. Knows no request.

use crate::assets::{PATHS, Paths};
use crate::desk::{Account, Person, Right, Role};
use crate::journey::Journey;
use crate::respond;
use crate::told::Around;
use crate::words::{Language, Words};
use askama::Template;
use florin_core::edge::EdgeResponse;

/// What every page has.
#[derive(Clone)]
pub struct Base {
    pub words: Words,
    pub live: bool,
    /// A link to itself, up to the code of a language.
    here: String,
    /// It looks again whether there is something new: what it shows now.
    pub version: Option<String>,
    /// A page for the house's people, with their style sheet and script.
    pub people: bool,
    /// People can sign in here.
    pub door: bool,
    /// Around the pages of somebody who is signed in.
    pub shell: Option<Shell>,
    /// What was just done.
    pub flash: Option<String>,
}

/// Navigation and menu of whoever is signed in.
#[derive(Clone)]
pub struct Shell {
    pub name: String,
    pub email: String,
    pub role: String,
    pub account: Account,
    pub accounts: Vec<Account>,
    pub places: Vec<Place>,
}

/// A link of the navigation.
#[derive(Clone)]
pub struct Place {
    pub path: &'static str,
    pub label: String,
    pub here: bool,
    /// What waits there.
    pub count: usize,
}

impl Shell {
    pub fn new(words: Words, person: &Person, path: &str) -> Shell {
        let may = |right: Right| person.may.contains(&right);
        let all = [
            ("/", "nav-start", true, 0),
            ("/team", "nav-team", may(Right::SeeTeam), 0),
            ("/approvals", "nav-approvals", may(Right::Approve), person.waiting),
            ("/audit", "nav-audit", may(Right::SeeAudit), 0),
            ("/security", "nav-security", true, 0),
            ("/sessions", "nav-sessions", true, 0),
        ];
        let is_here =
            |at: &str| path == at || (at != "/" && path.strip_prefix(at).is_some_and(|rest| rest.starts_with('/')));
        let shown = all.into_iter().filter(|(_, _, shown, _)| *shown);
        let places =
            shown.map(|(path, key, _, count)| Place { path, label: words.say(key), here: is_here(path), count });
        Shell {
            name: person.name.clone(),
            email: person.email.clone(),
            role: words.of("role", person.role.name()),
            account: person.account.clone(),
            accounts: person.accounts.clone(),
            places: places.collect(),
        }
    }
}

impl Base {
    pub fn new(words: Words, live: bool, door: bool, here: String) -> Base {
        Base { words, live, here, version: None, people: false, door, shell: None, flash: None }
    }
    pub fn say(&self, key: &str) -> String {
        self.words.say(key)
    }
    /// The places that the first page leads to: path, name and what is found there.
    pub fn places(&self) -> Vec<(&'static str, String, String)> {
        let places = self.shell.iter().flat_map(|shell| &shell.places).filter(|place| !place.here);
        places.map(|place| (place.path, place.label.clone(), self.words.of("nav-says", place.path))).collect()
    }
    pub fn paths(&self) -> &'static Paths {
        &PATHS
    }
    pub fn tag(&self) -> &'static str {
        self.words.0.tag()
    }
    pub fn languages(&self) -> [(Language, bool, String); 3] {
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
    points: Vec<String>,
    /// Leads to the sign-in rather than to the start page.
    enter: bool,
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
    /// A form that did not come from a page of ours.
    Origin,
    SignedOut,
    /// A link, a code or a sign-in that is over.
    Over,
    Used,
    Unknown,
    Stale,
    Wrong,
    /// The house cannot do it now.
    House,
}

impl No {
    const fn status(self) -> u16 {
        match self {
            No::Forged | No::Origin => 403,
            No::Expired | No::Over | No::Used => 410,
            No::Page | No::Unknown => 404,
            No::Method => 405,
            No::SignedOut => 401,
            No::Stale => 409,
            No::Wrong => 422,
            No::Trouble | No::House => 503,
        }
    }
    const fn as_str(self) -> &'static str {
        match self {
            No::Forged => "forged",
            No::Expired => "expired",
            No::Page => "page",
            No::Method => "method",
            No::Trouble => "trouble",
            No::Origin => "origin",
            No::SignedOut => "signed-out",
            No::Over => "over",
            No::Used => "used",
            No::Unknown => "unknown",
            No::Stale => "stale",
            No::Wrong => "wrong",
            No::House => "house",
        }
    }
}

pub fn no(base: Base, why: No) -> EdgeResponse {
    let key = format!("no-{}", why.as_str());
    let (title, says) = (base.say(&format!("{key}-title")), base.say(&key));
    let door = base.door && base.shell.is_none();
    let enter = door && matches!(why, No::SignedOut | No::Over | No::Used | No::Unknown);
    render(why.status(), &NoPage { base, title, says, points: vec![], enter })
}

/// Their role may not, and these may.
pub fn not_by_role(base: Base, can: &[Role]) -> EdgeResponse {
    let (title, says) = (base.say("no-role-title"), base.say("no-role"));
    let points = can.iter().map(|role| base.words.of("role", role.name())).collect();
    render(403, &NoPage { base, title, says, points, enter: false })
}

/// What a rule of the house forbids.
pub fn rule(base: Base, why: &str) -> EdgeResponse {
    let (title, says) = (base.say("no-rule-title"), base.say(why));
    render(409, &NoPage { base, title, says, points: vec![], enter: false })
}

pub fn locked(base: Base, ms: i64) -> EdgeResponse {
    let seconds = usize::try_from(ms.max(0) / 1_000 + 1).unwrap_or(1);
    let (title, says) = (base.say("no-locked-title"), base.words.count("refused-locked-minutes", seconds.div_ceil(60)));
    let mut answer = render(429, &NoPage { base, title, says, points: vec![], enter: false });
    answer.headers.push(("retry-after".to_owned(), seconds.to_string()));
    answer
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

pub fn render(status: u16, page: &dyn askama::DynTemplate) -> EdgeResponse {
    match page.dyn_render() {
        Ok(body) => respond::html(status, body),
        // Templates write to memory and call nothing that fails.
        Err(_) => respond::json(500, "{}"),
    }
}
