//! The key ring over a real bus: secrets in files, names in the settings, and nothing removed that is named.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

mod common;

use common::Bench;
use serde_json::json;
use tenon_bus::BusError;
use tenon_tsig::KeyRing;

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
