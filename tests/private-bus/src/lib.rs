//! Tests: a real dbus-daemon at a private address, which can die and come back; and the programs on it.
//!
//! It reads nothing and owns one scratch directory with the socket and the configuration. Everybody on it may own any
//! name and call anybody, so that what a test sees refused was refused by the service itself.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "helpers of tests fail like tests"
)]

mod address;
mod introspection;
mod names;
mod process;

use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub use address::{KeptAddress, own_address};
pub use introspection::differences;
pub use process::Process;

/// Nothing here takes long; what is waited for so long does not come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running dbus-daemon. Dropping it ends the process and removes the directory.
#[derive(Debug)]
pub struct PrivateBus {
    directory: tempfile::TempDir,
    daemon: Option<Child>,
}

impl PrivateBus {
    /// Starts a bus and waits until it can be connected to.
    pub fn start() -> io::Result<Self> {
        let directory = tempfile::tempdir()?;
        // Other users may come too, so that what they may do can be tested.
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755))?;
        let mut bus = Self { directory, daemon: None };
        std::fs::write(bus.configuration(), configuration(&bus.address()))?;
        bus.restart()?;
        Ok(bus)
    }

    /// The address for `DBUS_SYSTEM_BUS_ADDRESS`; it stays the same over [`PrivateBus::restart`].
    pub fn address(&self) -> String {
        format!("unix:path={}", self.directory.path().join("socket").display())
    }

    /// A directory that lives as long as the bus.
    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// Kills the bus; every connection breaks.
    pub fn stop(&mut self) -> io::Result<()> {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill()?;
            daemon.wait()?;
        }
        Ok(())
    }

    /// Kills the bus if it runs, and starts another at the same address.
    pub fn restart(&mut self) -> io::Result<()> {
        self.stop()?;
        // A socket that a killed daemon left behind cannot be bound again.
        let _ = std::fs::remove_file(self.directory.path().join("socket"));
        let mut daemon = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", self.configuration().display()))
            .args(["--nofork", "--print-address"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        if let Some(output) = daemon.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        self.daemon = Some(daemon);
        if line.is_empty() { Err(io::Error::other("dbus-daemon did not say its address")) } else { Ok(()) }
    }

    fn configuration(&self) -> PathBuf {
        self.directory.path().join("bus.conf")
    }
}

impl Drop for PrivateBus {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

fn configuration(address: &str) -> String {
    format!(
        r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>{address}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
  </policy>
</busconfig>
"#
    )
}
