//! The keys of accounts while the gateway serves: what there is, how old it is, others in their place. Shows no key.

use super::ops::{Answer, Desk};
use super::ports::{Real, now};
use crate::home::{next_root, read_key};
use crate::log::log;
use florin_core::seal::{Algorithm, Secret};
use florin_core::store::StoreTrouble;
use florin_store::KeysAbout;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Reads that began before the end of a rotation are long over then.
const READS_END_WITHIN: Duration = Duration::from_secs(5);
/// After trouble of the store.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeysAsk {
    /// With `counted` records under each data key, which reads the whole database.
    Status { counted: bool },
    /// Another data key, which is of this algorithm: every account's keys follow from it.
    Rotate { algorithm: String },
    /// Everything that the root wraps, under the one that lies beside it.
    RotateRoot,
}

pub async fn answer(desk: &Desk, ask: KeysAsk) -> Answer {
    let store = desk.ports.store.sqlite();
    match ask {
        KeysAsk::Status { counted } => status(&desk.ports, counted).await,
        KeysAsk::Rotate { algorithm } => {
            let Some(algorithm) = Algorithm::parse(&algorithm) else {
                return refused("invalid_setting", "there is no such algorithm".to_owned());
            };
            match store.rotate_begin(algorithm, now()).await {
                Ok(begun) => {
                    desk.ports.rotates.notify_one();
                    match begun {
                        true => status(&desk.ports, false).await,
                        false => refused("rotation_under_way", "the keys of accounts are being rotated already".into()),
                    }
                }
                Err(trouble) => troubled(&trouble),
            }
        }
        KeysAsk::RotateRoot => {
            let next = match read_key::<32>(&next_root(&desk.root)) {
                Ok(bytes) => Secret::new(bytes),
                Err(fail) => return refused(&fail.code, fail.message),
            };
            match store.rotate_root(next, now()).await {
                Ok(()) => status(&desk.ports, false).await,
                Err(trouble) => troubled(&trouble),
            }
        }
    }
}

fn refused(code: &str, message: String) -> Answer {
    Answer::Error { code: code.to_owned(), message, param: None, status: 409 }
}

fn troubled(trouble: &StoreTrouble) -> Answer {
    let message = format!("the store has trouble: {trouble:?}");
    Answer::Error { code: "api_error".to_owned(), message, param: None, status: 500 }
}

async fn status(ports: &Arc<Real>, counted: bool) -> Answer {
    let at = Arc::clone(ports);
    // It may read a whole table: not on the thread that serves.
    match tokio::task::spawn_blocking(move || at.store.sqlite().keys_about(counted)).await {
        Ok(Ok(about)) => Answer::Ok(shape(&about, counted)),
        Ok(Err(trouble)) => troubled(&trouble),
        Err(_) => troubled(&StoreTrouble::Io("nothing was read".to_owned())),
    }
}

fn shape(about: &KeysAbout, counted: bool) -> Value {
    let known = |ms: i64| (ms > 0).then_some(ms);
    let key = |key: &florin_store::DataKeyAbout| {
        let mut told = json!({
            "version": key.version, "algorithm": key.algorithm.name(), "created": known(key.created),
        });
        if counted {
            told["records"] = json!(key.records);
        }
        told
    };
    json!({
        "root_since": known(about.root_since),
        "data_keys": about.data_keys.iter().map(key).collect::<Vec<_>>(),
        "resealing": about.rotation.map(|rotation| rotation.version),
        "unreadable": about.rotation.map_or(0, |rotation| rotation.unreadable),
        "rows_done": about.rotation.map_or(about.rows, |rotation| rotation.rows_done().min(about.rows)),
        "rows": about.rows,
    })
}

/// Brings a rotation to its end, a batch at a time between payments; one that a crash broke off too.
pub async fn rotations(ports: Arc<Real>) {
    loop {
        let mut rotated = false;
        loop {
            match ports.store.sqlite().rotate_step().await {
                Ok(true) => {
                    rotated = true;
                    tokio::task::yield_now().await;
                }
                Ok(false) => break,
                Err(trouble) => {
                    log!("florin gateway", "records wait to be sealed anew: {}", trouble);
                    tokio::time::sleep(AGAIN_AFTER).await;
                }
            }
        }
        if rotated {
            tokio::time::sleep(READS_END_WITHIN).await;
            if let Err(trouble) = ports.store.sqlite().forget_keys() {
                log!("florin gateway", "keys that nothing is sealed under stay in memory: {}", trouble);
            }
        }
        ports.rotates.notified().await;
    }
}
