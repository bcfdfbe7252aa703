//! Counters over HTTP and over the bus.

use std::time::{Duration, Instant};

use crate::zones::load;
use tenon_system_tests::{Machine, zones};

const URL: &str = "http://127.0.0.1:9153";

/// The sum of a counter over all instances.
fn metric(machine: &Machine, name: &str) -> u64 {
    let text = machine.must(&format!("curl -sS --fail {URL}/metrics"));
    let values =
        text.lines().filter(|line| line.starts_with(name)).filter_map(|line| line.rsplit(' ').next());
    values.map(|value| value.parse::<u64>().unwrap()).sum()
}

/// `/json` once each message that came over UDP has its answer time: a message is counted when it comes, its time after the
/// answer has gone, which may be after the client has it.
fn all_counted(machine: &Machine) -> String {
    let began = Instant::now();
    loop {
        let text = machine.must(&format!("curl -sS --fail {URL}/json"));
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let came = json["components"]["auth"]["counters"]["queries_udp"]["value"].as_u64().unwrap();
        if json["answer_times"]["udp"]["messages"].as_u64().unwrap_or_default() == came {
            return text;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "of {came} messages some never went: {text}");
    }
}

fn serving() -> Machine {
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(1));
    machine.wait("busctl status org.tenon.Collector1");
    machine
}

#[test]
fn counters_grow_with_queries_on_both_addresses_and_in_bindctl() {
    let machine = serving();
    let before = metric(&machine, "tenon_auth_queries_udp_total{");
    for _ in 0..10 {
        assert_eq!(machine.dig("@127.0.0.1 www.example.com A").status, "NOERROR");
    }
    assert_eq!(metric(&machine, "tenon_auth_queries_udp_total{"), before + 10);
    assert!(metric(&machine, "tenon_auth_answer_seconds_count{") >= before + 10);
    machine.must("curl -sS --fail 'http://[::1]:9153/' | grep -q /metrics");
    let json: serde_json::Value =
        serde_json::from_str(&machine.must(&format!("curl -sS --fail {URL}/json"))).unwrap();
    let count = |document: &serde_json::Value| document["auth"]["counters"]["queries_udp"]["value"].as_u64();
    assert_eq!(count(&json["components"]), Some(before + 10));
    let shown: serde_json::Value =
        serde_json::from_str(&machine.must("bindctl --json stats show auth")).unwrap();
    assert_eq!(count(&shown), Some(before + 10));
    let status = machine.must("bindctl status");
    assert!(status.contains("tenon-stats.service") && status.contains(URL), "{status}");
}

#[test]
fn zones_are_counted_one_by_one_when_that_is_set() {
    let machine = serving();
    let metrics = || machine.must(&format!("curl -sS --fail {URL}/metrics"));
    let none = machine.run("bindctl stats show --zones");
    assert_eq!(none.status.code(), Some(1), "{}", String::from_utf8_lossy(&none.stderr));
    machine.must("bindctl config set auth/zone_statistics true && bindctl config set stats/zones true");
    machine.must("bindctl config commit");
    assert!(!metrics().contains("tenon_auth_zone_"));
    let names = [
        ("www.example.com", "NOERROR"),
        ("nothing.example.com", "NXDOMAIN"),
        ("elsewhere.example", "REFUSED"),
    ];
    for (name, status) in names {
        assert_eq!(machine.dig(&format!("@127.0.0.1 {name} A")).status, status);
    }
    let text = metrics();
    let label = r#"{instance="1",zone="example.com."}"#;
    for (counter, value) in [("queries", 2), ("noerror", 1), ("nxdomain", 1), ("failures", 0)] {
        assert!(
            text.contains(&format!("tenon_auth_zone_{counter}_total{label} {value}\n")),
            "{counter}: {text}"
        );
    }
    let shown = machine.must("bindctl --json stats show --zone example.com");
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["example.com."]["queries"], 2);
    assert!(machine.must("bindctl stats show --zones").contains("example.com."));
    // The bus and /json tell the same.
    let collected = machine.must(
        "busctl call org.tenon.Collector1 /org/tenon/Collector1 org.tenon.Collector1 ListZoneCounters su '' 0",
    );
    assert!(collected.contains("1 \"example.com.\" 7") && collected.contains("\"queries\" 2"), "{collected}");
    let json: serde_json::Value =
        serde_json::from_str(&machine.must(&format!("curl -sS --fail {URL}/json"))).unwrap();
    assert_eq!(json["zones"]["example.com."]["queries"], 2);
    let unknown = machine.run("bindctl stats show --zone elsewhere.example");
    let said = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(said.contains("elsewhere.example. is not being answered"), "{said}");
}

