//! The community's Rust SDK, unchanged, against a running demo over TLS: its strict types read what Florin answers.
//! Usage: florin-async-stripe-test API SECRET_KEY (with SSL_CERT_FILE naming the demo's CA)

use std::collections::HashMap;
use std::error::Error;
use stripe::{Client, ClientBuilder, IdempotencyKey, RequestStrategy, StripeError, StripeRequest};
use stripe_core::balance::RetrieveForMyAccountBalance;
use stripe_core::charge::RetrieveCharge;
use stripe_core::customer::{CreateCustomer, DeleteCustomer, ListCustomer, RetrieveCustomer, UpdateCustomer};
use stripe_core::payment_intent::{
    CancelPaymentIntent, CapturePaymentIntent, CreatePaymentIntent, CreatePaymentIntentOffSession,
    RetrievePaymentIntent,
};
use stripe_core::refund::CreateRefund;
use stripe_shared::{
    ApiErrorsCode, PaymentIntent, PaymentIntentCaptureMethod, PaymentIntentSetupFutureUsage, PaymentIntentStatus,
};
use stripe_types::{Currency, Expandable};

type Checked = Result<(), Box<dyn Error>>;

fn payment(amount: i64, method: &str) -> CreatePaymentIntent {
    CreatePaymentIntent::new(amount, Currency::EUR)
        .payment_method(method)
        .confirm(true)
        .return_url("https://shop.example/back")
}

fn charge_of(intent: &PaymentIntent) -> Option<String> {
    intent.latest_charge.as_ref().map(|charge| match charge {
        Expandable::Id(id) => id.to_string(),
        Expandable::Object(charge) => charge.id.to_string(),
    })
}

async fn a_card_pays(client: &Client) -> Checked {
    let metadata = HashMap::from([("order".to_owned(), "6735".to_owned())]);
    let intent = payment(1999, "pm_card_visa").metadata(metadata.clone()).send(client).await?;
    assert_eq!((&intent.status, intent.amount_received), (&PaymentIntentStatus::Succeeded, 1999));
    assert_eq!(intent.metadata, metadata);
    let charge = charge_of(&intent).ok_or("no charge")?;
    let charge = RetrieveCharge::new(charge.as_str()).send(client).await?;
    assert!(charge.paid && charge.captured);
    let shown = RetrievePaymentIntent::new(intent.id.as_str()).send(client).await?;
    assert_eq!(shown.amount_received, 1999);
    Ok(())
}

async fn issuers_refuse(client: &Client) -> Checked {
    let refused = payment(500, "pm_card_chargeDeclinedInsufficientFunds").send(client).await;
    let Err(StripeError::Stripe(error, status)) = refused else { return Err("was not refused".into()) };
    assert_eq!((status, error.code), (402, Some(ApiErrorsCode::CardDeclined)));
    assert_eq!(error.decline_code.as_deref(), Some("insufficient_funds"));
    Ok(())
}

async fn holds_are_captured_and_released(client: &Client) -> Checked {
    let hold = || payment(5000, "pm_card_mastercard").capture_method(PaymentIntentCaptureMethod::Manual);
    let held = hold().send(client).await?;
    assert_eq!((held.status, held.amount_capturable), (PaymentIntentStatus::RequiresCapture, 5000));
    let taken = CapturePaymentIntent::new(held.id.as_str()).amount_to_capture(3000).send(client).await?;
    assert_eq!((taken.status, taken.amount_received), (PaymentIntentStatus::Succeeded, 3000));
    let other = hold().send(client).await?;
    let gone = CancelPaymentIntent::new(other.id.as_str()).send(client).await?;
    assert_eq!(gone.status, PaymentIntentStatus::Canceled);
    Ok(())
}

async fn refunds_never_exceed(client: &Client) -> Checked {
    let intent = payment(2000, "pm_card_visa").send(client).await?;
    let refund = |amount: i64| CreateRefund::new().payment_intent(intent.id.as_str()).amount(amount);
    assert_eq!(refund(500).send(client).await?.amount, 500);
    let Err(StripeError::Stripe(_, status)) = refund(1501).send(client).await else {
        return Err("was not refused".into());
    };
    assert_eq!(status, 400);
    Ok(())
}

async fn the_same_key_pays_once(client: &Client) -> Checked {
    let key = RequestStrategy::Idempotent(IdempotencyKey::new("order-rust-1")?);
    let pay = || payment(700, "pm_card_visa").customize().request_strategy(key.clone()).send(client);
    assert_eq!(pay().await?.id, pay().await?.id);
    Ok(())
}

async fn customers_keep_cards(client: &Client) -> Checked {
    let customer = CreateCustomer::new().name("Ada").email("ada@example.com").send(client).await?;
    let id = customer.id.as_str();
    let first = payment(900, "pm_card_visa")
        .customer(id)
        .setup_future_usage(PaymentIntentSetupFutureUsage::OffSession)
        .send(client)
        .await?;
    let Some(Expandable::Id(saved)) = &first.payment_method else { return Err("no payment method".into()) };
    let later = payment(900, saved.as_str()).customer(id).off_session(CreatePaymentIntentOffSession::Bool(true));
    assert_eq!(later.send(client).await?.status, PaymentIntentStatus::Succeeded);
    let changed = UpdateCustomer::new(id).name("Ada L.").send(client).await?;
    assert_eq!(changed.name.as_deref(), Some("Ada L."));
    RetrieveCustomer::new(id).send(client).await?;
    let newest = ListCustomer::new().limit(1).send(client).await?;
    assert_eq!(newest.data.first().map(|customer| customer.id.as_str()), Some(id));
    assert_eq!(DeleteCustomer::new(id).send(client).await?.id, customer.id);
    Ok(())
}

async fn the_balance_is_read(client: &Client) -> Checked {
    let balance = RetrieveForMyAccountBalance::new().send(client).await?;
    assert!(balance.pending.iter().chain(&balance.available).any(|sum| sum.currency == Currency::EUR));
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(api), Some(key)) = (arguments.next(), arguments.next()) else { return Err("API and SECRET_KEY".into()) };
    let client = ClientBuilder::new(key).url(format!("{api}/")).build()?;
    let mut failed = 0;
    let mut tell = |name: &str, checked: Checked| {
        failed += u32::from(checked.is_err());
        println!("test async_stripe::{name} ... {}", if checked.is_ok() { "ok" } else { "FAILED" });
        if let Err(why) = checked {
            println!("  {why}");
        }
    };
    tell("a_card_pays", a_card_pays(&client).await);
    tell("issuers_refuse", issuers_refuse(&client).await);
    tell("holds_are_captured_and_released", holds_are_captured_and_released(&client).await);
    tell("refunds_never_exceed", refunds_never_exceed(&client).await);
    tell("the_same_key_pays_once", the_same_key_pays_once(&client).await);
    tell("customers_keep_cards", customers_keep_cards(&client).await);
    tell("the_balance_is_read", the_balance_is_read(&client).await);
    println!(
        "test result: {}. {} passed; {failed} failed; 0 ignored;",
        if failed == 0 { "ok" } else { "FAILED" },
        7 - failed
    );
    std::process::exit(i32::from(failed > 0));
}
