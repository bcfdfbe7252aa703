//! The TSIG keys of a component: the file that tenon-cfgmgr writes for it, read at start and with every generation.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use tenon_tsig::KeyRing;
use tracing::error;

use crate::messages;
use crate::settings::Refusal;

/// Name of a component's file in its directory.
const FILE: &str = "keys.json";

/// The keys in force.
#[derive(Debug)]
pub struct Keys {
    path: PathBuf,
    ring: RwLock<Arc<KeyRing>>,
}

impl Keys {
    /// Reads the keys of a component below the directory of all keys. A file that cannot be used is logged, and there
    /// are no keys then: whoever signs is answered that his key is not known.
    #[must_use]
    pub fn open(directory: &Path, component: &str) -> Arc<Self> {
        let path = directory.join(component).join(FILE);
        let ring = KeyRing::read(&path).unwrap_or_else(|problem| {
            error!(
                message_id = messages::KEYS_UNUSABLE,
                reason = %problem,
                "the TSIG keys cannot be used, going on without any: {problem}"
            );
            KeyRing::default()
        });
        Arc::new(Self { path, ring: RwLock::new(Arc::new(ring)) })
    }

    /// No keys, from no file.
    #[must_use]
    pub fn none() -> Arc<Self> {
        Arc::new(Self { path: PathBuf::from("/nonexistent/keys.json"), ring: RwLock::default() })
    }

    /// The keys in force.
    #[must_use]
    pub fn ring(&self) -> Arc<KeyRing> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the file again; to be called from [`Component::apply`](crate::Component::apply).
    ///
    /// # Errors
    /// The file cannot be used; the keys of before stay in force.
    pub fn reload(&self) -> Result<(), Refusal> {
        let ring = KeyRing::read(&self.path)
            .map_err(|problem| Refusal::new("", format!("the TSIG keys cannot be used: {problem}")))?;
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
        Ok(())
    }
}
