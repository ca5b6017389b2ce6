//! kill -9 at random moments: one process, all of them, or all with their starter; half of the time while the last victim is not back
//! yet. Knows no payment.

use super::client::Client;
use super::demo::{Demo, STARTER};
use crate::fail::Fail;
use florin_sim::Rng;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Between two kills, in milliseconds.
const PAUSE_MS: (i64, i64) = (50, 2_000);
const BACK_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// Hundredths of the kills that hit every process at once, and that hit their starter too.
const ALL: u64 = 20;
const WITH_STARTER: u64 = 10;

/// What was killed, and how long nobody answered.
#[derive(Default)]
pub struct Killed {
    /// By role; `all` and `all and starter` count once.
    pub by: BTreeMap<String, u64>,
    /// From a kill to the next good answer, where it was waited for; milliseconds.
    pub outages_ms: Vec<u64>,
}

pub async fn kill(
    demo: &mut Demo,
    client: &Client,
    (kills, at_least): (u32, Duration),
    rng: &mut Rng,
    tell: &dyn Fn(u32),
) -> Result<Killed, Fail> {
    let mut killed = Killed::default();
    let spread = u64::try_from(at_least.as_millis()).unwrap_or(u64::MAX) / u64::from(kills.max(1));
    for n in 0..kills {
        let pause = rng.between(PAUSE_MS.0, PAUSE_MS.1).unsigned_abs();
        tokio::time::sleep(Duration::from_millis(pause.max(rng.below(spread.saturating_mul(2).max(1))))).await;
        let who = victims(demo, rng).await?;
        let starter = who.0.contains(STARTER);
        demo.kill(&who.1, starter);
        *killed.by.entry(who.0).or_default() += 1;
        let since = Instant::now();
        if starter {
            demo.again()?;
            client.moved(demo.place()?);
        }
        // Otherwise the next one dies while this one may still be starting.
        if rng.chance(500) || n + 1 == kills {
            back(client).await?;
            killed.outages_ms.push(u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX));
        }
        tell(n + 1);
    }
    Ok(killed)
}

/// A name for them, and their process ids. A kill that hits nobody would be none.
async fn victims(demo: &Demo, rng: &mut Rng) -> Result<(String, Vec<u32>), Fail> {
    let running = running(demo).await?;
    let all = running.iter().map(|(_, pid)| *pid).collect();
    let one = running.get(rng.below(running.len() as u64) as usize);
    Ok(match (rng.below(100), one) {
        (0..WITH_STARTER, _) | (_, None) => (format!("all and {STARTER}"), all),
        (n, Some(_)) if n < WITH_STARTER + ALL => ("all".to_owned(), all),
        (_, Some((role, pid))) => (role.clone(), vec![*pid]),
    })
}

/// The processes of the demo, at least one.
async fn running(demo: &Demo) -> Result<Vec<(String, u32)>, Fail> {
    let until = Instant::now() + BACK_WITHIN;
    loop {
        let running = demo.processes();
        if !running.is_empty() {
            return Ok(running);
        }
        if Instant::now() > until {
            return Err(Fail::new("nothing_to_kill", "no process of the demo was found. Is /proc readable?"));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Waits until the API answers what needs every process but the banks.
pub async fn back(client: &Client) -> Result<(), Fail> {
    let until = Instant::now() + BACK_WITHIN;
    loop {
        match client.ask("GET", "/v1/balance", "", "").await {
            Ok(answer) if answer.status == 200 => return Ok(()),
            Ok(answer) if Instant::now() > until => {
                return Err(Fail::new("not_back", format!("{} {}", answer.status, answer.body)));
            }
            Err(e) if Instant::now() > until => return Err(Fail::new("not_back", e.to_string())),
            Ok(_) | Err(_) => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}
