//! Whole-system tests, each on a systemd of its own. One file a topic.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "tests")]

mod answers;
mod bad_input;
mod bus_absent;
mod busctl;
mod catalogs;
mod chaos;
mod control;
mod crashes;
mod door;
mod encrypted;
mod installation;
mod keys;
mod listen;
mod readers;
mod registry;
mod restarts;
mod rights;
mod scale;
mod secondaries;
mod settings;
mod statistics;
mod tap;
mod tls;
mod transcripts;
mod transfers_in;
mod transfers_out;
mod twins;
mod updates;
mod zones;