#[test]
fn answer_times_and_who_asks_most_are_told_alike_by_all() {
    let machine = serving();
    machine.must("bindctl config set auth/top_clients true && bindctl config commit");
    let count = |text: &str| -> u64 {
        let json: serde_json::Value = serde_json::from_str(text).unwrap();
        json["answer_times"]["udp"]["messages"].as_u64().unwrap()
    };
    let before = count(&all_counted(&machine));
    for _ in 0..10 {
        assert_eq!(machine.dig("@127.0.0.1 www.example.com A").status, "NOERROR");
    }
    assert_eq!(count(&all_counted(&machine)), before + 10);
    let shown: serde_json::Value = serde_json::from_str(&machine.must("bindctl --json stats times")).unwrap();
    assert_eq!(shown[0]["transport"], "udp");
    assert_eq!(shown[0]["messages"], before + 10);
    let table = machine.must("bindctl stats times");
    assert!(table.lines().count() == 2 && table.contains("99 % WITHIN"), "only UDP was asked over: {table}");

    let top = machine.must("bindctl --json stats top");
    let expected = serde_json::json!([{"network": "127.0.0.0/24", "messages": 10, "error": 0}]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&top).unwrap(), expected);
    assert!(machine.must("bindctl stats top").contains("127.0.0.0/24  10"));
    // They tell of clients.
    let nobody = machine.run("setpriv --reuid nobody --regid nogroup --clear-groups bindctl stats top");
    let said = String::from_utf8_lossy(&nobody.stderr).into_owned();
    assert!(nobody.status.code() == Some(1) && said.contains("org.tenon.service.control"), "{said}");
    machine.must("setpriv --reuid nobody --regid nogroup --clear-groups bindctl stats times");
}

#[test]
fn two_instances_are_added_up_and_one_that_ends_is_dropped() {
    let machine = serving();
    machine.must("bindctl config set auth/instances 2 && bindctl config commit");
    machine.wait("busctl status org.tenon.Auth1.Instance1 && busctl status org.tenon.Auth1.Instance2");
    let instances = || {
        let text = machine.must("bindctl --json stats show auth");
        let shown: serde_json::Value = serde_json::from_str(&text).unwrap();
        shown["auth"]["instances"].as_array().unwrap().len()
    };
    assert_eq!(instances(), 2);
    let text = machine.must(&format!("curl -sS --fail {URL}/metrics"));
    assert!(text.contains("tenon_up{component=\"auth\",instance=\"2\"} 1"), "{text}");
    machine.must("bindctl config set auth/instances 1 && bindctl config commit");
    machine.wait("! busctl status org.tenon.Auth1.Instance2");
    assert_eq!(instances(), 1);
}

