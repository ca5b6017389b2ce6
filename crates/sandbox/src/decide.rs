//! What a request comes to: hold, sale, completion, refund, reversal or a refusal. Every decision is an entry of the books.

use crate::acquirer::{Host, Wish};
use crate::entry::{Class, Entry, EntryId, Kind};
use crate::issuer::{self, Ask, Said};
use crate::magic::Trick;
use crate::network::{code_text, transaction_id};
use crate::plastic::{Plastic, Told};
use crate::request::{REFUND, Request};
use crate::text::Text;
use crate::threeds::Shown;
use florin_connect::card::{Expiry, luhn};
use florin_connect::core::money::Currency;
use florin_connect::core::time::Time;
use florin_connect::iso8583::{Message, tlv};

/// Terminals whose id of eight characters begins so are registered.
const TERMINAL_PREFIX: &str = "FL";
/// Merchants whose id begins so are registered.
const MERCHANT_PREFIX: &str = "FLORIN";
/// DE 25: account verification at zero amount.
const VERIFICATION: &str = "51";

/// A refusal by response code.
pub(crate) struct No(Text<2>);

fn no<T>(code: &str) -> Result<T, No> {
    Err(No(code_text(code)))
}

impl Host {
    /// Decides on a request that the acquirer passed on.
    pub(crate) fn decide(&mut self, now: Time, message: &Message, request: &Request, wish: Wish) -> Entry {
        let blank = self.blank(now, request);
        let decided = if request.is_reversal() {
            self.reverse(now, request, blank)
        } else if self.books.reversed_early(&request.trace, request.rrn) {
            no("12")
        } else if request.is_completion() {
            self.complete(now, request, blank)
        } else if request.is_refund() {
            self.refund(now, request, blank)
        } else if request.increments {
            self.increment(now, message, request, wish, blank)
        } else {
            Ok(self.authorize(now, message, request, wish, blank))
        };
        match decided {
            // A reversal's answer, and one that says no, has no approval code.
            Ok(entry) if entry.approved() && entry.kind != Kind::Reversal => self.approve(entry),
            Ok(entry) => entry,
            Err(no) => self.refuse(now, request, no),
        }
    }

    /// The entry of a refusal.
    pub(crate) fn refuse(&self, now: Time, request: &Request, no: No) -> Entry {
        Entry { response: no.0, ..self.blank(now, request) }
    }

    /// Whether the network has to decide in the issuer's place.
    pub(crate) fn issuer_silent(&self, now: Time, request: &Request, plastic: &Plastic) -> bool {
        plastic.issuer_down || request.network.is_some_and(|n| self.outages.down(n, now))
    }

    fn blank(&self, now: Time, request: &Request) -> Entry {
        let id = self.books.next_id();
        let network_id = request.network.map_or(0, |network| transaction_id(network, now, id));
        Entry {
            id,
            at: now,
            kind: Kind::Decline,
            trace: request.trace,
            rrn: request.rrn,
            processing: request.processing,
            card: request.card,
            network: request.network,
            asked: request.asked,
            amount: 0,
            currency: request.currency,
            response: code_text("96"),
            approval: None,
            network_id: if request.is_reversal() || request.is_completion() { 0 } else { network_id },
            original: None,
            target: request.target,
            stand_in: false,
            avs: b' ',
            cvc: b' ',
            advice: None,
        }
    }

