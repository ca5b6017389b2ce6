//! Customers, payment methods, tokens, setups, and the small catalogue.

use crate::world::{Request, Shop};
use serde_json::{Value, json};

#[test]
fn customers() {
    let shop = Shop::open();
    let made = shop.post("/v1/customers", "name=Ana&email=ana%40x.nl&metadata[a]=1&address[city]=Delft");
    let id = made.text("/id");
    let path = format!("/v1/customers/{id}");
    assert_eq!(shop.post(&path, "email=b%40x.nl&metadata[a]=&phone=1").text("/email"), "b@x.nl");
    assert_eq!(shop.get(&path).at("/metadata"), &json!({}));
    assert_eq!(shop.post("/v1/customers", "email=nonsense").error(), (400, "email_invalid", "email"));
    let found = shop.get("/v1/customers/search?query=email%3A%27b%40x.nl%27");
    assert_eq!((found.text("/object"), found.text("/data/0/id")), ("search_result".into(), id.clone()));
    assert_eq!(shop.get("/v1/customers?email=b%40x.nl").text("/data/0/id"), id);
    assert_eq!(shop.delete(&path).body, json!({ "id": id, "object": "customer", "deleted": true }));
    assert_eq!(shop.get(&path).at("/deleted"), &json!(true));
    assert_eq!(shop.post(&path, "name=x").status, 404);
    assert_eq!(shop.get("/v1/customers").at("/data"), &json!([]));
    let pay = format!("amount=1000&currency=eur&customer={id}");
    assert_eq!(shop.post("/v1/payment_intents", &pay).error(), (400, "resource_missing", "customer"));
}

#[test]
fn methods_of_nobody_work_once() {
    let shop = Shop::open();
    let make = || {
        let request =
            Request::new("POST", "/v1/payment_methods", "type=card&card[florin_card]=0&billing_details[name]=Ana");
        shop.with_card(request.key(&shop.publishable), 1)
    };
    let method = make();
    let id = method.text("/id");
    assert_eq!((method.text("/card/last4"), method.text("/billing_details/name")), ("4242".into(), "Ana".into()));
    assert_eq!(method.text("/card/fingerprint"), make().text("/card/fingerprint"));
    let pay = |id: &str| {
        shop.post("/v1/payment_intents", &format!("amount=1000&currency=eur&confirm=true&payment_method={id}"))
    };
    let paid = pay(&id);
    assert_eq!((paid.text("/status"), paid.text("/payment_method")), ("succeeded".into(), id.clone()));
    assert_eq!(pay(&id).error().1, "payment_method_unexpected_state");
    let customer = shop.post("/v1/customers", "").text("/id");
    let attach = shop.post(&format!("/v1/payment_methods/{id}/attach"), &format!("customer={customer}"));
    assert_eq!(attach.error().1, "payment_method_unexpected_state");
    assert_eq!(shop.post("/v1/payment_methods", "type=card").error(), (400, "parameter_missing", "card"));
}

#[test]
fn attached_methods() {
    let shop = Shop::open();
    let customer = shop.post("/v1/customers", "name=Ana").text("/id");
    let stranger = shop.post("/v1/customers", "name=Bea").text("/id");
    let id = shop.post("/v1/payment_methods/pm_card_visa/attach", &format!("customer={customer}")).text("/id");
    assert_ne!(id, "pm_card_visa");
    assert_eq!(shop.get(&format!("/v1/customers/{customer}/payment_methods")).text("/data/0/id"), id);
    assert_eq!(shop.get(&format!("/v1/payment_methods?customer={customer}&type=card")).text("/data/0/id"), id);
    let pay = |customer: &str| {
        let body =
            format!("amount=1000&currency=eur&confirm=true&off_session=true&payment_method={id}&customer={customer}");
        shop.post("/v1/payment_intents", &body)
    };
    assert_eq!(pay(&customer).text("/status"), "succeeded");
    assert_eq!(pay(&customer).text("/status"), "succeeded");
    assert_eq!(pay(&stranger).error().1, "payment_method_customer_mismatch");
    let detached = shop.post(&format!("/v1/payment_methods/{id}/detach"), "");
    assert_eq!(detached.at("/customer"), &Value::Null);
    assert_eq!(pay(&customer).error().1, "payment_method_unexpected_state");
    assert_eq!(shop.get(&format!("/v1/customers/{customer}/payment_methods")).at("/data"), &json!([]));
}

