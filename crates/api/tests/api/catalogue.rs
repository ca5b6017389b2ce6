//! Products and prices: what they keep, what never changes, and what is refused by name.

use crate::world::Shop;
use serde_json::{Value, json};

fn product(shop: &Shop) -> String {
    shop.post("/v1/products", "name=Chair").text("/id")
}

#[test]
fn what_a_product_keeps() {
    let shop = Shop::open();
    let id = product(&shop);
    let check = |body: &str, path: &str, expected: Value| {
        let got = shop.post(&format!("/v1/products/{id}"), body);
        assert_eq!((got.status, got.at(path)), (200, &expected), "{body}");
    };
    check(
        "marketing_features[0][name]=light&marketing_features[1][name]=oak",
        "/marketing_features/1/name",
        json!("oak"),
    );
    check("marketing_features=", "/marketing_features", json!([]));
    let package = "package_dimensions[height]=1&package_dimensions[length]=2.50&package_dimensions[weight]=3&package_dimensions[width]=4";
    check(package, "/package_dimensions/length", json!(2.5));
    check("package_dimensions=", "/package_dimensions", json!(null));
    check("tax_code=txcd_10000000", "/tax_code", json!("txcd_10000000"));
    check("tax_code=", "/tax_code", json!(null));
    check("description=d&url=https%3A%2F%2Fx.nl", "/url", json!("https://x.nl"));
    check("description=", "/description", json!(null));

    let refused = |body: &str, expected: (u16, &str, &str)| {
        assert_eq!(shop.post("/v1/products", body).error(), expected, "{body}");
    };
    refused("", (400, "parameter_missing", "name"));
    refused("name=x&id=mine", (400, "parameter_not_offered", "id"));
    refused("name=x&package_dimensions[height]=1", (400, "parameter_missing", "package_dimensions[length]"));
    refused("name=x&marketing_features[0][nam]=1", (400, "parameter_missing", "marketing_features[0][name]"));
    refused("name=x&default_price_data[unit_amount]=1", (400, "parameter_missing", "default_price_data[currency]"));
    refused("name=x&images=y", (400, "", "images"));
}

#[test]
fn a_default_price_is_one_of_its_own() {
    let shop = Shop::open();
    let (one, other) = (product(&shop), product(&shop));
    let price = shop.post("/v1/prices", &format!("product={one}&currency=eur&unit_amount=100")).text("/id");
    let set =
        |product: &str, price: &str| shop.post(&format!("/v1/products/{product}"), &format!("default_price={price}"));
    assert_eq!(set(&other, &price).error(), (400, "", "default_price"));
    assert_eq!(set(&one, "price_none").error(), (400, "resource_missing", "default_price"));
    assert_eq!(set(&one, &price).at("/default_price"), &json!(price));
    let archive = || shop.post(&format!("/v1/prices/{price}"), "active=false");
    assert_eq!(archive().error(), (400, "", "active"), "a default price stays");
    assert_eq!(set(&one, "").at("/default_price"), &json!(null));
    assert_eq!(archive().at("/active"), &json!(false));
    assert_eq!(set(&one, &price).error(), (400, "", "default_price"), "an archived price");
    assert_eq!(shop.delete(&format!("/v1/products/{one}")).status, 400, "a product with prices stays");
    assert_eq!(shop.delete(&format!("/v1/products/{other}")).at("/deleted"), &json!(true));
}

