//! Two machines joined by a cable.

use crate::Machine;

/// The interface at either end.
const INTERFACE: &str = "cable0";

impl Machine {
    /// Lays a cable (a veth pair) to another machine and gives both ends an address of one /24 or /64 network; has
    /// tenon-auth listen there besides on the loopback addresses, where Tenon runs.
    ///
    /// # Panics
    /// When that cannot be done: the test cannot go on.
    pub fn join(&self, own: &str, other: &Self, theirs: &str) {
        let status = std::process::Command::new("ip")
            .args(["link", "add", INTERFACE, "netns", self.host_pid(), "type", "veth"])
            .args(["peer", "name", INTERFACE, "netns", other.host_pid()])
            .status()
            .expect("ip");
        assert!(status.success(), "a cable between two machines: {status}");
        for (machine, address) in [(self, own), (other, theirs)] {
            machine
                .must(&format!("ip address add {address}/24 dev {INTERFACE} && ip link set {INTERFACE} up"));
        }
        for (machine, address) in [(self, own), (other, theirs)] {
            machine.listen_on(address);
        }
    }

    /// Pulls the cable out (`down`) or puts it back (`up`).
    ///
    /// # Panics
    /// When there is no cable.
    pub fn cable(&self, state: &str) {
        self.must(&format!("ip link set {INTERFACE} {state}"));
    }

    /// Waits until the kernel has given up looking for an address at the other end: until then it keeps what was sent
    /// there, for some seconds, and delivers it when the cable is back.
    ///
    /// # Panics
    /// When it does not give up.
    pub fn nothing_waits_for(&self, address: &str) {
        self.wait(&format!("! ip neighbour show to {address} | grep -v FAILED"));
    }

    /// Has tenon-auth listen on an address besides the loopback ones.
    ///
    /// # Panics
    /// When it does not.
    pub fn listen_on(&self, address: &str) {
        self.must(&format!(
            r#"bindctl config set auth/listen_on '[{{"address":"127.0.0.1"}},{{"address":"::1"}},{{"address":"{address}"}}]' && bindctl config commit"#
        ));
        self.wait(&format!("dig +tries=1 +time=1 @{address} version.bind CH TXT | grep -q 'status: '"));
    }
}
