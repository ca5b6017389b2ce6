//! Searches: what is found by which words, and what is no query.

use crate::world::Shop;
use serde_json::json;

#[test]
fn what_is_found() {
    let shop = Shop::open();
    let customer = shop.post("/v1/customers", "email=ana%40example.com&name=Ana%20Bee&metadata[k]=v").text("/id");
    let other = shop.post("/v1/customers", "email=bea%40example.com&metadata[k]=v&metadata[l]=w").text("/id");
    let body =
        format!("amount=1000&currency=eur&payment_method=pm_card_visa&confirm=true&customer={customer}&metadata[o]=1");
    let paid = shop.post("/v1/payment_intents", &body);
    let open = shop.post("/v1/payment_intents", "amount=777&currency=usd&metadata[o]=1").text("/id");
    let (intent, charge) = (paid.text("/id"), paid.text("/latest_charge"));
    let product = shop.post("/v1/products", "name=Oak%20chair&description=for%20sitting").text("/id");
    let price =
        shop.post("/v1/prices", &format!("product={product}&currency=eur&unit_amount=1&lookup_key=oak")).text("/id");

    let check = |what: &str, query: &str, expected: &[&String]| {
        let query = query.replace('%', "%25").replace('&', "%26").replace('+', "%2B");
        let got = shop.get(&format!("/v1/{what}/search?query={query}&expand[]=total_count"));
        let ids: Vec<&str> = got.body["data"].as_array().unwrap().iter().map(|v| v["id"].as_str().unwrap()).collect();
        assert_eq!(ids, expected.iter().map(|e| e.as_str()).collect::<Vec<_>>(), "{what} {query}");
        assert_eq!(got.at("/total_count"), &json!(expected.len()), "{what} {query}");
    };
    check("customers", "email:'ANA@example.com'", &[&customer]);
    check("customers", "metadata['k']:'v'", &[&other, &customer]);
    check("customers", "metadata['k']:'v' AND -metadata['l']:null", &[&other]);
    check("customers", "name~'bee' OR email~'bea'", &[&other, &customer]);
    check("customers", "created>1 -email:'ana@example.com'", &[&other]);
    check("payment_intents", "metadata['o']:'1'", &[&open, &intent]);
    check("payment_intents", "status:'succeeded'", &[&intent]);
    check("payment_intents", "amount<1000 AND currency:'usd'", &[&open]);
    check("payment_intents", &format!("customer:'{customer}'"), &[&intent]);
    check("charges", "payment_method_details.card.last4:4242", &[&charge]);
    check("charges", "refunded:'false' AND amount>=1000", &[&charge]);
    check("charges", "refunded:'true'", &[]);
    check("products", "name~'chair' AND active:'true'", &[&product]);
    check("products", "description~'sitting'", &[&product]);
    check("prices", &format!("product:'{product}' AND lookup_key:'oak'"), &[&price]);
    check("prices", "type:'recurring'", &[]);
    shop.post("/v1/refunds", &format!("charge={charge}"));
    check("charges", "refunded:'true'", &[&charge]);
    shop.delete(&format!("/v1/customers/{other}"));
    check("customers", "metadata['k']:'v'", &[&customer]);
}

#[test]
fn pages() {
    let shop = Shop::open();
    let made: Vec<String> =
        (0..5).map(|n| shop.post("/v1/customers", &format!("name=Ana{n}&email=a%40b.nl")).text("/id")).collect();
    let (mut seen, mut page) = (vec![], String::new());
    loop {
        let got = shop.get(&format!("/v1/customers/search?query=email:'a@b.nl'&limit=2{page}"));
        seen.extend(got.body["data"].as_array().unwrap().iter().map(|v| v["id"].as_str().unwrap().to_owned()));
        let Some(next) = got.at("/next_page").as_str() else { break };
        page = format!("&page={next}");
    }
    assert_eq!(seen, made.into_iter().rev().collect::<Vec<_>>());
}

/// One request reads so many rows and no more, and says so: what lies behind them is found by the next.
#[test]
fn what_lies_far_back() {
    let shop = Shop::open();
    let oldest = shop.post("/v1/products", "name=Oak%20chair").text("/id");
    for _ in 0..20_000 {
        assert_eq!(shop.post("/v1/products", "name=Elm").status, 200);
    }
    let path = "/v1/products/search?query=name~'chair'";
    let first = shop.get(path);
    assert_eq!((first.at("/data"), first.at("/has_more")), (&json!([]), &json!(true)));
    let second = shop.get(&format!("{path}&page={}", first.text("/next_page")));
    assert_eq!((second.at("/data/0/id"), second.at("/has_more")), (&json!(oldest), &json!(false)));
    assert_eq!(second.at("/next_page"), &json!(null));
}

#[test]
fn what_is_no_query() {
    let shop = Shop::open();
    let check = |what: &str, more: &str, expected: (u16, &str, &str)| {
        assert_eq!(shop.get(&format!("/v1/{what}/search{more}")).error(), expected, "{what} {more}");
    };
    check("customers", "", (400, "parameter_missing", "query"));
    check("customers", "?query=", (400, "parameter_invalid_empty", "query"));
    check("customers", "?query=email:'a'&limit=101", (400, "parameter_invalid_integer", "limit"));
    check("customers", "?query=email:'a'&page=x", (400, "resource_missing", "page"));
    check("customers", "?query=email:'a'&starting_after=x", (400, "parameter_unknown", "starting_after"));
    check("customers", "?query=email:'a'&expand[]=total", (400, "", "expand"));
    for (what, query) in [
        ("customers", "status:'x'"),
        ("customers", "email>'a'"),
        ("customers", "created:'x'"),
        ("payment_intents", "email:'x'"),
        ("payment_intents", "status~'succ'"),
        ("charges", "name:'x'"),
        ("prices", "unit_amount>1"),
        ("products", "metadata:'x'"),
    ] {
        check(what, &format!("?query={query}"), (400, "", "query"));
    }
}
