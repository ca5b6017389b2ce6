//! The 3DS Server (EMV 3DS 2.2): asks the directory about a card, keeps the authentication value until its message leaves.
//! Knows no merchant's order, and decides nothing about a payment: the gateway does, by status and indicator.

mod directory;
mod values;

pub use directory::{Directory, DirectorySettings};
pub use values::Values;

use crate::cards::Cards;
use crate::clock::Clock;
use crate::core::id::Key;
use crate::core::money::Money;
use crate::core::threeds::{Answer, Ask, Begin, Settled, TransStatus};
use crate::core::time::Time;
use crate::core::wire::CardToken;
use florin_connect::amount;
use florin_connect::card::Card;
use florin_connect::threeds::{self as messages, Range, Request, Said};
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

/// Card ranges are asked for anew after this (EMV 3DS: once a day).
const RANGES_KEPT_MS: i64 = 86_400_000;
/// Texts of a browser that go into a request, in characters.
const BROWSER_TEXT_LIMIT: usize = 512;
const URL_LIMIT: usize = 256;

pub struct ThreeDs {
    cards: Arc<Cards>,
    values: Arc<Values>,
    /// None when there is nobody to ask.
    directory: Option<Directory>,
    /// The name in requests: the merchant as the acquirer knows it.
    merchant_name: String,
    clock: Clock,
    ranges: Mutex<Option<(Time, Arc<Vec<Range>>)>>,
}

impl ThreeDs {
    pub fn new(
        cards: Arc<Cards>,
        values: Arc<Values>,
        directory: Option<Directory>,
        name_place: &str,
        clock: Clock,
    ) -> ThreeDs {
        // DE 43: the first 25 characters are the name.
        let merchant_name = name_place.chars().take(25).collect::<String>().trim_end().to_owned();
        ThreeDs { cards, values, directory, merchant_name, clock, ranges: Mutex::default() }
    }

    /// Never fails: what cannot be known is `Trouble`.
    pub async fn answer(&self, ask: Ask) -> Answer {
        let answer = match ask {
            Ask::Enrolled { account, live, card } => self.enrolled(account, live, card).await.map(Answer::Enrolled),
            Ask::Begin(begin) => self.begin(&begin).await,
            Ask::Result { account, live, authentication, card, money } => {
                self.result(account, live, authentication, card, money).await
            }
        };
        answer.unwrap_or(Answer::Trouble)
    }

    async fn enrolled(&self, account: Key, live: bool, token: CardToken) -> Option<bool> {
        if self.directory.is_none() {
            return Some(false);
        }
        let ranges = self.ranges(account).await?;
        let card = self.card(account, live, token)?;
        Some(ranges.iter().any(|range| range.holds(card.pan.reveal())))
    }

    async fn ranges(&self, account: Key) -> Option<Arc<Vec<Range>>> {
        let now = self.clock.now();
        let kept = self.ranges.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, ranges)) = kept
            && now.steady.since(at) < RANGES_KEPT_MS
        {
            return Some(ranges);
        }
        let server = self.cards.transaction(account, Key(now.wall.0));
        let answer = self.directory.as_ref()?.ask("/3ds/preq", messages::ranges_request(server).as_bytes()).await?;
        let ranges = Arc::new(messages::read_ranges(&answer).ok()?);
        let fresh = Some((now.steady, Arc::clone(&ranges)));
        *self.ranges.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        Some(ranges)
    }

    async fn begin(&self, begin: &Begin) -> Option<Answer> {
        let areq = self.request(begin)?;
        let answer = self.directory.as_ref()?.ask("/3ds/areq", areq.as_bytes()).await?;
        drop(areq);
        let said = Said::read(&answer, "ARes").ok()?;
        let Begin { account, authentication, card, money, .. } = *begin;
        if said.server != self.cards.transaction(account, authentication) {
            return None;
        }
        if said.status == "C" {
            let url = said.acs_url.as_deref().filter(|url| url.starts_with("http") && !url.contains(['?', '#']))?;
            let creq = messages::challenge_request(said.server, said.acs);
            return Some(Answer::Challenge { url: format!("{url}?creq={creq}") });
        }
        self.settled(authentication, card, money, said, false)
    }

    async fn result(
        &self,
        account: Key,
        live: bool,
        authentication: Key,
        card: CardToken,
        money: Money,
    ) -> Option<Answer> {
        if live != self.cards.live() {
            return None;
        }
        let server = self.cards.transaction(account, authentication);
        let answer = self.directory.as_ref()?.ask("/3ds/result", messages::result_request(server).as_bytes()).await?;
        let said = Said::read(&answer, "RReq").ok().filter(|said| said.server == server)?;
        if said.status == "C" {
            return Some(Answer::Waiting);
        }
        self.settled(authentication, card, money, said, true)
    }

    /// Keeps the value, and tells what the gateway may know.
    fn settled(
        &self,
        authentication: Key,
        card: CardToken,
        money: Money,
        said: Said,
        challenged: bool,
    ) -> Option<Answer> {
        let status = TransStatus::parse(&said.status)?;
        if let Some(value) = said.value.filter(|_| status.is_proven()) {
            self.values.put(self.clock.now().steady, authentication, card, money, &value).ok()?;
        }
        Some(Answer::Settled(Settled { status, eci: said.eci, directory: said.directory, challenged }))
    }

    /// The card is open from here to the end of the function.
    fn request(&self, begin: &Begin) -> Option<Zeroizing<String>> {
        crate::wipe::touched();
        let Begin { account, live, authentication, card, money, mandated, .. } = *begin;
        let open = self.card(account, live, card)?;
        let browser =
            |text: &str| text.chars().filter(|c| !c.is_control()).take(BROWSER_TEXT_LIMIT).collect::<String>();
        let notification_url = Some(begin.notification_url.clone()).filter(|url| url.len() <= URL_LIMIT)?;
        let request = Request {
            server: self.cards.transaction(account, authentication),
            number: Zeroizing::new(open.pan.reveal().to_owned()),
            expiry: open.expiry.yymm(),
            amount: amount::to_wire(money).ok()?.parse().ok()?,
            currency: money.currency.numeric(),
            exponent: money.currency.iso_exponent(),
            merchant_name: self.merchant_name.clone(),
            mandated,
            notification_url,
            accept: browser(&begin.browser.accept),
            user_agent: browser(&begin.browser.user_agent),
            language: browser(&begin.browser.language),
            address: begin.browser.address.map(|a| a.to_string()),
        };
        Some(request.write())
    }

    fn card(&self, account: Key, live: bool, token: CardToken) -> Option<Card> {
        crate::wipe::touched();
        self.cards.find(self.clock.now().wall, account, live, token).ok().flatten()
    }
}
