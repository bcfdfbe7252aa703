//! Completion as other shells ask for it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

mod common;

use std::process::Command;

use common::Bench;

fn offered(bench: &Bench, words: &[&str]) -> Vec<String> {
    let mut bindctl = Command::new(env!("CARGO_BIN_EXE_bindctl"));
    let output = bindctl
        .args(["--complete", "--"])
        .args(words)
        .env("DBUS_SYSTEM_BUS_ADDRESS", bench.bus.address())
        .env_remove("BINDCTL_SERVER")
        .output()
        .unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn paths_values_components_and_keys_are_offered() {
    let bench = Bench::with_cfgmgr();
    let key = bench.run(&["key", "add", "transfer.example"]);
    assert_eq!(key.status, 0, "{}", key.err);
    let add = bench.run(&["config", "add", "logging/loggers", r#"{"component": "cfgmgr"}"#]);
    assert_eq!(add.status, 0, "{}", add.err);
    for (words, expected) in [
        (&["config", "a"][..], &["add"][..]),
        (&["config", "set", "cfgmgr/ke"], &["cfgmgr/keep_generations"]),
        (
            &["config", "set", "logging/loggers/0/severity", ""],
            &["debug", "err", "info", "notice", "warning"],
        ),
        (&["config", "set", "logging/loggers/0/component", "c"], &["cfgmgr"]),
        (&["config", "set", "data_sources/master_directory", ""], &["false", "true"]),
        (&["config", "remove", "logging/loggers", ""], &["cfgmgr"]),
        (
            &["config", "add", "logging/l"],
            &["logging/loggers", "logging/loggers/0", "logging/loggers/0/component"],
        ),
        // Members that nobody has set, and the next element, can be set and not shown.
        (
            &["config", "set", "logging/loggers/0/"],
            &["logging/loggers/0/component", "logging/loggers/0/severity"],
        ),
        (&["config", "set", "logging/loggers[0]/se"], &["logging/loggers[0]/severity"]),
        (&["config", "set", "logging/loggers/1"], &["logging/loggers/1"]),
        (&["config", "show", "logging/loggers/0/"], &["logging/loggers/0/component"]),
        (&["config", "set", "logging/loggers[0]/severity", "de"], &["debug"]),
        (&["key", "remove", ""], &["transfer.example."]),
        (&["key", "add", "k.", "--algorithm", "hmac-sha5"], &["hmac-sha512"]),
        (&["account", "add", "bob", "--scope", "re"], &["read", "record"]),
        (&["record", "add", "example.com", "www", "300", "AA"], &["AAAA"]),
        (&["record", "add", "example.com", "www", "A", ""], &[]),
        (&["explain", "transfer", "--key", "tr"], &["transfer.example."]),
        (&["config", "rollback", ""], &["1"]),
        (&["log", "level", ""], &["cfgmgr"]),
        (&["log", "level", "cfgmgr", "de"], &["debug"]),
        (&["record", "show", "example.com", "www", "AA"], &["AAAA"]),
        (&["backup", ""], &[":files"]),
        (&["zone", "load", "example.com", ""], &[":files"]),
        (&["--server", "https://localhost:1", "key", "remove", ""], &[]),
    ] {
        assert_eq!(offered(&bench, words), expected, "{words:?}");
    }
}

#[test]
fn without_a_bus_the_grammar_is_offered() {
    let mut bench = Bench::with_cfgmgr();
    bench.bus.stop().unwrap();
    assert_eq!(offered(&bench, &["config", "rem"]), ["remove"]);
    assert!(offered(&bench, &["key", "remove", ""]).is_empty());
}
