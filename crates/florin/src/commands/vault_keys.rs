//! `florin keys init|status|unlock|rotate`: the keys of the vault, from the key-encryption key down. Shows none, and keeps none.

use super::own::moment;
use super::system::{home_of, kek, read_json, try_lock};
use super::{account_keys, audit, key_age};
use crate::cli::{Common, Kind, NewKek, Rotate};
use crate::config::Config;
use crate::fail::{Fail, Outcome, io};
use crate::gateway::keys as gateway;
use crate::home::make_private;
use crate::out::out;
use crate::process::block_on;
use florin_core::audit::Action;
use florin_vault::cards::rotation::{KeysAnswer, KeysAsk, KeysStatus, Next};
use florin_vault::client::VaultClient;
use florin_vault::keys::describe::Place;
use florin_vault::keys::passphrase::{Envelope, SHORTEST_CHARACTERS};
use florin_vault::keys::shares::{Custodians, Given, MOST_CUSTODIANS};
use florin_vault::keys::{
    HsmKey, KekError, Seen, create_file, create_raw, current, fresh_secret, look, next_of, proof,
};
use florin_vault::unlock::{Answer, offer};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{IsTerminal, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Longer is no passphrase.
const INPUT_LIMIT_BYTES: u64 = 4 * 1024;
pub fn fail(e: &KekError) -> Fail {
    Fail::new(e.code(), e.to_string())
}

/// From a file, from the terminal without showing it, or from standard input.
pub fn entered(from: Option<&Path>, prompt: &str) -> Result<Zeroizing<String>, Fail> {
    let read = |mut source: Box<dyn Read>, path: &Path| {
        let mut text = Zeroizing::new(String::new());
        source.read_to_string(&mut text).map_err(|e| io("read", path, &e))?;
        Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
    };
    match from {
        Some(path) => {
            let file = std::fs::File::open(path).map_err(|e| io("read", path, &e))?;
            read(Box::new(file.take(INPUT_LIMIT_BYTES)), path)
        }
        None if std::io::stdin().is_terminal() => {
            let typed = rpassword::prompt_password(prompt);
            typed.map(Zeroizing::new).map_err(|e| io("read", Path::new("the terminal"), &e))
        }
        None => read(Box::new(std::io::stdin().take(INPUT_LIMIT_BYTES)), Path::new("standard input")),
    }
}

pub fn init(common: &Common, new: &NewKek) -> Outcome {
    if let Ok(there) = look(&new.to) {
        let message =
            format!("{} holds a key already ({:?}); Florin does not replace a key", new.to.display(), there.kind);
        return Err(Fail::usage("key_exists", "to", message));
    }
    let mut given = Vec::new();
    match new.kind {
        Kind::File => create_raw(&new.to).map_err(|e| fail(&e))?,
        Kind::Passphrase => {
            let passphrase = entered(new.passphrase_file.as_deref(), "Passphrase: ")?;
            if passphrase.chars().count() < SHORTEST_CHARACTERS {
                let message = format!("it has fewer than {SHORTEST_CHARACTERS} characters; take several random words");
                return Err(Fail::usage("passphrase_too_short", "passphrase", message));
            }
            if new.passphrase_file.is_none()
                && std::io::stdin().is_terminal()
                && *entered(None, "Once more: ")? != *passphrase
            {
                return Err(Fail::usage(
                    "passphrases_differ",
                    "passphrase",
                    "the two were not the same. Nothing was made.",
                ));
            }
            let secret = fresh_secret().map_err(|e| fail(&e.into()))?;
            place(&new.to, &Place::Passphrase(Envelope::seal(&secret, &passphrase).map_err(|e| fail(&e))?))?;
        }
        Kind::Shares => {
            let needed = needed(new)?;
            let secret = fresh_secret().map_err(|e| fail(&e.into()))?;
            let split = Custodians::split(&secret, needed, &new.custodians).map_err(|e| fail(&e))?;
            place(&new.to, &Place::Shares(split.0))?;
            given = split.1;
        }
        Kind::Pkcs11 => {
            let missing = |param| {
                Fail::usage("missing_setting", param, "a hardware module needs --module, --token and --pin-file")
            };
            let key = HsmKey {
                module: new.module.clone().ok_or_else(|| missing("module"))?,
                token: new.token.clone().ok_or_else(|| missing("token"))?,
                key: new.label.clone(),
                check: String::new(),
                pin_file: new.pin_file.clone().ok_or_else(|| missing("pin-file"))?,
                folders: new.folders.clone(),
                environment: variables(&new.environment)?,
                ports: new.ports.clone(),
            };
            place(&new.to, &Place::Pkcs11(key.create().map_err(|e| fail(&e))?))?;
        }
    }
    let seen = look(&new.to).map_err(|e| fail(&e))?;
    let handed = hand_out(&given, new.shares_to.as_deref())?;
    if common.json {
        out!("{}", json!({ "kek": new.to, "kind": seen.kind, "check": seen.check, "shares": handed }));
    } else {
        out!(
            "{} is the key-encryption key {} ({:?}). Name it: vault.kek = {:?}",
            new.to.display(),
            seen.check,
            seen.kind,
            new.to
        );
        out!("Without it no card can be read: keep a copy where neither the data nor its backups are.");
        print_shares(&given, new.shares_to.as_deref());
    }
    Ok(0)
}

fn variables(given: &[String]) -> Result<BTreeMap<String, String>, Fail> {
    let one = |text: &String| text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    let all: Option<BTreeMap<String, String>> = given.iter().map(one).collect();
    all.ok_or_else(|| Fail::usage("bad_variable", "env", "write NAME=VALUE"))
}

fn needed(new: &NewKek) -> Result<u8, Fail> {
    let (people, most) = (new.custodians.len(), MOST_CUSTODIANS);
    let mut names = new.custodians.clone();
    names.sort_unstable();
    names.dedup();
    if people < 2 || people > most || names.len() != people {
        let message = format!("name from 2 to {most} different custodians: --custodian anna --custodian ben");
        return Err(Fail::usage("custodians", "custodian", message));
    }
    match new.needed.filter(|n| *n >= 2 && usize::from(*n) <= people) {
        Some(needed) => Ok(needed),
        None => {
            Err(Fail::usage("custodians", "needed", format!("say how many must come together, from 2 to {people}")))
        }
    }
}

fn place(to: &Path, place: &Place) -> Result<(), Fail> {
    create_file(to, &place.text()).map_err(|e| fail(&e))
}

/// Writes the shares where they are wanted, a file each. Gives their paths, or the shares themselves when nobody said where.
fn hand_out(given: &[Given], to: Option<&Path>) -> Result<Vec<serde_json::Value>, Fail> {
    let Some(folder) = to else {
        return Ok(given.iter().map(|g| json!({ "custodian": g.name, "share": g.share.as_str() })).collect());
    };
    make_private(folder)?;
    let mut told = Vec::new();
    for (n, one) in given.iter().enumerate() {
        let file = folder.join(format!("{}.share", n + 1));
        create_file(&file, one.share.as_bytes()).map_err(|e| fail(&e))?;
        told.push(json!({ "custodian": one.name, "file": file }));
    }
    Ok(told)
}

fn print_shares(given: &[Given], to: Option<&Path>) {
    for (n, one) in given.iter().enumerate() {
        match to {
            Some(folder) => out!("  {:<20} {}", one.name, folder.join(format!("{}.share", n + 1)).display()),
            None => out!("\n{}\n  {}", one.name, one.share.as_str()),
        }
    }
    if !given.is_empty() {
        out!("\nEach share to its custodian alone, on paper: they are kept nowhere and not shown again.");
    }
}

pub fn unlock(common: &Common, from: Option<&Path>) -> Outcome {
    let home = home_of(&Config::load(common)?)?;
    let socket = home.socket("unlock.sock")?;
    let line = entered(from, "Passphrase or share: ")?;
    if line.is_empty() {
        return Err(Fail::usage("nothing_entered", "passphrase", "enter the passphrase, or one share"));
    }
    let answer = block_on(async {
        offer(&socket, &line).await.map_err(|_| {
            Fail::new(
                "not_locked",
                format!("no vault waits at {}: it is open, or nothing runs there", socket.display()),
            )
        })
    })?;
    match answer {
        Answer::Refused { code, message } => Err(Fail::new(&code, message)),
        Answer::Opened => {
            if common.json {
                out!("{}", json!({ "opened": true }))
            } else {
                out!("The vault is open.")
            }
            Ok(0)
        }
        Answer::Taken { from, have, needed } => {
            if common.json {
                out!("{}", json!({ "opened": false, "from": from, "have": have, "needed": needed }));
            } else {
                out!("Taken, from {from}: {have} of {needed} shares are here.");
            }
            Ok(0)
        }
        Answer::Waiting(_) => Err(Fail::new("nothing_entered", "the vault heard an empty line")),
    }
}

/// Asks the vault that runs on the data folder.
async fn ask(common: &Common, question: &KeysAsk) -> Result<KeysStatus, Fail> {
    let home = home_of(&Config::load(common)?)?;
    let runs = try_lock(&home.lock())?.is_none() && read_json(&home.ready()).is_ok();
    if !runs {
        let message = format!("nothing runs on {}. Start it: florin demo, or florin serve.", home.root.display());
        return Err(Fail::new("not_running", message));
    }
    let vault = VaultClient::connect(&home.socket("vault.sock")?).await;
    match vault.keys(question).await {
        Ok(KeysAnswer::Status(status)) => Ok(status),
        Ok(KeysAnswer::Refused { code, message }) => Err(Fail::new(&code, message)),
        Err(_) => Err(Fail::new("vault_down", "the vault does not answer. See what it says.")),
    }
}

/// All keys: of the vault, and of the gateway where one answers.
pub fn status(common: &Common) -> Outcome {
    let home = home_of(&Config::load(common)?)?;
    let status = block_on(ask(common, &KeysAsk::Status))?;
    let accounts = block_on(account_keys::ask(&home, gateway::KeysAsk::Status { counted: true })).ok();
    let warnings = key_age::warnings(&home);
    if common.json {
        let mut told = json!(status);
        told["overdue"] = json!(warnings);
        told["ages"] = account_keys::ages(&home);
        told["accounts"] = json!(accounts);
        out!("{told}");
        return Ok(0);
    }
    print(common, &status);
    accounts.iter().for_each(account_keys::print);
    let now = key_age::now_ms();
    key_age::all(&home).iter().for_each(|key| out!("Age of {}", key.line(now)));
    warnings.iter().for_each(|words| out!("Attention: {words}"));
    Ok(0)
}

fn print(common: &Common, status: &KeysStatus) {
    if common.json {
        return out!("{}", json!(status));
    }
    let since = |ms: i64| moment(ms / 1_000);
    let from = status.kek_since.map_or_else(|| "before this was written down".to_owned(), since);
    out!("Key-encryption key  {}  {:?}  since {from}", status.kek, status.kind);
    for key in &status.data_keys {
        out!("Data key {:<10} {} cards  {}  since {}", key.version, key.cards, key.algorithm, since(key.created));
    }
    if let Some(version) = status.resealing {
        out!("Cards are being sealed under data key {version}.");
    }
}

pub fn rotate(common: &Common, what: Rotate, from: &[PathBuf], shares_to: Option<&Path>) -> Outcome {
    let told = match what {
        Rotate::Data => Some(Action::VaultDataKeyRotate),
        Rotate::Kek => Some(Action::VaultKekRotate),
        // The gateway does these, and writes them down itself.
        Rotate::Accounts | Rotate::Root => None,
    };
    if let Some(action) = told {
        let home = home_of(&Config::load(common)?)?;
        block_on(audit::tell(&home, action, florin_core::audit::Outcome::Begun))?;
    }
    let status = match what {
        Rotate::Data => block_on(rotate_data(common))?,
        Rotate::Kek => rotate_kek(common, from, shares_to)?,
        Rotate::Accounts => return account_keys::rotate(common),
        Rotate::Root => return account_keys::rotate_root(common),
    };
    print(common, &status);
    Ok(0)
}

/// Waits until every card is under the new key. Interrupted, the vault goes on by itself.
async fn rotate_data(common: &Common) -> Result<KeysStatus, Fail> {
    let algorithm = Some(Config::load(common)?.algorithm()?.name().to_owned());
    let mut status = ask(common, &KeysAsk::RotateData { algorithm }).await?;
    let all: u64 = status.data_keys.iter().map(|key| key.cards).sum();
    let bar = if common.json { ProgressBar::hidden() } else { ProgressBar::new(all) };
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos} of {len} cards, {eta} to go") {
        bar.set_style(style);
    }
    while let Some(version) = status.resealing {
        let done = status.data_keys.iter().filter(|key| key.version >= version).map(|key| key.cards).sum();
        bar.set_position(done);
        tokio::time::sleep(LOOK_EVERY).await;
        status = ask(common, &KeysAsk::Status).await?;
    }
    bar.finish_and_clear();
    Ok(status)
}

