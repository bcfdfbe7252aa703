//! Commits over a real bus, with owners that accept, amend, refuse, fail and are not there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

mod common;

use common::{Bench, PATIENCE};
use serde_json::{Value, json};
use tenon_bus::{BusError, Verdict, names};

async fn set(bench: &Bench, path: &str, value: Value) {
    bench.cfgmgr.set(path, &value).await.unwrap();
}

#[tokio::test]
async fn accepted_stored_applied_and_in_the_history() {
    let bench = Bench::new().await;
    let _cfgmgr = bench.start_cfgmgr().await;
    let _owner = bench.start_owner(1, &[]).await;
    assert_eq!(
        bench.cfgmgr.state().await.unwrap().components,
        ["auth", "cfgmgr", "data_sources", "logging", "tsig_keys"]
    );
    assert_eq!(bench.cfgmgr.get("auth/workers", false).await.unwrap(), json!(2));

    set(&bench, "auth/workers", json!(8)).await;
    set(&bench, "auth/listen_on/1", json!({"address": "::1"})).await;
    let diff = bench.cfgmgr.diff().await.unwrap();
    let paths: Vec<&str> = diff.iter().map(|change| change.path.as_str()).collect();
    assert_eq!(paths, ["auth/listen_on", "auth/workers"]);
    assert_eq!((&diff[1].now, &diff[1].then), (&Some(json!(2)), &Some(json!(8))));
    assert_eq!(bench.cfgmgr.get("auth/workers", true).await.unwrap(), json!(8));
    assert_eq!(bench.cfgmgr.get("auth/workers", false).await.unwrap(), json!(2));

    let outcome = bench.cfgmgr.commit("larger").await.unwrap();
    assert_eq!(outcome.generation, 1);
    assert!(outcome.notes.iter().any(|note| note.contains("tenon-listen")), "{:?}", outcome.notes);
    let stored = bench.stored();
    let two = json!([{"address": "127.0.0.1", "port": 53}, {"address": "::1", "port": 53}]);
    assert_eq!(stored["settings"], json!({"auth": {"workers": 8, "listen_on": two}}));
    assert_eq!(bench.owner(1).await.settings["workers"], json!(8));
    assert_eq!(bench.owner(1).await.generation, 1);
    assert!(bench.cfgmgr.diff().await.unwrap().is_empty());
    let history = bench.cfgmgr.history(0, 0).await.unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!((history[0].generation, history[0].comment.as_str()), (1, "larger"));
    assert_eq!(json!(history[0].author), stored["author"]);
    // Nothing to change: the present generation.
    assert_eq!(bench.cfgmgr.commit("").await.unwrap().generation, 1);
    // Back to the default, nothing is stored of it.
    bench.cfgmgr.unset("auth/workers").await.unwrap();
    assert_eq!(bench.cfgmgr.commit("").await.unwrap().generation, 2);
    assert_eq!(bench.stored()["settings"], json!({"auth": {"listen_on": two}}));
}

#[tokio::test]
async fn refused_by_the_owner_nothing_changes() {
    let bench = Bench::new().await;
    let _cfgmgr = bench.start_cfgmgr().await;
    let _owner = bench.start_owner(1, &[]).await;
    set(&bench, "auth/workers", json!(13)).await;
    let refused = bench.cfgmgr.commit("").await.unwrap_err();
    assert_eq!(refused, BusError::Rejected("auth/workers: 13 brings bad luck".into()));
    let verdicts = bench.cfgmgr.verdicts_of_failure("", &refused).await;
    let verdict = json!([{"component": "auth", "said": "refused", "asked": "service", "effect": "none",
        "notes": ["auth/workers: 13 brings bad luck"]}]);
    assert_eq!(json!(verdicts), verdict);
    assert_eq!(bench.cfgmgr.state().await.unwrap().generation, 0);
    assert!(!bench.place("config/current").exists());
    assert_eq!(bench.cfgmgr.diff().await.unwrap().len(), 1, "the edits are kept");
    bench.cfgmgr.revert().await.unwrap();
    assert!(bench.cfgmgr.diff().await.unwrap().is_empty());
}

#[tokio::test]
async fn amended_by_the_owner_the_amended_value_comes_back() {
    let bench = Bench::new().await;
    let _cfgmgr = bench.start_cfgmgr().await;
    let _owners = (bench.start_owner(1, &[]).await, bench.start_owner(2, &[]).await);
    set(&bench, "auth/workers", json!(500)).await;
    let outcome = bench.cfgmgr.commit("").await.unwrap();
    assert_eq!(outcome.notes, ["auth: workers: brought down to 64"]);
    let verdict = json!([{"component": "auth", "said": "amended", "asked": "service", "effect": "applied",
        "notes": ["workers: brought down to 64"]}]);
    assert_eq!(json!(outcome.verdicts), verdict);
    assert_eq!(bench.cfgmgr.get("auth/workers", false).await.unwrap(), json!(64));
    for instance in [1, 2] {
        assert_eq!(bench.owner(instance).await.settings["workers"], json!(64));
    }
}