#[test]
fn a_payment_that_keeps_its_card() {
    let shop = Shop::open();
    let customer = shop.post("/v1/customers", "name=Ana").text("/id");
    let body = format!(
        "amount=1000&currency=eur&confirm=true&payment_method=pm_card_visa&customer={customer}&setup_future_usage=off_session&expand[]=customer&expand[]=payment_method"
    );
    let paid = shop.post("/v1/payment_intents", &body);
    assert_eq!((paid.text("/status"), paid.text("/customer/name")), ("succeeded".into(), "Ana".into()));
    assert_eq!(paid.text("/payment_method/customer"), customer);
    assert_eq!(
        shop.get(&format!("/v1/customers/{customer}/payment_methods")).text("/data/0/id"),
        paid.text("/payment_method/id")
    );
    assert_eq!(shop.get(&format!("/v1/payment_intents?customer={customer}")).text("/data/0/id"), paid.text("/id"));
}

/// A reissued card has another date: the method stays, and what is sent from now on carries it.
#[test]
fn a_card_that_was_reissued() {
    let shop = Shop::open();
    let customer = shop.post("/v1/customers", "name=Ana").text("/id");
    let id = shop.post("/v1/payment_methods/pm_card_visa/attach", &format!("customer={customer}")).text("/id");
    let path = format!("/v1/payment_methods/{id}");
    let before = shop.get(&path);
    let year = before.body["card"]["exp_year"].as_i64().unwrap();
    let check = |form: &str, expected: (i64, i64)| {
        let got = shop.post(&path, form);
        assert_eq!((got.status, got.text("/id")), (200, id.clone()), "{form}");
        let card = &shop.get(&path).body["card"];
        assert_eq!((card["exp_month"].as_i64(), card["exp_year"].as_i64()), (Some(expected.0), Some(expected.1)));
        assert_eq!(&card["fingerprint"], before.at("/card/fingerprint"));
    };
    check("card[exp_month]=2&card[exp_year]=2044", (2, 2044));
    check("card[exp_month]=3", (3, 2044));
    check(&format!("card[exp_year]={year}&metadata[a]=1"), (3, year));
    assert_eq!(shop.get(&path).text("/metadata/a"), "1");
    let pay = format!("amount=1000&currency=eur&confirm=true&customer={customer}&payment_method={id}");
    assert_eq!(shop.post("/v1/payment_intents", &pay).text("/status"), "succeeded");
    let tokens: Vec<_> = shop.sent().iter().map(|order| order.card).collect();
    assert_ne!(tokens.first(), tokens.last(), "the renewed card is sent");
    let refused =
        |form: &str, expected: (u16, &str, &str)| assert_eq!(shop.post(&path, form).error(), expected, "{form}");
    refused("card[exp_month]=13", (402, "invalid_expiry_month", "exp_month"));
    refused("card[exp_month]=-1", (402, "invalid_expiry_month", "exp_month"));
    refused("card[exp_month]=1000", (402, "invalid_expiry_month", "exp_month"));
    refused("card[exp_year]=2020", (402, "invalid_expiry_year", "exp_year"));
    refused("card[exp_year]=99999", (402, "invalid_expiry_year", "exp_year"));
    refused("card[exp_month]=x", (400, "parameter_invalid_integer", "card[exp_month]"));
    refused("card[cvc]=1", (400, "parameter_unknown", "card[cvc]"));
}

#[test]
fn a_token_works_once() {
    let shop = Shop::open();
    let request = Request::new("POST", "/v1/tokens", "card[florin_card]=0&card[name]=Ana").key(&shop.publishable);
    let token = shop.with_card(request, 1);
    let id = token.text("/id");
    assert_eq!((token.text("/card/brand"), token.at("/used")), ("Visa".into(), &json!(false)));
    let method = |token: &str| shop.post("/v1/payment_methods", &format!("type=card&card[token]={token}"));
    assert_eq!(method(&id).status, 200);
    assert_eq!(method(&id).error(), (400, "token_already_used", "card[token]"));
    assert_eq!(shop.get(&format!("/v1/tokens/{id}")).at("/used"), &json!(true));
    assert_eq!(method("tok_visa").status, 200);
    let request = Request::new("POST", "/v1/tokens", "card[florin_card]=0").key(&shop.publishable);
    let other = shop.with_card_of(request, 2, florin_core::wire::Network::Mastercard);
    assert_eq!(other.text("/card/brand"), "MasterCard");
    assert_eq!(method("tok_none").error(), (400, "resource_missing", "card[token]"));
}

