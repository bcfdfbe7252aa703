//! Commits that are taken back unless somebody confirms them.
//!
//! The promise to take one back is kept on the disk from before the generation is stored until it is confirmed or
//! replaced, so that a restart of this service or of the machine changes nothing of it. A promise that names another
//! generation than the committed one is void: that generation was never stored, or was replaced.

use std::io::ErrorKind;
use std::time::Duration;

use tenon_service::committed::StoredGeneration;
use tenon_service::{CurrentBus, now_usec};
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::{Manager, held};
use crate::messages;
use crate::statistics::count;
use crate::storage::{Promise, Storage, StorageError};

/// Longest time that somebody may be waited for.
pub(super) const LONGEST: u32 = 86_400;
/// How often the clock is looked at while a commit waits: it may be set meanwhile.
const LOOK: Duration = Duration::from_secs(1);

/// A commit that waits for confirmation.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    promise: Promise,
    /// By the clock that nobody sets; whichever says first that time is up is right.
    latest: Instant,
}

/// Why nothing was confirmed.
#[derive(Debug, thiserror::Error)]
pub enum ConfirmError {
    /// No commit waits.
    #[error("no commit waits for confirmation; generation {0} is in force")]
    Nothing(u64),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// The promise that goes with a generation; none when it need not be confirmed.
pub(super) fn promise(generation: &StoredGeneration, restores: u64, seconds: u32) -> Option<Promise> {
    let lasts = Duration::from_secs(seconds.into());
    let lasts = u64::try_from(lasts.as_micros()).unwrap_or(u64::MAX);
    (seconds > 0).then(|| Promise {
        generation: generation.generation,
        restores,
        author: generation.author.clone(),
        until_usec: generation.committed_usec.saturating_add(lasts),
        seconds,
    })
}

impl Pending {
    fn new(promise: Promise) -> Self {
        // A clock that was set back while nobody ran must not make it last longer than was asked for.
        let left = Duration::from_micros(promise.until_usec.saturating_sub(now_usec()));
        let latest = Instant::now() + left.min(Duration::from_secs(promise.seconds.into()));
        Self { promise, latest }
    }

    /// What a process before this one promised.
    pub(super) fn found(storage: &dyn Storage, committed: u64) -> Result<Option<Self>, StorageError> {
        match storage.promise() {
            Ok(Some(promise)) if promise.generation == committed => Ok(Some(Self::new(promise))),
            Ok(None) => Ok(None),
            Ok(Some(_)) => storage.put_promise(None).map(|()| None),
            Err(broken) if broken.error.kind() == ErrorKind::InvalidData => {
                error!("what waits for confirmation cannot be read: {broken}; it stays in force");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn left(&self) -> Duration {
        let by_date = Duration::from_micros(self.promise.until_usec.saturating_sub(now_usec()));
        by_date.min(self.latest.saturating_duration_since(Instant::now()))
    }
}

impl Manager {
    /// What waits for confirmation.
    pub fn promise(&self) -> Option<Promise> {
        held(&self.pending).as_ref().map(|pending| pending.promise.clone())
    }

    pub(super) fn wait_for_confirmation(&self, promise: Option<Promise>) {
        if let Some(Promise { generation, author, restores, seconds, .. }) = &promise {
            info!(
                message_id = messages::WAITING,
                generation,
                author = %author,
                restores,
                seconds,
                "generation {generation} waits to be confirmed within {seconds} s"
            );
        }
        *held(&self.pending) = promise.map(Pending::new);
        self.promised.notify_one();
    }

    /// Keeps the generation that waits for confirmation; gives its number.
    pub async fn confirm(&self, who: &str) -> Result<u64, ConfirmError> {
        let _committing = self.committing.lock().await;
        let Some(Promise { generation, .. }) = self.promise() else {
            return Err(ConfirmError::Nothing(self.committed().generation));
        };
        self.storage.put_promise(None)?;
        self.wait_for_confirmation(None);
        count(&self.statistics.commits_confirmed);
        info!(
            message_id = messages::CONFIRMED,
            generation,
            author = %who,
            "generation {generation} was confirmed by {who}"
        );
        Ok(generation)
    }

    /// Takes back what is not confirmed in time, for ever. `told` hears of each generation that came back.
    pub async fn keep_promises<F: Future<Output = ()>>(&self, bus: CurrentBus, told: impl Fn(u64) -> F) {
        loop {
            let pending = held(&self.pending).clone();
            let left = pending.as_ref().map(Pending::left);
            match (pending, left) {
                (None, _) | (_, None) => self.promised.notified().await,
                (Some(pending), Some(Duration::ZERO)) => {
                    if let Some(generation) = self.take_back(&pending.promise, &bus).await {
                        told(generation).await;
                    }
                }
                (Some(_), Some(left)) => tokio::select! {
                    () = tokio::time::sleep(left.min(LOOK)) => {}
                    () = self.promised.notified() => {}
                },
            }
        }
    }

    /// The generation that has the settings of before; `None` when nothing had to be done, or nothing could be.
    async fn take_back(&self, promise: &Promise, bus: &CurrentBus) -> Option<u64> {
        let _committing = self.committing.lock().await;
        // It may have been confirmed or replaced while another commit was waited for.
        if self.promise().as_ref() != Some(promise) {
            return None;
        }
        let Promise { generation, restores, author, seconds, .. } = promise;
        let restored = match self.generation(*restores) {
            Ok(before) => {
                count(&self.statistics.commits_unconfirmed);
                warn!(
                    message_id = messages::UNCONFIRMED,
                    generation,
                    author = %author,
                    restores,
                    "generation {generation} by {author} was not confirmed within {seconds} s and is taken back"
                );
                let reason = format!("not confirmed within {seconds} s");
                let comment = format!(
                    "the settings of generation {restores}, because generation {generation} was {reason}"
                );
                let owners = bus.get().map(|bus| self.owners(&bus));
                let failed = self.committed();
                self.restore(owners.as_ref(), &before, &failed, &comment, &reason)
                    .await
                    .map_err(|error| error.to_string())
            }
            Err(error) => {
                // Nothing to go back to: asking again and again would not bring it back.
                self.wait_for_confirmation(None);
                Err(error.to_string())
            }
        };
        match restored {
            Ok(restored) => Some(restored),
            Err(reason) => {
                error!("generation {generation} cannot be taken back: {reason}");
                tokio::time::sleep(LOOK).await;
                None
            }
        }
    }
}