#[tokio::test]
async fn a_stopped_owner_is_spoken_for_by_its_checker() {
    let bench = Bench::new().await;
    let _cfgmgr = bench.start_cfgmgr().await;
    set(&bench, "auth/workers", json!(13)).await;
    let refused = bench.cfgmgr.commit("").await.unwrap_err();
    assert_eq!(refused, BusError::Rejected("auth/workers: 13 brings bad luck".into()));
    set(&bench, "auth/workers", json!(200)).await;
    let outcome = bench.cfgmgr.commit("").await.unwrap();
    assert_eq!((outcome.notes.len(), outcome.verdicts.len()), (1, 1));
    let Verdict { said, asked, effect, .. } = &outcome.verdicts[0];
    assert_eq!((said.as_str(), asked.as_str(), effect.as_str()), ("amended", "checker", "at-start"));
    assert_eq!(bench.stored()["settings"]["auth"]["workers"], json!(64));
    // The owner finds them when it comes, from the file.
    let _owner = bench.start_owner(1, &[]).await;
    assert_eq!((bench.owner(1).await.generation, &bench.owner(1).await.settings["workers"]), (1, &json!(64)));
    std::fs::remove_file(bench.place("libexec/tenon-auth")).unwrap();
}

#[tokio::test]
async fn without_owner_and_checker_nothing_is_stored() {
    let bench = Bench::new().await;
    let _cfgmgr = bench.start_cfgmgr().await;
    std::fs::remove_file(bench.place("libexec/tenon-auth")).unwrap();
    set(&bench, "auth/workers", json!(3)).await;
    let refused = bench.cfgmgr.commit("").await.unwrap_err();
    assert!(matches!(&refused, BusError::Rejected(reason) if reason.contains("cannot be used")), "{refused}");
    assert!(!bench.place("config/current").exists());
}

#[tokio::test]
async fn one_owner_that_cannot_apply_takes_all_back() {
    let bench = Bench::new().await;
    let _cfgmgr = bench.start_cfgmgr().await;
    let _owners = (bench.start_owner(1, &[]).await, bench.start_owner(2, &["--weak"]).await);
    set(&bench, "auth/workers", json!(8)).await;
    assert_eq!(bench.cfgmgr.commit("").await.unwrap().generation, 1);
    set(&bench, "auth/workers", json!(65)).await;
    let failed = bench.cfgmgr.commit("").await.unwrap_err();
    assert!(
        matches!(&failed, BusError::ApplyFailed(reason) if reason.contains("too many for the weak")),
        "{failed}"
    );
    let verdicts = bench.cfgmgr.verdicts_of_failure("", &failed).await;
    assert_eq!((verdicts[0].said.as_str(), verdicts[0].effect.as_str()), ("accepted", "failed"));
    // The settings of before, under a number of their own.
    assert_eq!(bench.stored()["generation"], json!(3));
    assert_eq!(bench.stored()["settings"], json!({"auth": {"workers": 8}}));
    for instance in [1, 2] {
        let owner = bench.owner(instance).await;
        assert_eq!((owner.generation, &owner.settings["workers"]), (3, &json!(8)));
    }
    let history = bench.cfgmgr.history(0, 1).await.unwrap();
    assert!(history[0].comment.contains("generation 2 could not be applied"), "{}", history[0].comment);
    assert!(bench.cfgmgr.state().await.unwrap().faults.is_empty());
}