#[test]
fn setups() {
    let shop = Shop::open();
    let customer = shop.post("/v1/customers", "name=Ana").text("/id");
    let made = shop.post("/v1/setup_intents", &format!("customer={customer}&metadata[a]=1"));
    assert_eq!((made.text("/status"), made.text("/usage")), ("requires_payment_method".into(), "off_session".into()));
    let path = format!("/v1/setup_intents/{}", made.text("/id"));
    assert_eq!(shop.post(&format!("{path}/confirm"), "").error().1, "setup_intent_unexpected_state");
    let done = shop.post(&format!("{path}/confirm"), "payment_method=pm_card_visa");
    assert_eq!(done.text("/status"), "succeeded");
    let kept = shop.get(&format!("/v1/customers/{customer}/payment_methods")).text("/data/0/id");
    assert_eq!(kept, done.text("/payment_method"));
    assert_eq!(shop.post(&format!("{path}/confirm"), "").error().1, "setup_intent_unexpected_state");
    assert_eq!(shop.post(&format!("{path}/cancel"), "").error().1, "setup_intent_unexpected_state");
    let other = shop.post("/v1/setup_intents", "payment_method=pm_card_visa&confirm=true");
    assert_eq!(other.text("/status"), "succeeded");
    let open = shop.post("/v1/setup_intents", "").text("/id");
    let canceled = shop.post(&format!("/v1/setup_intents/{open}/cancel"), "cancellation_reason=abandoned");
    assert_eq!(
        (canceled.text("/status"), canceled.text("/cancellation_reason")),
        ("canceled".into(), "abandoned".into())
    );
}

#[test]
fn products_and_prices() {
    let shop = Shop::open();
    let product =
        shop.post("/v1/products", "name=Tea&default_price_data[currency]=eur&default_price_data[unit_amount]=450");
    let id = product.text("/id");
    let price = product.text("/default_price");
    assert_eq!(shop.get(&format!("/v1/prices/{price}?expand[]=product")).text("/product/name"), "Tea");
    assert_eq!(
        shop.post(&format!("/v1/prices/{price}"), "unit_amount=1").error(),
        (400, "parameter_unknown", "unit_amount")
    );
    let body = format!("product={id}&currency=eur&unit_amount=900&recurring[interval]=month");
    assert_eq!(shop.post("/v1/prices", &body).text("/recurring/interval"), "month");
    assert_eq!(shop.get(&format!("/v1/prices?product={id}")).body["data"].as_array().unwrap().len(), 2);
    assert_eq!(shop.delete(&format!("/v1/products/{id}")).status, 400);
    let other = shop.post("/v1/products", "name=Cup").text("/id");
    assert_eq!(shop.delete(&format!("/v1/products/{other}")).at("/deleted"), &json!(true));
    assert_eq!(shop.get(&format!("/v1/products/{other}")).status, 404);
}

#[test]
fn endpoints() {
    let shop = Shop::open();
    let path = "/v1/webhook_endpoints";
    let made = shop.post(path, "url=https%3A%2F%2Fshop.example%2Fhook&enabled_events[]=charge.succeeded");
    assert!(made.text("/secret").starts_with("whsec_"));
    let one = format!("{path}/{}", made.text("/id"));
    assert_eq!(shop.get(&one).at("/secret"), &Value::Null);
    assert_eq!(shop.post(&one, "disabled=true").text("/status"), "disabled");
    assert_eq!(shop.post(path, "url=ftp://x&enabled_events[]=*").error(), (400, "url_invalid", "url"));
    assert_eq!(shop.post(path, "url=https://x.example&enabled_events[]=made.up").error(), (400, "", "enabled_events"));
    assert_eq!(shop.delete(&one).at("/deleted"), &json!(true));
    assert_eq!(shop.get(path).at("/data"), &json!([]));
}