#[test]
fn looking_does_not_start_what_is_stopped() {
    let machine = serving();
    machine.must("systemctl stop tenon-zonec.service");
    let text = machine.must(&format!("curl -sS --fail {URL}/metrics"));
    assert!(text.contains("tenon_up{component=\"auth\"") && !text.contains("zonec"), "{text}");
    let absent = machine.run("bindctl stats show zonec");
    assert_eq!(absent.status.code(), Some(3), "{}", String::from_utf8_lossy(&absent.stderr));
    assert_eq!(machine.must("systemctl is-active tenon-zonec.service || true").trim(), "inactive");

    // Without the collector bindctl asks everybody itself, and does not start it either.
    machine.must("systemctl stop tenon-stats.service");
    machine.must("bindctl stats show auth | grep -q queries_udp");
    let status = machine.text("bindctl status");
    assert!(status.contains("tenon-stats is not on the bus"), "{status}");
    assert_eq!(machine.must("systemctl is-active tenon-stats.service || true").trim(), "inactive");
}

#[test]
fn one_that_is_stuck_is_named_and_holds_up_nobody() {
    let machine = serving();
    machine.must("systemctl kill --signal STOP tenon-zonec.service");
    let shown = machine.run("timeout 30 bindctl --json stats show");
    let (out, err) = (String::from_utf8_lossy(&shown.stdout), String::from_utf8_lossy(&shown.stderr));
    assert!(shown.status.success() && err.contains("org.tenon.Zonec1 is left out"), "{err}");
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert!(document.get("auth").is_some() && document.get("zonec").is_none(), "{document}");
    let metrics = machine.must(&format!("curl -sS --fail {URL}/metrics"));
    assert!(metrics.contains("tenon_up{component=\"zonec\"} 0\n"), "{metrics}");
    machine.must(
        "journalctl -b -u tenon-stats.service MESSAGE_ID=4b1f0c9a7d3e4e2f9c58b06a1de47301 | grep -q Zonec1",
    );
    machine.must("systemctl kill --signal CONT tenon-zonec.service");
    machine.must("bindctl stats show zonec | grep -q zones_compiled");
}

#[test]
fn an_address_that_is_taken_is_refused_and_the_old_one_kept() {
    let machine = serving();
    // Port 4444 belongs to another.
    machine.must("systemd-run --quiet --unit other --socket-property ListenStream=127.0.0.1:4444 /bin/cat");
    let set = |port: u16| {
        machine.run(&format!(
            r#"bindctl config set stats/listen_on '[{{"address":"127.0.0.1","port":{port}}}]' && bindctl config commit"#
        ))
    };
    let refused = set(4444);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    println!("{said}");
    assert!(!refused.status.success() && said.contains("127.0.0.1:4444"), "{said}");
    machine.must(&format!("curl -sS --fail {URL}/"));
    let moved = set(4445);
    assert!(moved.status.success(), "{}", String::from_utf8_lossy(&moved.stderr));
    machine.must("curl -sS --fail http://127.0.0.1:4445/");
    machine.wait(&format!("! curl -sS {URL}/"));
    machine.must("systemctl restart tenon-stats.service");
    machine.must("curl -sS --fail http://127.0.0.1:4445/");
}

#[test]
fn the_collector_reaches_no_other_verb_and_no_other_network() {
    let machine = serving();
    let as_stats = |command: &str| {
        machine.run(&format!("setpriv --reuid tenon-stats --regid tenon-stats --clear-groups {command}"))
    };
    let counters = "busctl call org.tenon.Zonec1 /org/tenon/Zonec1 org.tenon.Stats1 Counters";
    assert!(as_stats(counters).status.success());
    for denied in [
        "busctl call org.tenon.Zonec1 /org/tenon/Zonec1 org.tenon.Zonec1 Reconcile",
        "busctl call org.tenon.Cfgmgr1 /org/tenon/Cfgmgr1 org.tenon.Cfgmgr1 Commit s x",
        "busctl call org.tenon.Zonec1 /org/tenon/Zonec1 org.tenon.Config1 Apply ts 99 {}",
    ] {
        let output = as_stats(denied);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("denied"), "{denied}: {said}");
    }
    let refused = machine
        .run(r#"bindctl config set stats/listen_on '[{"address":"0.0.0.0"}]' && bindctl config commit"#);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("loopback"), "{said}");
}
