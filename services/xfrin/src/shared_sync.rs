//! One wait for the disk for all who committed meanwhile: many small zones at once would else wait for it one by one.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// See the module.
#[derive(Debug, Default)]
pub struct SharedSync {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Number of the last one who asked.
    asked: u64,
    /// All up to this one are on the disk.
    synced: u64,
    is_syncing: bool,
}

impl SharedSync {
    /// Returns when what the caller wrote before is on the disk; `sync` puts everything there that was written before it.
    ///
    /// # Errors
    /// Those of `sync`.
    pub fn wait<E>(&self, sync: impl Fn() -> Result<(), E>) -> Result<(), E> {
        let mut state = self.state();
        state.asked += 1;
        let mine = state.asked;
        while state.synced < mine {
            if state.is_syncing {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.is_syncing = true;
            let upto = state.asked;
            drop(state);
            let outcome = sync();
            state = self.state();
            state.is_syncing = false;
            if outcome.is_ok() {
                state.synced = upto;
            }
            self.changed.notify_all();
            outcome?;
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Barrier};

    use super::*;

    #[test]
    fn everything_written_before_is_synced_by_few() {
        let (shared, barrier) = (Arc::new(SharedSync::default()), Arc::new(Barrier::new(20)));
        let (written, synced, syncs) =
            (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let work = |_| {
            let (shared, barrier) = (Arc::clone(&shared), Arc::clone(&barrier));
            let (written, synced, syncs) = (Arc::clone(&written), Arc::clone(&synced), Arc::clone(&syncs));
            std::thread::spawn(move || {
                barrier.wait();
                let mine = written.fetch_add(1, Ordering::SeqCst) + 1;
                shared
                    .wait(|| {
                        let upto = written.load(Ordering::SeqCst);
                        std::thread::sleep(std::time::Duration::from_millis(20));
                        synced.fetch_max(upto, Ordering::SeqCst);
                        syncs.fetch_add(1, Ordering::SeqCst);
                        Ok::<_, ()>(())
                    })
                    .unwrap();
                assert!(synced.load(Ordering::SeqCst) >= mine);
            })
        };
        let threads: Vec<_> = (0..20).map(work).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(syncs.load(Ordering::SeqCst) < 20);
    }

    #[test]
    fn a_failure_is_told_and_another_tries() {
        let shared = SharedSync::default();
        assert_eq!(shared.wait(|| Err("full")), Err("full"));
        assert_eq!(shared.wait(|| Ok::<_, &str>(())), Ok(()));
    }
}
