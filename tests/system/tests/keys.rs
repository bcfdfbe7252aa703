//! Keys: made, used by the distribution's servers with each algorithm, replaced, refused, removed.

use crate::zones::load;
use tenon_system_tests::peer::Kind;
use tenon_system_tests::secondary::{Secondary, Tsig};
use tenon_system_tests::{Machine, zones};

const ALGORITHMS: [&str; 6] =
    ["hmac-md5", "hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"];

/// A new key of ours, as the other end has to know it.
fn made(machine: &Machine, name: &str, algorithm: &str) -> Tsig {
    let said = machine.must(&format!("bindctl --json key add {name} --algorithm {algorithm}"));
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let secret = said["secret"].as_str().unwrap().to_owned();
    Tsig { name: name.to_owned(), algorithm: algorithm.to_owned(), secret }
}

fn wait_serial(machine: &Machine, zone: &str, port: u16, serial: u32) {
    machine.wait(&format!(
        "test \"$(dig +short +tries=1 +time=1 @127.0.0.1 -p {port} {zone} SOA | cut -d' ' -f3)\" = {serial}"
    ));
}

fn text(zone: &str, serial: u32) -> String {
    zones::example(serial).replace("example.com.", &format!("{zone}."))
}

#[test]
fn knot_nsd_and_bind_sign_with_each_algorithm_and_believe_what_is_signed() {
    let machine = Machine::start();
    let zones: Vec<String> = ALGORITHMS.iter().map(|algorithm| format!("{algorithm}.test")).collect();
    let keys: Vec<Tsig> =
        ALGORITHMS.iter().map(|algorithm| made(&machine, &format!("key-{algorithm}"), algorithm)).collect();
    for zone in &zones {
        load(&machine, zone, &text(zone, 1));
    }
    // Each zone goes to who has its own key, and notices of it are signed with that.
    let ports: Vec<u16> = Kind::ALL.iter().map(|kind| kind.port() + 10).collect();
    let rules: Vec<serde_json::Value> = zones
        .iter()
        .zip(&keys)
        .map(|(zone, key)| {
            let target =
                |port: &u16| serde_json::json!({"address": "127.0.0.1", "port": port, "key": key.name});
            serde_json::json!({"name": zone, "transfer_acl": [{"action": "ACCEPT", "key": key.name}],
                "also_notify": ports.iter().map(target).collect::<Vec<_>>()})
        })
        .collect();
    let rules = serde_json::Value::from(rules);
    machine.must(&format!(
        "bindctl config set xfrout/zones '{rules}' && bindctl config set xfrout/notify_name_servers false && \
         bindctl config commit"
    ));
    let signed: Vec<(&str, Option<Tsig>)> =
        zones.iter().map(String::as_str).zip(keys.iter().cloned().map(Some)).collect();
    let secondaries: Vec<Secondary<'_>> =
        Kind::ALL.into_iter().filter_map(|kind| machine.signing_secondary(kind, &signed)).collect();
    for secondary in &secondaries {
        for zone in &zones {
            wait_serial(&machine, zone, secondary.port(), 1);
        }
    }
    // Refresh is two hours: only a NOTIFY that was believed can bring the next version so soon.
    for zone in &zones {
        load(&machine, zone, &text(zone, 2));
    }
    for secondary in &secondaries {
        for zone in &zones {
            wait_serial(&machine, zone, secondary.port(), 2);
        }
    }
    let refused = machine.text("dig +tries=1 @127.0.0.1 hmac-sha256.test AXFR");
    assert!(refused.contains("Transfer failed"), "{refused}");
    let Tsig { name, secret, .. } = &keys[3];
    let axfr = |spec: &str| machine.text(&format!("dig +tries=1 @127.0.0.1 -y {spec} hmac-sha256.test AXFR"));
    assert!(axfr(&format!("hmac-sha256:{name}:{secret}")).contains("XFR size"));
    let Tsig { name: other, secret: its, .. } = &keys[5];
    assert!(
        axfr(&format!("hmac-sha512:{other}:{its}")).contains("Transfer failed"),
        "the key of another zone"
    );
    let trace =
        machine.must(&format!("bindctl explain transfer hmac-sha256.test --peer 192.0.2.1 --key {other}"));
    assert!(trace.contains("REJECT by xfrout/zones/3/transfer_acl/end"), "{trace}");
    assert!(trace.contains("key key-hmac-sha256.: no, it is key-hmac-sha512."), "{trace}");
    let log = machine.must("journalctl -b -u tenon-xfrout -o json --no-pager | grep ACL_RULE | tail -1");
    assert!(log.contains("zones/3/transfer_acl/end") && log.contains("key-hmac-sha512."), "{log}");
}

