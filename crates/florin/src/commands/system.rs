//! A running system for a command: the one that runs already on this data folder, or one for the command's own time.

use super::backup::refuse_half_restored;
use crate::certificates;
use crate::config::Config;
use crate::fail::{Fail, io};
use crate::gateway::api::TestKeys;
use crate::gateway::audit::AuditSettings;
use crate::gateway::bot_check::BotCheckSettings;
use crate::gateway::client::Gateway;
use crate::gateway::journey::SandboxAt;
use crate::gateway::ops::Ask;
use crate::gateway::people::PeopleAsk;
use crate::gateway::reports::ReportSource;
use crate::gateway::settlement::SettlementSettings;
use crate::home::{Home, first_keys};
use crate::pki;
use crate::process::messages::{self, MessageSettings};
use crate::process::settings::{
    AbuseSettings, EdgePorts, FeeSettings, FrontSettings, GateSettings, GatewaySettings, Limits, SandboxSettings,
    VaultSettings,
};
use crate::process::sites::{self, Public, needed};
use crate::process::supervise::{Log, Part};
use crate::process::{hand, ready, user};
use florin_core::attempt::ANSWER_WITHIN_MS;
use florin_core::deliver::target;
use florin_core::edge::Site;
use florin_sandbox::{ControlClient, Ready};
use rustix::fs::{FlockOperation, flock};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// An exclusive lock on a file, held until dropped or until the process dies.
pub struct Lock(#[allow(dead_code)] File);

pub fn try_lock(path: &Path) -> Result<Option<Lock>, Fail> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path);
    let file = file.map_err(|e| io("open", path, &e))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(Lock(file))),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(e) => Err(io("lock", path, &e.into())),
    }
}

/// What is known of a running sandbox: its ready line.
#[derive(Clone, Debug)]
pub struct SandboxFacts(pub Value);

impl SandboxFacts {
    /// Its control port, with this run's token.
    pub fn control(&self) -> Result<ControlClient, Fail> {
        let ready: Option<Ready> = serde_json::from_value(self.0.clone()).ok();
        let ready = ready.ok_or_else(|| Fail::new("bad_ready", "the sandbox told no control address"))?;
        let token = std::fs::read_to_string(&ready.token_file).map_err(|e| io("read", &ready.token_file, &e))?;
        let ca = self.0["ca"].as_str().ok_or_else(|| Fail::new("bad_ready", "the sandbox told no CA"))?;
        ControlClient::new(ready.control, token.trim(), Path::new(ca))
            .map_err(|e| Fail::new("sandbox_error", e.to_string()))
    }
    /// Where people and tools find the control calls: the bearer token stands in the token file.
    pub fn control_url(&self) -> Option<String> {
        let port = self.0["control"].as_str()?.rsplit(':').next()?;
        Some(format!("https://localhost:{port}"))
    }
    /// The settings' names of the ports that it listens at.
    pub fn ports(&self) -> Vec<(&'static str, u16)> {
        let port = |fact: &str| self.0[fact].as_str()?.rsplit(':').next()?.parse().ok();
        let named = [
            ("port", "acquirer"),
            ("control_port", "control"),
            ("reports_port", "reports"),
            ("plain_port", "plain"),
            ("directory_port", "directory"),
            ("acs_port", "acs"),
        ];
        named.iter().filter_map(|(name, fact)| Some((*name, port(fact)?))).collect()
    }
    /// Where the gateway asks it for its part of a journey.
    pub fn at(&self) -> Option<SandboxAt> {
        let file = |name: &str| self.0[name].as_str().map(PathBuf::from);
        let control = self.0["control"].as_str()?.parse().ok()?;
        Some(SandboxAt { control, token_file: file("token_file")?, ca: file("ca")? })
    }
    pub fn reports(&self) -> Result<String, Fail> {
        let missing = || Fail::new("bad_ready", "the sandbox told no address of its report service");
        self.0["reports"].as_str().map(str::to_owned).ok_or_else(missing)
    }
    /// Where its directory server of 3-D Secure listens.
    pub fn directory(&self) -> Option<String> {
        self.0["directory"].as_str().map(str::to_owned)
    }
    pub fn acquirer(&self) -> Result<String, Fail> {
        let missing = || Fail::new("bad_ready", "the sandbox told no address of its acquirer");
        self.0["acquirer"].as_str().map(str::to_owned).ok_or_else(missing)
    }
}

