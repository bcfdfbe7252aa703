//! Limits and timeouts, and how they reach workers while these run.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What can be set from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Workers, 1 to 1024; 0 means one per core. Taken at start only.
    pub workers: usize,
    /// Connections open at a time over all workers; those beyond wait in the kernel's queue. At least 1.
    pub tcp_clients: u64,
    /// How long a new connection may take to send its first whole message.
    pub tcp_initial_timeout: Duration,
    /// How long a connection may stay without a whole message after that.
    pub tcp_idle_timeout: Duration,
    /// How long a peer may take to accept replies (up to 128 KiB of them) that the kernel's buffer had no room for.
    pub tcp_write_timeout: Duration,
    /// How long a stopping worker waits for peers to take the replies to what they had sent.
    pub stop_grace: Duration,
}

impl Default for Settings {
    /// BIND 9's figures: 150 clients and 30 seconds for everything.
    fn default() -> Self {
        let thirty = Duration::from_secs(30);
        Self {
            workers: 0,
            tcp_clients: 150,
            tcp_initial_timeout: thirty,
            tcp_idle_timeout: thirty,
            tcp_write_timeout: thirty,
            stop_grace: Duration::from_secs(1),
        }
    }
}

/// The timeouts in force, in milliseconds, as workers look them up.
#[derive(Debug)]
pub(crate) struct Timeouts {
    initial: AtomicU64,
    idle: AtomicU64,
    write: AtomicU64,
    grace: AtomicU64,
}

impl Timeouts {
    pub(crate) fn new(settings: &Settings) -> Self {
        let timeouts = Self {
            initial: AtomicU64::new(0),
            idle: AtomicU64::new(0),
            write: AtomicU64::new(0),
            grace: AtomicU64::new(0),
        };
        timeouts.apply(settings);
        timeouts
    }

    pub(crate) fn apply(&self, settings: &Settings) {
        for (place, value) in [
            (&self.initial, settings.tcp_initial_timeout),
            (&self.idle, settings.tcp_idle_timeout),
            (&self.write, settings.tcp_write_timeout),
            (&self.grace, settings.stop_grace),
        ] {
            place.store(u64::try_from(value.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    pub(crate) fn initial(&self) -> Duration {
        Duration::from_millis(self.initial.load(Ordering::Relaxed))
    }

    pub(crate) fn idle(&self) -> Duration {
        Duration::from_millis(self.idle.load(Ordering::Relaxed))
    }

    pub(crate) fn write(&self) -> Duration {
        Duration::from_millis(self.write.load(Ordering::Relaxed))
    }

    pub(crate) fn grace(&self) -> Duration {
        Duration::from_millis(self.grace.load(Ordering::Relaxed))
    }
}
