//! One wait for the disk for all who committed meanwhile: many small zones at once would else wait for it one by one.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// See the module.
#[derive(Debug, Default)]
pub struct SharedSync {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Number of the last one who asked.
    asked: u64,
    /// All up to this one are on the disk.
    synced: u64,
    is_syncing: bool,
}

/// The sync that one makes for all; over when dropped.
struct Turn<'s>(&'s SharedSync);

impl SharedSync {
    /// Returns when what the caller wrote before is on the disk; `sync` puts everything there that was written before it.
    ///
    /// # Errors
    /// Those of `sync`.
    pub async fn wait<E, F: Future<Output = Result<(), E>>>(&self, sync: impl Fn() -> F) -> Result<(), E> {
        let mine = {
            let mut state = self.state();
            state.asked += 1;
            state.asked
        };
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // From here on a change is not missed.
            changed.as_mut().enable();
            let upto = {
                let mut state = self.state();
                if state.synced >= mine {
                    return Ok(());
                }
                let is_my_turn = !std::mem::replace(&mut state.is_syncing, true);
                is_my_turn.then_some(state.asked)
            };
            let Some(upto) = upto else {
                changed.await;
                continue;
            };
            let turn = Turn(self);
            let outcome = sync().await;
            if outcome.is_ok() {
                self.state().synced = upto;
            }
            drop(turn);
            outcome?;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.state().is_syncing = false;
        self.0.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use tokio::sync::Barrier;
    use tokio::time::{sleep, timeout};

    use super::*;

    #[tokio::test]
    async fn everything_written_before_is_synced_by_few() {
        let (shared, barrier) = (Arc::new(SharedSync::default()), Arc::new(Barrier::new(20)));
        let [written, synced, syncs] = [(); 3].map(|()| Arc::new(AtomicU64::new(0)));
        let work = |_| {
            let (shared, barrier) = (Arc::clone(&shared), Arc::clone(&barrier));
            let [written, synced, syncs] = [&written, &synced, &syncs].map(Arc::clone);
            tokio::spawn(async move {
                barrier.wait().await;
                let mine = written.fetch_add(1, Ordering::SeqCst) + 1;
                let sync = || async {
                    let upto = written.load(Ordering::SeqCst);
                    sleep(Duration::from_millis(20)).await;
                    synced.fetch_max(upto, Ordering::SeqCst);
                    syncs.fetch_add(1, Ordering::SeqCst);
                    Ok::<_, ()>(())
                };
                shared.wait(sync).await.unwrap();
                assert!(synced.load(Ordering::SeqCst) >= mine);
            })
        };
        for task in (0..20).map(work).collect::<Vec<_>>() {
            task.await.unwrap();
        }
        assert!(syncs.load(Ordering::SeqCst) < 20);
    }

    #[tokio::test]
    async fn a_failure_is_told_and_another_tries() {
        let shared = SharedSync::default();
        assert_eq!(shared.wait(|| async { Err("full") }).await, Err("full"));
        assert_eq!(shared.wait(|| async { Ok::<_, &str>(()) }).await, Ok(()));
    }

    #[tokio::test]
    async fn who_is_dropped_while_it_syncs_holds_up_nobody() {
        let shared = SharedSync::default();
        let stuck = shared.wait(std::future::pending::<Result<(), ()>>);
        assert!(timeout(Duration::from_millis(10), stuck).await.is_err());
        assert_eq!(shared.wait(|| async { Ok::<_, ()>(()) }).await, Ok(()));
    }
}
