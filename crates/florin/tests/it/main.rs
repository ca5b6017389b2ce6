//! The program as a user runs it: real processes, real files, real links. Knows only commands, their output and documented formats.

mod house;
mod iso;
mod web;

mod abuse;
mod account_keys;
mod backup;
mod backup_kills;
mod bad_data;
mod bad_input;
mod cli;
mod crash;
mod disk;
mod flows;
mod gate;
mod hardened;
mod hooks;
mod idempotency;
mod journey;
mod leak;
mod metrics;
mod network;
mod overload;
mod pages;
mod pay;
mod races;
mod restart;
mod restore;
mod settings;
mod settlement;
mod shop;
mod sites;
mod trouble;
mod upgrade;
mod vault_keys;