/// What the gateway is told besides: fees, limits, reports, where erasures are noted, where its metrics are asked for.
type Beside = (FeeSettings, GateSettings, SettlementSettings, Kept, (Option<SocketAddr>, Certificates), Signing);
/// For whom passkeys are made, if not for the dashboard's host, and whether owners may have codes by SMS.
type Signing = (Option<String>, bool);
/// In use, by the settings that name them.
type Certificates = Vec<(String, PathBuf)>;

pub struct System {
    pub home: Home,
    pub sandbox: Option<SandboxFacts>,
    pub parts: Vec<Part>,
    door: PathBuf,
    vault: PathBuf,
    /// Where the first owner enrols, once. It stands in no file.
    enrol: Option<String>,
    _locks: Vec<Lock>,
}

impl System {
    /// Uses what runs, or starts sandbox, vault and gateway.
    pub async fn demo(config: &Config, log: Log) -> Result<System, Fail> {
        System::demo_with(config, log, Public::Nothing).await
    }

    /// The same, with the edge's sites on ports of loopback.
    pub async fn demo_with(config: &Config, log: Log, open: Public) -> Result<System, Fail> {
        let home = home_of(config)?;
        let Some(lock) = try_lock(&home.lock())? else { return System::running(home) };
        refuse_half_restored(&home)?;
        if home.live_mark().exists() {
            return Err(Fail::new(
                "live_data_folder",
                format!(
                    "{} belongs to `florin serve`. Start it, or choose another folder with --data.",
                    home.root.display()
                ),
            ));
        }
        // Before anything is started: a wrong setting leaves no process behind.
        let gate = gate(config, &DEMO, false)?;
        let (answer_ms, socket) = (answer_ms(config)?, home.socket("vault.sock")?);
        let day_seconds = config.number("network.day_seconds", 0, 86_400)?;
        first_keys(&home, &kek(config, &home))?;
        pki::ensure(&home)?;
        let mut parts = Vec::new();
        let mut locks = vec![lock];
        let sandbox = match try_lock(&home.root.join("run/network.lock"))? {
            None => SandboxFacts(read_json(&home.root.join("run/network.json"))?),
            Some(network) => {
                locks.push(network);
                let mut settings = sandbox_settings(config, &home, 0)?;
                settings.day_seconds = u32::try_from(day_seconds).unwrap_or(0);
                let mut part = Part::start(&home, "sandbox", &settings, log).await?;
                let facts = SandboxFacts(part.ready.clone());
                part.pin(&facts.ports());
                parts.push(part);
                facts
            }
        };
        let vault = VaultSettings {
            data: home.vault(),
            kek: kek(config, &home),
            passphrase_file: config.path("vault.passphrase_file"),
            unlock: home.socket("unlock.sock")?,
            environment: environment(&kek(config, &home)),
            socket,
            algorithm: Some(config.algorithm()?.name().to_owned()),
            user: user::of(config)?,
            live: false,
            acquirer: sandbox.acquirer()?,
            acquirer_name: "localhost".to_owned(),
            ca: home.tls("ca.pem"),
            cert: home.tls("link.pem"),
            key: home.tls("link.key"),
            answer_ms,
            directory: sandbox.directory(),
            edge: sites::demo(config, &home, open)?,
        };
        // Its money comes with the report of the day.
        let fees = fees(config, day_seconds)?;
        let source = ReportSource {
            address: sandbox.reports()?,
            name: vault.acquirer_name.clone(),
            ca: vault.ca.clone(),
            cert: vault.cert.clone(),
            key: vault.key.clone(),
        };
        let (settlement, erased) = (settlement(config, Some(source), 1)?, kept(config, &home)?);
        // A command that pays and ends is watched by nobody.
        let metrics = if matches!(open, Public::Settings) { metrics(config)? } else { None };
        let certificates = certificates::named(config, &home);
        System::finish(
            home,
            Some(sandbox),
            parts,
            locks,
            vault,
            (fees, gate, settlement, erased, (metrics, certificates), signing(config)?),
            log,
        )
        .await
    }