/// Makes the key that follows beside the one that wraps, has the vault wrap everything under it, then puts it in its place. A crash at
/// any point leaves both files, and the vault takes the one that fits; running this again finishes it.
fn rotate_kek(common: &Common, from: &[PathBuf], shares_to: Option<&Path>) -> Result<KeysStatus, Fail> {
    let config = Config::load(common)?;
    let file = kek(&config, &home_of(&config)?);
    let (next, status) = (next_of(&file), block_on(ask(common, &KeysAsk::Status))?);
    if let Ok(left) = look(&next) {
        if left.check == status.kek {
            eprintln!("florin: an earlier rotation is finished.");
            settle(&file, &next, &status)?;
            return Ok(status);
        }
        // It wraps nothing: the rotation that made it ended before the vault took it.
        std::fs::remove_file(&next).map_err(|e| io("remove", &next, &e))?;
    }
    let seen = look(&file).map_err(|e| fail(&e))?;
    if seen.check != status.kek {
        let message = format!("{} is not the key that the vault uses. Name that one with vault.kek.", file.display());
        return Err(Fail::new("wrong_key", message));
    }
    let mut files = from.iter();
    let mut enter = || entered(files.next().map(PathBuf::as_path), "Passphrase or share: ");
    let (question, given) = follow(&file, &seen, &next, &mut enter)?;
    // Before anything is wrapped under it: a key that nobody has would be the end of every card.
    let handed = hand_out(&given, shares_to)?;
    match common.json {
        true if !handed.is_empty() => out!("{}", json!({ "shares": handed })),
        true => {}
        false => print_shares(&given, shares_to),
    }
    let status = block_on(ask(common, &question))?;
    settle(&file, &next, &status)?;
    Ok(status)
}

