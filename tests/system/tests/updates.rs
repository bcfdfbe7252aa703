//! Updates and edits of primary zones: nsupdate and knsupdate, the ways of programs, bindctl, master files, kills.

use crate::transfers_out::counter_of;
use crate::zones::load;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};
use tenon_system_tests::dice::number;
use tenon_system_tests::{Dice, Machine, zones};

const SECRET: &str = "c2VjcmV0IG9mIG1vcmUgdGhhbiB0aGlydHktdHdvIG9jdGV0cw==";

/// With example.com, which this machine may update.
fn updatable() -> Machine {
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(1));
    set_acl(&machine, r#"[{"action": "ACCEPT", "from": ["127.0.0.0/8", "::1"]}]"#);
    machine
}

fn set_acl(machine: &Machine, list: &str) {
    machine.must(&format!("bindctl config set ddns/update_acl '{list}' && bindctl config commit"));
}

/// What a client of updates prints of a script.
fn run(machine: &Machine, client: &str, script: &str) -> String {
    machine.write("/tmp/update", format!("server 127.0.0.1\nzone example.com\n{script}\nsend\n"));
    machine.text(&format!("timeout 60 {client} /tmp/update; echo exit $?"))
}

/// Waits until a question has such an answer.
fn answered(machine: &Machine, question: &str, answer: &str) {
    machine.wait(&format!(
        "test \"$(dig +short +tries=1 +time=1 @127.0.0.1 {question} | sort | tr '\\n' ' ')\" = '{answer}'"
    ));
}

#[test]
fn nsupdate_and_knsupdate_in_all_forms() {
    let machine = updatable();
    for (client, number) in [("nsupdate", 1), ("nsupdate -v", 2), ("knsupdate", 3), ("knsupdate -v", 4)] {
        let ask = |script: &str| run(&machine, client, script);
        let add = format!(
            "prereq nxdomain n{number}.example.com\nupdate add n{number}.example.com 60 A 192.0.2.{number}"
        );
        let said = ask(&add);
        assert!(said.ends_with("exit 0\n"), "{client}: {said}");
        answered(&machine, &format!("n{number}.example.com A"), &format!("192.0.2.{number} "));
        let said = ask(&add);
        assert!(said.contains("YXDOMAIN"), "{client}: {said}");
        for (prerequisite, code) in [
            ("yxdomain nobody.example.com", "NXDOMAIN"),
            ("yxrrset www.example.com TXT", "NXRRSET"),
            ("nxrrset www.example.com A", "YXRRSET"),
            ("yxrrset www.example.com A 192.0.2.81", "NXRRSET"),
        ] {
            let said = ask(&format!("prereq {prerequisite}\nupdate add x.example.com 60 A 192.0.2.1"));
            assert!(said.contains(code), "{client} {prerequisite}: {said}");
        }
        let said = ask(&format!(
            "prereq yxrrset www.example.com A 192.0.2.80\nprereq yxdomain www.example.com\n\
             update delete n{number}.example.com A\nupdate add n{number}.example.com 60 TXT \"a b\"\n\
             update add n{number}.example.com 60 MX 10 mail.example.com\n\
             update delete n{number}.example.com MX 10 mail.example.com"
        ));
        assert!(said.ends_with("exit 0\n"), "{client}: {said}");
        answered(&machine, &format!("n{number}.example.com TXT"), "\"a b\" ");
        let said = ask(&format!("update delete n{number}.example.com"));
        assert!(said.ends_with("exit 0\n"), "{client}: {said}");
        answered(&machine, &format!("n{number}.example.com TXT"), "");
    }
    assert_eq!(machine.dig("@127.0.0.1 x.example.com A").status, "NXDOMAIN");
    // Many records in one message, over TCP since it is long.
    let mut script = String::new();
    for number in 0..500 {
        let _ = writeln!(script, "update add m{number}.example.com 60 A 192.0.2.1");
    }
    let said = run(&machine, "nsupdate -v", &script);
    assert!(said.ends_with("exit 0\n"), "{said}");
    answered(&machine, "m499.example.com A", "192.0.2.1 ");
    let refused = run(
        &machine,
        "nsupdate",
        "update delete example.com NS\nupdate add alias.example.com 60 A 192.0.2.1",
    );
    assert!(refused.ends_with("exit 0\n"), "left undone in silence, as the RFC says: {refused}");
    assert_eq!(machine.dig("@127.0.0.1 example.com NS").answer.len(), 2);
    let other = run(&machine, "nsupdate", "update add www.example.org 60 A 192.0.2.1");
    assert!(other.contains("NOTZONE"), "{other}");
    set_acl(&machine, "[]");
    let refused = run(&machine, "nsupdate", "update add x.example.com 60 A 192.0.2.1");
    assert!(refused.contains("REFUSED"), "{refused}");
    machine
        .wait("journalctl -b -u tenon-ddns -o json --no-pager | grep -q '\"ACL_RULE\":\"update_acl/end\"'");
}