    /// Starts vault and gateway against a real acquirer.
    pub async fn serve(config: &Config) -> Result<System, Fail> {
        let home = home_of(config)?;
        let Some(lock) = try_lock(&home.lock())? else {
            return Err(Fail::new("already_running", format!("a system runs on {} already.", home.root.display())));
        };
        refuse_half_restored(&home)?;
        let kek = config.path("vault.kek").ok_or_else(|| needed("vault.kek"))?;
        let folder = kek.parent().and_then(|p| p.canonicalize().ok());
        if folder.is_none_or(|f| f.starts_with(&home.root)) {
            return Err(Fail::usage(
                "kek_in_data_folder",
                "vault.kek",
                "the vault's key must lie outside the data folder, so that a copy of the one is not a copy of the other. Make one: florin keys init --to FILE",
            ));
        }
        if !kek.exists() {
            return Err(Fail::usage(
                "key_missing",
                "vault.kek",
                format!("there is no key file {}. Make one: florin keys init --to {}", kek.display(), kek.display()),
            ));
        }
        if home.test_keys().exists() {
            return Err(Fail::usage(
                "demo_data_folder",
                "data",
                "this folder holds the demo's keys, which stand in a file. Choose another one for `florin serve`.",
            ));
        }
        first_keys(&home, &kek)?;
        let gate = gate(config, &SERVE, true)?;
        let file = |key: &str| config.path(key).ok_or_else(|| needed(key));
        let text = |key: &str| Some(config.text(key).to_owned()).filter(|v| !v.is_empty()).ok_or_else(|| needed(key));
        let vault = VaultSettings {
            data: home.vault(),
            environment: environment(&kek),
            kek,
            passphrase_file: config.path("vault.passphrase_file"),
            unlock: home.socket("unlock.sock")?,
            socket: home.socket("vault.sock")?,
            algorithm: Some(config.algorithm()?.name().to_owned()),
            user: user::of(config)?,
            live: true,
            acquirer: text("acquirer.address")?,
            acquirer_name: text("acquirer.name")?,
            ca: file("acquirer.ca")?,
            cert: file("acquirer.cert")?,
            key: file("acquirer.key")?,
            answer_ms: answer_ms(config)?,
            directory: None,
            edge: Some(sites::serve(config, &home)?),
        };
        home.mark_live()?;
        let fees = fees(config, config.number("fees.settles_after_seconds", 0, 31_536_000)?)?;
        let address = Some(config.text("settlement.address").to_owned()).filter(|v| !v.is_empty());
        let source = address.map(|address| ReportSource {
            address,
            name: Some(config.text("settlement.name").to_owned())
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| vault.acquirer_name.clone()),
            ca: vault.ca.clone(),
            cert: vault.cert.clone(),
            key: vault.key.clone(),
        });
        let settlement = settlement(config, source, config.number("settlement.every_seconds", 1, 86_400)?)?;
        let erased = kept(config, &home)?;
        let watched = (metrics(config)?, certificates::named(config, &home));
        let beside = (fees, gate, settlement, erased, watched, signing(config)?);
        System::finish(home, None, vec![], vec![lock], vault, beside, Log::Terminal).await
    }

    async fn finish(
        home: Home,
        sandbox: Option<SandboxFacts>,
        mut parts: Vec<Part>,
        locks: Vec<Lock>,
        mut vault: VaultSettings,
        (fees, gate, settlement, (erased, audit, messages), (metrics, certificates), people): Beside,
        log: Log,
    ) -> Result<System, Fail> {
        let mut gateway = GatewaySettings {
            database: home.database(),
            root: home.gateway_root(),
            algorithm: vault.algorithm.clone(),
            vault_user: vault.user,
            ids: home.ids(),
            vault: vault.socket.clone(),
            door: home.socket("gateway.sock")?,
            api: home.socket("api.sock")?,
            test_keys: home.test_keys(),
            requests: home.requests(),
            fence: home.fence(),
            erased,
            gate,
            public: None,
            dashboard: None,
            relying_party: people.0,
            sms_for_owners: people.1,
            sandbox: sandbox.as_ref().and_then(SandboxFacts::at),
            ready: (!vault.live).then(|| home.ready()),
            live: vault.live,
            hooks_ca: (!vault.live).then(|| home.tls("ca.pem")),
            hooks_local: !vault.live,
            fees,
            settlement,
            metrics: metrics.is_some(),
            backups: home.backups("state.json"),
            audit,
            messages,
            certificates,
            home: home.root.clone(),
        };
        match vault.user {
            Some(user) => user::prepare(&home, &vault, user)?,
            None => user::take_back(&home, &vault)?,
        }
        let started = async {
            let front = without_cards(&mut vault);
            let listeners = open_public(vault.edge.as_mut())?;
            let part = Part::start_with(&home, "vault", &vault, log, listeners).await?;
            gateway.public = public(&part.ready);
            parts.push(part);
            if let Some(mut front) = front {
                let listeners = open_public(Some(&mut front.edge))?;
                let part = Part::start_with(&home, "front", &front, log, listeners).await?;
                gateway.dashboard = dashboard(&part.ready);
                parts.push(part);
            }
            let metrics = metrics.map(hand::open).transpose()?;
            parts.push(Part::start_with(&home, "gateway", &gateway, log, metrics.into_iter().collect()).await?);
            Ok(())
        };
        let started: Result<(), Fail> = started.await;
        let (door, vault) = (gateway.door, vault.socket);
        let system = System { home, sandbox, parts, door, vault, enrol: None, _locks: locks };
        if let Err(fail) = started {
            system.stop().await;
            return Err(fail);
        }
        write_json(&system.home.ready(), &system.facts())?;
        Ok(system)
    }

    fn running(home: Home) -> Result<System, Fail> {
        let facts = read_json(&home.ready())?;
        let sandbox = facts.get("sandbox").filter(|s| !s.is_null()).cloned().map(SandboxFacts);
        let (door, vault) = (home.socket("gateway.sock")?, home.socket("vault.sock")?);
        Ok(System { home, sandbox, parts: vec![], door, vault, enrol: None, _locks: vec![] })
    }

    /// The ready line.
    pub fn facts(&self) -> Value {
        let processes: serde_json::Map<String, Value> =
            self.parts.iter().map(|p| (p.role.to_owned(), json!(p.pid()))).collect();
        let databases = [
            "gateway/florin.db",
            "gateway/requests.db",
            "vault/vault.db",
            "vault/journey.db",
            "sandbox/books.db",
            "sandbox/journal.db",
            "shop/shop.db",
        ]
        .map(|name| self.home.root.join(name));
        let sandbox = self.sandbox.as_ref().map(|s| &s.0);
        let mut facts = json!({
            "ready": true,
            "fenced": self.home.fence().exists(),
            "data_dir": self.home.root,
            "supervisor": std::process::id(),
            "processes": processes,
            "acquirer": sandbox.map(|s| &s["acquirer"]),
            "acquirer_client": sandbox.map(|s| json!({ "cert": s["client_cert"], "key": s["client_key"] })),
            "network_control": self.sandbox.as_ref().and_then(SandboxFacts::control_url),
            "network_token_file": sandbox.map(|s| &s["token_file"]),
            "ca_cert": sandbox.map(|s| &s["ca"]),
            "databases": databases,
            "hardened": self.parts.iter().find(|p| p.role == "vault").map(|p| &p.ready["hardened"]),
            "logs": self.parts.iter().filter_map(Part::log).collect::<Vec<_>>(),
            "gateway": self.door,
            "vault": self.vault,
            "sandbox": sandbox,
        });
        if let Some(facts) = facts.as_object_mut() {
            facts.extend(ready::addresses(&self.parts));
        }
        facts
    }

    /// The ready line with the API keys of test mode, which stand in no other file than their own.
    pub fn shown(&self) -> Value {
        let mut facts = self.facts();
        if let Some(keys) = TestKeys::read(&self.home.test_keys()) {
            facts["secret_key"] = json!(keys.secret_key);
            facts["publishable_key"] = json!(keys.publishable_key);
        }
        // Whoever has this link sets the password of the shop's back office: once, and it stands in no file.
        if let Some(link) = self.parts.iter().find_map(|p| p.ready["admin"].as_str())
            && let Some(shop) = facts["http_shop"].as_str().or(facts["shop"].as_str())
        {
            facts["shop_admin"] = json!(format!("{shop}{link}"));
        }
        facts["dashboard_enrol"] = json!(self.enrol);
        facts
    }

    /// Makes the link for the first owner, where a dashboard is served and nobody owns it yet.
    pub async fn first_owner(&mut self) -> Result<(), Fail> {
        let told = self.gateway().await?.ask(&Ask::People(PeopleAsk::FirstLink)).await;
        // An installation that came back from a backup takes no changes yet.
        self.enrol = told.ok().and_then(|told| told["link"].as_str().map(str::to_owned));
        Ok(())
    }

    pub fn door(&self) -> &Path {
        &self.door
    }

    pub async fn gateway(&self) -> Result<Gateway, Fail> {
        Gateway::connect(&self.door).await.ok_or_else(|| {
            Fail::new(
                "gateway_down",
                format!("no gateway answers at {}. Stop what runs on this folder and try again.", self.door.display()),
            )
        })
    }

    pub async fn vault(&self) -> florin_vault::client::VaultClient {
        florin_vault::client::VaultClient::connect(&self.vault).await
    }

    /// Stops what this command started, the gateway first, so that nothing is asked of a vault that is gone.
    pub async fn stop(mut self) {
        while let Some(part) = self.parts.pop() {
            part.stop().await;
        }
    }
}