    /// A fresh approval code, or that of the original for a completion.
    fn approve(&self, entry: Entry) -> Entry {
        if entry.approval.is_some() {
            return entry;
        }
        let mixed = (entry.id ^ self.approval_salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Entry { approval: Some(Text::base36((mixed ^ (mixed >> 32)) % 36u64.pow(6))), ..entry }
    }

    /// What the acquirer checks before it passes anything on.
    pub(crate) fn check(&self, now: Time, message: &Message, request: &Request) -> Result<(), No> {
        let number = message.get(2).unwrap_or("");
        let terminal = request.trace.terminal.as_str();
        if !terminal.starts_with(TERMINAL_PREFIX) {
            return no("58");
        }
        if !message.get(42).is_some_and(|merchant| merchant.starts_with(MERCHANT_PREFIX)) {
            return no("03");
        }
        let acquirer = self.dialect.identity.acquirer.parse::<u64>();
        if acquirer != Ok(request.trace.acquirer) || Currency::from_numeric(request.currency).is_none() {
            return no("12");
        }
        if request.cardless {
            return Ok(());
        }
        if !luhn(number.as_bytes()) {
            return no("14");
        }
        if request.network.is_none() {
            return no("15");
        }
        let known = matches!(request.processing / 10_000, 0 | REFUND);
        if !known || (request.trace.class == Class::Authorization && request.advice) {
            return no("12");
        }
        if request.is_purchase() {
            match message.get(14).map(Expiry::from_yymm) {
                Some(Ok(expiry)) if !expiry.is_past(now) => {}
                Some(Ok(_)) => return no("54"),
                Some(Err(_)) | None => return no("30"),
            }
            let verification = message.get(25) == Some(VERIFICATION) && request.trace.class == Class::Authorization;
            if request.asked == 0 && !verification {
                return no("13");
            }
            if is_merchants(message) && !self.knows_agreement(request) {
                return no("12");
            }
        }
        Ok(())
    }

    /// DE 62 of a merchant's own charge names a transaction that was approved on the same card.
    fn knows_agreement(&self, request: &Request) -> bool {
        let first = request.network_id.and_then(|id| self.books.with_network_id(id));
        first.is_some_and(|entry| entry.approved() && entry.card == request.card)
    }

    fn authorize(&mut self, now: Time, message: &Message, request: &Request, wish: Wish, blank: Entry) -> Entry {
        let ask = ask(now, message, request, wish.plastic);
        let silent = self.issuer_silent(now, request, &wish.plastic);
        let alternates = wish.trick == Some(Trick::Decline91ThenApprove);
        let declines_first = alternates && self.declined_once.insert(request.card);
        if alternates && !declines_first {
            self.declined_once.remove(&request.card);
        }
        let said = match (declines_first, silent) {
            (true, _) => Said { response: code_text("91"), approved: 0, avs: b' ', cvc: b' ', advice: None },
            (false, true) => issuer::stand_in(&ask),
            (false, false) => self.issuers.decide(&ask),
        };
        let entry = Entry {
            amount: said.approved,
            response: said.response,
            stand_in: silent && !declines_first,
            avs: said.avs,
            cvc: said.cvc,
            advice: said.advice,
            ..blank
        };
        let kind = match (entry.approved(), request.asked, request.trace.class) {
            (false, _, _) => Kind::Decline,
            (true, 0, _) => Kind::Verification,
            (true, _, Class::Financial) => Kind::Sale,
            (true, _, Class::Authorization | Class::Reversal) => Kind::Hold,
        };
        Entry { kind, ..entry }
    }

    /// 0100 with reason 3900: another hold, which lives and ends with the one that DE 62 names. Unknown: 25; claimed or given up: 12.
    fn increment(
        &mut self,
        now: Time,
        message: &Message,
        request: &Request,
        wish: Wish,
        blank: Entry,
    ) -> Result<Entry, No> {
        let named = request.network_id.and_then(|id| self.books.by_network_id(id)).copied();
        let Some(hold) = named else { return no("25") };
        if hold.kind != Kind::Hold
            || hold.original.is_some()
            || !same_card(&hold, request)
            || !self.books.holds(hold.id)
        {
            return no("12");
        }
        let entry = self.authorize(now, message, request, wish, blank);
        Ok(Entry { original: (entry.kind == Kind::Hold).then_some(hold.id), ..entry })
    }

    /// 0220: claims at most what is held and releases the rest. More than is held is 13; a hold that is gone, undone or claimed, is 12.
    fn complete(&mut self, now: Time, request: &Request, blank: Entry) -> Result<Entry, No> {
        let Some(target) = request.target else { return no("30") };
        let Some(hold) = self.books.find_original(&target, request.rrn).copied() else { return no("25") };
        let held = self.books.held(hold.id);
        if hold.kind != Kind::Hold || !same_card(&hold, request) || hold.approval != request.approval || held == 0 {
            return no("12");
        }
        if request.asked == 0 || request.asked > held {
            return no("13");
        }
        self.tell(now, hold.id);
        Ok(Entry {
            id: self.books.next_id(),
            kind: Kind::Completion,
            amount: request.asked,
            response: code_text("00"),
            approval: hold.approval,
            network_id: hold.network_id,
            original: Some(hold.id),
            ..blank
        })
    }

    /// 0200 with processing code 20: gives back at most what was captured and not yet given back (13 otherwise). The sale is found by
    /// its network transaction id: none given is 12, an unknown one 25.
    fn refund(&mut self, now: Time, request: &Request, blank: Entry) -> Result<Entry, No> {
        if request.trace.class != Class::Financial {
            return no("12");
        }
        let Some(network_id) = request.network_id else { return no("12") };
        let Some(sale) = self.books.by_network_id(network_id).copied() else { return no("25") };
        if !same_card(&sale, request) {
            return no("12");
        }
        let left = self.books.standing(sale.id).map_or(0, |s| s.captured - s.refunded);
        if request.asked == 0 || request.asked > left {
            return no("13");
        }
        self.tell(now, sale.id);
        let id = self.books.next_id();
        Ok(Entry {
            id,
            kind: Kind::Refund,
            amount: request.asked,
            response: code_text("00"),
            network_id: request.network.map_or(0, |network| transaction_id(network, now, id)),
            original: Some(sale.id),
            ..blank
        })
    }

    /// 0400 and 0420: undoes what stands of the message that DE 90 names, down to the amount of DE 95 if there is one, whatever DE 4
    /// says. Nothing found: 25, and the original is refused if it comes later. Nothing left to undo: 00, since nothing stands.
    fn reverse(&mut self, now: Time, request: &Request, blank: Entry) -> Result<Entry, No> {
        let Some(target) = request.target else { return no("30") };
        let mut reversal = Entry { kind: Kind::Reversal, ..blank };
        let Some(named) = self.books.find_original(&target, request.rrn).copied() else {
            return Ok(Entry { response: code_text("25"), ..reversal });
        };
        let Some(original) = self.standing_of(&named) else { return no("12") };
        if request.cardless && named.rrn == request.rrn && named.currency == request.currency {
            (reversal.card, reversal.network) = (named.card, named.network);
        } else if !same_card(&named, request) {
            return no("12");
        }
        let stands = self.books.standing(original).map_or(0, |s| match s.kind {
            Kind::Refund => s.refunded,
            _ if s.held > 0 => self.books.held(original),
            _ => (s.captured - s.refunded).max(0),
        });
        if request.remaining > stands {
            return no("13");
        }
        self.tell(now, original);
        Ok(Entry {
            id: self.books.next_id(),
            amount: stands - request.remaining,
            response: code_text("00"),
            original: Some(original),
            ..reversal
        })
    }

    /// The entry that money stands under: a completion stands under its hold.
    fn standing_of(&self, named: &Entry) -> Option<EntryId> {
        match named.kind {
            Kind::Hold | Kind::Sale | Kind::Refund | Kind::Decline | Kind::Verification => Some(named.id),
            Kind::Completion => named.original,
            Kind::Reversal | Kind::Advice => None,
        }
    }
}

fn same_card(original: &Entry, request: &Request) -> bool {
    original.card == request.card && original.currency == request.currency
}

fn ask(now: Time, message: &Message, request: &Request, plastic: Plastic) -> Ask {
    let given = |de: u8, tag: u8| subfield(message, de, tag).is_some_and(|value| !value.trim().is_empty());
    Ask {
        card: request.card,
        network: request.network,
        plastic,
        amount: request.asked,
        currency: request.currency,
        cvc_given: given(126, 10),
        street_given: given(123, 2),
        postal_given: given(123, 1),
        at: now,
    }
}

/// How the card behaves towards this request. An authentication value that the issuer did not make for this purchase, or that it saw
/// before, is refused (82); DE 60.01 = M says that the merchant started it.
pub(crate) fn plastic(message: &Message, request: &Request, shown: Shown) -> Plastic {
    let number = message.get(2).unwrap_or("");
    match shown {
        Shown::Wrong => Plastic { respond: Some(code_text("82")), ..Plastic::PLAIN },
        Shown::Nothing | Shown::Proven(_) => {
            // The cardholder agreed when the hold was made that is added to.
            let authenticated = request.increments || matches!(shown, Shown::Proven(_));
            let verification = message.get(25) == Some(VERIFICATION);
            Plastic::of(number, Told { authenticated, merchant_initiated: is_merchants(message), verification })
        }
    }
}

/// DE 60.01 = M: the merchant started it, without the cardholder.
fn is_merchants(message: &Message) -> bool {
    subfield(message, 60, 1) == Some("M")
}

fn subfield(message: &Message, de: u8, tag: u8) -> Option<&str> {
    message.get(de).and_then(|text| tlv::get(text, tag))
}
