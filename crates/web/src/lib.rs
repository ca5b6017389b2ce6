//! Pages for people, rendered on the server: an `EdgeRequest` in, an `EdgeResponse` out. The journey of a payment behind a signed link, and the
//! house's own pages behind a sign-in. Knows no store, no runtime, no cryptography of factors and no card number.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]
#![deny(clippy::float_arithmetic)]

mod assets;
pub mod desk;
mod flows;
mod journey;
mod link;
mod pages;
mod people;
mod respond;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;
mod told;
mod words;

pub use flows::Flows;
pub use link::{Link, Links, OPENS_MS, Subject, Topic};
pub use told::{
    Around, Attempt, Card, Delivered, Delivery, Entry, Event, Failure, Field, Hop, House, Movement, NotTold, Related,
    Settled, Step, Told, Try, Word,
};
pub use words::Language;

use florin_core::edge::{EdgeRequest, EdgeResponse};
use florin_core::store::Wait;
use pages::Base;
use std::sync::Arc;
use words::Words;

/// Answers requests for pages. One for a process.
pub struct Web {
    house: Arc<dyn House>,
    /// Where people sign in; none: there is only what links open.
    desk: Option<Arc<dyn desk::Desk>>,
    /// Real money moves here.
    live: bool,
    links: Arc<Links>,
}

/// What of a request's query belongs to the page and not to the link.
const LANGUAGE: &str = "lang";

impl Web {
    pub fn new(house: Arc<dyn House>, live: bool, links: Arc<Links>) -> Web {
        Web { house, desk: None, live, links }
    }

    /// With pages for those who sign in.
    pub fn with_desk(self, desk: Arc<dyn desk::Desk>) -> Web {
        Web { desk: Some(desk), ..self }
    }

    /// Never fails: what goes wrong is a page.
    pub fn handle<'a>(&'a self, request: EdgeRequest) -> Wait<'a, EdgeResponse> {
        Box::pin(async move {
            if let Some(asset) = assets::find(&request.path) {
                return asset;
            }
            let chosen = link::parameter(&request.query, LANGUAGE).and_then(Language::parse);
            let base = self.base(&request, chosen);
            let theirs = match &self.desk {
                Some(desk) => people::handle(desk.as_ref(), &request, base.clone()).await,
                None => None,
            };
            let answer = match theirs {
                Some(answer) => answer,
                None => self.page(&request, base).await,
            };
            respond::remember(answer, chosen, request.tls)
        })
    }

    async fn page(&self, request: &EdgeRequest, base: Base) -> EdgeResponse {
        if !matches!(request.method.as_str(), "GET" | "HEAD") {
            return pages::no(base, pages::No::Method);
        }
        match request.path.as_str() {
            "/" => pages::home(base, self.house.around().await),
            "/favicon.ico" => assets::find(&assets::PATHS.mark).unwrap_or_else(|| pages::no(base, pages::No::Page)),
            path => match path.strip_prefix(link::PATH).map(|rest| rest.split_once('/').unwrap_or((rest, ""))) {
                Some((id, "")) => self.journey(id, request, base).await,
                Some((id, "state")) => self.state(id, request).await,
                Some(_) | None => pages::no(base, pages::No::Page),
            },
        }
    }

    async fn journey(&self, id: &str, request: &EdgeRequest, base: Base) -> EdgeResponse {
        let link = match self.links.open(id, &request.query, self.house.now()) {
            Ok(link) => link,
            Err(link::Closed::Forged) => return pages::no(base, pages::No::Forged),
            Err(link::Closed::Expired) => return pages::no(base, pages::No::Expired),
        };
        match self.house.tell(link.account, link.subject).await {
            Ok(told) => {
                let moving = told.is_moving(self.house.now());
                let shown = journey::arrange(&told, base.words, &link, &self.links);
                pages::journey(base, shown, moving.then(|| version(&told)), told.subject.is_refund())
            }
            Err(NotTold::Missing) => pages::no(base, pages::No::Page),
            Err(NotTold::Trouble) => pages::no(base, pages::No::Trouble),
        }
    }

    /// For the page's script: whether there is something new, and whether to ask again.
    async fn state(&self, id: &str, request: &EdgeRequest) -> EdgeResponse {
        let Ok(link) = self.links.open(id, &request.query, self.house.now()) else {
            return respond::json(403, "{\"moving\":false}");
        };
        match self.house.tell(link.account, link.subject).await {
            Ok(told) => {
                let (version, moving) = (version(&told), told.is_moving(self.house.now()));
                respond::json(200, &format!("{{\"version\":\"{version}\",\"moving\":{moving}}}"))
            }
            Err(NotTold::Missing) => respond::json(404, "{\"moving\":false}"),
            Err(NotTold::Trouble) => respond::json(503, "{\"moving\":true}"),
        }
    }

    /// The reader's language: chosen on the page, remembered, or what the browser asks for.
    fn base(&self, request: &EdgeRequest, chosen: Option<Language>) -> Base {
        let header = |name: &str| request.headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value);
        let remembered = || respond::remembered(header("cookie"));
        let language = chosen.or_else(remembered).unwrap_or_else(|| Language::accepted(header("accept-language")));
        Base::new(Words(language), self.live, self.desk.is_some(), here(request))
    }
}

/// The page's own query without the choice of language, ready for another. A path of a request is never part of a link: `//shop.example`
/// would lead there.
fn here(request: &EdgeRequest) -> String {
    let kept = request.query.split('&').filter(|pair| !pair.is_empty() && pair.split('=').next() != Some(LANGUAGE));
    let kept: Vec<&str> = kept.collect();
    let sign = if kept.is_empty() { "" } else { "&" };
    format!("?{}{sign}{LANGUAGE}=", kept.join("&"))
}

/// Changes whenever the page would say something else.
fn version(told: &Told) -> String {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, format!("{told:?}").as_bytes());
    hash.as_ref().iter().take(8).map(|b| format!("{b:02x}")).collect()
}