/// Where people reach the dashboard: in the demo without TLS, by the same rule.
fn dashboard(told: &Value) -> Option<String> {
    ready::at("front", "http_dashboard", told, "http://dashboard.localhost")
        .or_else(|| ready::at("front", "dashboard", told, "https://localhost"))
}

/// Where browsers are sent: the card form's address. In the demo without TLS, since they do not know its authority; by number, since
/// programs that follow along need not know `*.localhost`.
fn public(told: &Value) -> Option<String> {
    ready::at("vault", "http_card", told, "http://127.0.0.1")
        .or_else(|| ready::at("vault", "card", told, "https://localhost"))
}

fn signing(config: &Config) -> Result<Signing, Fail> {
    let party = config.text("people.relying_party").trim().to_ascii_lowercase();
    Ok((Some(party).filter(|party| !party.is_empty()), config.switch("people.sms_for_owners", false)?))
}

/// Rates a second and at once, where nobody set any.
struct Usual {
    key: (u32, u32),
    account: (u32, u32),
    card: (u32, u32),
    address: (u32, u32),
}

const SERVE: Usual = Usual { key: (100, 500), account: (400, 2_000), card: (1, 30), address: (200, 1_000) };
/// Above what a load generator on the same machine reaches.
const MANY: (u32, u32) = (20_000, 20_000);
const DEMO: Usual = Usual { key: MANY, account: MANY, card: MANY, address: MANY };
/// More a second is no limit worth the name.
const MOST_PER_SECOND: u32 = 1_000_000;

