//! Customers in depth: what they keep, what unsets it, and what a deleted one can no longer do.

use crate::world::Shop;
use serde_json::{Value, json};

#[test]
fn what_a_customer_keeps() {
    let shop = Shop::open();
    let id = shop.post("/v1/customers", "email=ana%40b.nl").text("/id");
    let check = |body: &str, path: &str, expected: Value| {
        let got = shop.post(&format!("/v1/customers/{id}"), body);
        assert_eq!((got.status, got.at(path)), (200, &expected), "{body}");
    };
    check("balance=-500", "/balance", json!(-500));
    check("next_invoice_sequence=7", "/next_invoice_sequence", json!(7));
    check("invoice_prefix=ANA1", "/invoice_prefix", json!("ANA1"));
    check("tax_exempt=reverse", "/tax_exempt", json!("reverse"));
    check("tax_exempt=", "/tax_exempt", json!("none"));
    check("invoice_settings[footer]=Thanks", "/invoice_settings/footer", json!("Thanks"));
    let fields = "invoice_settings[custom_fields][0][name]=PO&invoice_settings[custom_fields][0][value]=7";
    check(fields, "/invoice_settings/custom_fields", json!([{ "name": "PO", "value": "7" }]));
    check("invoice_settings[custom_fields]=", "/invoice_settings/custom_fields", json!(null));
    check("business_name=Bee&individual_name=Ana", "/business_name", json!("Bee"));
    check("preferred_locales[]=nl&preferred_locales[]=en", "/preferred_locales/1", json!("en"));
    check("address[line1]=L&address[country]=NL", "/address/country", json!("NL"));
    check("address=", "/address", json!(null));
    for name in ["name", "phone", "description", "email", "shipping"] {
        check(&format!("{name}="), &format!("/{name}"), json!(null));
    }

    let refused = |body: &str, expected: (u16, &str, &str)| {
        assert_eq!(shop.post("/v1/customers", body).error(), expected, "{body}");
    };
    refused("balance=x", (400, "parameter_invalid_integer", "balance"));
    refused("next_invoice_sequence=0", (400, "parameter_invalid_integer", "next_invoice_sequence"));
    refused("invoice_prefix=a", (400, "", "invoice_prefix"));
    refused("tax_exempt=maybe", (400, "", "tax_exempt"));
    refused("preferred_locales=nl", (400, "", "preferred_locales"));
    refused("address[street]=x", (400, "parameter_unknown", "address[street]"));
    refused("shipping[name]=x", (400, "parameter_missing", "shipping[address]"));
    refused("invoice_settings[foot]=x", (400, "parameter_unknown", "invoice_settings[foot]"));
    refused("test_clock=clock_1", (400, "parameter_not_offered", "test_clock"));
    refused("emial=x", (400, "parameter_unknown", "emial"));
}

#[test]
fn a_default_method_is_the_customers_own() {
    let shop = Shop::open();
    let default = "invoice_settings[default_payment_method]";
    let made = shop.post("/v1/customers", &format!("payment_method=pm_card_visa&{default}=pm_card_visa"));
    let method = made.text("/invoice_settings/default_payment_method");
    let id = made.text("/id");
    let other = shop.post("/v1/customers", "").text("/id");
    let set = |id: &str, method: &str| shop.post(&format!("/v1/customers/{id}"), &format!("{default}={method}"));
    assert_eq!(set(&other, &method).error(), (400, "resource_missing", default));
    assert_eq!(set(&id, "pm_none").error(), (400, "resource_missing", default));
    assert_eq!(set(&id, &method).status, 200);
    let read = shop.get(&format!("/v1/customers/{id}?expand[]=invoice_settings.default_payment_method"));
    assert_eq!(read.at("/invoice_settings/default_payment_method/customer"), &json!(id));
    assert_eq!(set(&id, "").at("/invoice_settings/default_payment_method"), &json!(null));
    let body = format!("payment_method=pm_card_visa&{default}={method}");
    assert_eq!(shop.post("/v1/customers", &body).error(), (400, "resource_missing", default));
}