#[tokio::test]
async fn listen_addresses_wait_for_the_sockets() {
    let bench = Bench::new().await;
    let _cfgmgr = bench.start_cfgmgr().await;
    let _owner = bench.start_owner(1, &[]).await;
    let status = bench.place("status.json");
    std::fs::write(&status, r#"{"generation": 0, "ok": true, "reason": ""}"#).unwrap();
    set(&bench, "auth/listen_on/0/port", json!(5300)).await;
    // Plays tenon-listen: refuses what it is asked first, accepts what comes then.
    let request = bench.place("config/listen.json");
    let listen = tokio::spawn(async move {
        let mut seen = 0;
        while seen < 2 {
            let text = std::fs::read(&request).unwrap_or_default();
            let asked = serde_json::from_slice(&text).unwrap_or(Value::Null);
            if asked["generation"].as_u64() > Some(seen) {
                seen = asked["generation"].as_u64().unwrap();
                let ok = asked["listen_on"][0]["port"] == json!(53);
                let report = json!({"generation": seen, "ok": ok, "reason": if ok { "" } else { "in use" }});
                std::fs::write(&status, report.to_string()).unwrap();
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    });
    let failed = bench.cfgmgr.commit("").await.unwrap_err();
    assert!(matches!(&failed, BusError::ApplyFailed(reason) if reason.starts_with("in use")), "{failed}");
    tokio::time::timeout(PATIENCE, listen).await.unwrap().unwrap();
    let asked: Value =
        serde_json::from_slice(&std::fs::read(bench.place("config/listen.json")).unwrap()).unwrap();
    assert_eq!((&asked["generation"], &asked["listen_on"][0]["port"]), (&json!(2), &json!(53)));
    assert_eq!(bench.stored()["settings"], json!({}));
    assert_eq!(bench.owner(1).await.settings["listen_on"][0]["port"], json!(53));
}

#[tokio::test]
async fn a_listen_request_that_was_missed_is_written_and_one_by_hand_is_left() {
    let bench = Bench::new().await;
    let request = bench.place("config/listen.json");
    let by_hand = r#"{"generation":0,"listen_on":[{"address":"127.0.0.1","port":5300}]}"#;
    std::fs::write(&request, by_hand).unwrap();
    let mut cfgmgr = bench.start_cfgmgr().await;
    set(&bench, "auth/workers", json!(8)).await;
    bench.cfgmgr.commit("").await.unwrap();
    cfgmgr.kill();
    let mut cfgmgr = bench.start_cfgmgr().await;
    assert_eq!(std::fs::read_to_string(&request).unwrap(), by_hand);

    set(&bench, "auth/udp_sockets", json!(4)).await;
    bench.cfgmgr.commit("").await.unwrap();
    let written = std::fs::read_to_string(&request).unwrap();
    assert!(written.contains("\"udp_sockets\": 4"), "{written}");
    // As if it had died between keeping the generation and writing the request.
    std::fs::write(&request, by_hand).unwrap();
    cfgmgr.kill();
    let _cfgmgr = bench.start_cfgmgr().await;
    assert_eq!(std::fs::read_to_string(&request).unwrap(), written);
}

#[tokio::test]
async fn an_owner_that_missed_a_commit_catches_up() {
    let bench = Bench::new().await;
    let _cfgmgr = bench.start_cfgmgr().await;
    set(&bench, "auth/workers", json!(8)).await;
    bench.cfgmgr.commit("").await.unwrap();
    // Started with an empty configuration directory it has never heard of generation 1.
    let elsewhere = bench.place("elsewhere").display().to_string();
    let mut owner = bench.start_owner(1, &["--config-dir", &elsewhere]).await;
    bench.wait_for_generation(1, 1).await;
    assert_eq!(bench.owner(1).await.settings["workers"], json!(8));
    owner.kill();
    let _owner = bench.start_owner(1, &["--config-dir", &elsewhere]).await;
    bench.wait_for_generation(1, 1).await;
}

#[tokio::test]
async fn killed_while_applying_the_new_generation_is_whole_and_owners_get_it() {
    let bench = Bench::new().await;
    let mut cfgmgr = bench.start_cfgmgr().await;
    let mut owner = bench.start_owner(1, &[]).await;
    set(&bench, "auth/workers", json!(77)).await;
    let commit = bench.cfgmgr.clone();
    let commit = tokio::spawn(async move { commit.commit("").await });
    while !bench.place("config/current").exists() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    cfgmgr.kill();
    assert!(commit.await.unwrap().is_err());
    owner.kill();
    let _cfgmgr = bench.start_cfgmgr().await;
    assert_eq!(bench.cfgmgr.state().await.unwrap().generation, 1);
    assert_eq!(bench.stored()["settings"], json!({"auth": {"workers": 77}}));
    assert_eq!(bench.cfgmgr.get("auth/workers", false).await.unwrap(), json!(77));
    let _owner = bench.start_owner(1, &[]).await;
    bench.wait_for_generation(1, 1).await;
}

#[tokio::test]
async fn wrong_paths_and_values_are_refused_at_once() {
    let bench = Bench::new().await;
    let _cfgmgr = bench.start_cfgmgr().await;
    for (path, value, expected) in [
        (
            "auth/workers",
            json!(2000),
            BusError::InvalidValue("auth/workers: 2000 is above the maximum, 1000".into()),
        ),
        ("auth/wrkers", json!(1), BusError::NoSuchOption("auth/wrkers: there is no such option".into())),
        (
            "nobody/x",
            json!(1),
            BusError::NoSuchOption(
                "nobody/x: there is no component \"nobody\"; there are auth, cfgmgr, data_sources, logging, tsig_keys".into(),
            ),
        ),
    ] {
        assert_eq!(bench.cfgmgr.set(path, &value).await, Err(expected));
    }
    assert!(matches!(bench.cfgmgr.schema("nobody").await, Err(BusError::NoSuchComponent(_))));
    assert!(matches!(bench.cfgmgr.get("auth/nope", false).await, Err(BusError::NoSuchOption(_))));
    // Its own settings are settings like any other.
    set(&bench, "cfgmgr/keep_generations", json!(3)).await;
    assert_eq!(bench.cfgmgr.commit("").await.unwrap().generation, 1);
    for workers in 3..10 {
        set(&bench, "auth/workers", json!(workers)).await;
        bench.cfgmgr.commit("").await.unwrap();
    }
    assert_eq!(bench.cfgmgr.history(0, 0).await.unwrap().len(), 3);
}

#[tokio::test]
async fn introspection_is_what_the_file_promises() {
    let bench = Bench::new().await;
    let _cfgmgr = bench.start_cfgmgr().await;
    let found = bench.daemon.differences(names::CFGMGR, names::CFGMGR_PATH, &["Cfgmgr1"]).await;
    assert_eq!(found, [""; 0]);
}