fn gate(config: &Config, usual: &Usual, live: bool) -> Result<GateSettings, Fail> {
    let rate = |name: &str, usual: (u32, u32)| -> Result<(u32, u32), Fail> {
        let number = |what: &str, usual| config.number_or(&format!("limits.{name}_{what}"), MOST_PER_SECOND, usual);
        Ok((number("per_second", usual.0)?, number("burst", usual.1)?))
    };
    let limits = Limits {
        key: rate("key", usual.key)?,
        account: rate("account", usual.account)?,
        card: rate("card", usual.card)?,
        address: rate("address", usual.address)?,
        failures: rate("failures", (10, 200))?,
    };
    let number = |key: &str, most: u64| config.number(key, 1, most).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    let (requests_kept_days, requests_kept) =
        (number("requests.kept_days", 3_650)?, number("requests.kept", 100_000_000)?);
    let personal_days = u32::try_from(config.number("retention.personal_days", 0, 36_500)?).unwrap_or(0);
    let (abuse, bot_check) = (abuse(config, live)?, bot_check(config, live)?);
    Ok(GateSettings { requests_kept_days, requests_kept, personal_days, limits, abuse, bot_check })
}

/// All three settings, or none.
fn bot_check(config: &Config, live: bool) -> Result<Option<BotCheckSettings>, Fail> {
    let url = config.text("abuse.bot_check");
    if url.is_empty() {
        return Ok(None);
    }
    let bad = |key: &str, message: &str| Fail::usage("invalid_setting", key, message.to_owned());
    target(url, live, !live).map_err(|_| bad("abuse.bot_check", "this is no https address of a public server."))?;
    let site_key = config.text("abuse.bot_site_key").to_owned();
    if site_key.is_empty() || !site_key.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(bad("abuse.bot_site_key", "give the site key that belongs to abuse.bot_check."));
    }
    let Some(secret_file) = config.path("abuse.bot_secret_file") else {
        return Err(bad("abuse.bot_secret_file", "name the file with the secret that belongs to abuse.bot_check."));
    };
    Ok(Some(BotCheckSettings { url: url.to_owned(), site_key, secret_file }))
}

