//! The configuration manager killed before each step of a commit, and owners killed in the middle of one: what is committed
//! is the old generation or the new one, everybody comes to it, and what waited for confirmation is taken back.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

mod common;

use std::time::{Duration, Instant};

use common::{Bench, PATIENCE};
use serde_json::{Value, json};
use tenon_bus::BusError;
use tenon_cfgmgr::storage::step::Step;

async fn set(bench: &Bench, path: &str, value: Value) {
    bench.cfgmgr.set(path, &value).await.unwrap();
}

/// Settings of two modules and of sockets, told apart by a number.
async fn edit(bench: &Bench, number: u32) {
    set(bench, "auth/workers", json!(20 + number)).await;
    set(bench, "auth/udp_sockets", json!(1 + number)).await;
    set(bench, "logging/loggers", json!([{"component": "auth", "severity": severity(number)}])).await;
}

fn settings(number: u32) -> Value {
    let logger = json!({"component": "auth", "severity": severity(number)});
    json!({"auth": {"workers": 20 + number, "udp_sockets": 1 + number}, "logging": {"loggers": [logger]}})
}

fn severity(number: u32) -> &'static str {
    if number.is_multiple_of(2) { "warning" } else { "debug" }
}

/// Everybody runs with these settings, of this generation.
async fn converged(bench: &Bench, generation: u64, number: u32) {
    assert_eq!(bench.cfgmgr.state().await.unwrap().generation, generation);
    assert_eq!(bench.stored()["settings"], settings(number));
    for instance in [1, 2] {
        bench.wait_for_generation(instance, generation).await;
        assert_eq!(bench.owner(instance).await.settings["workers"], json!(20 + number));
        assert_eq!(bench.log_level(instance).await, severity(number));
    }
    let listen = std::fs::read(bench.place("config/listen.json")).unwrap();
    let listen: Value = serde_json::from_slice(&listen).unwrap();
    assert_eq!(listen["udp_sockets"], json!(1 + number));
    let history = bench.cfgmgr.history(0, 0).await.unwrap();
    assert!(history.windows(2).all(|pair| pair[0].generation > pair[1].generation), "{history:?}");
}

/// Dies before each step in turn.
async fn at_every_step(engine: &str) {
    let engine = ["--storage", engine];
    let bench = Bench::new().await;
    let mut cfgmgr = bench.start_cfgmgr_with(&engine).await;
    let _owners = (bench.start_owner(1, &[]).await, bench.start_owner(2, &[]).await);
    edit(&bench, 0).await;
    bench.cfgmgr.commit("").await.unwrap();
    let (mut generation, mut number) = (1, 0);
    converged(&bench, generation, number).await;
    for (round, step) in (1..).zip(Step::ALL) {
        // Every other step, and with the other engine the others.
        let confirm = (round % 2 == 0) == (engine[1] == "directory");
        cfgmgr.kill();
        let mut dying = bench.start_cfgmgr_to_die(step, &engine).await;
        edit(&bench, round).await;
        let committed = match confirm {
            true => bench.cfgmgr.commit_to_confirm("", 3600).await,
            false => bench.cfgmgr.commit("").await,
        };
        let is_of_other_engine =
            engine[1] == "directory" && matches!(step, Step::WriteRows | Step::CommitRows);
        assert_eq!(committed.is_ok(), is_of_other_engine, "{step:?}: {committed:?}");
        if is_of_other_engine {
            dying.kill();
        }
        dying.wait().await;
        // What a daemon reads that starts now, and what the manager that comes after says.
        let found = bench.stored()["settings"].clone();
        assert!(found == settings(number) || found == settings(round), "{step:?}: {found}");
        cfgmgr = bench.start_cfgmgr_with(&engine).await;
        let now = bench.cfgmgr.state().await.unwrap();
        assert!([generation, generation + 1].contains(&now.generation), "{step:?}");
        let is_new = now.generation > generation;
        let position = |step| Step::ALL.iter().position(|other| *other == step);
        let must_be_new = position(step) >= position(Step::WriteListen);
        let must_be_old = position(step) <= position(Step::SyncGenerations);
        assert!(is_of_other_engine || is_new || !must_be_new, "{step:?}");
        assert!(!is_new || !must_be_old, "{step:?}");
        assert_eq!(
            now.unconfirmed.generation,
            if confirm && is_new { now.generation } else { 0 },
            "{step:?}"
        );
        if is_new {
            (generation, number) = (now.generation, round);
        }
        converged(&bench, generation, number).await;
        if confirm && is_new {
            bench.cfgmgr.confirm("").await.unwrap();
        }
        bench.cfgmgr.revert().await.unwrap();
    }
    assert!(generation > 5, "no step let the new generation through: {generation}");
}

