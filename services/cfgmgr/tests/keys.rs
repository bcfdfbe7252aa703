//! The key ring over a real bus: secrets in files, names in the settings, and nothing removed that is named.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

mod common;

use common::Bench;
use serde_json::json;
use tenon_bus::BusError;
use tenon_tsig::{Algorithm, Key, KeyRing};

fn keys_of_auth(bench: &Bench) -> Vec<String> {
    let ring = KeyRing::read(&bench.place("keys/auth/keys.json")).unwrap();
    let mut keys: Vec<String> = ring
        .iter()
        .map(|key| format!("{} {} {}", key.name(), key.algorithm(), *key.secret_base64()))
        .collect();
    keys.sort();
    keys
}

#[tokio::test]
async fn keys_come_are_replaced_and_go_and_secrets_are_in_files_alone() {
    let bench = Bench::new().await;
    let _cfgmgr = bench.start_cfgmgr().await;
    let put = bench.cfgmgr.put_key("Transfer.Example", "hmac-sha256", "c2VjcmV0").await.unwrap();
    assert_eq!(put.generation, 1);
    assert!(put.notes.iter().any(|note| note.contains("shorter than 32 octets")), "{:?}", put.notes);
    assert_eq!(keys_of_auth(&bench), ["transfer.example. hmac-sha256 c2VjcmV0"]);
    let listed = bench.cfgmgr.keys().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].name.as_str(), listed[0].algorithm.as_str()), ("transfer.example.", "hmac-sha256"));
    assert!(!bench.stored().to_string().contains("c2VjcmV0"), "{}", bench.stored());

    let again = bench.cfgmgr.put_key("transfer.example.", "hmac-sha512", "b3RoZXI=").await.unwrap();
    assert_eq!(again.generation, 2);
    assert_eq!(keys_of_auth(&bench), ["transfer.example. hmac-sha512 b3RoZXI="]);
    let same = bench.cfgmgr.put_key("transfer.example.", "hmac-sha512", "YW5vdGhlcg==").await.unwrap();
    assert_eq!(same.generation, 3, "another secret is another generation, so that services read it");

    assert_eq!(bench.cfgmgr.remove_key("TRANSFER.example").await.unwrap().generation, 4);
    assert!(keys_of_auth(&bench).is_empty());
    let all = std::fs::read_to_string(bench.place("keys/keys.json")).unwrap();
    assert!(!all.contains("YW5vdGhlcg=="), "{all}");
    let refused = bench.cfgmgr.remove_key("transfer.example.").await.unwrap_err();
    assert_eq!(refused, BusError::Rejected("there is no key transfer.example.".into()));
    for (name, algorithm, secret) in
        [("a..b", "hmac-sha256", "c2VjcmV0"), ("a", "sha256", "c2VjcmV0"), ("a", "hmac-sha256", "!")]
    {
        let refused = bench.cfgmgr.put_key(name, algorithm, secret).await.unwrap_err();
        assert!(matches!(refused, BusError::InvalidValue(_)), "{refused}");
    }
}

#[tokio::test]
async fn names_and_keys_go_together() {
    let bench = Bench::new().await;
    let _cfgmgr = bench.start_cfgmgr().await;
    let entry = json!([{"name": "ghost.", "algorithm": "hmac-sha256", "set_usec": 0}]);
    bench.cfgmgr.set("tsig_keys/keys", &entry).await.unwrap();
    let refused = bench.cfgmgr.commit("").await.unwrap_err().to_string();
    assert!(refused.contains("there is no secret for key ghost."), "{refused}");
    bench.cfgmgr.revert().await.unwrap();
    // A key that was removed does not come back with the settings that had it: its secret is gone.
    let put = bench.cfgmgr.put_key("k.", "hmac-sha256", "c2VjcmV0").await.unwrap();
    bench.cfgmgr.remove_key("k.").await.unwrap();
    let refused = bench.cfgmgr.rollback("", put.generation, "", 0).await.unwrap_err().to_string();
    assert!(refused.contains("there is no secret for key k."), "{refused}");
}

#[tokio::test]
async fn what_a_dead_process_did_not_write_is_written_at_start() {
    let bench = Bench::new().await;
    {
        let _cfgmgr = bench.start_cfgmgr().await;
        bench.cfgmgr.put_key("k.", "hmac-sha256", "c2VjcmV0").await.unwrap();
    }
    std::fs::remove_file(bench.place("keys/auth/keys.json")).unwrap();
    let _cfgmgr = bench.start_cfgmgr().await;
    assert_eq!(keys_of_auth(&bench), ["k. hmac-sha256 c2VjcmV0"]);
}

/// Puts a secret among those that are kept, as a process before this one could have left it.
fn leave_behind(bench: &Bench, name: &str) {
    let path = bench.place("keys/keys.json");
    let mut ring = KeyRing::read(&path).unwrap();
    ring.insert(Key::new(name.parse().unwrap(), Algorithm::HMAC_SHA256, b"left").unwrap());
    std::fs::write(&path, &*ring.to_file()).unwrap();
}

fn kept(bench: &Bench) -> Vec<String> {
    let ring = KeyRing::read(&bench.place("keys/keys.json")).unwrap();
    let mut names: Vec<String> = ring.iter().map(|key| key.name().to_string()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn secrets_that_no_generation_names_are_forgotten_at_start_and_no_others() {
    for engine in ["directory", "sqlite"] {
        let engine = ["--storage", engine];
        let bench = Bench::new().await;
        let mut cfgmgr = bench.start_cfgmgr_with(&engine).await;
        bench.cfgmgr.put_key("used.", "hmac-sha256", "c2VjcmV0").await.unwrap();
        let put = bench.cfgmgr.put_key("back.", "hmac-sha256", "c2VjcmV0").await.unwrap();
        // Out of the settings, until somebody confirms; and one that nobody knows any more.
        bench.cfgmgr.set("tsig_keys/keys", &json!([])).await.unwrap();
        bench.cfgmgr.commit_to_confirm("", 600).await.unwrap();
        cfgmgr.kill();
        leave_behind(&bench, "ghost.");
        assert_eq!(kept(&bench), ["back.", "ghost.", "used."]);
        cfgmgr = bench.start_cfgmgr_with(&engine).await;
        assert_eq!(kept(&bench), ["back.", "used."]);
        assert_eq!(bench.cfgmgr.rollback("", put.generation, "", 0).await.unwrap().generation, 4);
        assert_eq!(keys_of_auth(&bench).len(), 2);
        // By hand it goes at once, also when the settings named it long ago.
        bench.cfgmgr.set("tsig_keys/keys", &json!([])).await.unwrap();
        bench.cfgmgr.commit("").await.unwrap();
        let gone = bench.cfgmgr.remove_key("back.").await.unwrap();
        assert_eq!((gone.generation, gone.notes.len()), (5, 1));
        assert_eq!(kept(&bench), ["used."]);
        // A generation that cannot be read may name anything.
        cfgmgr.kill();
        if engine[1] == "directory" {
            leave_behind(&bench, "ghost.");
            std::fs::write(bench.place("config/generations/00000005.json"), "{").unwrap();
            let _cfgmgr = bench.start_cfgmgr_with(&engine).await;
            assert_eq!(kept(&bench), ["ghost.", "used."]);
        }
    }
}
