//! Whole payments through the public API: TLS, edge, gateway, vault, ISO 8583 over mutual TLS, network and issuer, two durable commits
//! each; beside them, in the same run and from the same generator, a request that the edge answers itself.

use super::cpu;
use super::load::{self, Asks, Did};
use crate::cli::{Bench, Common};
use crate::commands::https::{Line, Target};
use crate::commands::system::System;
use crate::config::Config;
use crate::fail::Fail;
use crate::process::block_on;
use crate::process::sites::Public;
use crate::process::supervise::Log;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const CONNECTIONS: [u32; 4] = [1, 8, 64, 256];
/// The level whose ratio stands for the run, if it was measured.
const HEADLINE: u32 = 64;
/// Before each measurement the same load runs uncounted: files grow, tables fill, links open.
const WARM_UP: Duration = Duration::from_millis(500);
/// The echo runs before and after the payments, each for this part of their time: the machine's mood changes.
const ECHO_PART: u32 = 4;
/// More requests than one measurement sends: the numbers of the next begin behind them.
const PHASE: u64 = 1 << 32;
const CARD: &str = "card[number]=4242424242424242&card[exp_month]=12&card[exp_year]=2034&card[cvc]=123&type=card";

pub fn measure(folder: &Path, args: &Bench, say: &dyn Fn(String)) -> Result<Value, Fail> {
    let common = Common { data: Some(folder.join("data")), config: None, json: true };
    let config = Config::load(&common)?;
    let levels = if args.connections.is_empty() { CONNECTIONS.to_vec() } else { args.connections.clone() };
    let time = Duration::from_secs(u64::from(args.seconds));
    block_on(async {
        let system = System::demo_with(&config, Log::File, Public::Free).await?;
        let measured = all(&system, &levels, time, say).await;
        system.stop().await;
        measured
    })
}

async fn all(system: &System, levels: &[u32], time: Duration, say: &dyn Fn(String)) -> Result<Value, Fail> {
    let world = World::new(system).await?;
    let mut rows = Vec::new();
    for (phase, level) in (0u64..).zip(levels) {
        let row = world.level(*level, phase * 2, time).await?;
        say(row.line());
        rows.push(row);
    }
    let headline = rows.iter().find(|row| row.connections == HEADLINE).or(rows.last());
    let ratio = headline.map_or(Value::Null, |row| json!(ratio(row.payments.per_second(), row.echo.per_second())));
    say(format!("Ratio to the echo: {ratio}"));
    Ok(json!({
        "payments_per_second": headline.map_or(0, |row| row.payments.per_second()),
        "ratio_to_echo": ratio,
        "levels": rows.iter().map(Row::json).collect::<Vec<_>>(),
    }))
}

/// To three places.
fn ratio(a: u64, b: u64) -> f64 {
    (a as f64 / b.max(1) as f64 * 1_000.0).round() / 1_000.0
}

/// A create and confirm in one, with a card that a customer keeps and a key of its own.
struct Payments {
    head: String,
    form: String,
}

impl Asks for Payments {
    fn request(&self, number: u64, into: &mut Vec<u8>) {
        let length = self.form.len();
        let text =
            format!("{}Idempotency-Key: bench-{number}\r\nContent-Length: {length}\r\n\r\n{}", self.head, self.form);
        into.extend_from_slice(text.as_bytes());
    }
    fn is_good(&self, status: u16, body: &[u8]) -> bool {
        const DONE: &[u8] = br#""status":"succeeded""#;
        status == 200 && body.windows(DONE.len()).any(|w| w == DONE)
    }
}

/// The same head for what the edge answers by itself: the same TLS and the same HTTP, and nothing behind them.
struct Echo(String);

impl Asks for Echo {
    fn request(&self, _: u64, into: &mut Vec<u8>) {
        into.extend_from_slice(self.0.as_bytes());
    }
    fn is_good(&self, status: u16, _: &[u8]) -> bool {
        status == 200
    }
}