/// More is no threshold worth the name.
const MOST_COUNTED: u32 = 1_000_000;

fn abuse(config: &Config, live: bool) -> Result<AbuseSettings, Fail> {
    let number = |name: &str| config.number_or(&format!("abuse.{name}"), MOST_COUNTED, 0);
    Ok(AbuseSettings {
        on: config.switch("abuse.defence", live)?,
        address_challenge: number("address_challenge")?,
        address_declines: number("address_declines")?,
        address_cards: number("address_cards")?,
        card_declines: number("card_declines")?,
        intent_declines: number("intent_declines")?,
        intent_cards: number("intent_cards")?,
        alarm_declines: number("alarm_declines")?,
        small_minor: number("small_minor")?,
    })
}

/// Takes the sites that take no cards away from the vault: another process serves them, which holds no key of the vault.
fn without_cards(vault: &mut VaultSettings) -> Option<FrontSettings> {
    let edge = vault.edge.as_mut()?;
    let (sites, kept) = std::mem::take(&mut edge.sites).into_iter().partition(|s| s.site == Site::Dashboard);
    edge.sites = kept;
    let front = EdgePorts { sites, client_ca: None, ..edge.clone() };
    (!front.sites.is_empty()).then_some(FrontSettings { edge: front })
}

/// Opens the public listeners here: they outlive the vault's processes, so that no connection is refused while one is started anew.
fn open_public(edge: Option<&mut EdgePorts>) -> Result<Vec<TcpListener>, Fail> {
    let Some(edge) = edge else { return Ok(Vec::new()) };
    edge.given = true;
    edge.sites.iter().flat_map(|site| std::iter::once(site.address).chain(site.http)).map(hand::open).collect()
}

/// Tells other commands of a process that was started anew: its pid, and the sandbox's token of this run.
pub fn note_restart(home: &Home, part: &Part) -> Result<(), Fail> {
    let mut facts = read_json(&home.ready())?;
    facts["processes"][part.role] = json!(part.pid());
    if part.role == "sandbox" {
        facts["sandbox"] = part.ready.clone();
    }
    write_json(&home.ready(), &facts)
}

