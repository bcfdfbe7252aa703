//! The keys that clients may sign with, in this service's own key file.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tenon_tsig::KeyRing;
use tracing::error;

use crate::messages;

/// The keys of a file, which is looked at whenever they are needed: one call of the system unless it changed.
#[derive(Debug)]
pub struct Keys {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    ring: Arc<KeyRing>,
    /// When the file that was read last had been written, and its size.
    seen: Option<(SystemTime, u64)>,
    fault: Option<String>,
}

impl Keys {
    /// The keys of a file; none while there is no such file.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), state: Mutex::default() }
    }

    /// The keys as they are now; of a file that cannot be read, those of before.
    #[must_use]
    pub fn ring(&self) -> Arc<KeyRing> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now =
            std::fs::metadata(&self.path).ok().and_then(|file| Some((file.modified().ok()?, file.len())));
        if state.seen != now {
            state.seen = now;
            match KeyRing::read(&self.path) {
                Ok(ring) => (state.ring, state.fault) = (Arc::new(ring), None),
                Err(error) => {
                    let fault = format!("the keys of updates cannot be read: {error}");
                    error!(message_id = messages::KEYS_UNUSABLE, reason = %error, "{fault}");
                    state.fault = Some(fault);
                }
            }
        }
        Arc::clone(&state.ring)
    }

    /// What is wrong with the file, if anything.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).fault.clone()
    }
}
