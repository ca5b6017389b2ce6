//! `florin notify test`: one message through the settings as they are, and what came of it.

use super::account_keys::ask_any;
use super::system::home_of;
use crate::cli::{Common, NotifyAsk};
use crate::config::Config;
use crate::fail::{Fail, Outcome};
use crate::gateway::messages::MessageAsk;
use crate::gateway::ops::Ask;
use crate::out::out;
use crate::process::block_on;
use serde_json::Value;
use std::time::Duration;

const LOOK_EVERY: Duration = Duration::from_millis(200);
/// A test lives a minute; a server may think for one more.
const MOST_LOOKS: u32 = 700;

pub fn run(common: &Common, asked: &NotifyAsk) -> Outcome {
    let NotifyAsk::Test { mail, sms } = asked;
    let home = home_of(&Config::load(common)?)?;
    let to = sms.clone().or_else(|| mail.clone()).unwrap_or_default();
    let told: Value = block_on(async {
        let mut told = ask_any(&home, &Ask::Message(MessageAsk::Test { sms: sms.is_some(), to })).await?;
        let id = told["id"].as_str().unwrap_or_default().to_owned();
        for _ in 0..MOST_LOOKS {
            told = ask_any(&home, &Ask::Message(MessageAsk::State { id: id.clone() })).await?;
            if told["ended"].as_bool() == Some(true) {
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok::<Value, Fail>(told)
    })?;
    let (status, reason) = (told["status"].as_str().unwrap_or(""), told["reason"].as_str().unwrap_or(""));
    if common.json {
        out!("{told}");
    } else {
        match status {
            "sent" => out!("The server took it."),
            "unknown" => {
                out!("Nobody knows whether the server took it: it did not answer in time. It is not sent again.")
            }
            _ => out!("It was not sent: {reason}. docs/messages.md says what each reason means."),
        }
    }
    Ok(match status {
        "sent" => 0,
        "unknown" => 4,
        _ => 1,
    })
}
