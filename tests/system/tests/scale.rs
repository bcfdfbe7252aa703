//! Real sizes: a million delegations beside small commits.

use crate::zones::load;
use std::time::Duration;
use tenon_system_tests::{Machine, zones};

#[test]
fn small_commits_are_quick_while_a_million_delegations_load() {
    let machine = Machine::start();
    machine.write("/tmp/tld.zone", zones::delegations(1_000_000, 1));
    load(&machine, "example.com", &zones::example(1));
    let script = r#"
        tenon-loadzone tld /tmp/tld.zone > /tmp/load.log 2>&1 &
        load=$!
        for serial in $(seq 2 101); do
            sed "s/hostmaster 1 /hostmaster $serial /" /tmp/example.com.zone > /tmp/next.zone
            tenon-loadzone --json example.com /tmp/next.zone
            kill -0 $load 2>/dev/null && echo during
        done
        wait $load
    "#;
    let said = machine.must(script);
    let mut slowest = 0.0_f64;
    let mut commits = 0;
    for line in said.lines().filter(|line| line.starts_with('{')) {
        let result: serde_json::Value = serde_json::from_str(line).unwrap();
        slowest = slowest.max(commit_milliseconds(&result));
        commits += 1;
    }
    let during = said.matches("during").count();
    println!("{commits} commits, {during} of them while loading; the slowest took {slowest} ms");
    println!("{}", machine.must("cat /tmp/load.log"));
    assert_eq!(commits, 100);
    assert!(during >= 20, "only {during} commits fell into the load");
    assert!(slowest <= 200.0, "a commit took {slowest} ms");

    let took = machine
        .wait_for("dig +short +tries=1 +time=1 @127.0.0.1 tld SOA | grep -q .", Duration::from_secs(60));
    println!("answered {took:?} after the load");
    let referral = machine.dig("@127.0.0.1 +norec www.d00000000.tld A");
    assert_eq!(
        (referral.status.as_str(), referral.authority.len(), referral.additional.len()),
        ("NOERROR", 2, 2)
    );
}

fn commit_milliseconds(result: &serde_json::Value) -> f64 {
    let zone = result["zones"].get(0).unwrap_or(result);
    zone["commit_ms"].as_f64().unwrap_or_else(|| panic!("no commit_ms in {result}"))
}
