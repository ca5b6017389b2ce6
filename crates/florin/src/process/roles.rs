//! What runs inside each process.

use super::settings::{
    AbuseSettings, EdgePorts, FeeSettings, First, FrontSettings, GatewaySettings, Limits, SandboxSettings,
    ShopSettings, SitePorts, VaultSettings,
};
use super::{asked_to_stop, block_on, block_on_parking, hand, say, user};
use crate::cli::Role;
use crate::fail::{Fail, Outcome};
use crate::gateway::audit::Book;
use crate::gateway::bot_check::{BotCheck, BotCheckSettings};
use crate::gateway::disk::Disk;
use crate::gateway::erased::Tombstones;
use crate::gateway::fence::Fence;
use crate::gateway::hooks::{self, Client, Office, Trust};
use crate::gateway::journey::{Pages, Teller};
use crate::gateway::listeners::Listeners;
use crate::gateway::metrics::Metrics;
use crate::gateway::ops::{self, Desk};
use crate::gateway::ports::{Real, now};
use crate::gateway::requests::Requests;
use crate::gateway::settlement::Settler;
use crate::gateway::site::Sites;
use crate::gateway::{account, api, audit, door, edge, keys, manage, messages, monitor, people, retention, worker};
use crate::home::{Home, random, read_key};
use crate::log::{Format, Words, log};
use crate::named::Named;
use florin_api::{Api, GuardSettings, LimitSettings, Look, Rate, Thresholds};
use florin_core::fees::Fees;
use florin_core::id::IdCodec;
use florin_core::seal::{Algorithm, Secret};
use florin_core::store::{Query, Store};
use florin_store::{Options, Retention, SqliteRequestLog, SqliteStore};
use florin_vault::client::VaultClient;
use florin_vault::edge::{EdgeSettings, Entrance, Given};
use florin_vault::private::read;
use florin_vault::threeds::DirectorySettings;
use florin_web::{Flows, Links, Web};
use serde_json::json;
use std::sync::Arc;
use tokio::sync::watch;
use zeroize::Zeroizing;

pub fn run(role: &Role) -> Outcome {
    Format::inherit();
    let shared = match role {
        Role::Gateway { settings } => parse::<GatewaySettings>(settings).ok().and_then(|s| s.vault_user),
        Role::Vault { .. } | Role::Front { .. } | Role::Sandbox { .. } | Role::Shop { .. } => None,
    };
    if let Some(user) = shared {
        user::become_group(user)?;
    }
    if !matches!(role, Role::Vault { .. }) {
        // The vault gives up more, once it knows what it needs.
        florin_vault::harden::harden_lightly();
    }
    let result = match role {
        Role::Vault { settings } => {
            // Before any card can be here: everything that is freed from now on is wiped.
            florin_vault::wipe::on();
            // The stack is wiped where a card may have been, before the thread waits.
            parse::<VaultSettings>(settings).and_then(|s| {
                s.user.map_or(Ok(()), user::become_vault)?;
                block_on_parking(vault(s), florin_vault::wipe::parking)
            })
        }
        Role::Front { settings } => parse(settings).and_then(|s| block_on(front(s))),
        Role::Gateway { settings } => parse(settings).and_then(|s| block_on(gateway(s))),
        Role::Sandbox { settings } => parse(settings).and_then(|s| block_on(sandbox(s))),
        Role::Shop { settings } => parse(settings).and_then(|s| block_on(shop(s))),
    };
    if let Err(fail) = &result {
        say(&First::Error { code: fail.code.clone(), message: fail.message.clone() });
    }
    result.map(|()| 0)
}

fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Fail> {
    serde_json::from_str(text).map_err(|e| Fail::new("bad_settings", format!("settings of a process: {e}")))
}

/// No message waits longer in the vault for its turn.
const SEND_LIMIT_MS: u32 = 5_000;
/// Messages on the acquirer's link at a time.
const IN_FLIGHT_LIMIT_MESSAGES: usize = 1_024;

async fn vault(s: VaultSettings) -> Result<(), Fail> {
    let tls = florin_vault::tls::TlsFiles { ca: s.ca, cert: s.cert, key: s.key };
    let name = s.acquirer_name.clone();
    let directory = s.directory.map(|address| DirectorySettings { address, name, tls: tls.clone() });
    let settings = florin_vault::process::Settings {
        data: s.data,
        kek: s.kek,
        passphrase_file: s.passphrase_file,
        unlock: s.unlock,
        socket: s.socket,
        algorithm: s.algorithm.as_deref().and_then(Algorithm::parse),
        live: s.live,
        acquirer: s.acquirer,
        acquirer_name: s.acquirer_name,
        tls: tls.clone(),
        terms: None,
        answer_limit_ms: s.answer_ms,
        send_limit_ms: SEND_LIMIT_MS,
        in_flight_limit_messages: IN_FLIGHT_LIMIT_MESSAGES,
        journey: true,
        retention: florin_vault::journey::Retention::default(),
        harden: true,
        directory,
        edge: s.edge.map(edge).transpose()?,
    };
    let ready = |facts: florin_vault::process::Ready| say(&First::Ready(json!(facts)));
    let waiting = |what| say(&First::Waiting(what));
    florin_vault::process::run(settings, asked_to_stop(true), waiting, ready).await.map_err(|e| e.fail())
}