#[tokio::test]
async fn at_every_step_the_directory_holds_the_old_or_the_new_generation() {
    at_every_step("directory").await;
}

#[tokio::test]
async fn at_every_step_sqlite_holds_the_old_or_the_new_generation() {
    at_every_step("sqlite").await;
}

#[tokio::test]
async fn killed_while_it_takes_back_what_was_not_confirmed_it_is_taken_back_after() {
    for (engine, step) in [
        ("directory", Step::WriteFile),
        ("directory", Step::NameLink),
        ("sqlite", Step::CommitRows),
        ("sqlite", Step::MakeLink),
        ("directory", Step::GiveKeys),
        ("directory", Step::OwnerTold),
    ] {
        let engine = ["--storage", engine];
        let bench = Bench::new().await;
        let mut cfgmgr = bench.start_cfgmgr_with(&engine).await;
        let _owners = (bench.start_owner(1, &[]).await, bench.start_owner(2, &[]).await);
        edit(&bench, 0).await;
        bench.cfgmgr.commit("").await.unwrap();
        edit(&bench, 1).await;
        bench.cfgmgr.commit_to_confirm("", 1).await.unwrap();
        cfgmgr.kill();
        let mut dying = bench.start_cfgmgr_to_die(step, &engine).await;
        dying.wait().await;
        let _cfgmgr = bench.start_cfgmgr_with(&engine).await;
        let began = Instant::now();
        while bench.cfgmgr.state().await.unwrap().generation != 3 {
            assert!(began.elapsed() < PATIENCE, "{engine:?} {step:?}: it is not taken back");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for instance in [1, 2] {
            bench.wait_for_generation(instance, 3).await;
        }
        converged(&bench, 3, 0).await;
        assert_eq!(bench.cfgmgr.state().await.unwrap().unconfirmed.generation, 0, "{engine:?} {step:?}");
    }
}

#[tokio::test]
async fn an_owner_that_dies_between_check_and_apply_finds_the_new_settings() {
    let bench = Bench::new().await;
    let _cfgmgr = bench.start_cfgmgr().await;
    let mut first = bench.start_owner(1, &[]).await;
    let victim = first.id().to_string();
    // Asked after the first one has accepted.
    let _second = bench.start_owner(2, &["--victim", &victim]).await;
    set(&bench, "auth/workers", json!(79)).await;
    let committed = bench.cfgmgr.commit("").await.unwrap();
    first.wait().await;
    assert_eq!(committed.generation, 1);
    assert_eq!(bench.owner(2).await.settings["workers"], json!(79));
    let _first = bench.start_owner(1, &[]).await;
    let found = bench.owner(1).await;
    assert_eq!((found.generation, &found.settings["workers"]), (1, &json!(79)));
}

#[tokio::test]
async fn an_owner_that_dies_of_the_new_settings_comes_back_with_the_old_ones() {
    let bench = Bench::new().await;
    let _cfgmgr = bench.start_cfgmgr().await;
    let mut owner = bench.start_owner(1, &[]).await;
    set(&bench, "auth/workers", json!(8)).await;
    bench.cfgmgr.commit("").await.unwrap();
    set(&bench, "auth/workers", json!(78)).await;
    let failed = bench.cfgmgr.commit("").await.unwrap_err();
    assert!(matches!(failed, BusError::ApplyFailed(_)), "{failed}");
    owner.wait().await;
    let _owner = bench.start_owner(1, &[]).await;
    bench.wait_for_generation(1, 3).await;
    assert_eq!(bench.owner(1).await.settings["workers"], json!(8));
    assert_eq!(bench.stored()["settings"], json!({"auth": {"workers": 8}}));
}

#[tokio::test]
async fn two_managers_never_write_one_directory() {
    let bench = Bench::new().await;
    let _cfgmgr = bench.start_cfgmgr().await;
    let convert = std::process::Command::new(env!("CARGO_BIN_EXE_tenon-cfgmgr"))
        .args(["--convert", "sqlite", "--config-dir"])
        .arg(bench.place("config"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&convert.stderr).into_owned();
    assert!(!convert.status.success() && said.contains("another tenon-cfgmgr works here"), "{said}");
}