#[test]
fn a_deleted_customer_pays_nothing() {
    let shop = Shop::open();
    let id = shop.post("/v1/customers", "").text("/id");
    let body = format!("amount=100&currency=eur&customer={id}&payment_method=pm_card_visa");
    let begun = shop.post("/v1/payment_intents", &body).text("/id");
    assert_eq!(shop.delete(&format!("/v1/customers/{id}")).at("/deleted"), &json!(true));
    let refused = (400, "resource_missing", "customer");
    assert_eq!(shop.post("/v1/payment_intents", &format!("{body}&confirm=true")).error(), refused);
    assert_eq!(shop.post(&format!("/v1/payment_intents/{begun}/confirm"), "").error(), refused);
    let read = shop.get(&format!("/v1/payment_intents/{begun}?expand[]=customer"));
    assert_eq!(read.at("/customer/deleted"), &json!(true));
    assert_eq!(shop.orders(), 0);
}

/// What is written on a charge is its own; what the payment says stays.
#[test]
fn words_on_a_charge() {
    let shop = Shop::open();
    let paid = shop.post(
        "/v1/payment_intents",
        "amount=100&currency=eur&payment_method=pm_card_visa&confirm=true&metadata[a]=1&description=d",
    );
    let charge = format!("/v1/charges/{}", paid.text("/latest_charge"));
    let got = shop.post(&charge, "metadata[b]=2&description=e&fraud_details[user_report]=safe");
    assert_eq!(
        (got.at("/metadata"), got.at("/fraud_details")),
        (&json!({ "a": "1", "b": "2" }), &json!({ "user_report": "safe" }))
    );
    let intent = shop.get(&format!("/v1/payment_intents/{}", paid.text("/id")));
    assert_eq!((intent.at("/metadata"), intent.at("/description")), (&json!({ "a": "1" }), &json!("d")));
    assert_eq!(shop.post(&charge, "fraud_details[user_report]=x").error(), (400, "", "fraud_details[user_report]"));
    assert_eq!(shop.post(&charge, "customer=cus_other").error(), (400, "", "customer"));
    assert_eq!(shop.get(&charge).at("/calculated_statement_descriptor"), &json!("FLORIN"));
}

/// Pages up and down, within bounds on the time, of things and of charges, of which a payment may have several.
#[test]
fn pages_of_lists() {
    let shop = Shop::open();
    let customers: Vec<String> =
        (0..5).map(|n| shop.post("/v1/customers", &format!("name=N{n}")).text("/id")).collect();
    let mut charges = vec![];
    for _ in 0..2 {
        let made = shop.post("/v1/payment_intents", "amount=100&currency=eur").text("/id");
        let confirm = format!("/v1/payment_intents/{made}/confirm");
        let declined = shop.post(&confirm, "payment_method=pm_card_chargeDeclined");
        charges.push(declined.text("/error/charge"));
        charges.push(shop.post(&confirm, "payment_method=pm_card_visa").text("/latest_charge"));
    }
    charges.push(shop.paid(100).text("/latest_charge"));
    for (path, all) in [("/v1/customers", customers), ("/v1/charges", charges)] {
        let times: Vec<i64> =
            all.iter().map(|id| shop.get(&format!("{path}/{id}")).at("/created").as_i64().unwrap()).collect();
        // By their places, oldest first: 0 to 4.
        let check = |query: &str, expected: (&[usize], bool)| {
            let got = shop.get(&format!("{path}?{query}"));
            let data = got.body["data"].as_array().unwrap();
            let found: Vec<usize> = data.iter().map(|d| all.iter().position(|id| d["id"] == **id).unwrap()).collect();
            assert_eq!((found.as_slice(), got.at("/has_more")), (expected.0, &json!(expected.1)), "{path}?{query}");
        };
        check("limit=2", (&[4, 3], true));
        check(&format!("limit=2&starting_after={}", all[3]), (&[2, 1], true));
        check(&format!("limit=3&starting_after={}", all[3]), (&[2, 1, 0], false));
        check(&format!("limit=2&ending_before={}", all[1]), (&[3, 2], true));
        check(&format!("limit=3&ending_before={}", all[1]), (&[4, 3, 2], false));
        check(&format!("ending_before={}", all[4]), (&[], false));
        check(&format!("limit=2&created[lt]={}", times[3]), (&[2, 1], true));
        check(&format!("created[lte]={}&starting_after={}", times[3], all[2]), (&[1, 0], false));
        check(&format!("created[gt]={}", times[1]), (&[4, 3, 2], false));
        check(&format!("created[lt]={}&ending_before={}", times[3], all[0]), (&[2, 1], false));
        check(&format!("limit=1&created[gt]={}&ending_before={}", times[1], all[0]), (&[2], true));
    }
}

