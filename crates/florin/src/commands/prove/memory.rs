//! `florin prove memory`: sends cards in every way that clients send them, and a second later looks for them in the memory of vault and
//! gateway, in every file, every answer and every webhook. Knows no way to make a process readable that is not.

use super::cards::{Heads, Way, code_marks, number};
use super::hooks::Hooks;
use super::scan::{Hits, Search};
use crate::cli::Common;
use crate::commands::https::{Line, Target};
use crate::commands::system::System;
use crate::config::Config;
use crate::fail::{Fail, Outcome, io};
use crate::out::out;
use crate::process::block_on;
use crate::process::sites::Public;
use crate::process::supervise::Log;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Connections that stay open until the end.
const LINES: usize = 50;
/// How long after a card was sent its digits may still be found.
const GRACE: Duration = Duration::from_secs(1);
/// Set for the copy of this command that runs as the root of a user namespace of its own.
const INSIDE: &str = "FLORIN_PROVE_INSIDE";
/// How long deliveries are waited for.
const HOOKS_WITHIN: Duration = Duration::from_secs(20);
const FILE_LIMIT_BYTES: u64 = 1 << 30;

pub fn run(cards: u16, as_json: bool) -> Outcome {
    if !rustix::process::geteuid().is_root() && std::env::var_os(INSIDE).is_none() {
        return in_a_namespace(cards, as_json);
    }
    let folder = std::env::temp_dir().join(format!("florin-memory-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|e| io("make", &folder, &e))?;
    let proved = prove(&folder, usize::from(cards));
    let _ = std::fs::remove_dir_all(&folder);
    let report = proved?;
    if as_json {
        out!("{}", report.json());
    } else {
        report.print();
    }
    Ok(u8::from(!report.proved()))
}

/// The vault's memory is closed to everybody but root. In a user namespace of its own a user is the root of the processes that it
/// starts there, and of no other.
fn in_a_namespace(cards: u16, as_json: bool) -> Outcome {
    let closed = || {
        Fail::new(
            "memory_closed",
            "the vault's memory can be read by root alone, and no user namespace can be made here. Run this as root.",
        )
    };
    // Asked first: a system that forbids it says so with an exit code that would read as "not proved".
    let allowed = Command::new("unshare").args(["--user", "--map-root-user", "true"]).stderr(Stdio::null()).status();
    if !allowed.is_ok_and(|status| status.success()) {
        return Err(closed());
    }
    let own = std::env::current_exe().map_err(|e| Fail::new("no_binary", format!("cannot find myself: {e}")))?;
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user"]).arg(&own).args(["prove", "memory", "--cards", &cards.to_string()]);
    if as_json {
        command.arg("--json");
    }
    let ended = command.env(INSIDE, "1").status();
    let code = ended.ok().and_then(|status| status.code()).and_then(|code| u8::try_from(code).ok());
    code.ok_or_else(closed)
}

/// One thing that was searched.
struct Searched {
    place: String,
    bytes: u64,
    hits: Hits,
}

struct Report {
    cards: usize,
    sent: Vec<(&'static str, usize)>,
    searched: Vec<Searched>,
    /// Answers that were not as they must be: (way, status).
    wrong: Vec<(&'static str, u16)>,
    /// The search found the cards where they are: in this process.
    control: bool,
}

impl Report {
    fn proved(&self) -> bool {
        let read = |place: &str| self.searched.iter().any(|s| s.place == place && s.bytes > 0);
        let clean = self.searched.iter().all(|s| s.hits.is_empty());
        let all = ["memory of the vault", "memory of the gateway", "files while it runs", "answers", "webhooks"];
        clean && self.wrong.is_empty() && self.control && all.into_iter().all(read)
    }

    fn json(&self) -> Value {
        let hit = |((form, way), n): (&(&str, &str), &u64)| json!({ "form": form, "sent": way, "times": n });
        let places = self
            .searched
            .iter()
            .map(|s| json!({ "place": s.place, "bytes": s.bytes, "hits": s.hits.iter().map(hit).collect::<Vec<_>>() }));
        let sent: serde_json::Map<String, Value> = self.sent.iter().map(|(w, n)| ((*w).to_owned(), json!(n))).collect();
        let wrong: Vec<Value> =
            self.wrong.iter().map(|(way, status)| json!({ "way": way, "status": status })).collect();
        json!({
            "proved": self.proved(), "cards": self.cards, "sent": sent, "unexpected_answers": wrong,
            "hits": self.searched.iter().flat_map(|s| s.hits.values()).sum::<u64>(),
            "control_found": self.control, "searched": places.collect::<Vec<_>>(),
        })
    }

    fn print(&self) {
        out!("{} cards were sent:", self.cards);
        self.sent.iter().for_each(|(way, n)| out!("  {way:<26} {n:>5}"));
        out!("Searched for their numbers and codes in every form:");
        for s in &self.searched {
            let hits: Vec<String> =
                s.hits.iter().map(|((form, way), n)| format!("{n} x {form} (sent {way})")).collect();
            let found = if hits.is_empty() { "nothing".to_owned() } else { hits.join(", ") };
            out!("  {:<40} {:>12} bytes: {found}", s.place, s.bytes);
        }
        for (way, status) in &self.wrong {
            out!("A card that was sent {way} was answered with {status}.");
        }
        if !self.control {
            out!("The search does not find the cards in this process, which has them: it proves nothing.");
        }
        out!(
            "{}",
            if self.proved() { "No card left the vault, and the vault kept none in clear." } else { "Not proved." }
        );
    }
}

fn prove(folder: &Path, cards: usize) -> Result<Report, Fail> {
    let common = Common { data: Some(folder.join("data")), config: None, json: true };
    let config = Config::load(&common)?;
    let numbers: Vec<_> = (0..cards).map(|n| (number(n), Way::of(n).name())).collect();
    let search = Search::new(&numbers, &code_marks());
    block_on(async {
        let system = System::demo_with(&config, Log::File, Public::Free).await?;
        let looked = look(&system, &search, cards).await;
        let root = system.home.root.clone();
        system.stop().await;
        let mut report = looked?;
        report.searched.push(files(&root, "files after the stop", &search));
        Ok(report)
    })
}

async fn look(system: &System, search: &Search, cards: usize) -> Result<Report, Fail> {
    let facts = system.shown();
    let text = |name: &str| facts[name].as_str().unwrap_or_default().to_owned();
    let port = text("api").rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(0);
    let target = Target::new(port, &PathBuf::from(text("ca_cert")))?;
    let heads = Heads { port, key: text("secret_key") };
    let mut sender = Sender { target, heads, lines: Vec::new(), answers: Vec::new(), wrong: Vec::new() };
    let hooks = Hooks::listen().await.map_err(|e| Fail::new("no_receiver", e.to_string()))?;
    sender.register(hooks.port).await?;
    let mut sent: Vec<(&'static str, usize)> = Way::ALL.iter().map(|way| (way.name(), 0)).collect();
    for n in 0..cards {
        let way = Way::of(n);
        sender.send(way, n).await.map_err(|e| Fail::new("no_answer", format!("{}: {e}", way.name())))?;
        if let Some((_, count)) = sent.iter_mut().find(|(name, _)| *name == way.name()) {
            *count += 1;
        }
    }
    sender.read_back().await?;
    // Each payment has more events than this.
    let paid = sent.iter().find(|(way, _)| *way == Way::Pays.name()).map_or(0, |(_, n)| *n);
    let delivered = hooks.came(paid * 2, HOOKS_WITHIN).await;
    tokio::time::sleep(GRACE).await;
    let mut searched = Vec::new();
    for part in system.parts.iter().filter(|part| part.role != "sandbox") {
        let pid = part.pid().ok_or_else(|| Fail::new("process_died", format!("{} is gone", part.role)))?;
        searched.push(memory(pid, &format!("memory of the {}", part.role), search)?);
    }
    searched.push(files(&system.home.root, "files while it runs", search));
    for (place, bytes) in [("answers", &sender.answers), ("webhooks", &delivered)] {
        let mut hits = Hits::new();
        search.count(bytes, bytes.len(), &mut hits);
        searched.push(Searched { place: place.to_owned(), bytes: bytes.len() as u64, hits });
    }
    // The numbers are in this very process: a search that does not find them there is broken.
    let control = !memory(std::process::id(), "memory of this process", search)?.hits.is_empty();
    Ok(Report { cards, sent, searched, wrong: sender.wrong, control })
}

/// The connections, and all that came back on them.
struct Sender {
    target: Target,
    heads: Heads,
    lines: Vec<Line>,
    answers: Vec<u8>,
    wrong: Vec<(&'static str, u16)>,
}

impl Sender {
    async fn send(&mut self, way: Way, n: usize) -> std::io::Result<()> {
        let sent = self.heads.sent(way, n);
        if way == Way::Aborted {
            let mut line = self.target.connect().await?;
            for piece in &sent.pieces {
                line.send(piece).await?;
            }
            return Ok(());
        }
        let slot = n % LINES;
        // The first cards find no connection yet; after a refusal in the head the edge closes.
        let mut line = match self.lines.len() > slot {
            true => self.lines.swap_remove(slot),
            false => self.target.connect().await?,
        };
        let mut open = true;
        for (at, piece) in sent.pieces.iter().enumerate() {
            let sent = line.send(piece).await;
            if at == 0 && sent.is_err() {
                line = self.target.connect().await?;
                line.send(piece).await?;
            } else {
                sent?;
            }
        }
        for _ in 0..sent.answers {
            let (status, body) = line.answer().await?;
            self.answers.extend_from_slice(body);
            self.answers.push(b'\n');
            open &= status < 500;
            // Too many wrong keys are turned away sooner.
            let turned_away = way == Way::WrongKey && status == 429;
            if way.expected() != Some(status) && !turned_away {
                self.wrong.push((way.name(), status));
            }
        }
        if open {
            self.lines.push(line);
        }
        Ok(())
    }

    /// Webhooks go to this port of loopback.
    async fn register(&mut self, port: u16) -> Result<(), Fail> {
        self.plain(
            &self.heads.form("/v1/webhook_endpoints", &format!("url=http://127.0.0.1:{port}/&enabled_events[]=*")),
        )
        .await
    }

    /// What the API tells afterwards of what was done.
    async fn read_back(&mut self) -> Result<(), Fail> {
        for path in ["/v1/events", "/v1/payment_intents", "/v1/charges", "/v1/customers", "/v1/florin/request_logs"] {
            self.plain(&self.heads.write("GET", &format!("{path}?limit=100"), "", "")).await?;
        }
        Ok(())
    }

    /// A request without a card, which must succeed.
    async fn plain(&mut self, request: &str) -> Result<(), Fail> {
        let failed = |what: String| Fail::new("no_answer", what);
        let mut line = self.target.connect().await.map_err(|e| failed(e.to_string()))?;
        let (status, body) = line.ask(request.as_bytes()).await.map_err(|e| failed(e.to_string()))?;
        if status != 200 {
            return Err(failed(format!("{status}: {}", String::from_utf8_lossy(body))));
        }
        self.answers.extend_from_slice(body);
        Ok(())
    }
}

/// Searches the writable memory of a process: heap, stacks, and what else it changed.
fn memory(pid: u32, place: &str, search: &Search) -> Result<Searched, Fail> {
    let closed =
        |e: std::io::Error| Fail::new("memory_closed", format!("the {place} cannot be read ({e}). Run this as root."));
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).map_err(closed)?;
    let mut file = File::open(format!("/proc/{pid}/mem")).map_err(closed)?;
    let mut searched = Searched { place: place.to_owned(), bytes: 0, hits: Hits::new() };
    for line in maps.lines() {
        let mut words = line.split(' ');
        let (Some(range), Some(rights)) = (words.next(), words.next()) else { continue };
        let Some((from, to)) = range.split_once('-') else { continue };
        let (Ok(from), Ok(to)) = (u64::from_str_radix(from, 16), u64::from_str_radix(to, 16)) else { continue };
        if !rights.starts_with("rw") || file.seek(SeekFrom::Start(from)).is_err() {
            continue;
        }
        let mut left = to - from;
        let fill = |buffer: &mut [u8]| {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            let got = buffer.get_mut(..most).map_or(0, |part| file.read(part).unwrap_or(0));
            left -= got as u64;
            got
        };
        searched.bytes += search.count_in(fill, &mut searched.hits);
    }
    Ok(searched)
}

/// Searches every file below a folder.
fn files(root: &Path, place: &str, search: &Search) -> Searched {
    let mut searched = Searched { place: place.to_owned(), bytes: 0, hits: Hits::new() };
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() => {
                    let Ok(file) = File::open(entry.path()) else { continue };
                    let mut file = file.take(FILE_LIMIT_BYTES);
                    searched.bytes += search.count_in(|buffer| file.read(buffer).unwrap_or(0), &mut searched.hits);
                }
                _ => {}
            }
        }
    }
    searched
}