#[test]
fn amounts_of_prices() {
    let shop = Shop::open();
    let product = product(&shop);
    let check = |body: &str, whole: Value, decimal: Value, custom: Value| {
        let got = shop.post("/v1/prices", &format!("product={product}&currency=usd&{body}"));
        let found = (got.status, got.at("/unit_amount"), got.at("/unit_amount_decimal"), got.at("/custom_unit_amount"));
        assert_eq!(found, (200, &whole, &decimal, &custom), "{body}");
    };
    check("unit_amount=0", json!(0), json!("0"), json!(null));
    check("unit_amount=1234", json!(1234), json!("1234"), json!(null));
    check("unit_amount_decimal=12.00", json!(12), json!("12"), json!(null));
    check("unit_amount_decimal=0.0050", json!(null), json!("0.005"), json!(null));
    let custom = json!({ "maximum": 500, "minimum": 100, "preset": null });
    check(
        "custom_unit_amount[enabled]=true&custom_unit_amount[minimum]=100&custom_unit_amount[maximum]=500",
        json!(null),
        json!(null),
        custom,
    );

    let refused = |body: &str, expected: (u16, &str, &str)| {
        let got = shop.post("/v1/prices", &format!("product={product}&currency=usd&{body}"));
        assert_eq!(got.error(), expected, "{body}");
    };
    let (integer, offered) = ("parameter_invalid_integer", "parameter_not_offered");
    refused("", (400, "parameter_missing", "unit_amount"));
    refused("unit_amount=-1", (400, integer, "unit_amount"));
    refused("unit_amount=x", (400, integer, "unit_amount"));
    refused("unit_amount=1&unit_amount_decimal=1", (400, "", "unit_amount"));
    for text in ["abc", "1.", ".5", "-1", "1e3", "1.0000000000001", ""] {
        let body = format!("unit_amount_decimal={text}");
        let got = shop.post("/v1/prices", &format!("product={product}&currency=usd&{body}"));
        // A point behind the digits alone says nothing and harms nothing.
        let expected =
            if text == "1." { (200, "", "") } else { (400, "parameter_invalid_decimal", "unit_amount_decimal") };
        assert_eq!(got.error(), expected, "{text}");
    }
    refused("billing_scheme=tiered&tiers_mode=volume", (400, offered, "billing_scheme"));
    refused("unit_amount=1&tiers[0][up_to]=inf", (400, offered, "tiers"));
    refused("unit_amount=1&recurring[interval]=eon", (400, "", "recurring[interval]"));
    refused("unit_amount=1&recurring[interval_count]=2", (400, "parameter_missing", "recurring[interval]"));
    refused(
        "unit_amount=1&recurring[interval]=year&recurring[interval_count]=4",
        (400, integer, "recurring[interval_count]"),
    );
    refused(
        "unit_amount=1&recurring[interval]=day&recurring[usage_type]=metered",
        (400, offered, "recurring[usage_type]"),
    );
    refused("unit_amount=1&tax_behavior=none", (400, "", "tax_behavior"));
    refused("unit_amount=1&product_data[name]=x", (400, "", "product_data"));
    let other = shop.post("/v1/prices", "currency=usd&unit_amount=1");
    assert_eq!(other.error(), (400, "parameter_missing", "product"));
}

#[test]
fn an_amount_never_changes() {
    let shop = Shop::open();
    let product = product(&shop);
    let body = format!(
        "product={product}&currency=usd&unit_amount=100&tax_behavior=inclusive&recurring[interval]=month&recurring[trial_period_days]=7"
    );
    let price = shop.post("/v1/prices", &body);
    assert_eq!((price.at("/tax_behavior"), price.at("/recurring/trial_period_days")), (&json!("inclusive"), &json!(7)));
    let path = format!("/v1/prices/{}", price.text("/id"));
    for name in ["unit_amount", "unit_amount_decimal", "currency", "product", "recurring[interval]", "billing_scheme"] {
        let expected = name.split('[').next().unwrap();
        assert_eq!(shop.post(&path, &format!("{name}=1")).error(), (400, "parameter_unknown", expected), "{name}");
    }
    assert_eq!(shop.get(&path).at("/unit_amount"), &json!(100));
}

#[test]
fn a_lookup_key_leads_to_one_price() {
    let shop = Shop::open();
    let product = product(&shop);
    let make = |more: &str| {
        shop.post("/v1/prices", &format!("product={product}&currency=usd&unit_amount=1&lookup_key=std{more}"))
    };
    let read = |id: &str| shop.get(&format!("/v1/prices/{id}")).at("/lookup_key").clone();
    let first = make("").text("/id");
    assert_eq!(make("").error(), (400, "resource_already_exists", "lookup_key"));
    let second = make("&transfer_lookup_key=true").text("/id");
    assert_eq!((read(&first), read(&second)), (json!(null), json!("std")));
    let taken = shop.post(&format!("/v1/prices/{first}"), "lookup_key=std");
    assert_eq!(taken.error(), (400, "resource_already_exists", "lookup_key"));
    assert_eq!(shop.post(&format!("/v1/prices/{second}"), "lookup_key=").at("/lookup_key"), &json!(null));
    assert_eq!(shop.post(&format!("/v1/prices/{first}"), "lookup_key=std").at("/lookup_key"), &json!("std"));
    let listed = shop.get("/v1/prices?lookup_keys[]=std");
    assert_eq!((listed.at("/data/0/id"), listed.at("/data/1")), (&json!(first), &json!(null)));
    // Who asks at once: one gets it.
    let body = format!("product={product}&currency=usd&unit_amount=1&lookup_key=raced");
    let won: usize = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..8).map(|_| scope.spawn(|| shop.post("/v1/prices", &body).status)).collect();
        racers.into_iter().map(|racer| usize::from(racer.join().unwrap() == 200)).sum()
    });
    assert_eq!(won, 1);
}
