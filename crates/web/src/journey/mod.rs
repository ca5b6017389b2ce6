//! The page of one journey: what was told, arranged for the eye. Pure.

mod books;
pub mod clock;
mod events;
mod meaning;
mod route;
mod timeline;
mod top;

pub use books::{Books, Settlement};
pub use events::EventRow;
pub use route::{Split, Station};
pub use timeline::Group;
pub use top::{AttemptRow, RelatedRow, Top};

use crate::link::{Link, Links};
use crate::told::Told;
use crate::words::Words;

/// All that the template needs.
pub struct Journey {
    pub top: Top,
    pub stations: Vec<Station>,
    pub split: Option<Split>,
    pub groups: Vec<Group>,
    pub attempts: Vec<AttemptRow>,
    pub books: Books,
    pub settlement: Vec<Settlement>,
    pub events: Vec<EventRow>,
    pub related: Vec<RelatedRow>,
    pub missing: Vec<String>,
}

pub fn arrange(told: &Told, words: Words, link: &Link, links: &Links) -> Journey {
    Journey {
        top: top::top(told, words, links),
        stations: route::stations(told, words),
        split: route::split(told, words),
        groups: timeline::groups(told, words),
        attempts: top::attempts(told, words),
        books: books::books(told, words),
        settlement: books::settlement(told, words),
        events: events::rows(told, words),
        related: top::related(told, words, link, links),
        missing: told.missing.iter().map(|part| words.of("party", part)).collect(),
    }
}
