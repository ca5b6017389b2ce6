//! The demo's shop, bought from over HTTP as a browser does: what a customer gets, and that orders and payments agree whenever anything is
//! killed.

use crate::house::{House, Running, kill, wait};
use crate::web::{Page, authority, plain};
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);
/// A payment that was lost with its process is settled 22 s after it began, and repeated after pauses of 10 s and more.
const SETTLED_WITHIN: Duration = Duration::from_secs(150);
const KILLS: u64 = 50;

fn stage(page: &Page) -> String {
    page.between("data-stage=\"", "\"").unwrap_or_default()
}

/// A customer with a cookie jar.
pub struct Customer {
    shop: String,
    api: String,
    publishable: String,
    cookies: BTreeMap<String, String>,
}

impl Customer {
    pub fn of(demo: &Running) -> Customer {
        let publishable = demo.ready["publishable_key"].as_str().unwrap().to_owned();
        let at = |name: &str| authority(demo.ready[name].as_str().unwrap()).to_owned();
        let (shop, api) = (at("http_shop"), at("http_api"));
        Customer { shop, api, publishable, cookies: BTreeMap::new() }
    }

    /// Asks again until there is an answer: what is asked here may be asked twice.
    fn insist(&mut self, request: &str, form: &str) -> Page {
        let cookies: Vec<String> = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let headers = format!("cookie: {}\r\norigin: http://{}\r\n", cookies.join("; "), self.shop);
        let answer = wait("the shop's answer", SOON, || {
            plain(&self.shop, request, &headers, form).ok().filter(|answer| answer.status < 500)
        });
        for line in answer.head.lines() {
            let pair = line.strip_prefix("set-cookie: ").and_then(|c| c.split(';').next()?.split_once('='));
            if let Some((name, value)) = pair {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    /// Orders one of these, and gives the signed link of its payment page.
    pub fn order(&mut self, slug: &str) -> String {
        assert_eq!(self.insist("POST /cart", &format!("slug={slug}&quantity=1")).status, 303);
        let once = self.insist("GET /checkout", "").between("name=\"once\" value=\"", "\"").unwrap();
        let form = format!(
            "once={once}&name=Ada+Lovelace&email=ada%40lovelace.example&line1=Keizersgracht+1&postal=1015+CC&city=Amsterdam&country=NL"
        );
        let placed = self.insist("POST /checkout", &form);
        assert_eq!(placed.status, 303, "{}", placed.body);
        placed.header("location").unwrap().to_owned()
    }

    /// What the card form would give for a test card.
    fn token(&self, card: &str) -> String {
        let headers = format!("authorization: Bearer {}\r\n", self.publishable);
        let form = format!("payment_method={card}&return_url=https%3A%2F%2Fshop.example%2F");
        wait("a confirmation token", SOON, || {
            let answer = plain(&self.api, "POST /v1/confirmation_tokens", &headers, &form).ok()?;
            let read: Value = serde_json::from_str(&answer.body).ok()?;
            read["id"].as_str().map(str::to_owned)
        })
    }

    pub fn pay(&self, link: &str, card: &str) -> std::io::Result<Value> {
        let form = format!("confirmation_token={}", self.token(card));
        let answer = plain(&self.shop, &format!("POST {link}"), "", &form)?;
        serde_json::from_str(&answer.body).map_err(std::io::Error::other)
    }

    fn stage(&mut self, link: &str) -> String {
        stage(&self.insist(&format!("GET {}", order_page(link)), ""))
    }
}

/// The order's page out of the link of its payment page.
fn order_page(link: &str) -> String {
    link.replace("/pay?", "?")
}

fn order_id(link: &str) -> String {
    link.split('/').nth(2).unwrap().to_owned()
}

/// Every payment of the account: the order that it names, its status, its amount and currency.
fn payments(demo: &Running) -> Vec<(String, String, i64, String)> {
    let told = |p: &Value| {
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        (text(&p["metadata"]["order"]), text(&p["status"]), p["amount"].as_i64().unwrap(), text(&p["currency"]))
    };
    list(demo, "payment_intents").iter().map(told).collect()
}

/// Every refund of the account: the order that it names, its status and its amount.
fn refunds(demo: &Running) -> Vec<(String, String, i64)> {
    let told = |r: &Value| {
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        (text(&r["metadata"]["order"]), text(&r["status"]), r["amount"].as_i64().unwrap())
    };
    list(demo, "refunds").iter().map(told).collect()
}

fn list(demo: &Running, what: &str) -> Vec<Value> {
    let headers = format!("authorization: Bearer {}\r\n", demo.ready["secret_key"].as_str().unwrap());
    let (mut all, mut after) = (vec![], String::new());
    loop {
        let request = format!("GET /v1/{what}?limit=100{after}");
        let page: Value = wait("a list of the gateway", SOON, || {
            let answer = plain(authority(demo.ready["http_api"].as_str().unwrap()), &request, &headers, "")
                .ok()
                .filter(|a| a.status == 200)?;
            serde_json::from_str(&answer.body).ok()
        });
        let data = page["data"].as_array().unwrap();
        all.extend(data.iter().cloned());
        if page["has_more"] != true {
            return all;
        }
        after = format!("&starting_after={}", data.last().unwrap()["id"].as_str().unwrap());
    }
}

#[test]
fn a_customer_buys() {
    let house = House::new("shop");
    let demo = house.demo();
    let mut ada = Customer::of(&demo);
    let link = ada.order("teapot");
    assert_eq!(ada.stage(&link), "placed");
    let declined = ada.pay(&link, "pm_card_chargeDeclined").unwrap();
    assert_eq!(declined["state"], "declined");
    assert!(!declined["message"].as_str().unwrap().is_empty());
    assert_eq!(ada.stage(&link), "placed");
    assert_eq!(ada.pay(&link, "pm_card_visa").unwrap()["state"], "settled");
    assert_eq!(ada.stage(&link), "paid");
    // A second window that is behind takes nothing.
    assert_eq!(ada.pay(&link, "pm_card_visa").unwrap()["state"], "settled");
    assert_eq!(payments(&demo), [(order_id(&link), "succeeded".to_owned(), 4_800, "eur".to_owned())]);
    let receipt = ada.insist(&format!("GET {}", link.replace("/pay?", "/receipt?")), "");
    assert!(receipt.body.contains("€48.00") && receipt.body.contains("Ada Lovelace"));
    // The whole amount goes back while it is not sent.
    assert_eq!(ada.insist(&format!("POST {}", link.replace("/pay?", "/cancel?")), "").status, 303);
    wait("the refund", SOON, || (ada.stage(&link) == "refunded").then_some(()));
    // An account takes over what this browser ordered, and keeps what comes.
    let made = "email=Ada%40Lovelace.example&password=a+sentence+for+the+test&again=a+sentence+for+the+test";
    assert_eq!(ada.insist("POST /account/sign-up", made).header("location"), Some("/account"));
    let kept = ada.order("cups");
    let page = ada.insist("GET /account", "");
    assert!([&link, &kept].iter().all(|link| page.body.contains(&format!("/orders/{}?", order_id(link)))));
    // A link with another code leads nowhere, and so does the back office for a stranger.
    let forged = format!("GET {}0", order_page(&link));
    assert_eq!(ada.insist(&forged, "").status, 404);
    assert_eq!(ada.insist("GET /admin", "").header("location"), Some("/admin/sign-in"));
    demo.stop();
    // Nobody reads a customer's name or the shop's keys out of its files.
    let secret = std::fs::read_to_string(house.file("keys/test.json")).unwrap();
    let secret: Value = serde_json::from_str(&secret).unwrap();
    let needles = [
        "Lovelace",
        "lovelace",
        "Keizersgracht",
        "a sentence for",
        "rk_test_",
        secret["secret_key"].as_str().unwrap(),
        "whsec_",
    ];
    for path in shop_files(&house) {
        let bytes = std::fs::read(&path).unwrap();
        for needle in needles {
            let found = bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
            assert!(!found, "{needle} in {}", path.display());
        }
    }
    assert!(!house.file("keys/shop.json").exists(), "the keys that were handed over are gone");
}

fn shop_files(house: &House) -> Vec<PathBuf> {
    let inside = std::fs::read_dir(house.file("shop")).unwrap().map(|entry| entry.unwrap().path());
    inside.chain([house.file("run/shop.log")]).collect()
}

/// Kills the shop, or everything but the bank, and waits until it serves again.
fn kill_now(demo: &mut Running, pids: &mut BTreeMap<String, i32>, roles: &[&str]) {
    roles.iter().for_each(|role| kill(pids[*role], Signal::KILL));
    let mut missing = roles.len();
    while missing > 0 {
        let told = demo.line(SOON).unwrap();
        let role = told["restarted"].as_str().unwrap().to_owned();
        missing -= usize::from(roles.contains(&role.as_str()));
        pids.insert(role, i32::try_from(told["pid"].as_i64().unwrap()).unwrap());
    }
}

/// Paid orders are cancelled while the shop is killed: each gets its money back, once.
fn money_goes_back_once(demo: &mut Running, pids: &mut BTreeMap<String, i32>, orders: &[(String, i64)]) {
    let mut ada = Customer::of(demo);
    let paid: Vec<&(String, i64)> = orders.iter().filter(|(link, _)| ada.stage(link) == "paid").take(8).collect();
    for (round, (link, _)) in (0u64..).zip(&paid) {
        let (shop, cancel) = (ada.shop.clone(), format!("POST {}", link.replace("/pay?", "/cancel?")));
        let (tell, told) = channel();
        let asking = std::thread::spawn(move || {
            let _ = tell.send(plain(&shop, &cancel, "", "").is_ok());
        });
        let _ = told.recv_timeout(Duration::from_millis(round * 11));
        kill_now(demo, pids, &["shop"]);
        asking.join().unwrap();
    }
    wait("every refund to be over", SETTLED_WITHIN, || {
        for (link, _) in &paid {
            match ada.stage(link).as_str() {
                "refunded" => {}
                // The shop was killed before it heard of it, or has not heard the gateway yet.
                _ => {
                    ada.insist(&format!("POST {}", link.replace("/pay?", "/cancel?")), "");
                    return None;
                }
            }
        }
        Some(())
    });
    let found = refunds(demo);
    for (link, price) in paid {
        let id = order_id(link);
        let own: Vec<_> = found.iter().filter(|(order, ..)| *order == id).cloned().collect();
        assert_eq!(own, [(id, "succeeded".to_owned(), *price)]);
    }
}

#[test]
fn order_and_payment_agree_whenever_anything_is_killed() {
    let house = House::new("shop-killed");
    let mut demo = house.demo();
    let mut pids: BTreeMap<String, i32> =
        ["shop", "gateway", "vault"].iter().map(|role| ((*role).to_owned(), demo.pid(role))).collect();
    let goods = [("tea", 1_450), ("cups", 2_600), ("candle", 1_800), ("notebook", 1_200)];
    let mut orders: Vec<(String, i64)> = vec![];
    for round in 0..KILLS {
        let (slug, price) = goods[usize::try_from(round).unwrap() % goods.len()];
        let mut customer = Customer::of(&demo);
        let link = customer.order(slug);
        orders.push((link.clone(), price));
        let card = if round % 7 == 3 { "pm_card_chargeDeclined" } else { "pm_card_visa" };
        let (tell, told) = channel();
        let paying = std::thread::spawn(move || {
            let said = customer.pay(&link, card);
            // Nobody waits for it when the kill was first.
            let _ = tell.send(());
            let _ = said;
        });
        // Another moment each time, at most when the answer is there.
        let _ = told.recv_timeout(Duration::from_millis(round * 37 % 250));
        let roles: &[&str] = if round % 10 == 9 { &["shop", "gateway", "vault"] } else { &["shop"] };
        kill_now(&mut demo, &mut pids, roles);
        paying.join().unwrap();
    }
    let mut ada = Customer::of(&demo);
    // Nothing is left open at the gateway, and the shop knows how each of its orders stands.
    let settled = |stage: &str| stage == "paid" || stage == "placed";
    wait("every order to be settled", SETTLED_WITHIN, || {
        orders.iter().all(|(link, _)| settled(&ada.stage(link))).then_some(())
    });
    let paid_at_gateway = || payments(&demo).into_iter().filter(|(_, status, ..)| status == "succeeded");
    let mut paid = 0;
    for (link, price) in &orders {
        let id = order_id(link);
        let found: Vec<_> = payments(&demo).into_iter().filter(|(order, ..)| *order == id).collect();
        assert!(found.len() <= 1, "one order, one payment: {found:?}");
        let succeeded: Vec<_> = found.into_iter().filter(|(_, status, ..)| status == "succeeded").collect();
        match ada.stage(link).as_str() {
            "paid" => {
                paid += 1;
                assert_eq!(succeeded, [(id, "succeeded".to_owned(), *price, "eur".to_owned())]);
            }
            "placed" => assert_eq!(succeeded, [], "{id} is not paid in the shop"),
            other => panic!("{id}: {other}"),
        }
    }
    assert_eq!(paid_at_gateway().count(), paid, "no payment without its order");
    assert!(paid > 0);
    // Whoever was cut off pays again, once.
    let open: Vec<String> = orders.iter().map(|(link, _)| link.clone()).filter(|l| ada.stage(l) == "placed").collect();
    for link in open.iter().take(5) {
        assert_eq!(ada.pay(link, "pm_card_visa").unwrap()["state"], "settled");
        assert_eq!(ada.stage(link), "paid");
    }
    assert_eq!(paid_at_gateway().count(), paid + open.len().min(5));
    money_goes_back_once(&mut demo, &mut pids, &orders);
    demo.stop();
    house.verified();
}