#[test]
fn what_was_answered_is_served_where_that_is_wanted() {
    let machine = updatable();
    machine.must("bindctl config set ddns/answer_when served && bindctl config commit");
    // The first one may come before the bus is listened to.
    run(&machine, "nsupdate", "update add first.example.com 60 A 192.0.2.1");
    let unserved = || counter_of(&machine, "ddns", "answered_unserved");
    let before = unserved();
    // Asked for in the same breath, 40 times.
    let missed = machine.must(
        "for n in $(seq 40); do printf \"server 127.0.0.1\\nzone example.com\\nupdate add s$n.example.com 60 A 192.0.2.1\\nsend\\n\" \
         | nsupdate || exit 1; dig +short +tries=1 +time=5 @127.0.0.1 s$n.example.com A | grep -q 192.0.2.1 || echo s$n; done",
    );
    assert_eq!((missed.as_str(), unserved()), ("", before));
    machine.must("bindctl record add example.com edited 60 A 192.0.2.1 && dig +short @127.0.0.1 edited.example.com A | grep -q 192.0.2.1");
    // Without the compiler it is answered all the same, when it was waited for long enough.
    machine.must("systemctl stop tenon-zonec.service");
    let began = Instant::now();
    let said = run(&machine, "nsupdate", "update add late.example.com 60 A 192.0.2.1");
    let took = began.elapsed();
    assert!(said.ends_with("exit 0\n") && took >= Duration::from_millis(900), "{took:?}: {said}");
    assert_eq!(unserved(), before + 1);
    machine.must("systemctl start tenon-zonec.service");
    answered(&machine, "late.example.com A", "192.0.2.1 ");
    println!("40 updates read back, none missed; without tenon-zonec answered after {took:?}");
}

#[test]
fn stopped_it_is_started_by_an_update_and_without_its_socket_clients_are_told() {
    let machine = updatable();
    machine.must("systemctl stop tenon-ddns.service");
    let status = machine.text("bindctl status");
    assert!(status.contains("tenon-ddns is not on the bus"), "{status}");
    let said = run(&machine, "nsupdate", "update add a.example.com 60 A 192.0.2.1");
    assert!(said.ends_with("exit 0\n"), "{said}");
    machine.must("systemctl stop tenon-ddns.socket tenon-ddns.service");
    for client in ["nsupdate", "nsupdate -v"] {
        let said = run(&machine, client, "update add b.example.com 60 A 192.0.2.1");
        assert!(said.contains("SERVFAIL"), "{client}: {said}");
    }
    machine.must("systemctl start tenon-ddns.socket");
    let said = run(&machine, "nsupdate", "update add b.example.com 60 A 192.0.2.1");
    assert!(said.ends_with("exit 0\n"), "{said}");
}

