//! Name servers of the distribution as secondaries of Tenon, inside a machine, on the loopback address.

use crate::Machine;
use crate::peer::Kind;

/// A secondary at work; it ends with the machine, or when stopped.
pub struct Secondary<'m> {
    machine: &'m Machine,
    kind: Kind,
}

impl Machine {
    /// Starts a secondary of these zones (names without final dot), whose primary is tenon-auth at 127.0.0.1. None where
    /// it is not installed.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn secondary(&self, kind: Kind, zones: &[&str]) -> Option<Secondary<'_>> {
        if !self.run(&format!("command -v {}", kind.program())).status.success() {
            println!("{} is not installed: skipped", kind.program());
            return None;
        }
        let secondary = Secondary { machine: self, kind };
        self.write(&secondary.file("config"), secondary.configuration(zones));
        secondary.start();
        Some(secondary)
    }
}

impl Secondary<'_> {
    /// The port it listens on at 127.0.0.1, for queries and NOTIFY.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.kind.port() + 10
    }

    /// Starts it, or again after [`Self::stop`], and waits until it answers.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start(&self) {
        let (program, config) = (self.kind.program(), self.file("config"));
        let arguments = match self.kind {
            Kind::Knot => format!("-c {config}"),
            Kind::Nsd => format!("-d -c {config}"),
            Kind::Bind => format!("-f -n 1 -c {config}"),
        };
        self.machine.must(&format!(
            "systemctl reset-failed {0} 2>/dev/null; systemd-run --quiet --unit {0} $(command -v {program}) {arguments}",
            self.unit()
        ));
        self.machine.wait(&format!(
            "dig +tries=1 +time=1 @127.0.0.1 -p {} version.bind CH TXT | grep -q 'status: '",
            self.port()
        ));
    }

    /// Stops it.
    ///
    /// # Panics
    /// When that fails.
    pub fn stop(&self) {
        self.machine.must(&format!("systemctl stop {}", self.unit()));
    }

    fn unit(&self) -> String {
        format!("secondary-{}.service", self.kind.program())
    }

    fn file(&self, name: &str) -> String {
        format!("/tmp/secondary-{}/{name}", self.kind.program())
    }

    fn configuration(&self, zones: &[&str]) -> String {
        let (port, directory) = (self.port(), self.file(""));
        let directory = directory.trim_end_matches('/');
        let mut text = match self.kind {
            Kind::Knot => format!(
                "server:\n  listen: 127.0.0.1@{port}\n  rundir: {directory}\ndatabase:\n  storage: {directory}\n\
                 remote:\n  - id: tenon\n    address: 127.0.0.1@53\n\
                 acl:\n  - id: told\n    address: 127.0.0.1\n    action: [notify, transfer]\n\
                 template:\n  - id: default\n    master: tenon\n    acl: told\n    journal-content: none\n    \
                 zonefile-sync: -1\nzone:\n"
            ),
            Kind::Nsd => format!(
                "server:\n  ip-address: 127.0.0.1@{port}\n  username: \"\"\n  chroot: \"\"\n  server-count: 1\n  \
                 pidfile: \"{directory}/pid\"\n  xfrdfile: \"{directory}/xfrd\"\n  xfrdir: \"{directory}\"\n  \
                 zonelistfile: \"{directory}/zonelist\"\n  cookie-secret-file: \"\"\nremote-control:\n  control-enable: no\n"
            ),
            Kind::Bind => format!(
                "options {{ directory \"{directory}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; \
                 recursion no; pid-file none; session-keyfile none; allow-transfer {{ any; }}; notify no; \
                 transfers-in 20; transfers-per-ns 20; }};\ncontrols {{ }};\n"
            ),
        };
        for zone in zones {
            let file = self.file(&format!("{zone}.zone"));
            text += &match self.kind {
                Kind::Knot => format!("  - domain: {zone}\n    file: {file}\n"),
                Kind::Nsd => format!(
                    "zone:\n  name: \"{zone}\"\n  zonefile: \"{file}\"\n  request-xfr: 127.0.0.1@53 NOKEY\n  \
                     allow-notify: 127.0.0.1 NOKEY\n  provide-xfr: 127.0.0.1 NOKEY\n"
                ),
                Kind::Bind => format!(
                    "zone \"{zone}\" {{ type secondary; file \"{file}\"; primaries {{ 127.0.0.1 port 53; }}; }};\n"
                ),
            };
        }
        text
    }
}
