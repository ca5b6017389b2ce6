//! What merchants do with cards on file: set one up, keep one with a payment, and charge it later on their own.
//! Knows gateways only as clients do.

use crate::gateway::Command;
use crate::workload::Merchant;
use florin_core::commit::{Beside, EventKind, Version};
use florin_core::flow::View;
use florin_core::id::Key;
use florin_core::method::{Hold, PaymentMethod};
use florin_core::money::{Currency, Money};
use florin_core::payment::{CaptureMethod, CardFacts, Confirm, Create, Method};
use florin_core::record;
use florin_core::setup::{AuthenticatedSetup, ConfirmSetup, CreateSetup, Purpose, Setup, SetupPersonal};
use florin_core::wire::{Credential, Initiator};

/// A declined setup is tried again so often at most.
const CONFIRMS_LIMIT: u32 = 3;

/// A fresh key, as the API makes one before it asks core.
fn fresh(merchant: &Merchant) -> Key {
    let world = &mut *merchant.sim.lock();
    world.next_claim += 1;
    // Below every key that a clock makes, and of its own by the counter.
    Key((1 << 40) + world.next_claim * 32)
}

/// A card that is made a method in the commit of its use.
fn method_of(merchant: &Merchant, card: CardFacts, by: Key) -> (Method, Beside) {
    let (key, account, at) = (fresh(merchant), merchant.account, merchant.sim.lock().wall());
    let body = PaymentMethod { hold: Hold::UsedBy(by), ..PaymentMethod::free(false, card.clone()) };
    let view = View { key, account, version: Version(1), at, body, personal: None };
    let beside = Beside { from: Version::NONE, row: record::row(&view, vec![]), event: EventKind::MethodCreated };
    (Method { key, card }, beside)
}

/// Makes a method of the card that a confirmation brings.
pub fn with_method(merchant: &Merchant, command: &mut Confirm) {
    let Some(card) = command.card.clone() else { return };
    let (method, beside) = method_of(merchant, card, command.payment);
    command.method = Some(method.key);
    command.beside.push(beside);
    command.initiator = Initiator::CustomerStoring;
}

/// Sets a card up for a customer, with another one when it is declined, and charges it then.
pub async fn set_up(merchant: &Merchant) {
    let (key, claim) = (fresh(merchant), merchant.claim());
    let (method, beside) = method_of(merchant, merchant.card(), key);
    let plain = Setup::plain(false, Purpose::Intent);
    let mut kept = method.key;
    let command = Command::SetUp(CreateSetup {
        account: merchant.account,
        key,
        setup: Setup { customer: Some(merchant.customer()), ..plain },
        method,
        credential: Credential::default(),
        step_up: merchant.step_up(),
        personal: SetupPersonal::default(),
        beside: vec![beside],
        claim: Some(claim.clone()),
    });
    let mut heard = merchant.ask(claim, command).await;
    for _ in 0..CONFIRMS_LIMIT {
        if heard.as_ref().is_some_and(|said| said.status == "requires_action") {
            let account = merchant.account;
            let back = |authentication, settled| {
                Command::AuthenticatedSetup(AuthenticatedSetup { account, setup: key, authentication, settled })
            };
            if !merchant.authenticate(key, back).await {
                return;
            }
            if merchant.sim.lock().audit.kept(kept).is_some() {
                return charge(merchant, kept).await;
            }
        }
        match &heard {
            Some(said) if said.status == "succeeded" => return charge(merchant, kept).await,
            Some(_) => {}
            None => return,
        }
        let claim = merchant.claim();
        let (method, beside) = method_of(merchant, merchant.card(), key);
        kept = method.key;
        let command = Command::ConfirmSetup(ConfirmSetup {
            account: merchant.account,
            setup: key,
            from: None,
            method: Some(method),
            credential: Credential::default(),
            step_up: merchant.step_up(),
            asking: None,
            personal: None,
            beside: vec![beside],
            claim: Some(claim.clone()),
        });
        heard = merchant.ask(claim, command).await;
    }
}

/// Charges the card that a payment kept.
pub async fn charge_again(merchant: &Merchant, payment: Key) {
    let kept = {
        let world = &mut *merchant.sim.lock();
        let paid = world.audit.payment(payment);
        paid.and_then(|p| p.card.as_ref().and_then(|c| p.method(c.token)).map(|m| m.key))
    };
    if let Some(kept) = kept {
        charge(merchant, kept).await;
    }
}

/// The merchant's own charge: without the cardholder, naming the first use.
async fn charge(merchant: &Merchant, method: Key) {
    merchant.sim.sleep(merchant.between(0, 20_000)).await;
    let known = {
        let world = &mut *merchant.sim.lock();
        world.audit.kept(method).map(|m| (m.card.clone(), m.customer(), m.network_id))
    };
    let Some((card, customer, first_use)) = known else { return };
    let claim = merchant.claim();
    let money = Money::new(merchant.between(2_000, 8_000), Currency::EUR);
    let command = Command::Create(Create {
        card: Some(card),
        customer,
        method: Some(method),
        confirm: Some(Initiator::Merchant),
        credential: Credential { first_use, code: None },
        claim: Some(claim.clone()),
        ..Create::plain(merchant.account, false, money, CaptureMethod::Automatic)
    });
    merchant.ask(claim, command).await;
}
