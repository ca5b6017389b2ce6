//! How the shop starts: key, database, API keys, its endpoint at the gateway, then its doors; and how it stops.

use crate::db::meta::{self, Secret};
use crate::db::{Db, admin, products};
use crate::florin::Florin;
use crate::pay::{Till, now};
use crate::seal::Keys;
use crate::serve::CONNECTIONS_LIMIT;
use crate::settings::{Handed, Ready, Settings};
use crate::web::{App, LISTENING_LIMIT, SETUP, router};
use crate::{Fail, hooks, keeper, serve, tls};
use florin_merchant::OrderKey;
use std::sync::{Arc, RwLock};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

/// Runs until `stop` is done. `ready` is told once pages can be asked for.
pub async fn run(settings: Settings, stop: impl Future<Output = ()>, ready: impl FnOnce(Ready)) -> Result<(), Fail> {
    let path = settings.data.join("shop.db");
    let keys = Arc::new(Keys::open(&settings.key_file, !path.exists())?);
    let db = Db::open(&path)?;
    db.now(|tx| products::stock_up(tx, now()))?;
    let florin = Arc::new(gateway(&db, &keys, &settings)?);
    let orders = order_key(&db, &keys)?;
    let till = Arc::new(Till::new(db, florin, orders, settings.log));
    let setup = till.db.now(admin::hash)?.is_none().then(|| keys.code(SETUP, SETUP));
    let listen =
        |listener: std::net::TcpListener| listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener));
    let failed = |e: std::io::Error| Fail::new("shop_listener", format!("the shop cannot listen: {e}"));
    let secure = listen(settings.tls).map_err(failed)?;
    let plain = settings.plain.map(listen).transpose().map_err(failed)?;
    let port = |listener: &TcpListener| listener.local_addr().map(|at| at.port()).map_err(failed);
    let ports = (port(&secure)?, plain.as_ref().map(port).transpose()?);
    let url = match ports {
        (_, Some(plain)) => format!("http://127.0.0.1:{plain}/webhooks/florin"),
        (secure, None) => format!("https://localhost:{secure}/webhooks/florin"),
    };
    let app = Arc::new(App {
        till: Arc::clone(&till),
        keys: Arc::clone(&keys),
        secret: RwLock::default(),
        cards: (settings.card, settings.http_card),
        ports,
        gate: Default::default(),
        desk_gate: Default::default(),
        listening: Arc::new(Semaphore::new(LISTENING_LIMIT)),
        failures: std::sync::Mutex::default(),
    });
    let acceptor = TlsAcceptor::from(tls::server(&settings.cert, &settings.key)?);
    let (tell, stopping) = watch::channel(false);
    let secure = serve::tls(secure, acceptor, router(Arc::clone(&app), true), CONNECTIONS_LIMIT, stopping.clone());
    let open = {
        let router = router(Arc::clone(&app), false);
        let stopping = stopping.clone();
        async move {
            if let Some(plain) = plain {
                serve::plain(plain, router, CONNECTIONS_LIMIT, stopping).await;
            }
        }
    };
    tokio::spawn(keeper::run(Arc::clone(&till)));
    // An endpoint that cannot be made now is made later: meanwhile events are read by their numbers.
    tokio::spawn(endpoint(Arc::clone(&app), url));
    ready(Ready { pid: std::process::id(), admin: setup.map(|token| format!("/admin/setup?token={token}")) });
    let ends = async {
        stop.await;
        tell.send_replace(true);
        // What takes longer is found again by the next start.
        tokio::time::sleep(STOP_LIMIT).await;
    };
    tokio::select! {
        _ = async { tokio::join!(secure, open) } => {}
        () = ends => {}
    }
    Ok(())
}

/// Open pages and requests under way have so long.
const STOP_LIMIT: std::time::Duration = std::time::Duration::from_secs(3);
/// Pauses between tries to have an endpoint.
const ENDPOINT_PAUSE: std::time::Duration = std::time::Duration::from_secs(3);

async fn endpoint(app: Arc<App>, url: String) {
    loop {
        match hooks::ensure(&app.till.db, &app.keys, &app.till.florin, &url).await {
            Ok(secret) => {
                *app.secret.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(secret);
                return;
            }
            Err(fail) => app.till.note(&fail),
        }
        tokio::time::sleep(ENDPOINT_PAUSE).await;
    }
}

/// What orders are signed with; a shop that was set up without signs none.
fn order_key(db: &Db, keys: &Keys) -> Result<Option<OrderKey>, Fail> {
    let Some(kept) = db.now(|tx| meta::read(tx, keys, Secret::OrderKey))? else { return Ok(None) };
    let key = kept.split_once(' ').and_then(|(id, secret)| OrderKey::new(id, secret).ok());
    key.map(Some).ok_or_else(|| Fail::new("shop_keys", "the key that orders are signed with cannot be read"))
}

/// The API keys: those that were handed over are sealed first, and only then removed.
fn gateway(db: &Db, keys: &Keys, settings: &Settings) -> Result<Florin, Fail> {
    if let Ok(bytes) = std::fs::read(&settings.handed) {
        let handed: Handed = serde_json::from_slice(&bytes)
            .map_err(|_| Fail::new("shop_keys", "the API keys that were handed over cannot be read"))?;
        db.now(|tx| {
            meta::keep(tx, keys, Secret::ApiKey, &handed.secret_key)?;
            if let Some(key) = &handed.order_key {
                meta::keep(tx, keys, Secret::OrderKey, key)?;
            }
            meta::keep(tx, keys, Secret::PublishableKey, &handed.publishable_key)
        })?;
        std::fs::remove_file(&settings.handed).map_err(|e| {
            Fail::new("shop_keys", format!("the API keys that were handed over stay in their file: {e}"))
        })?;
    }
    let read = |secret| {
        let found = db.now(|tx| meta::read(tx, keys, secret))?;
        found.ok_or_else(|| Fail::new("shop_keys", "the shop has no API keys"))
    };
    let (key, publishable) = (read(Secret::ApiKey)?, read(Secret::PublishableKey)?);
    Florin::new(&settings.api, &settings.ca, key, publishable.to_string())
}