async fn front(s: FrontSettings) -> Result<(), Fail> {
    let ready = |facts: florin_vault::front::Ready| say(&First::Ready(json!(facts)));
    florin_vault::front::run(edge(s.edge)?, asked_to_stop(true), ready).await.map_err(|e| e.fail())
}

fn edge(ports: EdgePorts) -> Result<EdgeSettings, Fail> {
    let nothing = |why: String| Fail::new("no_listeners", format!("the starter handed over too little: {why}"));
    let taken = if ports.given { hand::take(std::io::stdin()) } else { Ok(Vec::new()) };
    let mut taken = taken.map_err(|e| nothing(e.to_string()))?.into_iter().map(Arc::new);
    let mut entrances = Vec::new();
    for SitePorts { site, address, http, cert, key, name } in ports.sites {
        let given = if ports.given {
            let mut next = || taken.next().ok_or_else(|| nothing(format!("no listener for {}", site.name())));
            Some(Given { tls: next()?, plain: http.is_some().then(next).transpose()? })
        } else {
            None
        };
        entrances.push(Entrance { plain: http, given, name, ..Entrance::new(site, address, cert, key) });
    }
    let mut settings = EdgeSettings::of(entrances, ports.gateway);
    settings.limits.gateway.in_flight_requests = ports.in_flight;
    (settings.proxies, settings.client_ca) = (ports.proxies, ports.client_ca);
    Ok(settings)
}

async fn sandbox(s: SandboxSettings) -> Result<(), Fail> {
    let tls = florin_sandbox::TlsFiles { ca: s.ca.clone(), certificate: s.cert, key: s.key };
    let settings = florin_sandbox::Settings {
        port: s.port,
        control_port: s.control_port,
        reports_port: s.reports_port,
        day_seconds: s.day_seconds,
        plain_port: s.plain_port,
        directory_port: s.directory_port,
        acs_port: s.acs_port,
        magic_amounts: s.magic_amounts,
        ..florin_sandbox::Settings::new(s.data, tls)
    };
    let (ca, client_cert, client_key) = (s.ca, s.client_cert, s.client_key);
    let ready = |facts: florin_sandbox::Ready| {
        let mut told = json!(facts);
        told["ca"] = json!(ca);
        told["client_cert"] = json!(client_cert);
        told["client_key"] = json!(client_key);
        say(&First::Ready(told));
    };
    florin_sandbox::run(settings, asked_to_stop(true), ready).await.map_err(|e| e.fail())
}

async fn shop(s: ShopSettings) -> Result<(), Fail> {
    let nothing = |why: String| Fail::new("no_listeners", format!("the starter handed over too little: {why}"));
    let mut taken = hand::take(std::io::stdin()).map_err(|e| nothing(e.to_string()))?.into_iter();
    let tls = taken.next().ok_or_else(|| nothing("no listener for the shop".to_owned()))?;
    let plain = taken.next();
    let address = |listener: &std::net::TcpListener| listener.local_addr().ok().map(|at| at.to_string());
    let (at, http_at) = (address(&tls), plain.as_ref().and_then(address));
    let ShopSettings { data, key_file, handed, api, ca, card, http_card, cert, key } = s;
    let log = |code: &str, message: &str| log!("florin shop", "{}: {}", Words(code), Words(message));
    let settings =
        florin_shop::Settings { data, key_file, handed, api, ca, card, http_card, cert, key, tls, plain, log };
    let ready = |facts: florin_shop::Ready| {
        let mut told = json!(facts);
        told["shop"] = json!(at);
        told["http_shop"] = json!(http_at);
        say(&First::Ready(told));
    };
    florin_shop::run(settings, asked_to_stop(true), ready).await.map_err(|e| Fail::new(e.code, e.message))
}

