//! Signed queries: dig and kdig with each algorithm, what they are told of bad signatures, and an access list of keys.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

mod common;

use std::process::Command;

use common::zones::publish;
use common::{House, ask, client};
use serde_json::json;
use tenon_tsig::{Algorithm, Key, KeyRing, TsigError, sign_request};

const SECRET: &str = "dGhlIHNlY3JldCBvZiBhIGtleSB0aGF0IGlzIGxvbmcgZW5vdWdo";

fn key(name: &str, algorithm: Algorithm) -> Key {
    Key::from_base64(name.parse().unwrap(), algorithm, SECRET).unwrap()
}

/// A server of `example.` with a key for each algorithm, named after it.
fn house(settings: &serde_json::Value) -> House {
    let house = House::new(1);
    publish(&house.images(), 1, "example.", [192, 0, 2, 1]);
    std::fs::create_dir_all(house.keys().join("auth")).unwrap();
    let ring: KeyRing =
        Algorithm::ALL.into_iter().map(|algorithm| key(&format!("{algorithm}."), algorithm)).collect();
    std::fs::write(house.keys().join("auth/keys.json"), &*ring.to_file()).unwrap();
    let generation = json!({"generation": 1, "committed_usec": 1, "author": "test", "comment": "",
        "settings": {"auth": settings}});
    std::fs::write(house.config().join("current"), generation.to_string()).unwrap();
    house
}

fn dig(house: &House, program: &str, spec: &str, more: &[&str]) -> String {
    let once = if program == "dig" { "+tries=1" } else { "+retry=0" };
    let run = Command::new(program)
        .args(["@127.0.0.1", "-p", &house.address.port().to_string(), "-y", spec, "+time=20", once])
        .args(["www.example", "A", "+norec"])
        .args(more)
        .output()
        .unwrap();
    String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr)
}

#[test]
fn signed_queries_have_signed_answers() {
    let house = house(&json!({}));
    let _server = house.start_ready();
    for algorithm in Algorithm::ALL {
        let spec = format!("{algorithm}:{algorithm}.:{SECRET}");
        for (program, more) in [("dig", "+notcp"), ("dig", "+tcp"), ("kdig", "+notcp"), ("kdig", "+tcp")] {
            let said = dig(&house, program, &spec, &[more]);
            assert!(
                said.contains("192.0.2.1") && said.contains("TSIG"),
                "{program} {more} {algorithm}: {said}"
            );
            let bad = ["verify", "ERROR:", "WARNING", "BADSIG"].iter().any(|word| said.contains(word));
            assert!(!bad, "{program} {more} {algorithm}: {said}");
        }
    }
    assert_eq!(ask(&client(), house.address, "www.example.").address, [192, 0, 2, 1], "nobody has to sign");
}

#[test]
fn bad_signatures_are_told_apart() {
    let house = house(&json!({}));
    let _server = house.start_ready();
    for (spec, error) in [
        (format!("hmac-sha256:hmac-sha256.:AAAA{SECRET}"), "BADSIG"),
        (format!("hmac-sha256:nobody.:{SECRET}"), "BADKEY"),
        (format!("hmac-sha512:hmac-sha256.:{SECRET}"), "BADKEY"),
        (format!("hmac-sha256-128:hmac-sha256.:{SECRET}"), "BADTRUNC"),
    ] {
        let said = dig(&house, "dig", &spec, &[]);
        assert!(said.contains("NOTAUTH") && said.contains(error), "{error}: {said}");
        assert!(!said.contains("192.0.2.1"), "{error}: {said}");
    }
    let client = client();
    let long_ago = tenon_tsig::now() - 1000;
    let mut query = common::question(7, "www.example.", 1);
    let mut check = sign_request(&mut query, &key("hmac-sha256.", Algorithm::HMAC_SHA256), long_ago).unwrap();
    client.send_to(&query, house.address).unwrap();
    let mut buffer = [0; 4096];
    let length = client.recv(&mut buffer).unwrap();
    let error = check.check(&buffer[..length], long_ago).unwrap_err();
    let TsigError::Refused { code, server_time: Some(time) } = error else { panic!("{error}") };
    assert_eq!(code, tenon_tsig::ErrorCode::BADTIME);
    assert!(time > long_ago + 900, "{time}");
}

#[test]
fn an_access_list_knows_keys() {
    let house = house(&json!({"query_acl": [{"action": "DROP", "key": "hmac-md5."},
        {"action": "ACCEPT", "key": ["hmac-sha256.", "hmac-sha512."]}]}));
    let _server = house.start_ready();
    let client = client();
    assert_eq!(ask(&client, house.address, "www.example.").rcode, 5, "REFUSED without a key");
    for (algorithm, taken) in [("hmac-sha256", true), ("hmac-sha512", true), ("hmac-sha1", false)] {
        let said = dig(&house, "dig", &format!("{algorithm}:{algorithm}.:{SECRET}"), &[]);
        assert_eq!(said.contains("192.0.2.1"), taken, "{algorithm}: {said}");
        assert_eq!(said.contains("REFUSED"), !taken, "{algorithm}: {said}");
    }
    let mut query = common::question(7, "www.example.", 1);
    drop(sign_request(&mut query, &key("hmac-md5.", Algorithm::HMAC_MD5), tenon_tsig::now()).unwrap());
    client.send_to(&query, house.address).unwrap();
    assert_eq!(
        ask(&client, house.address, "www.example.").rcode,
        5,
        "the first answer is to the second query"
    );
}
