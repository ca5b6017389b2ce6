//! `florin demo` and `florin serve`: run until stopped; what dies is started anew.

use super::storefront;
use super::system::{System, note_restart};
use super::watch;
use crate::certificates;
use crate::cli::{Common, Demo};
use crate::config::Config;
use crate::desktop;
use crate::fail::{Fail, Outcome};
use crate::home::Home;
use crate::log::{Words, log};
use crate::out::out;
use crate::process::ready::ADDRESSES;
use crate::process::sites::Public;
use crate::process::supervise::{Log, Part, Why};
use crate::process::{Restarts, asked_to_stop, block_on, user};
use florin_vault::harden::Hardened;
use serde_json::json;
use tokio::sync::Notify;

pub fn demo(common: &Common, args: &Demo) -> Outcome {
    let mut config = Config::load(common)?;
    if let Some(port) = args.port {
        config.set("api.port", port.to_string());
    }
    if args.magic_amounts {
        config.set("network.magic_amounts", "true".to_owned());
    }
    config.log_format()?.set();
    block_on(async {
        let restarts = Restarts::listen(false)?;
        let mut system = System::demo_with(&config, Log::File, Public::Settings).await?;
        if system.parts.is_empty() {
            let folder = system.home.root.display().to_string();
            return Err(Fail::new(
                "already_running",
                format!("a system runs on {folder} already. Choose another folder with --data."),
            ));
        }
        if let Err(fail) = storefront::open(&mut system, &config).await {
            system.stop().await;
            return Err(fail);
        }
        system.first_owner().await?;
        for_people(&system, args, common.json);
        let (home, served) = (system.home.clone(), pages_of(&system));
        tokio::select! {
            done = run(system, common.json, restarts) => done,
            () = watching(&config, &home, served, false) => Ok(()),
        }
    })?;
    Ok(0)
}

/// What a desktop is asked for. The demo runs without it too.
fn for_people(system: &System, args: &Demo, as_json: bool) {
    if args.trust {
        match desktop::trust(&system.home.tls("ca.pem")) {
            Ok(done) => done.iter().for_each(|line| eprintln!("florin: {line}")),
            Err(fail) => fail.print(as_json),
        }
    }
    let shop = system.facts()["http_shop"].as_str().map(str::to_owned).filter(|_| args.open);
    if let Some(shop) = shop {
        // Some openers stay as long as the browser does.
        std::thread::spawn(move || desktop::browse(&shop).map_err(|fail| fail.print(as_json)));
    }
}

pub fn serve(common: &Common) -> Outcome {
    let config = Config::load(common)?;
    config.log_format()?.set();
    block_on(async {
        let restarts = Restarts::listen(true)?;
        let mut system = System::serve(&config).await?;
        system.first_owner().await?;
        for words in certificates::warnings(&config, &system.home)? {
            log!("florin", "WARNING: {}", Words(&words));
        }
        let home = system.home.clone();
        let served = pages_of(&system);
        tokio::select! {
            done = run(system, common.json, restarts) => done,
            () = watching(&config, &home, served, true) => Ok(()),
        }
    })?;
    Ok(0)
}

/// Where customers' browsers get the card form.
fn pages_of(system: &System) -> Option<String> {
    let facts = system.shown();
    let named = |name: &str| facts[name].as_str().map(str::to_owned);
    named("http_card").or_else(|| named("card"))
}

/// Never ends. A demo has no backups and no keys to speak of: it watches its pages alone.
async fn watching(config: &Config, home: &Home, served: Option<String>, serves: bool) {
    let pages = watch::pages(config, home, served);
    if serves {
        tokio::join!(pages, watch::all(config, home));
    } else {
        pages.await;
    }
    std::future::pending::<()>().await;
}

/// What this machine could not give the vault. Loud where real cards are; in the demo only what a kernel lacks is worth a word.
fn warn(system: &System) {
    let vault = system.parts.iter().find(|part| part.role == "vault");
    let hardened = vault.and_then(|vault| serde_json::from_value::<Hardened>(vault.ready["hardened"].clone()).ok());
    let Some(mut hardened) = hardened else { return };
    if system.sandbox.is_some() {
        hardened.memory_locked = true;
    } else if user::is_root() && !system.parts.iter().any(|part| part.role == "vault" && part.has_own_user()) {
        log!(
            "florin",
            "WARNING: the vault runs as root. Make a user for it (useradd --system florin-vault), or name one with vault.user."
        );
    }
    for words in hardened.missing() {
        log!("florin", "WARNING: the vault runs less protected than it should: {}", Words(words));
    }
}

async fn run(mut system: System, as_json: bool, mut restarts: Restarts) -> Result<(), Fail> {
    warn(&system);
    if as_json {
        out!("{}", system.shown());
    } else {
        out!("Florin runs. Data: {}", system.home.root.display());
        for part in &system.parts {
            out!("  {:<11} pid {}", part.role, part.pid().map_or_else(|| "?".to_owned(), |p| p.to_string()));
        }
        let shown = system.shown();
        let addresses = ADDRESSES.iter().filter_map(|address| Some((address.said?, address.name)));
        for (name, key) in addresses.chain([
            ("first owner", "dashboard_enrol"),
            ("back office", "shop_admin"),
            ("secret key", "secret_key"),
            ("public key", "publishable_key"),
        ]) {
            if let Some(value) = shown[key].as_str() {
                out!("  {name:<11} {value}");
            }
        }
        if let Some(sandbox) = &system.sandbox {
            out!("  acquirer    {} (ISO 8583 over mutual TLS)", sandbox.0["acquirer"].as_str().unwrap_or("?"));
        }
        if system.home.fence().exists() {
            out!(
                "  It came back from a backup: reads are answered, payments are not. Open it: florin restore reconcile --data {}",
                system.home.root.display()
            );
        }
        out!(
            "Pay from another terminal: florin pay 19.99 eur --data {}\nStop with Ctrl-C.",
            system.home.root.display()
        );
    }
    let home = &system.home;
    let done = Notify::new();
    let told = |part: &Part, why: Why| {
        if let Err(fail) = note_restart(home, part) {
            fail.print(as_json);
        }
        let (asked, pid) = (why == Why::Asked, part.pid().unwrap_or(0));
        if as_json {
            out!("{}", json!({ "restarted": part.role, "pid": pid, "asked": asked }));
        } else {
            let why = if asked { "finished its work" } else { "died" };
            out!("{} {why} and was started anew (pid {pid})", part.role);
        }
        if asked {
            done.notify_one();
        }
    };
    {
        let mut parts = std::mem::take(&mut system.parts);
        let public = parts.iter().filter(|part| part.role != "sandbox" && part.role != "shop");
        let again: Vec<_> = public.map(Part::again).collect();
        let restarted = async {
            // One after the other: while one is away, the others wait for it.
            loop {
                restarts.asked().await;
                for again in &again {
                    again.notify_one();
                    done.notified().await;
                }
            }
        };
        let all = async {
            let mut watched: Vec<_> = parts.iter_mut().map(|p| Box::pin(p.keep(told))).collect();
            std::future::poll_fn(|cx| {
                for one in &mut watched {
                    let _ = one.as_mut().poll(cx);
                }
                std::task::Poll::<()>::Pending
            })
            .await
        };
        tokio::select! {
            () = all => {}
            () = restarted => {}
            () = asked_to_stop(false) => {}
        }
        system.parts = parts;
    }
    system.stop().await;
    Ok(())
}