/// Passphrases and shares as they are entered.
type Enter<'a> = &'a mut dyn FnMut() -> Result<Zeroizing<String>, Fail>;

/// Makes the next key of the same kind, and what the vault is told of it: with the proof that whoever asks has the key that wraps now.
fn follow(file: &Path, seen: &Seen, next: &Path, enter: Enter<'_>) -> Result<(KeysAsk, Vec<Given>), Fail> {
    if let Some(Place::Pkcs11(key)) = &seen.place {
        let mut label = next_label(&key.key);
        // One that an interrupted rotation left wraps nothing: its name is passed over.
        let made = loop {
            match (HsmKey { key: label.clone(), ..key.clone() }).create() {
                Err(KekError::Taken(_)) => label = next_label(&label),
                made => break made.map_err(|e| fail(&e))?,
            }
        };
        place(next, &Place::Pkcs11(made))?;
        return Ok((KeysAsk::RotateKek(Next::Labelled(label)), vec![]));
    }
    let mut passphrase = Zeroizing::new(String::new());
    let current = current(file, &mut || {
        passphrase = enter()?;
        Ok(passphrase.clone())
    });
    let current = current.map_err(|refused| refused.map_or_else(|fail| fail, |e| fail(&e)))?;
    let secret = fresh_secret().map_err(|e| fail(&e.into()))?;
    let question = Next::Secret { secret: *secret.expose(), proof: proof(&current, &secret) };
    let mut given = vec![];
    match &seen.place {
        None => create_file(next, secret.expose()).map_err(|e| fail(&e))?,
        Some(Place::Passphrase(_)) => {
            place(next, &Place::Passphrase(Envelope::seal(&secret, &passphrase).map_err(|e| fail(&e))?))?;
        }
        Some(Place::Shares(custodians)) => {
            let names: Vec<String> = custodians.custodians.iter().map(|one| one.name.clone()).collect();
            let split = Custodians::split(&secret, custodians.needed, &names).map_err(|e| fail(&e))?;
            place(next, &Place::Shares(split.0))?;
            given = split.1;
        }
        Some(Place::Pkcs11(_)) => unreachable!("made above"),
    }
    Ok((KeysAsk::RotateKek(question), given))
}