#[test]
fn records_are_edited_and_zones_written_and_read_back() {
    let machine = updatable();
    let shown = machine.must("bindctl record show example.com www A");
    assert!(shown.contains("192.0.2.80"), "{shown}");
    let said = machine.must("bindctl record add example.com new 60 TXT 'two words'");
    assert!(
        said.contains("+ new.example.com. 60 IN TXT \"two words\"") && said.contains("serial 2"),
        "{said}"
    );
    answered(&machine, "new.example.com TXT", "\"two words\" ");
    machine.must("bindctl record set example.com www A 192.0.2.7 --if-serial 2");
    answered(&machine, "www.example.com A", "192.0.2.7 ");
    let conflict = machine.text("bindctl record delete example.com www A --if-serial 2; echo exit $?");
    assert!(conflict.contains("serial 3, not 2") && conflict.ends_with("exit 1\n"), "{conflict}");
    machine.must("printf 'delete new\n# many as one\nadd a A 192.0.2.1\nset @ NS ns1\n' | bindctl record apply example.com -");
    answered(&machine, "example.com NS", "ns1.example.com. ");
    let refused = machine
        .text("printf 'add b A 192.0.2.1\nadd alias A 192.0.2.1\n' | bindctl record apply example.com -");
    assert!(refused.contains("is an alias"), "{refused}");
    let nothing = machine.must("bindctl record delete example.com b");
    assert!(nothing.contains("nothing to change"), "{nothing}");
    let json = machine.must("bindctl --json record delete example.com a");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["serial_before"], &json["serial"]), (&4.into(), &5.into()), "{json}");
    assert!(machine.text("bindctl record add nowhere.example x A 192.0.2.1").contains("not stored here"));

    machine.must("bindctl zone write example.com /tmp/written && grep -q '^; zone example.com., serial 5' /tmp/written");
    let again = machine.must("tenon-loadzone example.com /tmp/written 2>&1");
    assert!(again.contains("unchanged"), "what was written is the same zone: {again}");
    machine.must("bindctl zone write example.com > /tmp/again && cmp /tmp/written /tmp/again");
    assert!(machine.text("bindctl zone write nowhere.example").contains("not stored here"));
}

#[test]
fn a_zone_follows_its_master_file() {
    let machine = Machine::start();
    let save = |serial: u32, address: &str| {
        let text = zones::example(serial).replace("192.0.2.80", address);
        machine.write("/var/lib/tenon/master/.new", text);
        machine.must("cd /var/lib/tenon/master && mv .new example.com.zone");
    };
    save(1, "192.0.2.81");
    answered(&machine, "www.example.com A", "192.0.2.81 ");
    save(2, "192.0.2.82");
    answered(&machine, "www.example.com A", "192.0.2.82 ");
    machine.must("echo 'www IN A 192.0.2' >> /var/lib/tenon/master/example.com.zone");
    machine.wait("bindctl status | grep -q 'tenon-masters.service failed'");
    answered(&machine, "www.example.com A", "192.0.2.82 ");
    save(3, "192.0.2.83");
    answered(&machine, "www.example.com A", "192.0.2.83 ");
    machine.wait("! bindctl status | grep -q 'tenon-masters.service failed'");
    // What was changed since is not undone by a file that was not.
    machine.must("bindctl record set example.com www A 192.0.2.90 && systemctl start tenon-masters.service");
    answered(&machine, "www.example.com A", "192.0.2.90 ");
}

