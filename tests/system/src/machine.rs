//! A booted systemd.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for anything; nothing here should come near it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The message bus of a machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bus {
    /// The reference implementation, `dbus-daemon`.
    Daemon,
    /// `dbus-broker`.
    Broker,
}

impl Bus {
    /// The bus that tests use which do not need one of them: `TENON_BUS=broker` (`make broker`) takes the other one.
    ///
    /// # Panics
    /// When the variable says something else.
    #[must_use]
    pub fn usual() -> Self {
        let name = std::env::var("TENON_BUS").unwrap_or_else(|_| "daemon".to_owned());
        assert!(
            matches!(name.as_str(), "daemon" | "broker"),
            "TENON_BUS={name}: there are daemon and broker"
        );
        if name == "broker" { Self::Broker } else { Self::Daemon }
    }
}

/// A booted systemd with Tenon installed and not yet started. Ends, and leaves nothing behind, when dropped.
pub struct Machine {
    state: tempfile::TempDir,
    boot: Child,
    pid: String,
}

impl Machine {
    /// Boots with the usual bus ([`Bus::usual`]) and a network of its own.
    ///
    /// # Panics
    /// When it does not come up: the test cannot go on.
    #[must_use]
    pub fn boot() -> Self {
        Self::boot_with(Bus::usual())
    }

    /// Boots with the named bus and starts `tenon.target`.
    #[must_use]
    pub fn start() -> Self {
        let machine = Self::boot();
        machine.must("systemctl start tenon.target");
        machine
    }

    /// Boots with the named bus and a network of its own.
    ///
    /// # Panics
    /// When it does not come up: the test cannot go on.
    #[must_use]
    pub fn boot_with(bus: Bus) -> Self {
        let stage = std::env::var_os("TENON_STAGE")
            .expect("TENON_STAGE names no stage: run these tests with `make test`");
        assert!(rustix::process::geteuid().is_root(), "whole-system tests boot a systemd and so need root");
        let state = tempfile::Builder::new().prefix("tenon-machine-").tempdir().expect("a scratch directory");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("boot.sh");
        let log = std::fs::File::create(state.path().join("boot.log")).expect("boot.log");
        let boot = Command::new(script)
            .arg(state.path())
            .arg(stage)
            .arg("private-network")
            .env("TENON_BOOT_BUS", if bus == Bus::Broker { "broker" } else { "daemon" })
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("boot.log"))
            .stderr(log)
            .spawn()
            .expect("boot.sh");
        let mut machine = Self { state, boot, pid: String::new() };
        machine.wait_until_up();
        machine
    }

    fn wait_until_up(&mut self) {
        let file = self.state.path().join("pid");
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.pid = std::fs::read_to_string(&file).unwrap_or_default().trim().to_owned();
            if !self.pid.is_empty() && self.run("systemctl is-system-running --wait").status.success() {
                return;
            }
            let log = || std::fs::read_to_string(self.state.path().join("boot.log")).unwrap_or_default();
            assert!(self.boot.try_wait().ok().flatten().is_none(), "boot.sh ended: {}", log());
            assert!(
                Instant::now() < deadline,
                "no systemd after {PATIENCE:?}: {}\n{}",
                log(),
                self.text("systemctl --failed")
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Its PID 1 as the host sees it, by which its namespaces are found.
    pub(crate) fn host_pid(&self) -> &str {
        &self.pid
    }

    /// A command that will run inside, as root.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.pid, "-m", "-p", "-C", "-u", "-i", "-n", "--"]).arg(program);
        command.env("LC_ALL", "C.UTF-8").env_remove("TENON_STAGE").stdin(Stdio::null());
        command
    }

    /// Runs a shell script inside and gives its output, whatever its exit status.
    pub fn run(&self, script: &str) -> Output {
        self.command("/bin/bash").args(["-c", script]).output().expect("nsenter")
    }

    /// Runs a shell script inside; its standard output.
    ///
    /// # Panics
    /// When it fails, with all it printed.
    pub fn must(&self, script: &str) -> String {
        let output = self.run(script);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(
            output.status.success(),
            "`{script}` failed ({}):\n{out}{err}\n--- journal:\n{}",
            output.status,
            self.text(
                "journalctl -b --no-pager -n 60 _TRANSPORT=journal + _TRANSPORT=stdout + _TRANSPORT=syslog"
            )
        );
        out.into_owned()
    }

    /// Runs a shell script inside; its standard output and error together, whatever its exit status.
    pub fn text(&self, script: &str) -> String {
        let output = self.run(&format!("{{ {script}\n}} 2>&1"));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Waits until a shell script inside succeeds; gives how long that took.
    ///
    /// # Panics
    /// When it has not succeeded in time.
    pub fn wait(&self, script: &str) -> Duration {
        self.wait_for(script, PATIENCE)
    }

    /// Waits at most `patience` until a shell script inside succeeds; gives how long that took.
    ///
    /// # Panics
    /// When it has not succeeded in time.
    pub fn wait_for(&self, script: &str, patience: Duration) -> Duration {
        let begun = Instant::now();
        loop {
            let output = self.run(script);
            if output.status.success() {
                return begun.elapsed();
            }
            assert!(
                begun.elapsed() < patience,
                "`{script}` not true after {patience:?}; last said: {}{}\n--- journal:\n{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr),
                self.text("journalctl -b --no-pager -n 60 _TRANSPORT=journal + _TRANSPORT=stdout + _TRANSPORT=syslog")
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A path inside as the host sees it, for files that a test writes or reads.
    #[must_use]
    pub fn path(&self, inside: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{inside}", self.pid))
    }

    /// Writes a file inside, with its folders.
    ///
    /// # Panics
    /// When that fails.
    pub fn write(&self, inside: &str, text: impl AsRef<[u8]>) {
        let path = self.path(inside);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).expect(inside);
        }
        std::fs::write(path, text).expect(inside);
    }

    /// The main process of a unit, as seen inside; 0 when it has none.
    #[must_use]
    pub fn main_pid(&self, unit: &str) -> u32 {
        self.must(&format!("systemctl show -P MainPID {unit}")).trim().parse().expect("a process number")
    }

    /// `kill -9` of a unit's main process.
    ///
    /// # Panics
    /// When the unit has no process.
    pub fn kill(&self, unit: &str) -> u32 {
        let pid = self.main_pid(unit);
        assert_ne!(pid, 0, "{unit} has no process to kill");
        self.must(&format!("kill -9 {pid}"));
        pid
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.text("systemctl list-units --all 'tenon*' --no-pager"));
        }
        if let Ok(pid) = self.pid.parse().map(rustix::process::Pid::from_raw)
            && let Some(pid) = pid
        {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        let _ = self.boot.wait();
    }
}