struct World {
    target: Target,
    payments: Arc<Payments>,
    echo: Arc<Echo>,
    processes: Vec<(&'static str, u32)>,
}

impl World {
    async fn new(system: &System) -> Result<World, Fail> {
        let facts = system.shown();
        let text = |name: &str| facts[name].as_str().unwrap_or_default().to_owned();
        let port = text("api").rsplit(':').next().and_then(|port| port.parse().ok());
        let port = port.ok_or_else(|| Fail::new("bench_error", "the demo told no address of its API"))?;
        let target = Target::new(port, &PathBuf::from(text("ca_cert")))?;
        let mut processes: Vec<_> = system.parts.iter().filter_map(|p| Some((p.role, p.pid()?))).collect();
        processes.push(("generator", std::process::id()));
        let host = format!("Host: localhost:{port}\r\nAuthorization: Bearer {}\r\n", text("secret_key"));
        let head =
            |path: &str| format!("POST {path} HTTP/1.1\r\n{host}Content-Type: application/x-www-form-urlencoded\r\n");
        let mut line = target.connect().await.map_err(|e| Fail::new("bench_error", e.to_string()))?;
        let mut post = async |path: &str, form: &str| {
            let request = format!("{}Content-Length: {}\r\n\r\n{form}", head(path), form.len());
            let (status, body) =
                line.ask(request.as_bytes()).await.map_err(|e| Fail::new("bench_error", e.to_string()))?;
            let told: Value = serde_json::from_slice(body).unwrap_or_default();
            match (status, told["id"].as_str()) {
                (200, Some(id)) => Ok(id.to_owned()),
                _ => Err(Fail::new("bench_error", format!("{path}: {status} {told}"))),
            }
        };
        let customer = post("/v1/customers", "name=Bench").await?;
        let method = post("/v1/payment_methods", CARD).await?;
        post(&format!("/v1/payment_methods/{method}/attach"), &format!("customer={customer}")).await?;
        let form = format!(
            "amount=1999&currency=eur&customer={customer}&payment_method={method}&confirm=true&return_url=https://shop.example/back"
        );
        let payments = Arc::new(Payments { head: head("/v1/payment_intents"), form });
        let echo = Arc::new(Echo(format!("GET /healthz HTTP/1.1\r\n{host}\r\n")));
        Ok(World { target, payments, echo, processes })
    }

    /// One number of connections. `phase` and the one behind it are this level's alone.
    async fn level(&self, connections: u32, phase: u64, time: Duration) -> Result<Row, Fail> {
        let mut lines: Vec<Line> = Vec::new();
        for _ in 0..connections {
            lines.push(self.target.connect().await.map_err(|e| Fail::new("bench_error", e.to_string()))?);
        }
        let (lines, _) = load::run(lines, &self.echo, 0, WARM_UP).await;
        let (lines, before) = load::run(lines, &self.echo, 0, time / ECHO_PART).await;
        let (lines, _) = load::run(lines, &self.payments, phase * PHASE, WARM_UP).await;
        let begun = self.spent();
        let (lines, payments) = load::run(lines, &self.payments, (phase + 1) * PHASE, time).await;
        let spent = self.spent();
        let (_, after) = load::run(lines, &self.echo, 0, time / ECHO_PART).await;
        let each = |(role, before): &(&'static str, u64), after: u64| {
            (*role, after.saturating_sub(*before) / payments.answered().max(1))
        };
        let cpu_us = begun.iter().zip(spent).map(|(b, (_, after))| each(b, after)).collect();
        let row = Row { connections, payments, echo: before.and(after), cpu_us };
        match &row.payments.trouble {
            Some(trouble) if row.payments.answered() == 0 => Err(Fail::new("bench_error", trouble.clone())),
            _ => Ok(row),
        }
    }

    fn spent(&self) -> Vec<(&'static str, u64)> {
        self.processes.iter().map(|(role, pid)| (*role, cpu::spent_us(*pid))).collect()
    }
}

/// What was measured at one number of connections.
struct Row {
    connections: u32,
    payments: Did,
    echo: Did,
    /// Processor time per payment, by process.
    cpu_us: Vec<(&'static str, u64)>,
}

impl Row {
    fn json(&self) -> Value {
        let mut row = self.payments.json();
        row["connections"] = json!(self.connections);
        row["cpu_us"] =
            Value::Object(self.cpu_us.iter().map(|(role, us)| ((*role).to_owned(), json!(us))).collect::<Map<_, _>>());
        row["echo"] = self.echo.json();
        row["ratio_to_echo"] = json!(ratio(self.payments.per_second(), self.echo.per_second()));
        row
    }

    fn line(&self) -> String {
        let ms = |us: u32| format!("{}.{:02} ms", us / 1_000, us % 1_000 / 10);
        let p = &self.payments;
        let cpu: Vec<String> = self.cpu_us.iter().map(|(role, us)| format!("{role} {us}")).collect();
        let mut line = format!(
            "{:>4} connections: {:>6} payments/s, p50 {}, p99 {}; echo {:>6}/s, ratio {}; CPU µs: {}",
            self.connections,
            p.per_second(),
            ms(p.at_us(50)),
            ms(p.at_us(99)),
            self.echo.per_second(),
            ratio(p.per_second(), self.echo.per_second()),
            cpu.join(", "),
        );
        if let Some(trouble) = &p.trouble {
            line += &format!("\n     {} failed, the first: {trouble}", p.failures());
        }
        line
    }
}
