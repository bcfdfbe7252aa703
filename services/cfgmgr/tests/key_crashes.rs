//! The configuration manager killed before each step of a change of the key ring: what services are given of keys is what the
//! committed generation says, with the secret that goes with it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

mod common;

use common::Bench;
use serde_json::Value;
use tenon_cfgmgr::storage::step::Step;
use tenon_tsig::KeyRing;

/// Name, algorithm and secret of each key, sorted.
type Keys = Vec<(String, String, String)>;

fn keys_in(bench: &Bench, file: &str) -> Keys {
    let ring = KeyRing::read(&bench.place(file)).unwrap();
    let mut keys: Keys = ring
        .iter()
        .map(|key| (key.name().to_string(), key.algorithm().to_string(), key.secret_base64().to_string()))
        .collect();
    keys.sort();
    keys
}

/// Name and algorithm of each key of the committed generation, and since when its secret is this one.
fn committed(bench: &Bench) -> Vec<(String, String, u64)> {
    let stored = bench.stored();
    let keys = stored["settings"]["tsig_keys"]["keys"].as_array().cloned().unwrap_or_default();
    let text = |key: &Value, member: &str| key[member].as_str().unwrap().to_owned();
    let entry = |key: &Value| (text(key, "name"), text(key, "algorithm"), key["set_usec"].as_u64().unwrap());
    let mut keys: Vec<_> = keys.iter().map(entry).collect();
    keys.sort();
    keys
}

/// Whether a change that dies there must be made, or must not be.
fn must(step: Step) -> (bool, bool) {
    let position = |step| Step::ALL.iter().position(|other| *other == step);
    let before = matches!(step, Step::NoteKey | Step::KeepKey);
    let at = position(step);
    (
        step == Step::EndKeyChange || at >= position(Step::WriteListen),
        before || at.is_some() && at <= position(Step::SyncGenerations),
    )
}

/// A secret, in base64, and the algorithm that goes with it.
fn secret(round: u32) -> (&'static str, String) {
    let algorithm = if round.is_multiple_of(2) { "hmac-sha256" } else { "hmac-sha512" };
    (algorithm, format!("c2VjcmV0IG51bWJlciA{}", ["x", "y", "z", "0"][round as usize % 4].repeat(5)))
}

async fn at_every_step(engine: &str) {
    let engine = ["--storage", engine];
    let bench = Bench::new().await;
    let mut cfgmgr = bench.start_cfgmgr_with(&engine).await;
    let _owner = bench.start_owner(1, &[]).await;
    let (algorithm, mut now) = secret(0);
    bench.cfgmgr.put_key("k.", algorithm, &now).await.unwrap();
    for (round, step) in (1..).zip(Step::OF_KEYS.into_iter().chain(Step::ALL)) {
        for removes in [false, true] {
            bench.cfgmgr.put_key("gone.", "hmac-sha256", "c2VjcmV0").await.unwrap();
            let before = committed(&bench);
            cfgmgr.kill();
            let mut dying = bench.start_cfgmgr_to_die(step, &engine).await;
            let (algorithm, then) = secret(round);
            let outcome = match removes {
                true => bench.cfgmgr.remove_key("gone.").await,
                false => bench.cfgmgr.put_key("k.", algorithm, &then).await,
            };
            // Not every step is met: of the other engine, of edits, of what a removal does not do.
            if outcome.is_ok() {
                dying.kill();
            }
            dying.wait().await;
            cfgmgr = bench.start_cfgmgr_with(&engine).await;
            let is_made = committed(&bench) != before;
            if outcome.is_err() {
                let (made, not_made) = must(step);
                assert!(is_made || !made, "{step:?} {removes}: it is not made");
                assert!(!is_made || !not_made, "{step:?} {removes}: it is made");
            }
            if is_made && !removes {
                now = then;
            }
            let expected: Keys = committed(&bench)
                .into_iter()
                .map(|(name, algorithm, _)| {
                    let secret = if name == "k." { now.clone() } else { "c2VjcmV0".to_owned() };
                    (name, algorithm, secret)
                })
                .collect();
            for file in ["keys/auth/keys.json", "keys/keys.json"] {
                assert_eq!(keys_in(&bench, file), expected, "{step:?} {removes}: {file}");
            }
            assert!(!bench.place("keys/change.json").exists(), "{step:?} {removes}");
        }
    }
}

#[tokio::test]
async fn with_the_directory_services_have_the_keys_of_the_committed_generation() {
    at_every_step("directory").await;
}

#[tokio::test]
async fn with_sqlite_services_have_the_keys_of_the_committed_generation() {
    at_every_step("sqlite").await;
}