async fn gateway(s: GatewaySettings) -> Result<(), Fail> {
    let root = Secret::new(read_key::<32>(&s.root)?);
    let ids = || read_key::<16>(&s.ids).map(|key| IdCodec::new(&key));
    let fence = Arc::new(Fence::at(&s.fence, now())?);
    let tombstones = Tombstones::at(&s.erased, ids()?);
    let algorithm = s.algorithm.as_deref().and_then(Algorithm::parse);
    let options = Options { algorithm, now: now(), ..Options::default() };
    let store = SqliteStore::open(&s.database, options, root).map_err(|e| e.fail())?;
    // The root may be replaced by another; what is derived for others rests on what stays.
    let links = Arc::new(Links::new(store.seed(), ids()?));
    let people_root = store.seed().derive(b"people");
    let origin = s.dashboard.clone();
    let signing = people::Signing {
        origin: origin.clone(),
        relying_party: s.relying_party,
        sms_for_owners: s.sms_for_owners,
        mail: s.messages.mail.is_some(),
        sms: s.messages.sms.is_some(),
    };
    let book = Arc::new(Book::open(store.seed(), ids()?, s.audit)?);
    let senders = Arc::new(super::messages::senders(s.messages, ids()?)?);
    let pages = s.dashboard.map(|origin| Pages { origin, links: Arc::clone(&links) });
    let look = Arc::new(Look::new(ids()?, store.seed()).reached_at(s.public));
    let (api_root, claims) = (store.seed().derive(b"api"), store.seed().derive(b"idempotency keys"));
    let trouble = |t| Fail::new("store_error", format!("the database cannot be read: {t:?}"));
    let newest = store.find(Query::NewestKey).await.map_err(trouble)?.key();
    let mut holder = [0u8; 8];
    random(&mut holder)?;
    let vault = VaultClient::connect(&s.vault).await;
    let FeeSettings { basis_points, fixed_minor, settles_after_ms } = s.fees;
    let fees = Fees { basis_points, fixed_minor, settles_after_ms };
    let ports = Arc::new(Real::new(
        (store, Some(tombstones)),
        newest,
        vault.clone(),
        ids()?,
        Arc::clone(&look),
        fees,
        u64::from_be_bytes(holder),
    ));
    fence.lift_if_compared(&*ports).await?;
    let (mails, people) = (signing.mail, people::open(Arc::clone(&ports), &people_root, signing)?);
    let account = account::first(&*ports, s.live).await.map_err(|e| Fail::new("store_error", ops::plain(&e)))?;
    let listener = door::bind(&s.door).map_err(|e| crate::fail::io("listen on", &s.door, &e))?;
    let kept = Retention { days: s.gate.requests_kept_days, entries: s.gate.requests_kept };
    let log = SqliteRequestLog::open(&s.requests, kept).map_err(trouble)?;
    let requests = Arc::new(Requests::new(log, Arc::clone(&ports)));
    let (at, written) = (Arc::clone(&ports), Arc::clone(&requests));
    let trust = Trust { ca: s.hooks_ca, local: s.hooks_local };
    let bot_check = match s.gate.bot_check {
        Some(settings) => Some(bot_check(settings, &trust, s.live)?),
        None => None,
    };
    let (local_endpoints, shown) = (s.hooks_local, pages.clone());
    let beside = api::Beside { ports: at, requests: written, local_endpoints, pages: shown, bot_check };
    let api = Api::new(ports.clone(), Arc::new(beside), look, &api_root, limits(s.gate.limits), s.live);
    let api = Arc::new(api.guarded(guard(s.gate.abuse), &api_root));
    let client = Client::new(&trust);
    let client = client.map_err(|e| Fail::new("bad_certificate", format!("webhooks: {e}")))?;
    let office = Arc::new(Office { ports: Arc::clone(&ports), api: Arc::clone(&api), client });
    if !s.live {
        api::test_keys(&api, account, &s.test_keys).await?;
    }
    let incoming = door::bind(&s.api).map_err(|e| crate::fail::io("listen on", &s.api, &e))?;
    let settler = Arc::new(Settler::new(&s.settlement)?);
    let desk = Arc::new(Desk {
        people: Arc::clone(&people),
        ports: Arc::clone(&ports),
        account,
        live: s.live,
        claims,
        api: Arc::clone(&api),
        requests: Arc::clone(&requests),
        settler: Arc::clone(&settler),
        pages,
        fence: Arc::clone(&fence),
        root: s.root,
        book: Arc::clone(&book),
        senders: Arc::clone(&senders),
    });
    let teller = Teller::new(Arc::clone(&ports), s.sandbox, s.ready);
    let mut web = Web::new(Arc::new(teller), s.live, links);
    if let Some(origin) = origin {
        let flows = Flows::new(people, ports.clone(), ids()?, origin).with_mail(mails).with_signer(Some(book.signer()));
        web = web.with_desk(Arc::new(flows));
    }
    let disk = Arc::new(Disk::under(&s.database));
    let sites = Arc::new(Sites { api, web, disk: Arc::clone(&disk), fence: Arc::clone(&fence) });
    let open = || Arc::clone(&fence);
    tokio::spawn(manage::warn_of_keys(Arc::clone(&ports), Arc::clone(&desk.api)));
    tokio::spawn(worker::numbers(Arc::clone(&ports)));
    tokio::spawn(keys::rotations(Arc::clone(&ports)));
    tokio::spawn(open().after_comparing(worker::jobs(Arc::clone(&ports), Arc::clone(&fence))));
    tokio::spawn(open().behind(worker::erasures(Arc::clone(&ports))));
    tokio::spawn(open().behind(messages::sends(Arc::clone(&ports), senders)));
    tokio::spawn(open().behind(audit::checkpoints(Arc::clone(&ports), book)));
    tokio::spawn(open().behind(retention::ends(Arc::clone(&ports), s.gate.personal_days)));
    tokio::spawn(open().behind(hooks::lanes(Arc::clone(&office))));
    tokio::spawn(open().behind(hooks::retries(office)));
    tokio::spawn(open().behind(settler.run(Arc::clone(&ports))));
    tokio::spawn(open().behind(late_answers(Arc::clone(&ports), vault)));
    tokio::spawn(door::serve(listener, Arc::clone(&desk)));
    let monitored = monitored(s.metrics)?;
    let monitored_at = monitored.as_ref().and_then(|listener| listener.local_addr().ok()).map(|at| at.to_string());
    if let Some(listener) = monitored {
        let home = Home { root: s.home };
        let metrics =
            Metrics::new(Arc::clone(&ports), Arc::clone(&fence), Arc::clone(&disk), (s.backups, s.certificates, home));
        tokio::spawn(monitor::serve(listener, Arc::new(metrics)));
    }
    let (stop, stopping) = watch::channel(false);
    let listeners = Arc::new(Listeners::new(sites, Arc::clone(&ports), requests, stopping.clone()));
    let serving = edge::serve(incoming, (&s.api, s.vault_user.map(|user| user.uid)), listeners, stopping);
    say(&First::Ready(json!({ "door": s.door, "api": s.api, "metrics": monitored_at, "pid": std::process::id() })));
    let ends = async {
        asked_to_stop(true).await;
        stop.send_replace(true);
    };
    tokio::select! {
        _ = async { tokio::join!(serving, ends) } => {}
        why = disk.watch(Arc::clone(&ports)) => {
            // Nothing can be written here any more; the next process finds all that was acknowledged, and settles the rest.
            log!("florin gateway", "ends, to be started anew: {}", Words(&why));
            return Err(Fail::new("database_stopped", why));
        }
    }
    worker::number_once(&ports).await;
    Ok(())
}

