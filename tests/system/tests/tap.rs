//! Copies of what is asked and answered: dnstap to a real reader, and the query log.

use tenon_system_tests::{Machine, zones};

use crate::zones::load;

/// Frames that dnstap-read shows: one line each.
const READ: &str = "dnstap-read /tmp/captured";

fn set(machine: &Machine, tap: &str) {
    machine.must(&format!("bindctl config set auth/tap '{tap}' && bindctl config commit"));
}

fn capture(machine: &Machine) {
    machine.must(
        "systemd-run --quiet --unit capture fstrm_capture -t protobuf:dnstap.Dnstap -u /run/dnstap.sock -w /tmp/captured",
    );
    machine.wait("chmod 0666 /run/dnstap.sock");
}

#[test]
fn dnstap_is_read_by_the_tools_of_the_distribution() {
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(1));
    // A reader that is not there is told once, and costs no answer.
    set(
        &machine,
        r#"{"dnstap_socket": "/run/dnstap.sock", "dnstap_queries": true, "dnstap_responses": true}"#,
    );
    assert!(machine.dig("@127.0.0.1 www.example.com").text.contains("NOERROR"));
    machine.wait("journalctl -u tenon-auth@1 | grep -q 'nobody reads dnstap'");
    capture(&machine);
    // What was asked before the connection stood is gone; from then on all of it comes.
    machine.wait(
        "dig +tries=1 +time=1 @127.0.0.1 first.example.com >/dev/null; journalctl -u tenon-auth@1 | grep -q 'dnstap goes to'",
    );
    for question in [
        "@127.0.0.1 www.example.com A",
        "@127.0.0.1 +tcp www.example.com AAAA",
        "@::1 nothing.example.com MX",
    ] {
        assert!(machine.dig(question).text.contains("status: "));
    }
    // The reader is told when dnstap is turned off, and writes what it has when it ends.
    set(&machine, "{}");
    assert!(machine.dig("@127.0.0.1 later.example.com").text.contains("status: "));
    machine.wait("journalctl -u tenon-auth@1 | grep -q 'dnstap to /run/dnstap.sock ended'");
    machine.must("systemctl stop capture");
    let read = machine.must(READ);
    println!("{read}");
    for line in
        ["AQ 127.0.0.1", "AR 127.0.0.1", "UDP", "TCP", "www.example.com/IN/AAAA", "nothing.example.com/IN/MX"]
    {
        assert!(read.contains(line), "{line}: {read}");
    }
    assert!(!read.contains("later.example.com"), "{read}");
    let whole = machine.must("dnstap-read -p /tmp/captured");
    assert!(whole.contains("192.0.2.80"), "answers are whole: {whole}");
}

#[test]
fn the_query_log_says_who_asked_what() {
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(1));
    set(&machine, r#"{"query_log": true}"#);
    assert!(machine.dig("@127.0.0.1 www.example.com A").text.contains("status: "));
    assert!(machine.dig("@127.0.0.1 +tcp nothing.example.com MX").text.contains("status: "));
    machine.wait("journalctl -u tenon-auth@1 QNAME=www.example.com. QTYPE=A | grep -q 'over udp: rcode 0'");
    machine.wait("journalctl -u tenon-auth@1 QNAME=nothing.example.com. TRANSPORT=tcp | grep -q 'MX over tcp: rcode 3'");
    set(&machine, r#"{"query_log": false}"#);
    let copied = "busctl call org.tenon.Auth1.Instance1 /org/tenon/Auth1 org.tenon.Stats1 Counters | grep -o 'tap_messages. [0-9]*'";
    let before = machine.must(copied);
    assert!(machine.dig("@127.0.0.1 later.example.com A").text.contains("status: "));
    assert_eq!(machine.must(copied), before);
}