#[test]
fn primaries_of_the_distribution_believe_our_questions_and_we_their_zones() {
    let machine = Machine::start();
    let keys: Vec<Tsig> =
        ALGORITHMS.iter().map(|algorithm| made(&machine, &format!("key-{algorithm}"), algorithm)).collect();
    let name_key = |zone: &str, port: u16, key: Option<&str>| {
        let mut primary = serde_json::json!({"address": "127.0.0.1", "port": port});
        if let Some(key) = key {
            primary["key"] = key.into();
        }
        let zones = serde_json::json!([{"name": zone, "primaries": [primary]}]);
        machine
            .must(&format!("bindctl config set zonemgr/secondary_zones '{zones}' && bindctl config commit"));
    };
    for kind in Kind::ALL {
        let zone = format!("{}.test", kind.program());
        // Long enough for messages between those that NSD signs.
        let text = zones::delegations(30_000, 1).replace("tld.", &format!("{zone}."));
        let Some(peer) = machine.signing_primary(kind, &[(&zone, text)], false, &keys) else { continue };
        machine.must(&format!("bindctl zone add {zone} --primary {} --key key-hmac-md5", peer.address()));
        for key in &keys {
            name_key(&zone, kind.port(), Some(&key.name));
            machine.must(&format!("bindctl zone retransfer {zone}"));
            println!("{zone}: transferred with {}", key.algorithm);
        }
        // Without a key it is refused, with a wrong secret its answers are not believed; the zone is served on.
        name_key(&zone, kind.port(), None);
        assert!(
            !machine.run(&format!("bindctl zone retransfer {zone}")).status.success(),
            "{zone} without a key"
        );
        made(&machine, "key-hmac-sha256", "hmac-sha256");
        name_key(&zone, kind.port(), Some("key-hmac-sha256"));
        let refused = machine.run(&format!("bindctl zone retransfer {zone}"));
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains("TSIG"), "{zone}: {said}");
        assert_eq!(machine.dig(&format!("@127.0.0.1 {zone} SOA")).status, "NOERROR");
        let Tsig { secret, .. } = &keys[3];
        machine.write("/tmp/secret", secret);
        machine.must("bindctl key add key-hmac-sha256 --secret-file /tmp/secret");
        machine.must(&format!("bindctl zone retransfer {zone}"));
    }
}

#[test]
fn a_key_is_replaced_at_once_and_kept_while_it_is_named() {
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(1));
    let first = made(&machine, "k.example", "hmac-sha256");
    machine.must(
        "bindctl config set xfrout/transfer_acl '[{\"action\": \"ACCEPT\", \"key\": \"k.example\"}]' && \
         bindctl config commit",
    );
    let ask = |key: &Tsig| {
        let Tsig { name, algorithm, secret } = key;
        machine.text(&format!("dig +tries=1 @127.0.0.1 -y {algorithm}:{name}:{secret} example.com AXFR"))
    };
    assert!(ask(&first).contains("XFR size"), "{}", ask(&first));
    let second = made(&machine, "k.example", "hmac-sha256");
    assert!(ask(&second).contains("XFR size"), "{}", ask(&second));
    assert!(ask(&first).contains("Transfer failed"), "{}", ask(&first));
    let refused = machine.run("bindctl key remove k.example");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("xfrout/transfer_acl/0/key"), "{said}");
    // Nobody but the services can read a secret, and none is in the settings.
    for user in ["tenon-stats", "tenon-xfrin", "tenon-cmdctl"] {
        let read = machine.run(&format!(
            "setpriv --reuid {user} --regid {user} --clear-groups cat /var/lib/tenon/keys/auth/keys.json"
        ));
        assert!(!read.status.success(), "{user} reads the keys of auth");
    }
    let found = machine.text(&format!("grep -rlF '{}' /var/lib/tenon /run/tenon | sort", second.secret));
    let files = ["keys/auth", "keys", "keys/xfrout", "keys/zonemgr"]
        .map(|place| format!("/var/lib/tenon/{place}/keys.json"));
    for file in found.lines().filter(|file| !file.contains("/ddns/")) {
        assert!(files.iter().any(|known| known == file), "{file} has the secret");
    }
    machine.must(
        "bindctl config unset xfrout/transfer_acl && bindctl config commit && bindctl key remove k.example",
    );
    let answer = ask(&second);
    assert!(answer.contains("Transfer failed") || answer.contains("BADKEY"), "{answer}");
    let log = machine.must("journalctl -b -u 'tenon-auth@*' -o json --no-pager | grep BADSIG -c || true");
    println!("{log}");
    machine.must("systemctl restart tenon.target");
    assert!(machine.must("bindctl key list").contains("no keys"));
}