/// `florin-kek`, `florin-kek.2`, `florin-kek.3`.
fn next_label(label: &str) -> String {
    match label.rsplit_once('.').and_then(|(name, n)| Some((name, n.parse::<u32>().ok()?))) {
        Some((name, n)) => format!("{name}.{}", n.saturating_add(1)),
        None => format!("{label}.2"),
    }
}

/// The key that wraps takes the name of the one before it, which stays beside it: backups from before are wrapped under it.
fn settle(file: &Path, next: &Path, status: &KeysStatus) -> Result<(), Fail> {
    let old = look(file).map_err(|e| fail(&e))?;
    if old.check != status.kek {
        let mut retired = file.as_os_str().to_owned();
        retired.push(format!(".retired-{}", old.check));
        let retired = PathBuf::from(retired);
        // A second name for it, so that at no moment there is no key file.
        std::fs::hard_link(file, &retired).map_err(|e| io("rename", file, &e))?;
        eprintln!("florin: the key before is kept as {}: backups from before this need it.", retired.display());
    }
    // It stays whose it was: the vault may be a user of its own.
    let about = file.metadata().map_err(|e| io("look at", file, &e))?;
    std::os::unix::fs::chown(next, Some(about.uid()), Some(about.gid())).map_err(|e| io("hand over", next, &e))?;
    std::fs::rename(next, file).map_err(|e| io("rename", next, &e))?;
    let folder = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder).and_then(|f| f.sync_all()).map_err(|e| io("write", folder, &e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_count_up() {
        let check = |label: &str, expected: &str| assert_eq!(next_label(label), expected);
        check("florin-kek", "florin-kek.2");
        check("florin-kek.2", "florin-kek.3");
        check("kek.of.anna", "kek.of.anna.2");
    }
}
