//! A registry of full size, from and to the distribution's servers. Run by `make registry`.

use crate::transfers_out::{fingerprint, set};
use crate::zones::load;
use std::time::{Duration, Instant};
use tenon_system_tests::peer::Kind;
use tenon_system_tests::{Machine, zones};

const DELEGATIONS: u32 = 1_000_000;
/// For each version at each server, on a machine that does other things besides.
const PATIENCE: Duration = Duration::from_secs(300);

fn wait_serial(machine: &Machine, zone: &str, port: u16, serial: u32) {
    let ask = format!("dig +short +tries=1 +time=1 @127.0.0.1 -p {port} {zone} SOA");
    machine.wait_for(&format!("test \"$({ask} | cut -d' ' -f3)\" = {serial}"), PATIENCE);
}

#[test]
#[ignore = "a million delegations, three times; run by `make registry`"]
fn a_million_delegations_come_from_knot_nsd_and_bind() {
    let machine = Machine::start();
    for kind in Kind::ALL {
        let text = |serial| zones::delegations(DELEGATIONS, serial).replace("tld.", "registry.");
        let Some(peer) = machine.primary(kind, &[("registry", text(1))], true) else { continue };
        let began = Instant::now();
        machine.must(&format!("bindctl zone add registry --primary {} --wait 300", peer.address()));
        println!("{kind:?}: answered {:?} after it was added", began.elapsed());
        assert_eq!(fingerprint(&machine, "registry", 53), fingerprint(&machine, "registry", kind.port()));

        let began = Instant::now();
        peer.change("registry", &text(2).replace("198.51.100.1", "198.51.100.2"));
        wait_serial(&machine, "registry", 53, 2);
        println!("{kind:?}: the next version is answered {:?} after its file was changed", began.elapsed());
        assert_eq!(fingerprint(&machine, "registry", 53), fingerprint(&machine, "registry", kind.port()));
        machine.must("bindctl zone remove registry");
        peer.stop();
    }
}

#[test]
#[ignore = "a million delegations, three times; run by `make registry`"]
fn a_million_delegations_go_to_knot_nsd_and_bind() {
    let machine = Machine::start();
    load(&machine, "tld", &zones::delegations(DELEGATIONS, 1));
    for (kind, serial) in Kind::ALL.into_iter().zip(1..) {
        let ours = fingerprint(&machine, "tld", 53);
        let began = Instant::now();
        let Some(secondary) = machine.secondary(kind, &["tld"]) else { continue };
        wait_serial(&machine, "tld", secondary.port(), serial);
        println!("{kind:?}: has it {:?} after its start", began.elapsed());
        assert_eq!(fingerprint(&machine, "tld", secondary.port()), ours);

        set(
            &machine,
            "also_notify",
            &format!("[{{\"address\": \"127.0.0.1\", \"port\": {}}}]", secondary.port()),
        );
        let began = Instant::now();
        load(&machine, "tld", &zones::delegations(DELEGATIONS + serial, serial + 1));
        wait_serial(&machine, "tld", secondary.port(), serial + 1);
        println!("{kind:?}: has the next version {:?} after its loading began", began.elapsed());
        assert_eq!(fingerprint(&machine, "tld", secondary.port()), fingerprint(&machine, "tld", 53));
        secondary.stop();
    }
}