pub fn home_of(config: &Config) -> Result<Home, Fail> {
    Home::open(&config.path("data").unwrap_or_else(|| PathBuf::from("./florin-data")))
}

pub fn kek(config: &Config, home: &Home) -> PathBuf {
    config.path("vault.kek").unwrap_or_else(|| home.kek())
}

/// What a hardware module's library is told: the vault's environment is closed otherwise.
fn environment(kek: &Path) -> BTreeMap<String, String> {
    florin_vault::keys::module(kek).map(|module| module.environment).unwrap_or_default()
}

/// Where a monitoring system asks. What it is told goes without TLS, so it stays on this machine.
fn metrics(config: &Config) -> Result<Option<SocketAddr>, Fail> {
    let text = config.text("metrics.address");
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = |why: &str| Fail::usage("bad_setting", "metrics.address", format!("metrics.address: {why}"));
    let address: SocketAddr = text.parse().map_err(|_| wrong("give an address and a port, like 127.0.0.1:9464"))?;
    match address.ip().is_loopback() {
        true => Ok(Some(address)),
        false => Err(wrong("metrics are told without TLS: give an address of this machine, like 127.0.0.1:9464")),
    }
}

/// Where erasures are written down, where checkpoints of the audit log are kept, and how messages go out.
type Kept = (PathBuf, AuditSettings, MessageSettings);

fn kept(config: &Config, home: &Home) -> Result<Kept, Fail> {
    let erased = config.path("erasures.file").unwrap_or_else(|| home.erased());
    Ok((erased, super::audit::settings(config, home)?, messages::of(config)?))
}

fn fees(config: &Config, settles_after_seconds: u64) -> Result<FeeSettings, Fail> {
    let number = |key, most| config.number(key, 0, most).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    let settles_after_ms = i64::try_from(settles_after_seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
    Ok(FeeSettings {
        basis_points: number("fees.basis_points", 10_000)?,
        fixed_minor: number("fees.fixed_minor", 1_000_000)?,
        settles_after_ms,
    })
}

fn settlement(config: &Config, source: Option<ReportSource>, every: u64) -> Result<SettlementSettings, Fail> {
    let days = config.number("settlement.missing_after_days", 1, 30)?;
    let missing_after_days = u32::try_from(days).unwrap_or(30);
    Ok(SettlementSettings { source, every_ms: every.saturating_mul(1_000), missing_after_days })
}

/// No longer than payments wait: an answer after that would find its payment taken back.
fn answer_ms(config: &Config) -> Result<u32, Fail> {
    let most = u32::try_from(ANSWER_WITHIN_MS).unwrap_or(u32::MAX);
    let ms = config.number("answer_ms", 100, u64::from(most))?;
    Ok(u32::try_from(ms).unwrap_or(most))
}

pub fn sandbox_settings(config: &Config, home: &Home, port: u16) -> Result<SandboxSettings, Fail> {
    Ok(SandboxSettings {
        data: home.sandbox(),
        port,
        control_port: config.port("network.control_port")?,
        reports_port: 0,
        day_seconds: 0,
        plain_port: None,
        directory_port: 0,
        acs_port: 0,
        magic_amounts: config.flag("network.magic_amounts")?,
        ca: home.tls("ca.pem"),
        cert: home.tls("acquirer.pem"),
        key: home.tls("acquirer.key"),
        client_cert: home.tls("link.pem"),
        client_key: home.tls("link.key"),
    })
}

pub fn read_json(path: &Path) -> Result<Value, Fail> {
    let bytes = std::fs::read(path).map_err(|e| io("read", path, &e))?;
    serde_json::from_slice(&bytes).map_err(|_| Fail::new("bad_ready", format!("{} cannot be read", path.display())))
}

pub fn write_json(path: &Path, value: &Value) -> Result<(), Fail> {
    let part = path.with_extension("part");
    std::fs::write(&part, value.to_string())
        .and_then(|()| std::fs::rename(&part, path))
        .map_err(|e| io("write", path, &e))
}
