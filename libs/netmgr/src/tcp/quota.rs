//! How many connections may be open at a time, over all workers.
//!
//! Touched when a connection opens and when it closes, never for a query.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// The quota and what is used of it.
#[derive(Debug)]
pub(crate) struct Quota {
    limit: AtomicU64,
    used: AtomicU64,
    open: [AtomicU64; 2],
    high_water: [AtomicU64; 2],
    freed: Notify,
}

impl Quota {
    pub(crate) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self {
            limit: AtomicU64::new(limit.max(1)),
            used: AtomicU64::new(0),
            open: Default::default(),
            high_water: Default::default(),
            freed: Notify::new(),
        })
    }

    /// Changes the limit. Connections beyond a lowered one stay until they end.
    pub(crate) fn set_limit(&self, limit: u64) {
        self.limit.store(limit.max(1), Ordering::Relaxed);
        self.freed.notify_waiters();
    }

    /// Most connections that were open at a time, IPv4 and IPv6.
    pub(crate) fn high_water(&self) -> [u64; 2] {
        [0, 1].map(|family| self.high_water.get(family).map_or(0, |mark| mark.load(Ordering::Relaxed)))
    }

    /// Room for one connection if there is any.
    pub(super) fn try_take(self: &Arc<Self>) -> Option<Permit> {
        let limit = self.limit.load(Ordering::Relaxed);
        let more = |used: u64| (used < limit).then_some(used + 1);
        self.used.fetch_update(Ordering::AcqRel, Ordering::Relaxed, more).ok()?;
        Some(Permit { quota: Arc::clone(self), family: None })
    }

    /// Waits until there is room for one more, which somebody else may take first.
    pub(super) async fn room(&self) {
        loop {
            let mut freed = pin!(self.freed.notified());
            // From here on no release goes unnoticed.
            freed.as_mut().enable();
            if self.used.load(Ordering::Acquire) < self.limit.load(Ordering::Relaxed) {
                return;
            }
            freed.await;
        }
    }
}

/// The right to one connection, given back when dropped.
#[derive(Debug)]
pub(super) struct Permit {
    quota: Arc<Quota>,
    /// Set while a connection of that family is open.
    family: Option<usize>,
}

impl Permit {
    /// Marks the permit as used by a connection at this address.
    pub(super) fn opened(&mut self, local: &SocketAddr) {
        let family = usize::from(local.is_ipv6());
        self.family = Some(family);
        if let (Some(open), Some(mark)) = (self.quota.open.get(family), self.quota.high_water.get(family)) {
            let open = open.fetch_add(1, Ordering::AcqRel) + 1;
            mark.fetch_max(open, Ordering::AcqRel);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(open) = self.family.and_then(|family| self.quota.open.get(family)) {
            open.fetch_sub(1, Ordering::AcqRel);
        }
        self.quota.used.fetch_sub(1, Ordering::AcqRel);
        self.quota.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_the_limit_and_remembers_the_peak() {
        let quota = Quota::new(2);
        let mut one = quota.try_take().unwrap();
        one.opened(&"127.0.0.1:53".parse().unwrap());
        let two = quota.try_take().unwrap();
        assert!(quota.try_take().is_none());
        drop(two);
        let mut three = quota.try_take().unwrap();
        three.opened(&"127.0.0.1:53".parse().unwrap());
        drop((one, three));
        assert_eq!(quota.high_water(), [2, 0]);
        assert!(quota.try_take().is_some());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn waits_for_a_release_and_for_a_higher_limit() {
        let quota = Quota::new(1);
        let held = quota.try_take().unwrap();
        let waiting = tokio::spawn({
            let quota = Arc::clone(&quota);
            async move { quota.room().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(held);
        waiting.await.unwrap();
        let _held = quota.try_take().unwrap();
        let waiting = tokio::spawn({
            let quota = Arc::clone(&quota);
            async move { quota.room().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        quota.set_limit(2);
        waiting.await.unwrap();
    }
}
