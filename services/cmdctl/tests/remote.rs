//! `bindctl` here and `bindctl --server`: the same commands say the same.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::path::Path;
use std::process::Stdio;

use common::{Bench, PASSWORD};
use serde_json::{Value, json};

struct Said {
    status: i32,
    out: String,
    err: String,
}

/// Runs bindctl on the bus, or through the door as somebody with a token.
async fn bindctl(bench: &Bench, token: Option<&Path>, words: &[&str]) -> Said {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().and_then(Path::parent).unwrap().join("examples/bindctl");
    let mut command = tokio::process::Command::new(program);
    command.stdin(Stdio::null()).env("XDG_STATE_HOME", bench.place("home"));
    command.arg("--state-dir").arg(bench.daemon.directory());
    match token {
        None => drop(command.env("DBUS_SYSTEM_BUS_ADDRESS", bench.daemon.address())),
        Some(token) => {
            let url = format!("https://localhost:{}", bench.address.port());
            // No bus is in reach there.
            command.env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere").args(["--server", &url]);
            command.arg("--certificate").arg(bench.place("cmdctl/certificate.pem"));
            command.arg("--token-file").arg(token);
        }
    }
    let output = command.args(words).output().await.unwrap();
    let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
    Said { status: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// Runs it both ways, and both must say the same; gives what they said.
async fn both(bench: &Bench, token: &Path, words: &[&str]) -> Said {
    let here = bindctl(bench, None, words).await;
    let there = bindctl(bench, Some(token), words).await;
    assert_eq!(
        (here.status, &here.out, &here.err),
        (there.status, &there.out, &there.err),
        "{words:?} says one thing here and another there"
    );
    here
}

fn token(bench: &Bench, account: &str) -> std::path::PathBuf {
    let path = bench.place(&format!("{account}.token"));
    std::fs::write(&path, bench.account(&["--add-token", account])).unwrap();
    path
}

#[tokio::test]
async fn commands_say_the_same_here_and_there() {
    let bench = Bench::start(json!({})).await;
    let _cfgmgr = bench.cfgmgr().await;
    let alice = token(&bench, "alice");
    for words in [
        &["config", "show", "cmdctl/connections"][..],
        &["--json", "config", "show"],
        &["config", "show", "cmdctl/nothing"],
        &["config", "show", "nobody"],
        &["config", "history", "--json"],
        &["config", "diff", "0", "1"],
        &["config", "diff", "0", "77"],
        &["config", "diff"],
        &["config", "set", "cmdctl/connections", "0"],
        &["config", "set", "cmdctl/nothing", "1"],
        &["config", "revert"],
        &["zone", "list"],
        &["zone", "show", "example.com"],
        &["zone", "notify", "example.com"],
        &["zone", "refresh", "example.com", "--wait", "0"],
        &["log", "level", "cfgmgr"],
        &["log", "level", "nobody"],
        &["stats", "show", "nobody"],
        &["stats", "show", "--zone", "example.com"],
        &["stats", "times"],
        &["stats", "top"],
    ] {
        let said = both(&bench, &alice, words).await;
        assert!(!said.out.is_empty() || !said.err.is_empty() || words == ["config", "diff"], "{words:?}");
    }
    let here: Value = serde_json::from_str(&bindctl(&bench, None, &["--json", "status"]).await.out).unwrap();
    let there = bindctl(&bench, Some(&alice), &["--json", "status"]).await;
    let there: Value = serde_json::from_str(&there.out).unwrap();
    for key in ["names", "cfgmgr", "door", "bus_reachable"] {
        assert_eq!(here[key], there[key], "{key}");
    }
}

#[tokio::test]
async fn edits_are_kept_here_until_they_are_committed_there() {
    let bench = Bench::start(json!({})).await;
    let _cfgmgr = bench.cfgmgr().await;
    let alice = token(&bench, "alice");
    let there = async |words: &[&str]| {
        let said = bindctl(&bench, Some(&alice), words).await;
        assert_eq!(said.status, 0, "{words:?}: {} {}", said.out, said.err);
        said.out
    };
    let set = there(&["config", "set", "cmdctl/connections", "20"]).await;
    assert!(set.contains("cmdctl/connections  64   20") && set.contains("not in force yet"), "{set}");
    there(&["config", "set", "cmdctl/failures_per_minute", "30"]).await;
    assert_eq!(
        there(&["config", "show", "cmdctl/connections"]).await.lines().last(),
        Some("cmdctl/connections  64")
    );
    let shown = there(&["config", "show", "--candidate", "cmdctl/connections"]).await;
    assert_eq!(shown.lines().last(), Some("cmdctl/connections  20"));
    // Nobody there has them, and nobody here for another account.
    assert_eq!(bindctl(&bench, None, &["config", "diff"]).await.out, "");
    there(&["config", "unset", "cmdctl/failures_per_minute"]).await;
    let verdict = "COMPONENT  VERDICT   NOW\ncmdctl     accepted  in force\n";
    let said = there(&["config", "commit", "-m", "from afar"]).await;
    assert_eq!(said, format!("{verdict}generation 2 is in force\n"));
    assert_eq!(there(&["config", "diff"]).await, "");
    let history = there(&["config", "history"]).await;
    assert!(history.contains("cmdctl:alice  from afar"), "{history}");

    // Somebody else is faster: a conflict, as on the machine itself.
    there(&["config", "set", "cmdctl/connections", "21"]).await;
    let other = bindctl(&bench, None, &["config", "set", "cmdctl/connections", "22"]).await;
    assert_eq!(
        (other.status, bindctl(&bench, None, &["config", "commit"]).await.status),
        (0, 0),
        "{}",
        other.err
    );
    let refused = bindctl(&bench, Some(&alice), &["config", "commit"]).await;
    assert!(refused.status == 1 && refused.err.contains("conflict"), "{}", refused.err);
    there(&["config", "revert"]).await;
    there(&["config", "set", "cmdctl/connections", "23"]).await;
    assert!(there(&["config", "commit", "--confirm", "600"]).await.contains("generation 4 is in force"));
    assert_eq!(there(&["config", "confirm"]).await, "generation 4 stays in force\n");
    assert_eq!(there(&["config", "rollback", "2"]).await, format!("{verdict}generation 5 is in force\n"));
}

#[tokio::test]
async fn who_may_not_is_told_so_and_wrong_doors_are_told() {
    let bench = Bench::start(json!({})).await;
    let _cfgmgr = bench.cfgmgr().await;
    let rita = token(&bench, "rita");
    let set = bindctl(&bench, Some(&rita), &["config", "set", "cmdctl/connections", "20"]).await;
    assert_eq!(set.status, 0, "edits are nobody's business: {}", set.err);
    let refused = bindctl(&bench, Some(&rita), &["config", "commit"]).await;
    assert!(refused.status == 1 && refused.err.contains("takes the scope commit"), "{}", refused.err);
    let local = bindctl(&bench, Some(&rita), &["account", "list"]).await;
    assert!(local.status == 1 && local.err.contains("on the machine itself only"), "{}", local.err);
    let alice = token(&bench, "alice");
    let key = bindctl(&bench, Some(&alice), &["key", "add", "a."]).await;
    assert!(key.status == 1 && key.err.contains("the one process that strangers reach"), "{}", key.err);
    assert_eq!(bindctl(&bench, Some(&alice), &["key", "list"]).await.status, 0);
    let report = bindctl(&bench, Some(&rita), &["report"]).await;
    assert!(report.out.contains("cmdctl/") || report.out.contains("\"cmdctl\""), "{}", report.out);
    assert!(report.out.contains("the REST door shows no journal"), "{}", report.out);
    std::fs::write(&rita, "nonsense").unwrap();
    let refused = bindctl(&bench, Some(&rita), &["config", "show"]).await;
    assert!(refused.status == 1 && refused.err.contains("wrong password or token"), "{}", refused.err);
    // A certificate that nobody vouches for.
    let url = format!("https://localhost:{}", bench.address.port());
    let test = std::env::current_exe().unwrap();
    let program = test.parent().and_then(Path::parent).unwrap().join("examples/bindctl");
    std::fs::write(bench.place("password"), PASSWORD).unwrap();
    let password = bench.place("password");
    let certificate = bench.place("cmdctl/certificate.pem");
    for (trusted, status) in [(false, 3), (true, 0)] {
        let mut command = tokio::process::Command::new(&program);
        command.args(["--server", &url, "--account", "alice", "--password-file"]).arg(&password);
        if trusted {
            command.arg("--certificate").arg(&certificate);
        }
        let output = command.args(["config", "show"]).stdin(Stdio::null()).output().await.unwrap();
        assert_eq!(output.status.code(), Some(status), "{output:?}");
    }
}

#[tokio::test]
async fn a_backup_made_here_or_there_is_restored() {
    let bench = Bench::start(json!({})).await;
    let (_cfgmgr, _loader) = (bench.cfgmgr().await, bench.loader().await);
    common::answer(&bench, 7, 3);
    let alice = token(&bench, "alice");
    let (here, there) = (bench.place("here.tar"), bench.place("there.tar"));
    let (here, there) = (here.to_str().unwrap(), there.to_str().unwrap());
    let made = bindctl(&bench, None, &["backup", here]).await;
    assert!(made.out.contains(": 1 zones and the settings of generation 1;"), "{} {}", made.out, made.err);
    let made = bindctl(&bench, Some(&alice), &["backup", there]).await;
    assert_eq!(made.status, 0, "{}", made.err);
    assert_eq!(
        bindctl(&bench, None, &["backup", here]).await.status,
        1,
        "a file that is there is not touched"
    );
    let listed = std::process::Command::new("tar").args(["-tf", there]).output().unwrap().stdout;
    assert_eq!(
        String::from_utf8(listed).unwrap(),
        "tenon-backup.json\nsettings.json\nzones/00000000.zone\n",
        "any tar reads it"
    );
    let edit = r#"{"edits": [{"path": "cmdctl/connections", "value": 20}]}"#;
    assert_eq!(bench.commit("alice", edit).await.status, 200);
    let restored = bindctl(&bench, Some(&alice), &["restore", here]).await;
    assert!(
        restored.out.ends_with("generation 3 is in force; 1 zones loaded, 0 were there as in the backup\n"),
        "{} {}",
        restored.out,
        restored.err
    );
    let shown = bindctl(&bench, None, &["--json", "config", "show", "cmdctl/connections"]).await.out;
    assert_eq!(shown, "64\n");
    // To the manager of this test the door's user is whoever runs it, so bindctl on the bus has no name to commit under.
    let restored = bindctl(&bench, Some(&alice), &["--json", "restore", there]).await;
    let restored: Value = serde_json::from_str(&restored.out).unwrap_or_else(|_| panic!("{}", restored.err));
    assert_eq!((&restored["generation"], &restored["loaded"]), (&json!(3), &json!(1)), "{restored}");

    // What will not do changes nothing, wherever it is tried.
    let whole = std::fs::read(there).unwrap();
    let cut = bench.place("cut.tar");
    std::fs::write(&cut, &whole[..whole.len() - 1400]).unwrap();
    let text = String::from_utf8(whole).unwrap();
    let bad = bench.place("bad.tar");
    std::fs::write(&bad, text.replace("A\t192.0.2.1", "A\t192.0.2.x")).unwrap();
    for (file, reason) in [(&cut, "cut off"), (&bad, "zone example.com.: line ")] {
        for token in [None, Some(alice.as_path())] {
            let refused = bindctl(&bench, token, &["restore", file.to_str().unwrap()]).await;
            assert!(refused.status == 1 && refused.err.contains(reason), "{}", refused.err);
        }
    }
    let history = bindctl(&bench, None, &["--json", "config", "history"]).await.out;
    assert_eq!(serde_json::from_str::<Value>(&history).unwrap()["generations"].as_array().unwrap().len(), 3);
    let rita = token(&bench, "rita");
    assert!(bindctl(&bench, Some(&rita), &["restore", there]).await.err.contains("takes the scope commit"));
}
