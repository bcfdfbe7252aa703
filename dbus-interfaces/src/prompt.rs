//! Asking the person who runs this program for a password, where polkit wants one.

use std::fmt;
use std::time::Duration;

/// How long a person may take over it; services give polkit as long.
pub(crate) const PROMPT_LIMIT: Duration = Duration::from_secs(120);

/// Somebody who can be asked.
pub trait Prompt: fmt::Debug + Send + Sync {
    /// Gets ready for polkit to ask; called before each call that changes something. Whether there is somebody to be asked:
    /// then such calls may take the time that a person takes.
    fn is_ready(&self) -> bool;
}
