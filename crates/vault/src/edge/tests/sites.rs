//! The card form's address, and what the others do not serve.

use super::{Client, Got, NUMBER, World, get, within};
use crate::core::edge::{OWN_MACHINE, Site};
use crate::edge::settings::Entrance;
use std::net::SocketAddr;
use tokio::net::TcpStream;

/// An edge that serves all sites, and where the last two are, without TLS.
async fn open() -> (World, SocketAddr, SocketAddr) {
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let world = World::with(|settings| {
        let api = settings.entrances[0].clone();
        for site in [Site::Card, Site::Dashboard] {
            let entrance = Entrance::new(site, any, api.cert.clone(), api.key.clone());
            settings.entrances.push(Entrance { plain: Some(any), ..entrance });
        }
    });
    let world = world.await;
    let (card, dashboard) = (world.addresses["http_card"], world.addresses["http_dashboard"]);
    (world, card, dashboard)
}

async fn ask(address: SocketAddr, text: &str) -> Got {
    let mut client = Client { stream: TcpStream::connect(address).await.unwrap(), read: Vec::new() };
    client.ask(text).await
}

fn at(path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: card.localhost\r\n{more}\r\n")
}

fn part<'a>(got: &'a Got, name: &str) -> &'a str {
    let policy = got.header("content-security-policy").unwrap_or_default();
    policy.split("; ").find_map(|part| part.strip_prefix(name)?.strip_prefix(' ')).unwrap_or_default()
}

#[test]
fn each_address_serves_its_own() {
    within(async {
        let (world, card, dashboard) = open().await;
        let check = async |address: SocketAddr, path: &str, status: u16, code: &str| {
            let got = ask(address, &at(path, "")).await;
            assert_eq!(
                (got.status, got.error("code").unwrap_or_default().as_str()),
                (status, code),
                "{path}: {}",
                got.body
            );
        };
        let api = world.plain;
        check(api, "/js/v1/florin.js", 404, "url_unknown").await;
        check(api, "/frames/field?key=pk_test_1", 404, "url_unknown").await;
        check(api, "/v1/account", 200, "").await;
        check(card, "/js/v1/florin.js", 200, "").await;
        check(card, "/v3/", 200, "").await;
        check(card, "/js/inventory.json", 200, "").await;
        check(card, "/frames/field?key=pk_test_1", 200, "").await;
        check(card, "/frames/other?key=pk_test_1", 200, "").await;
        check(card, "/healthz", 200, "").await;
        check(card, "/v1/tokens/tok_1", 200, "").await;
        check(card, "/3ds/return/pi_1/x", 200, "").await;
        check(card, "/openapi.json", 404, "url_unknown").await;
        check(card, "/", 404, "url_unknown").await;
        check(dashboard, "/js/v1/florin.js", 200, "").await;
        let sites: Vec<(String, Site)> =
            world.seen.requests.lock().unwrap().iter().map(|r| (r.path.clone(), r.site)).collect();
        let seen = |path: &str, site| (path.to_owned(), site);
        assert_eq!(
            sites,
            [
                seen("/v1/account", Site::Api),
                seen("/frames/other", Site::Card),
                seen("/v1/tokens/tok_1", Site::Card),
                seen("/3ds/return/pi_1/x", Site::Card),
                seen("/js/v1/florin.js", Site::Dashboard),
            ]
        );
        world.end().await;
    });
}

#[test]
fn who_may_show_the_form() {
    within(async {
        let (world, card, _) = open().await;
        let check = async |key: &str, referer: &str, status: u16, ancestors: &str, text: &str| {
            let more = if referer.is_empty() { String::new() } else { format!("Referer: {referer}\r\n") };
            for frame in ["field", "controller", "challenge"] {
                let got = ask(card, &at(&format!("/frames/{frame}?key={key}"), &more)).await;
                assert_eq!((got.status, part(&got, "frame-ancestors")), (status, ancestors), "{key} {referer} {frame}");
                assert!(got.body.contains(text), "{}", got.body);
                assert_eq!(got.header("x-frame-options"), None);
                assert_eq!(got.header("access-control-allow-origin"), None);
                assert_eq!(got.header("content-type"), Some("text/html; charset=utf-8"));
            }
        };
        let shop = "https://shop.example";
        check("pk_test_1", "", 200, OWN_MACHINE, "<script").await;
        check("pk_test_1", "http://localhost:3000/", 200, OWN_MACHINE, "<script").await;
        check("pk_test_1", "https://evil.example/", 403, "*", "https://evil.example is not registered").await;
        check("pk_live_1", "", 200, shop, "<script").await;
        check("pk_live_1", "https://shop.example/cart", 200, shop, "<script").await;
        check("pk_live_1", "http://localhost:3000/", 403, "*", "http://localhost:3000 is not registered").await;
        check("pk_live_none", "", 403, "*", "No domain is registered").await;
        check("pk_live_none", "https://shop.example/", 403, "*", "POST /v1/payment_method_domains").await;
        check("pk_test_wrong", "", 403, "*", "This API key opens no card form").await;
        check("", "", 403, "*", "This API key opens no card form").await;
        assert!(
            world.seen.identified.lock().unwrap().iter().all(|asked| asked.origins && asked.authorization.is_none())
        );
        world.end().await;
    });
}

