//! What merchants do with cards on file: set one up, keep one with a payment, and charge it later on their own.
//! Knows gateways only as clients do.

use crate::client::Merchant;
use florin_core::id::{Key, Kind};

/// A declined setup is tried again so often at most.
const CONFIRMS_LIMIT: u32 = 3;

/// Sets a card up for a customer, with another one when it is declined, and charges it then.
pub async fn set_up(merchant: &Merchant) {
    let confirms = merchant.chance(800);
    let mut text = format!("customer={}&usage=off_session&confirm={confirms}", merchant.customer());
    let wish = merchant.step_up();
    if wish.starts_with("payment_method_options") {
        text.push_str(&format!("&{wish}"));
    }
    let request = merchant.post("/v1/setup_intents".into(), text).with_card(merchant.card());
    let mut heard = merchant.ask(request).await;
    let Some(setup) = heard.as_ref().map(|said| said.key) else { return };
    let path = format!("/v1/setup_intents/{}", merchant.id(Kind::Setup, setup));
    for _ in 0..CONFIRMS_LIMIT {
        if heard.as_ref().is_some_and(|said| said.status == "requires_action") {
            if !merchant.authenticate(Kind::Setup, setup).await {
                return;
            }
            heard = merchant.read(path.clone()).await;
        }
        match &heard {
            Some(said) if said.status == "succeeded" => return charge_kept(merchant, setup).await,
            Some(_) if merchant.chance(150) => {
                merchant.ask(merchant.post(format!("{path}/cancel"), String::new())).await;
                return;
            }
            Some(_) => {}
            None => return,
        }
        let request = merchant.post(format!("{path}/confirm"), String::new()).with_card(merchant.card());
        heard = merchant.ask(request).await;
    }
}

/// Charges the card that a setup kept.
async fn charge_kept(merchant: &Merchant, setup: Key) {
    let method = merchant.sim.lock().audit.setup(setup).and_then(|s| s.method.as_ref().map(|m| m.key));
    if let Some(method) = method {
        charge(merchant, method).await;
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
    let customer = merchant.sim.lock().audit.kept(method).and_then(|m| m.customer());
    let Some(customer) = customer else { return };
    let (amount, of) = (merchant.between(2_000, 8_000), merchant.id(Kind::Customer, customer));
    let method = merchant.id(Kind::Method, method);
    let text =
        format!("amount={amount}&currency=eur&customer={of}&payment_method={method}&off_session=true&confirm=true");
    merchant.ask(merchant.post("/v1/payment_intents".into(), text)).await;
}