#[test]
fn programs_that_prove_who_they_are() {
    let machine = updatable();
    // external-dns and cert-manager find the zone by its SOA record, from the name upwards.
    let answer = machine.dig("@127.0.0.1 _acme-challenge.www.example.com SOA");
    assert!(answer.authority.iter().any(|line| line.starts_with("example.com. ")), "{}", answer.text);
    for text in ["first", "second"] {
        let said =
            run(&machine, "nsupdate", &format!("update add _acme-challenge.www.example.com 60 TXT {text}"));
        assert!(said.ends_with("exit 0\n"), "{said}");
    }
    answered(&machine, "_acme-challenge.www.example.com TXT", "\"first\" \"second\" ");
    for (text, left) in [("first", "\"second\" "), ("second", "")] {
        run(&machine, "nsupdate", &format!("update delete _acme-challenge.www.example.com TXT {text}"));
        answered(&machine, "_acme-challenge.www.example.com TXT", left);
    }
    assert_eq!(machine.dig("@127.0.0.1 _acme-challenge.www.example.com TXT").status, "NXDOMAIN");

    give_key(&machine);
    set_acl(&machine, r#"[{"action": "ACCEPT", "key": "updater"}]"#);
    for client in ["nsupdate", "nsupdate -v", "knsupdate", "knsupdate -v"] {
        let signed = format!("{client} -y hmac-sha256:updater:{SECRET}");
        let said = run(&machine, &signed, "update add signed.example.com 60 A 192.0.2.1");
        assert!(said.ends_with("exit 0\n"), "{client}: {said}");
        answered(&machine, "signed.example.com A", "192.0.2.1 ");
        let said = run(&machine, &signed, "update delete signed.example.com A");
        assert!(said.ends_with("exit 0\n"), "{client}: {said}");
        answered(&machine, "signed.example.com A", "");
        let said = run(&machine, client, "update add unsigned.example.com 60 A 192.0.2.1");
        assert!(said.contains("REFUSED"), "{client}: {said}");
        let forged = format!("{client} -y hmac-sha256:updater:{}", SECRET.replace('2', "3"));
        let said = run(&machine, &forged, "update add forged.example.com 60 A 192.0.2.1");
        assert!(!said.ends_with("exit 0\n"), "{client}: {said}");
    }
    for name in ["unsigned", "forged"] {
        assert_eq!(machine.dig(&format!("@127.0.0.1 {name}.example.com A")).status, "NXDOMAIN");
    }
}

/// A key for updates.
fn give_key(machine: &Machine) {
    machine.must(&format!("echo {SECRET} | bindctl key add updater --secret-file -"));
}

#[test]
fn no_update_that_was_answered_is_missing_whoever_is_killed() {
    let kills = number("TENON_CHAOS_KILLS").unwrap_or(20);
    let mut dice = Dice::from_environment("TENON_CHAOS_SEED");
    let machine = updatable();
    // Clients that send one update after the other and note those that were answered NOERROR, until they are told to end.
    let client = "n=0; while ! test -e /tmp/storm-over; do n=$((n+1)); name=c$1n$n.example.com; \
        if printf \"server 127.0.0.1\\nzone example.com\\nupdate add $name 60 A 192.0.2.1\\nsend\\n\" | \
        timeout 60 nsupdate -t 10 $2 2>/dev/null; then echo $name >> /tmp/storm-done.$1; else echo $name >> /tmp/storm-failed.$1; fi; done";
    machine.write("/tmp/storm", client);
    machine.must(
        "for c in 1 2 3; do (setsid bash /tmp/storm $c > /dev/null 2>&1 < /dev/null &); \
         (setsid bash /tmp/storm 1$c -v > /dev/null 2>&1 < /dev/null &); done",
    );
    let count = "cat /tmp/storm-done.* 2>/dev/null | wc -l";
    let mut killed: BTreeMap<&str, u64> = BTreeMap::new();
    for _ in 0..kills {
        let before: u64 = machine.must(count).trim().parse().unwrap();
        let more = before + 1 + dice.below(30);
        // Something goes on between any two kills, however slow the machine.
        machine.wait_for(&format!("test $({count}) -ge {more}"), Duration::from_secs(300));
        let unit =
            ["tenon-ddns.service", "tenon-ddns.service", "tenon-zonec.service", "tenon-auth@1.service"]
                [dice.below(4) as usize];
        // One that was killed a moment ago is waited for.
        machine
            .wait(&format!("pid=$(systemctl show -P MainPID {unit}); test \"$pid\" -gt 1 && kill -9 $pid"));
        *killed.entry(unit).or_default() += 1;
    }
    machine.must("touch /tmp/storm-over");
    machine.wait_for("! pgrep -f '[/]tmp/storm '", Duration::from_secs(300));
    machine.must("cat /tmp/storm-done.* | LC_ALL=C sort > /tmp/answered; touch /tmp/storm-failed.0");
    machine.must("bindctl zone write example.com | sed -n 's/^\\(c[0-9]*n[0-9]*[.]example[.]com\\)[.] .*/\\1/p' | LC_ALL=C sort -u > /tmp/stored");
    let missing = machine.must("LC_ALL=C comm -23 /tmp/answered /tmp/stored");
    let counts = machine.must("wc -l < /tmp/answered; cat /tmp/storm-failed.* | wc -l; wc -l < /tmp/stored");
    println!("{kills} kills {killed:?}; answered NOERROR, not so, stored: {}", counts.replace('\n', " "));
    assert_eq!(missing, "");
    // And all of it is answered, without a hand.
    let serial = machine.must("bindctl zone write example.com | sed -n '1s/.*serial \\([0-9]*\\).*/\\1/p'");
    machine.wait_for(
        &format!(
            "test \"$(dig +short +tries=1 +time=1 @127.0.0.1 example.com SOA | cut -d' ' -f3)\" = {}",
            serial.trim()
        ),
        Duration::from_secs(120),
    );
    let last = machine.must("tail -1 /tmp/answered");
    assert_eq!(machine.dig(&format!("@127.0.0.1 {} A", last.trim())).status, "NOERROR");
}