#[test]
fn what_each_page_is_told() {
    within(async {
        let (world, card, dashboard) = open().await;
        let check = async |address: SocketAddr, path: &str, expected: &[(&str, Option<&str>)]| {
            let got = ask(address, &at(path, "")).await;
            for (name, value) in expected {
                assert_eq!(got.header(name), *value, "{path}: {name}");
            }
            got
        };
        let (cors, embed) = ("access-control-allow-origin", "cross-origin-embedder-policy");
        let (opener, resource) = ("cross-origin-opener-policy", "cross-origin-resource-policy");
        let (cache, sniff, referrer) = ("cache-control", "x-content-type-options", "referrer-policy");
        let every = [(sniff, Some("nosniff")), (referrer, Some("no-referrer")), ("strict-transport-security", None)];

        let script = [(cors, Some("*")), (resource, Some("cross-origin")), (cache, Some("public, max-age=300"))];
        check(card, "/js/v1/florin.js", &script).await;
        check(card, "/js/v1/florin.js", &every).await;
        let told: serde_json::Value =
            serde_json::from_str(&check(card, "/js/inventory.json", &script).await.body).unwrap();
        let path = told["data"][1]["path"].as_str().unwrap();
        check(card, path, &[(cors, Some("*")), (cache, Some("public, max-age=31536000, immutable"))]).await;

        let frame =
            [(cors, None), (resource, Some("cross-origin")), (embed, Some("require-corp")), (cache, Some("no-store"))];
        for page in ["field", "controller"] {
            check(card, &format!("/frames/{page}?key=pk_test_1"), &frame).await;
            check(card, &format!("/frames/{page}?key=pk_test_1"), &every).await;
        }
        // What an issuer's page says of embedding is not ours to demand.
        check(card, "/frames/challenge?key=pk_test_1", &[(embed, None), (resource, Some("cross-origin"))]).await;
        // Answers at the card form's address are for our own frames.
        check(card, "/v1/tokens/tok_1", &[(cors, None), (resource, Some("same-origin")), (opener, None)]).await;
        check(dashboard, "/", &[(cors, None), (resource, Some("same-origin")), (opener, Some("same-origin"))]).await;
        check(world.plain, "/v1/account", &[(cors, Some("*")), (resource, None), (opener, None)]).await;
        world.end().await;
    });
}

#[test]
fn pages_of_others_ask_nothing() {
    within(async {
        let (world, card, _) = open().await;
        let check = async |head: &str, status: u16| {
            let got = ask(card, &format!("GET /v1/tokens/tok_1 HTTP/1.1\r\n{head}\r\n")).await;
            assert_eq!(got.status, status, "{head}: {}", got.body);
        };
        check("Host: card.localhost\r\nOrigin: http://card.localhost\r\n", 200).await;
        check("Host: card.localhost\r\nOrigin: https://shop.example\r\n", 403).await;
        check("Host: card.localhost\r\nSec-Fetch-Site: cross-site\r\n", 403).await;
        check("Host: evil.example\r\n", 421).await;
        assert_eq!(world.seen.count(), 1);
        world.end().await;
    });
}

#[test]
fn no_card_is_taken_at_the_dashboard() {
    within(async {
        let (world, card, dashboard) = open().await;
        let body = format!("card[number]={NUMBER}&card[exp_month]=12&card[exp_year]=2034&key=pk_test_1");
        let post = format!(
            "POST /v1/tokens HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        assert_eq!(ask(card, &post).await.status, 200);
        assert_eq!(world.seen.last().cards.len(), 1);
        let refused = ask(dashboard, &post).await;
        assert_eq!((refused.status, refused.error("code").as_deref()), (400, Some("card_number_in_field")));
        assert_eq!(world.seen.count(), 1);
        world.end().await;
    });
}

#[test]
fn the_api_is_reached_by_any_name() {
    within(async {
        let (world, ..) = open().await;
        let got = ask(world.plain, &get("/v1/account").replace("Host: a", "Host: api.stripe.com")).await;
        assert_eq!(got.status, 200);
        world.end().await;
    });
}