/// Those of one charge under its own address; what went to a card is not stopped.
#[test]
fn refunds_of_a_charge() {
    let shop = Shop::open();
    let (one, other) = (shop.paid(1000).text("/latest_charge"), shop.paid(1000).text("/latest_charge"));
    let refund = shop.post("/v1/refunds", &format!("charge={one}&amount=300")).text("/id");
    let list = shop.get(&format!("/v1/charges/{one}/refunds"));
    assert_eq!((list.at("/data/0/id"), list.text("/url")), (&json!(refund), format!("/v1/charges/{one}/refunds")));
    assert_eq!(shop.get(&format!("/v1/charges/{other}/refunds")).at("/data"), &json!([]));
    assert_eq!(shop.get(&format!("/v1/charges/{one}/refunds/{refund}")).status, 200);
    assert_eq!(shop.get(&format!("/v1/charges/{other}/refunds/{refund}")).error(), (404, "resource_missing", "id"));
    let cancel = |id: &str| shop.post(&format!("/v1/refunds/{id}/cancel"), "");
    assert_eq!(cancel(&refund).error(), (400, "refund_unexpected_state", ""));
    assert_eq!(cancel("re_none").error(), (404, "resource_missing", "id"));
}

#[test]
fn ways_to_pay() {
    let shop = Shop::open();
    let make = |body: &str| shop.post("/v1/payment_intents", &format!("amount=100&currency=eur&{body}"));
    let check = |body: &str, path: &str, expected: Value| assert_eq!(make(body).at(path), &expected, "{body}");
    check("allowed_payment_method_types[]=card", "/allowed_payment_method_types", json!(["card"]));
    check("", "/allowed_payment_method_types", json!(null));
    check("excluded_payment_method_types[]=klarna", "/excluded_payment_method_types", json!(["klarna"]));
    check("automatic_payment_methods[enabled]=true", "/automatic_payment_methods/allow_redirects", json!("always"));
    check("confirmation_method=manual", "/confirmation_method", json!("manual"));
    check("transfer_group=g", "/transfer_group", json!("g"));
    let refused = |body: &str, expected: (u16, &str, &str)| assert_eq!(make(body).error(), expected, "{body}");
    refused("excluded_payment_method_types[]=card", (400, "", "excluded_payment_method_types"));
    refused("excluded_payment_method_types[]=shells", (400, "", "excluded_payment_method_types"));
    refused(
        "allowed_payment_method_types[]=klarna",
        (400, "payment_intent_invalid_parameter", "allowed_payment_method_types"),
    );
    refused("application_fee_amount=1", (400, "parameter_not_offered", "application_fee_amount"));
    refused("on_behalf_of=acct_1", (400, "parameter_not_offered", "on_behalf_of"));
    refused("transfer_data[destination]=acct_1", (400, "parameter_not_offered", "transfer_data"));
    refused("statement_descriptor=%3Cx%3E", (400, "invalid_characters", "statement_descriptor"));
    refused("statement_descriptor_suffix=123", (400, "invalid_characters", "statement_descriptor_suffix"));
    assert_eq!(shop.get("/v1/payment_methods?type=shells").error(), (400, "", "type"));
    assert_eq!(shop.get("/v1/payment_methods?type=klarna").at("/data"), &json!([]));
}

/// What fits lies behind more than one look reads: a page that is empty before its list ends would hide it from every client.
#[test]
fn what_lies_far_behind_is_found() {
    let shop = Shop::open();
    shop.post("/v1/products", "name=First");
    let first = shop.post("/v1/customers", "email=first@example.com").text("/id");
    for _ in 0..20_010 {
        assert_eq!(shop.post("/v1/customers", "email=other@example.com").status, 200);
    }
    let found = shop.get("/v1/customers?email=first@example.com");
    assert_eq!((found.text("/data/0/id"), found.at("/has_more")), (first, &json!(false)));
    assert_eq!(shop.get("/v1/customers?email=nobody@example.com").at("/data"), &json!([]));
    shop.number();
    let events = shop.get("/v1/events?type=product.created");
    assert_eq!((events.text("/data/0/type"), events.at("/has_more")), ("product.created".into(), &json!(false)));
}
