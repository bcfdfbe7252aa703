//! The transfers on their way, and who may begin one.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tenon_service::now_usec;
use tenon_wire::Name;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::request::TransferKind;
use crate::settings::Rules;
use crate::statistics::{Statistics, set};

/// A transfer on its way.
#[derive(Debug)]
pub struct Running {
    /// The zone.
    pub zone: Name,
    /// Who gets it.
    pub peer: SocketAddr,
    /// How it was asked for.
    pub kind: TransferKind,
    /// The serial that is sent.
    pub serial: u32,
    /// When it began, in microseconds since the epoch.
    pub started_usec: u64,
    /// Records sent.
    pub records: AtomicU64,
    /// Octets sent.
    pub octets: AtomicU64,
}

/// All transfers on their way.
#[derive(Debug)]
pub struct Transfers {
    state: Mutex<State>,
    /// A place became free.
    freed: Notify,
    statistics: Arc<Statistics>,
}

#[derive(Debug, Default)]
struct State {
    /// In the order in which they began.
    running: BTreeMap<u64, Arc<Running>>,
    next: u64,
    waiting: usize,
}

/// A place among the transfers; free again when dropped.
#[derive(Debug)]
pub struct Place {
    transfers: Arc<Transfers>,
    number: u64,
    /// The transfer that has it.
    pub running: Arc<Running>,
}

/// Why there was no place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoPlace {
    /// Waited as long as the settings allow.
    #[error("no place became free in time (transfers_out, transfers_per_peer, wait_s)")]
    TooLong,
    /// Too many wait already.
    #[error("too many wait for a place already (waiting)")]
    TooMany,
}

impl Transfers {
    /// None on their way.
    #[must_use]
    pub fn new(statistics: Arc<Statistics>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), freed: Notify::new(), statistics })
    }

    /// Those on their way, oldest first.
    #[must_use]
    pub fn running(&self) -> Vec<Arc<Running>> {
        self.state().running.values().cloned().collect()
    }

    /// Waits for a place.
    ///
    /// # Errors
    /// [`NoPlace`].
    pub async fn place(
        self: &Arc<Self>,
        zone: Name,
        peer: SocketAddr,
        kind: TransferKind,
        serial: u32,
        rules: &Rules,
    ) -> Result<Place, NoPlace> {
        let (records, octets) = (AtomicU64::new(0), AtomicU64::new(0));
        let running =
            Arc::new(Running { zone, peer, kind, serial, started_usec: now_usec(), records, octets });
        if let Some(number) = self.enter(&running, rules) {
            return Ok(Place { transfers: Arc::clone(self), number, running });
        }
        let _waiting = Waiting::begin(self, rules)?;
        let deadline = Instant::now() + rules.wait();
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            // From here on no freed place goes unnoticed.
            freed.as_mut().enable();
            if let Some(number) = self.enter(&running, rules) {
                return Ok(Place { transfers: Arc::clone(self), number, running });
            }
            if tokio::time::timeout_at(deadline, freed).await.is_err() {
                return Err(NoPlace::TooLong);
            }
        }
    }

    fn enter(&self, running: &Arc<Running>, rules: &Rules) -> Option<u64> {
        let mut state = self.state();
        let host = |peer: SocketAddr| -> IpAddr { peer.ip().to_canonical() };
        let mine = state.running.values().filter(|other| host(other.peer) == host(running.peer)).count();
        let limit = |limit: u32| usize::try_from(limit).unwrap_or(usize::MAX);
        if state.running.len() >= limit(rules.settings.transfers_out)
            || mine >= limit(rules.settings.transfers_per_peer)
        {
            return None;
        }
        let number = state.next;
        state.next += 1;
        state.running.insert(number, Arc::clone(running));
        self.count(&state);
        Some(number)
    }

    fn count(&self, state: &State) {
        let axfr = state.running.values().filter(|running| running.kind == TransferKind::Axfr).count();
        set(&self.statistics.axfr_running, axfr);
        set(&self.statistics.ixfr_running, state.running.len() - axfr);
        set(&self.statistics.requests_waiting, state.waiting);
    }

    /// A lock whose holder panicked guards lists that are whole between any two changes.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    /// Notes how much was sent.
    pub fn progress(&self, records: u64, octets: u64) {
        self.records.store(records, Ordering::Relaxed);
        self.octets.store(octets, Ordering::Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.transfers.state();
        state.running.remove(&self.number);
        self.transfers.count(&state);
        drop(state);
        self.transfers.freed.notify_waiters();
    }
}

/// Somebody who waits for a place.
struct Waiting<'a>(&'a Transfers);

impl<'a> Waiting<'a> {
    fn begin(transfers: &'a Transfers, rules: &Rules) -> Result<Self, NoPlace> {
        let mut state = transfers.state();
        if state.waiting >= usize::try_from(rules.settings.waiting).unwrap_or(usize::MAX) {
            return Err(NoPlace::TooMany);
        }
        state.waiting += 1;
        transfers.count(&state);
        Ok(Self(transfers))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.waiting -= 1;
        self.0.count(&state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::XfroutSettings;

    fn rules(transfers_out: u32, transfers_per_peer: u32, waiting: u32, wait_s: u32) -> Rules {
        let settings = XfroutSettings::default();
        Rules::new(XfroutSettings { transfers_out, transfers_per_peer, waiting, wait_s, ..settings })
    }

    async fn place(transfers: &Arc<Transfers>, peer: &str, rules: &Rules) -> Result<Place, NoPlace> {
        let zone = "example.".parse().unwrap();
        transfers.place(zone, peer.parse().unwrap(), TransferKind::Axfr, 1, rules).await
    }

    #[tokio::test]
    async fn places_are_counted_in_all_and_for_each_peer() {
        let transfers = Transfers::new(Arc::default());
        let rules = rules(3, 2, 0, 0);
        let first = place(&transfers, "192.0.2.1:1", &rules).await.unwrap();
        let _second = place(&transfers, "[::ffff:192.0.2.1]:2", &rules).await.unwrap();
        assert_eq!(place(&transfers, "192.0.2.1:3", &rules).await.unwrap_err(), NoPlace::TooMany);
        let _other = place(&transfers, "192.0.2.2:1", &rules).await.unwrap();
        assert_eq!(place(&transfers, "192.0.2.3:1", &rules).await.unwrap_err(), NoPlace::TooMany);
        assert_eq!(transfers.running().len(), 3);
        drop(first);
        place(&transfers, "192.0.2.1:3", &rules).await.unwrap();
    }

    #[tokio::test]
    async fn a_place_that_becomes_free_goes_to_who_waits() {
        let transfers = Transfers::new(Arc::default());
        let patient = rules(1, 1, 1, 600);
        let first = place(&transfers, "192.0.2.1:1", &patient).await.unwrap();
        let waiting = place(&transfers, "192.0.2.2:1", &patient);
        let freeing = async {
            tokio::task::yield_now().await;
            assert_eq!(place(&transfers, "192.0.2.3:1", &patient).await.unwrap_err(), NoPlace::TooMany);
            drop(first);
        };
        let (second, ()) = tokio::join!(waiting, freeing);
        let second = second.unwrap();
        assert_eq!(second.running.peer, "192.0.2.2:1".parse().unwrap());
        let hasty = rules(1, 1, 1, 0);
        assert_eq!(place(&transfers, "192.0.2.3:1", &hasty).await.unwrap_err(), NoPlace::TooLong);
        drop(second);
        assert!(transfers.running().is_empty());
        assert_eq!(transfers.statistics.requests_waiting.load(Ordering::Relaxed), 0);
    }
}
