//! What is accepted, amended and refused.

use super::*;
use serde_json::json;
use tenon_service::document::check;

fn checked(document: serde_json::Value) -> Result<(AuthSettings, Vec<String>), String> {
    let accepted = check::<AuthSettings>(document).map_err(|refusal| refusal.to_string())?;
    Ok((accepted.settings, accepted.notes))
}

#[test]
fn the_defaults_are_accepted_as_they_are() {
    let (settings, notes) = checked(json!({})).unwrap();
    assert_eq!((settings, notes.len()), (AuthSettings::default(), 0));
    assert_eq!(AuthSettings::default().tcp_clients, 150);
}

#[test]
fn clients_are_told_a_timeout_in_tenths_of_a_second() {
    let (settings, _) = checked(json!({"tcp_advertised_timeout_ms": 12_345})).unwrap();
    assert_eq!(settings.answer().tcp_keepalive, 123);
}

#[test]
fn doubled_addresses_are_amended() {
    let place = json!({"address": "192.0.2.1"});
    let (settings, notes) = checked(json!({"listen_on": [place, place]})).unwrap();
    let address = "192.0.2.1".parse().unwrap();
    assert_eq!(settings.listen_on, [ListenOn { address, port: 53, transport: None, proxy: false }]);
    assert_eq!(notes.len(), 1);
}

#[test]
fn a_transport_has_its_port_and_may_share_an_address() {
    let place = |transport: &str| json!({"address": "192.0.2.1", "transport": transport});
    let (settings, _) =
        checked(json!({"listen_on": [place("udp"), place("tcp"), place("tls"), place("https"), place("quic"), {"address": "::1"}]}))
            .unwrap();
    let written = serde_json::to_value(&settings.listen_on).unwrap();
    assert_eq!(
        written,
        json!([
            {"address": "192.0.2.1", "port": 53, "transport": "udp"},
            {"address": "192.0.2.1", "port": 53, "transport": "tcp"},
            {"address": "192.0.2.1", "port": 853, "transport": "tls"},
            {"address": "192.0.2.1", "port": 443, "transport": "https"},
            {"address": "192.0.2.1", "port": 853, "transport": "quic"},
            {"address": "::1", "port": 53},
        ])
    );
    let proxied = json!({"listen_on": [{"address": "::1", "port": 9, "proxy": true}]});
    let (settings, notes) = checked(proxied.clone()).unwrap();
    assert_eq!(
        (serde_json::to_value(&settings.listen_on).unwrap(), notes.len()),
        (proxied["listen_on"].clone(), 1)
    );
    for other in
        [json!({"address": "192.0.2.1"}), json!({"address": "192.0.2.1", "port": 53, "transport": "tls"})]
    {
        let refusal = checked(json!({"listen_on": [place("tcp"), other]})).unwrap_err();
        assert!(refusal.contains("listen_on/1"), "{refusal}");
    }
}

#[test]
fn what_will_not_do_is_refused_by_name() {
    for (document, option) in [
        (json!({"listen_on": []}), "listen_on"),
        (json!({"listen_on": [{"address": "224.0.0.1"}]}), "listen_on/0/address"),
        (json!({"listen_on": [{"address": "example.com"}]}), "listen_on"),
        (json!({"listen_on": [{"address": "::1", "port": 0}]}), "port"),
        (json!({"listen_on": [{"address": "::1", "transport": "carrier pigeon"}]}), "transport"),
        (json!({"listen_on": [{"address": "::1", "wings": 2}]}), "wings"),
        (json!({"udp_payload_size": 511}), "udp_payload_size"),
        (json!({"tcp_clients": 0}), "tcp_clients"),
        (json!({"version": "x".repeat(256)}), "version"),
        (json!({"identity": "ä".repeat(128)}), "identity"),
        (json!({"nsid": "x".repeat(129)}), "nsid"),
        (json!({"tcp_idle_timeout_ms": 1}), "tcp_idle_timeout_ms"),
        (json!({"notify_acl": [{"action": "ACCEPT", "from": "example.com"}]}), "notify_acl"),
        (json!({"listen_on": [{"address": "::1", "transport": "quic", "proxy": true}]}), "listen_on/0/proxy"),
        (json!({"https_path": "dns-query"}), "https_path"),
        (json!({"https_path": "/dns query"}), "https_path"),
        (json!({"https_streams": 0}), "https_streams"),
        (json!({"tls_clients": "some"}), "tls_clients"),
        (json!({"hand_overs_per_connection": 0}), "hand_overs_per_connection"),
        (json!({"no_such_thing": 1}), "no_such_thing"),
    ] {
        let refusal = checked(document.clone()).unwrap_err();
        assert!(refusal.contains(option), "{document}: {refusal}");
    }
}
