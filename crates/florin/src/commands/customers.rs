//! `florin customers export|erase`: what is kept about a person, and its end.

use super::manage::ask;
use crate::cli::{Common, Customers};
use crate::fail::{Fail, Outcome};
use crate::gateway::manage::Manage;
use crate::gateway::ops::Ask;
use crate::home::write_new;
use crate::out::out;

pub fn run(common: &Common, asked: &Customers, account: Option<&str>) -> Outcome {
    let account = account.map(str::to_owned);
    match asked {
        Customers::Export { id, to } => {
            let told = ask(common, Ask::Manage(Manage::ExportCustomer { account, id: id.clone() }))?;
            let text = serde_json::to_string_pretty(&told).unwrap_or_default() + "\n";
            match to {
                // For this user alone, and never over another.
                Some(file) => {
                    write_new(file, text.as_bytes())?;
                    if common.json {
                        out!("{}", serde_json::json!({ "customer": id, "file": file }));
                    } else {
                        out!("All that is kept about {id} is in {}. Give it to that person alone.", file.display());
                    }
                }
                None if common.json => out!("{told}"),
                None => out!("{}", text.trim_end()),
            }
        }
        Customers::Erase { id, yes } => {
            if !yes {
                let says = format!(
                    "everything personal of {id} becomes unreadable for good; payments and books stay. Say so with --yes. `florin customers export` keeps a copy first."
                );
                return Err(Fail::usage("not_confirmed", "--yes", says));
            }
            let told = ask(common, Ask::Manage(Manage::EraseCustomer { account, id: id.clone() }))?;
            if common.json {
                out!("{told}");
            } else {
                out!(
                    "{id} is deleted. The keys of what is personal are destroyed within moments, in backups as they run out."
                );
            }
        }
    }
    Ok(0)
}