/// The listener that the starter handed over for the monitoring system, if there is one.
fn monitored(given: bool) -> Result<Option<tokio::net::TcpListener>, Fail> {
    if !given {
        return Ok(None);
    }
    let taken = hand::take(std::io::stdin()).and_then(|mut taken| {
        let listener = taken.pop().ok_or_else(|| std::io::Error::other("no listener for metrics"))?;
        listener.set_nonblocking(true)?;
        tokio::net::TcpListener::from_std(listener)
    });
    taken.map(Some).map_err(|e| Fail::new("no_listeners", format!("the starter handed over too little: {e}")))
}

fn limits(s: Limits) -> LimitSettings {
    let rate = |(per_second, burst)| Rate { per_second, burst };
    LimitSettings {
        key: rate(s.key),
        account: rate(s.account),
        card: rate(s.card),
        address: rate(s.address),
        failures: rate(s.failures),
    }
}

fn bot_check(settings: BotCheckSettings, trust: &Trust, live: bool) -> Result<BotCheck, Fail> {
    let secret = read(&settings.secret_file).map_err(|e| Fail::new(e.code(), format!("abuse.bot_secret_file: {e}")))?;
    let text = std::str::from_utf8(&secret).map(|text| Zeroizing::new(text.trim().to_owned()));
    let text = text.map_err(|_| Fail::new("key_damaged", "abuse.bot_secret_file: this is no text".to_owned()))?;
    let client = Client::new(trust).map_err(|e| Fail::new("bad_certificate", format!("abuse.bot_check: {e}")))?;
    Ok(BotCheck::new(settings, text, client, live))
}

fn guard(s: AbuseSettings) -> GuardSettings {
    let thresholds = Thresholds {
        address_challenge: s.address_challenge,
        address_declines: s.address_declines,
        address_cards: s.address_cards,
        card_declines: s.card_declines,
        intent_declines: s.intent_declines,
        intent_cards: s.intent_cards,
        alarm_declines: s.alarm_declines,
        small_minor: i64::from(s.small_minor),
    };
    GuardSettings { on: s.on, thresholds }
}

async fn late_answers(ports: Arc<Real>, vault: VaultClient) {
    let Some(mut stream) = vault.watch_late() else { return };
    // What is not taken now is told again by the vault.
    while let Some(answer) = stream.recv().await {
        if worker::take_late(&ports, answer.late).await {
            vault.acknowledge(answer.id);
        }
    }
}
