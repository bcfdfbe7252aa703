//! Completion in bash, zsh and fish themselves, with the scripts that are installed for them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

mod common;

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use common::Bench;

const ADDRESS: &str = "2001:db8::1";

/// A manager with an element that is named by what bash breaks into words.
fn bench() -> Bench {
    let bench = Bench::with_cfgmgr();
    bench.run(&["config", "add", "logging/loggers", &format!(r#"{{"component": "{ADDRESS}"}}"#)]);
    bench
}

/// What a shell says, with bindctl in reach and the bus; none where it is not installed (`make test` installs all).
fn said(bench: &Bench, shell: &mut Command) -> Option<String> {
    let program = Path::new(env!("CARGO_BIN_EXE_bindctl"));
    let output = shell
        .env("PATH", format!("{}:/usr/bin:/bin", program.parent().unwrap().display()))
        .env("DBUS_SYSTEM_BUS_ADDRESS", bench.bus.address())
        // Where shells keep what they remember.
        .env("HOME", bench.bus.directory())
        .env_remove("BINDCTL_SERVER")
        .output();
    let output = match output {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("{} is not installed: nothing tried", shell.get_program().display());
            return None;
        }
        output => output.unwrap(),
    };
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Lines on which the cursor is behind the last octet, and what is offered.
const OFFERS: [(&str, &str); 6] = [
    ("bindctl config set cfgmgr/kee", "cfgmgr/keep_generations"),
    ("bindctl config set logging/loggers/0/severity ", "debug err info notice warning"),
    ("bindctl config remove logging/loggers 2001:db8::", ADDRESS),
    ("bindctl --json log level cfgmgr n", "notice"),
    ("bindctl config commit --c", "--comment --confirm"),
    ("bindctl zone load example.com ", ":files"),
];

#[test]
fn bash_completes_paths_values_and_words_with_colons() {
    let bench = bench();
    // As readline would: words are broken at blanks and colons.
    let complete = |line: &str, words: &str| {
        let script = format!(
            "source <(bindctl --generate bash); COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}; COMP_WORDS=({words}); \
             COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _bindctl; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        said(&bench, Command::new("bash").args(["--norc", "-c", &script])).unwrap()
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

#[test]
fn zsh_completes_what_the_bus_knows() {
    let bench = bench();
    // As it is installed: a file of this name in a directory of functions.
    let site = bench.bus.directory().join("site-functions");
    std::fs::create_dir(&site).unwrap();
    std::fs::write(site.join("_bindctl"), bench.run(&["--generate", "zsh"]).out).unwrap();
    let harness = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/completion.zsh");
    for (line, expected) in OFFERS {
        let mut zsh = Command::new("zsh");
        zsh.args(["-f", harness]).arg(&site).arg(line);
        let Some(offered) = said(&bench, &mut zsh) else { return };
        assert_eq!(offered.split_whitespace().collect::<Vec<_>>().join(" "), expected, "{line}");
    }
}

#[test]
fn fish_completes_what_the_bus_knows() {
    let bench = bench();
    let script = bench.bus.directory().join("bindctl.fish");
    std::fs::write(&script, bench.run(&["--generate", "fish"]).out).unwrap();
    // A file for the names of files, which fish itself completes.
    std::fs::create_dir(bench.bus.directory().join("files")).unwrap();
    std::fs::write(bench.bus.directory().join("files/zone.txt"), "").unwrap();
    for (line, expected) in OFFERS {
        let mut fish = Command::new("fish");
        fish.current_dir(bench.bus.directory().join("files"));
        fish.args(["--no-config", "-c", "source $argv[1]; complete -C $argv[2]"]).arg(&script).arg(line);
        let Some(offered) = said(&bench, &mut fish) else { return };
        let expected = if expected == ":files" { "zone.txt" } else { expected };
        assert_eq!(offered.split_whitespace().collect::<Vec<_>>().join(" "), expected, "{line}");
    }
}
