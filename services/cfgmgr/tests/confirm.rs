//! History, differences between generations, the way back, and commits that wait for confirmation.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

mod common;

use std::time::{Duration, Instant};

use common::{Bench, PATIENCE};
use serde_json::{Value, json};
use tenon_bus::{BusError, Edit};

async fn set(bench: &Bench, path: &str, value: Value) {
    bench.cfgmgr.set(path, &value).await.unwrap();
}

async fn commit(bench: &Bench, workers: u32) -> u64 {
    set(bench, "auth/workers", json!(workers)).await;
    bench.cfgmgr.commit("").await.unwrap().generation
}

fn edit(path: &str, value: Value) -> Edit {
    Edit { path: path.to_owned(), value: Some(value) }
}

async fn wait_for_generation(bench: &Bench, generation: u64) {
    let began = Instant::now();
    while bench.cfgmgr.state().await.unwrap().generation != generation {
        assert!(began.elapsed() < PATIENCE, "generation {generation} does not come");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn any_two_generations_are_compared_and_any_comes_back_as_a_new_one() {
    let bench = Bench::new().await;
    let _cfgmgr = bench.start_cfgmgr().await;
    let _owner = bench.start_owner(1, &[]).await;
    assert_eq!((commit(&bench, 8).await, commit(&bench, 9).await), (1, 2));
    set(&bench, "auth/udp_sockets", json!(4)).await;
    bench.cfgmgr.commit("").await.unwrap();

    let changes = bench.cfgmgr.diff_generations(1, 3).await.unwrap();
    let changes: Vec<_> =
        changes.iter().map(|change| (change.path.as_str(), &change.now, &change.then)).collect();
    assert_eq!(
        changes,
        [
            ("auth/udp_sockets", &Some(json!(0)), &Some(json!(4))),
            ("auth/workers", &Some(json!(8)), &Some(json!(9)))
        ]
    );
    assert_eq!(bench.cfgmgr.diff_generations(0, 1).await.unwrap()[0].now, Some(json!(2)), "the default");
    assert!(bench.cfgmgr.diff_generations(2, 2).await.unwrap().is_empty());
    assert!(matches!(bench.cfgmgr.diff_generations(1, 4).await, Err(BusError::NoSuchGeneration(_))));

    // The candidate is left alone.
    set(&bench, "auth/workers", json!(33)).await;
    assert_eq!(bench.cfgmgr.rollback("", 1, "", 0).await.unwrap().generation, 4);
    assert_eq!(bench.stored()["settings"], json!({"auth": {"workers": 8}}));
    assert_eq!(bench.owner(1).await.settings["workers"], json!(8));
    assert_eq!(bench.cfgmgr.history(0, 1).await.unwrap()[0].comment, "the settings of generation 1");
    assert!(matches!(bench.cfgmgr.commit("").await, Err(BusError::Conflict(_))));
    assert_eq!(bench.cfgmgr.rollback("", 0, "", 0).await.unwrap().generation, 5);
    assert_eq!(bench.stored()["settings"], json!({}));
    assert!(matches!(bench.cfgmgr.rollback("", 77, "", 0).await, Err(BusError::NoSuchGeneration(_))));
}

#[tokio::test]
async fn edits_of_one_request_are_all_or_none_and_know_what_they_were_made_on() {
    let bench = Bench::new().await;
    let _cfgmgr = bench.start_cfgmgr().await;
    let _owner = bench.start_owner(1, &[]).await;
    let cfgmgr = &bench.cfgmgr;
    let both = [edit("auth/workers", json!(8)), edit("auth/udp_sockets", json!(3))];
    assert_eq!(cfgmgr.commit_edits("", 0, &both, "both", 0).await.unwrap().generation, 1);
    assert!(cfgmgr.diff().await.unwrap().is_empty(), "no candidate was touched");

    let refused = [edit("auth/udp_sockets", json!(5)), edit("auth/workers", json!(13))];
    assert!(matches!(cfgmgr.commit_edits("", 0, &refused, "", 0).await, Err(BusError::Rejected(_))));
    let wrong = [edit("auth/udp_sockets", json!(5)), edit("auth/nothing", json!(1))];
    assert!(matches!(cfgmgr.commit_edits("", 0, &wrong, "", 0).await, Err(BusError::NoSuchOption(_))));
    assert_eq!(cfgmgr.get("auth/udp_sockets", false).await.unwrap(), json!(3));

    // Made on generation 1, while somebody else made generation 2.
    assert_eq!(commit(&bench, 9).await, 2);
    let workers = [edit("auth/workers", json!(10))];
    assert!(matches!(cfgmgr.commit_edits("", 1, &workers, "", 0).await, Err(BusError::Conflict(_))));
    let sockets = [edit("auth/udp_sockets", json!(6))];
    assert_eq!(cfgmgr.commit_edits("", 1, &sockets, "", 0).await.unwrap().generation, 3);
    let gone = cfgmgr.commit_edits("", 9, &sockets, "", 0).await;
    assert!(matches!(gone, Err(BusError::NoSuchGeneration(_))), "{gone:?}");
    let unset = [Edit { path: "auth/workers".into(), value: None }];
    cfgmgr.commit_edits("", 0, &unset, "", 0).await.unwrap();
    assert_eq!(bench.stored()["settings"], json!({"auth": {"udp_sockets": 6}}));
}

#[tokio::test]
async fn an_author_is_believed_from_the_door_alone() {
    let bench = Bench::new().await;
    let _cfgmgr = bench.start_cfgmgr().await;
    let edits = [edit("cfgmgr/keep_generations", json!(7))];
    // This test runs as somebody who is not tenon-cmdctl, root included.
    let refused = bench.cfgmgr.commit_edits("alice", 0, &edits, "", 0).await;
    assert!(matches!(refused, Err(BusError::AccessDenied(_))), "{refused:?}");
    assert_eq!(bench.cfgmgr.state().await.unwrap().generation, 0);
}

#[tokio::test]
async fn the_door_names_its_accounts_and_must() {
    let bench = Bench::new().await;
    let me = rustix::process::geteuid().as_raw();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let me = passwd.lines().find(|line| line.split(':').nth(2) == Some(&me.to_string()));
    let me = me.and_then(|line| line.split(':').next()).unwrap();
    let _cfgmgr = bench.start_cfgmgr_with(&["--door-user", me]).await;
    let cfgmgr = &bench.cfgmgr;
    let edits = [edit("cfgmgr/keep_generations", json!(7))];
    for nobody in ["", "two words", "line\nbreak"] {
        let refused = cfgmgr.commit_edits(nobody, 0, &edits, "", 0).await;
        assert!(matches!(refused, Err(BusError::AccessDenied(_))), "{nobody}: {refused:?}");
    }
    cfgmgr.commit_edits("alice", 0, &edits, "fewer", 0).await.unwrap();
    assert_eq!(cfgmgr.history(0, 1).await.unwrap()[0].author, "cmdctl:alice");
}

#[tokio::test]
async fn what_is_confirmed_stays_and_meanwhile_nobody_else_commits() {
    let bench = Bench::new().await;
    let _cfgmgr = bench.start_cfgmgr().await;
    let _owner = bench.start_owner(1, &[]).await;
    let cfgmgr = &bench.cfgmgr;
    assert!(matches!(cfgmgr.confirm("").await, Err(BusError::NothingToConfirm(_))));
    commit(&bench, 8).await;
    set(&bench, "auth/workers", json!(9)).await;
    assert_eq!(cfgmgr.commit_to_confirm("try", 3600).await.unwrap().generation, 2);
    let waiting = cfgmgr.state().await.unwrap().unconfirmed;
    assert_eq!((waiting.generation, waiting.restores), (2, 1));
    set(&bench, "auth/workers", json!(10)).await;
    assert!(matches!(cfgmgr.commit("").await, Err(BusError::ConfirmationPending(_))));
    assert_eq!(cfgmgr.confirm("").await.unwrap(), 2);
    assert_eq!(cfgmgr.state().await.unwrap().unconfirmed.generation, 0);
    assert!(!bench.place("config/unconfirmed.json").exists());
    assert_eq!(cfgmgr.commit("").await.unwrap().generation, 3);
    for seconds in [0, 86_401] {
        assert!(matches!(cfgmgr.commit_to_confirm("", seconds).await, Err(BusError::InvalidValue(_))));
    }

    // The way back at once.
    set(&bench, "auth/workers", json!(11)).await;
    cfgmgr.commit_to_confirm("", 3600).await.unwrap();
    cfgmgr.rollback("", 3, "", 0).await.unwrap();
    assert_eq!(cfgmgr.state().await.unwrap().unconfirmed.generation, 0);
    assert_eq!(bench.owner(1).await.settings["workers"], json!(10));
}

#[tokio::test]
async fn what_is_not_confirmed_is_taken_back() {
    let bench = Bench::new().await;
    let _cfgmgr = bench.start_cfgmgr().await;
    let _owner = bench.start_owner(1, &[]).await;
    commit(&bench, 8).await;
    set(&bench, "auth/workers", json!(9)).await;
    bench.cfgmgr.commit_to_confirm("", 1).await.unwrap();
    wait_for_generation(&bench, 3).await;
    assert_eq!(bench.stored()["settings"], json!({"auth": {"workers": 8}}));
    bench.wait_for_generation(1, 3).await;
    assert_eq!(bench.owner(1).await.settings["workers"], json!(8));
    let entry = bench.cfgmgr.history(0, 1).await.unwrap().remove(0);
    assert_eq!(
        (entry.author.as_str(), entry.comment.contains("not confirmed within 1 s")),
        ("tenon-cfgmgr", true)
    );
    assert_eq!(bench.cfgmgr.state().await.unwrap().unconfirmed.generation, 0);
}

#[tokio::test]
async fn it_is_taken_back_by_the_process_that_comes_after() {
    let bench = Bench::new().await;
    let mut cfgmgr = bench.start_cfgmgr().await;
    commit(&bench, 8).await;
    set(&bench, "auth/workers", json!(9)).await;
    bench.cfgmgr.commit_to_confirm("", 3600).await.unwrap();
    cfgmgr.kill();
    let mut cfgmgr = bench.start_cfgmgr().await;
    assert_eq!(bench.cfgmgr.state().await.unwrap().unconfirmed.generation, 2);
    cfgmgr.kill();
    // The hour passes while nobody runs.
    let path = bench.place("config/unconfirmed.json");
    let mut promise: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    promise["until_usec"] = json!(1);
    std::fs::write(&path, promise.to_string()).unwrap();
    let _cfgmgr = bench.start_cfgmgr().await;
    wait_for_generation(&bench, 3).await;
    assert_eq!(bench.stored()["settings"], json!({"auth": {"workers": 8}}));
    assert!(!path.exists());
}

#[tokio::test]
async fn a_promise_that_names_what_never_was_or_cannot_be_read_takes_nothing_back() {
    let bench = Bench::new().await;
    let mut cfgmgr = bench.start_cfgmgr().await;
    commit(&bench, 8).await;
    let path = bench.place("config/unconfirmed.json");
    // As if it had died between keeping the promise and keeping the generation.
    for promise in [r#"{"generation":2,"restores":1,"author":"root","until_usec":1,"seconds":1}"#, "{"] {
        cfgmgr.kill();
        std::fs::write(&path, promise).unwrap();
        cfgmgr = bench.start_cfgmgr().await;
        assert_eq!(bench.cfgmgr.state().await.unwrap().unconfirmed.generation, 0);
    }
    assert_eq!(commit(&bench, 9).await, 2);
    assert!(!path.exists(), "the next commit clears it away");
}
