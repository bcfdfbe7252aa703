//! Completion as other shells ask for it, and in bash itself.

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
        (&["key", "remove", ""], &["transfer.example."]),
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

#[test]
fn bash_completes_paths_values_and_words_with_colons() {
    let bench = Bench::with_cfgmgr();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_bindctl"));
    let listen = |address: &str| format!(r#"{{"component": "{address}"}}"#);
    bench.run(&["config", "add", "logging/loggers", &listen("2001:db8::1")]);
    // As readline would: words are broken at blanks and colons.
    let complete = |line: &str, words: &str| {
        let script = format!(
            "source <(bindctl --generate bash); COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}; COMP_WORDS=({words}); \
             COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _bindctl; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let output = Command::new("bash")
            .args(["--norc", "-c", &script])
            .env("PATH", format!("{}:/usr/bin:/bin", program.parent().unwrap().display()))
            .env("DBUS_SYSTEM_BUS_ADDRESS", bench.bus.address())
            .env_remove("BINDCTL_SERVER")
            .output()
            .unwrap();
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(
        complete("bindctl config set cfgmgr/kee", "bindctl config set cfgmgr/kee"),
        "cfgmgr/keep_generations\n"
    );
    let severity = "bindctl config set logging/loggers/0/severity ";
    assert_eq!(complete(severity, &format!("{severity} ''")), "debug\nerr\ninfo\nnotice\nwarning\n");
    let address = "bindctl config remove logging/loggers 2001:db8::";
    assert_eq!(complete(address, "bindctl config remove logging/loggers 2001 : db8 :: ''"), "1\n");
}
