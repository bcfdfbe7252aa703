//! SIGINT and SIGTERM: the work in hand is given up, and nothing of it stays.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use tokio::signal::unix::{SignalKind, signal};

/// Tells whether a signal came. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    signal: Arc<AtomicU8>,
    settled: Arc<AtomicBool>,
}

const INTERRUPT: u8 = 2;
const TERMINATE: u8 = 15;

impl Stop {
    /// Watches for signals from a thread of its own. A second one ends the process at once.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn watch() -> io::Result<Self> {
        let stop = Self::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let guard = runtime.enter();
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        drop(guard);
        let watching = stop.clone();
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            runtime.block_on(async {
                loop {
                    let signal = tokio::select! {
                        _ = interrupt.recv() => INTERRUPT,
                        _ = terminate.recv() => TERMINATE,
                    };
                    watching.receive(signal);
                }
            });
        })?;
        Ok(stop)
    }

    /// Has the work in hand given up, as a signal would.
    pub fn request(&self) {
        self.signal.store(TERMINATE, Ordering::SeqCst);
    }

    /// The signal that came, if one did.
    #[must_use]
    pub fn signal(&self) -> Option<u8> {
        Some(self.signal.load(Ordering::Relaxed)).filter(|&signal| signal > 0)
    }

    /// All that was asked for is done and told; what is left may be broken off by any signal.
    pub fn settle(&self, exit: u8) {
        self.settled.store(true, Ordering::SeqCst);
        if self.signal().is_some() {
            std::process::exit(i32::from(exit));
        }
    }

    fn receive(&self, signal: u8) {
        if self.settled.load(Ordering::SeqCst) {
            std::process::exit(0);
        }
        if self.signal.swap(signal, Ordering::SeqCst) != 0 {
            let _ =
                writeln!(io::stderr(), "tenon-loadzone: ended at once; the next load clears what is left");
            std::process::exit(128 + i32::from(signal));
        }
    }
}
