//! Signed requests for transfers: every message is signed, and rules name keys.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

mod common;

use std::io::Read as _;
use std::sync::Arc;

use common::{PATIENCE, publish};
use serde_json::json;
use tenon_handover::{Door, Kind, Request, Transport};
use tenon_service::{Component as _, Keys};
use tenon_tsig::{Algorithm, AnswerCheck, ErrorCode, Key, KeyRing, TsigError, now, sign_request};
use tenon_wire::Name;
use tenon_xfrout::{Xfrout, XfroutSettings};

const ZONE: &str = "@ 300 SOA ns. admin. 7 1 2 3 4\n@ 300 NS ns.elsewhere.\n";

fn key(name: &str, secret: &[u8]) -> Key {
    Key::new(name.parse().unwrap(), Algorithm::HMAC_SHA384, secret).unwrap()
}

struct House {
    _directory: tempfile::TempDir,
    xfrout: Arc<Xfrout>,
    door: Door,
}

impl House {
    fn new(zone: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::create_dir_all(path("images")).unwrap();
        std::fs::create_dir_all(path("keys/xfrout")).unwrap();
        publish(&path("images"), 1, &[("a.test.", 7, zone)]);
        let ring: KeyRing = [key("good.", b"secret"), key("other.", b"secret")].into_iter().collect();
        std::fs::write(path("keys/xfrout/keys.json"), &*ring.to_file()).unwrap();
        let acl = json!({"transfer_acl": [{"action": "ACCEPT", "key": "good."}]});
        let settings: XfroutSettings = serde_json::from_value(acl).unwrap();
        let keys = Keys::open(&path("keys"), "xfrout");
        let stores = common::stores(directory.path());
        let (xfrout, _ended) = Xfrout::new(&path("images"), stores, directory.path(), keys, settings);
        let listener = tokio::net::UnixListener::bind(path("door")).unwrap();
        tokio::spawn(Arc::new(xfrout.taker()).accept(listener));
        let door = Door::new(path("door"));
        Self { _directory: directory, xfrout, door }
    }

    /// The messages of the answer to an AXFR, signed with a key or not.
    async fn ask(&self, key: Option<&Key>) -> (Vec<Vec<u8>>, Option<AnswerCheck>) {
        let mut message = vec![0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        message.extend_from_slice("a.test.".parse::<Name>().unwrap().octets());
        message.extend([0, 252, 0, 1]);
        let check = key.map(|key| sign_request(&mut message, key, now()).unwrap());
        let request = Request {
            kind: Kind::Transfer,
            transport: Transport::Tcp,
            peer: "192.0.2.7:4711".parse().unwrap(),
            local: "127.0.0.1:53".parse().unwrap(),
            tls_name: None,
            message,
        };
        let mut stream = self.door.hand_over(&request).unwrap();
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let octets = tokio::task::spawn_blocking(move || {
            let mut octets = Vec::new();
            stream.read_to_end(&mut octets).unwrap();
            octets
        });
        let octets = octets.await.unwrap();
        let mut rest = &octets[..];
        let mut messages = Vec::new();
        while let Some((&[a, b], behind)) = rest.split_first_chunk() {
            let (message, behind) = behind.split_at(usize::from(u16::from_be_bytes([a, b])));
            rest = behind;
            if !message.is_empty() {
                messages.push(message.to_vec());
            }
        }
        (messages, check)
    }
}

#[tokio::test]
async fn every_message_of_a_long_transfer_is_signed() {
    let records: String =
        (0..20_000).map(|number| format!("n{number} 300 TXT \"some text that makes it longer\"\n")).collect();
    let house = House::new(&(ZONE.to_owned() + &records));
    let (messages, check) = house.ask(Some(&key("good.", b"secret"))).await;
    let mut check = check.unwrap();
    assert!(messages.len() > 20, "{}", messages.len());
    for message in &messages {
        assert!(message.len() <= 16 * 1024, "{}", message.len());
        assert!(check.check(message, now()).unwrap().signed);
    }
    check.finish().unwrap();
    let (messages, check) = house.ask(Some(&key("good.", b"secret"))).await;
    let mut check = check.unwrap();
    check.check(&messages[0], now()).unwrap();
    assert_eq!(check.check(&messages[2], now()), Err(TsigError::BadSignature), "one is left out");
}

#[tokio::test]
async fn rules_name_keys_and_refusals_are_signed() {
    let house = House::new(ZONE);
    let (whole, _) = house.ask(Some(&key("good.", b"secret"))).await;
    assert_eq!(whole[0][3] & 15, 0);
    let (refused, _) = house.ask(None).await;
    assert_eq!(refused[0][3] & 15, 5, "REFUSED without a key");
    let (refused, check) = house.ask(Some(&key("other.", b"secret"))).await;
    assert_eq!(refused[0][3] & 15, 5, "REFUSED with another key");
    assert!(check.unwrap().check(&refused[0], now()).unwrap().signed);
    for (asking, code) in
        [(key("good.", b"wrong"), ErrorCode::BADSIG), (key("nobody.", b"secret"), ErrorCode::BADKEY)]
    {
        let (refused, check) = house.ask(Some(&asking)).await;
        assert_eq!(refused[0][3] & 15, 9, "NOTAUTH");
        let error = check.unwrap().check(&refused[0], now()).unwrap_err();
        assert_eq!(error, TsigError::Refused { code, server_time: None });
    }
    let counters = house.xfrout.counters();
    let count = |name: &str| counters.iter().find(|(counter, _)| counter.name == name).unwrap().1;
    assert_eq!((count("requests_bad_key"), count("requests_rejected")), (2, 2));
}
