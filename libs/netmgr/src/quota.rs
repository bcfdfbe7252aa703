//! How many connections may be open at a time, over all workers, and how many of them from one network.
//!
//! Touched when a connection opens and when it closes, never for a query.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Bits of an address that make a network: what one holder of addresses commonly has at least.
const NETWORK_BITS: [u32; 2] = [24, 56];

/// The quota and what is used of it.
#[derive(Debug)]
pub(crate) struct Quota {
    limit: AtomicU64,
    limit_of_network: AtomicU64,
    used: AtomicU64,
    open: [AtomicU64; 2],
    high_water: [AtomicU64; 2],
    networks: Mutex<HashMap<IpAddr, u64>>,
    freed: Notify,
}

impl Quota {
    /// So many connections in all and from one network.
    pub(crate) fn new(limit: u64, limit_of_network: u64) -> Arc<Self> {
        Arc::new(Self {
            limit: AtomicU64::new(limit.max(1)),
            limit_of_network: AtomicU64::new(limit_of_network.max(1)),
            used: AtomicU64::new(0),
            open: Default::default(),
            high_water: Default::default(),
            networks: Mutex::default(),
            freed: Notify::new(),
        })
    }

    /// Changes the limits. Connections beyond lowered ones stay until they end.
    pub(crate) fn set_limits(&self, limit: u64, limit_of_network: u64) {
        self.limit.store(limit.max(1), Ordering::Relaxed);
        self.limit_of_network.store(limit_of_network.max(1), Ordering::Relaxed);
        self.freed.notify_waiters();
    }

    /// Most connections that were open at a time, IPv4 and IPv6.
    pub(crate) fn high_water(&self) -> [u64; 2] {
        [0, 1].map(|family| self.high_water.get(family).map_or(0, |mark| mark.load(Ordering::Relaxed)))
    }

    /// Room for one connection if there is any.
    pub(crate) fn try_take(self: &Arc<Self>) -> Option<Permit> {
        let limit = self.limit.load(Ordering::Relaxed);
        let more = |used: u64| (used < limit).then_some(used + 1);
        self.used.fetch_update(Ordering::AcqRel, Ordering::Relaxed, more).ok()?;
        Some(Permit { quota: Arc::clone(self), family: None, network: None })
    }

    fn networks(&self) -> MutexGuard<'_, HashMap<IpAddr, u64>> {
        self.networks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is room for one more, which somebody else may take first.
    pub(crate) async fn room(&self) {
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
pub(crate) struct Permit {
    quota: Arc<Quota>,
    /// Set while a connection of that family is open.
    family: Option<usize>,
    /// Set while a connection from that network is open.
    network: Option<IpAddr>,
}

impl Permit {
    /// Marks the permit as used by a connection of this peer at this address; false when the peer's network has as many
    /// as it may.
    pub(crate) fn opened(&mut self, local: &SocketAddr, peer: &SocketAddr) -> bool {
        let network = network(peer.ip());
        let limit = self.quota.limit_of_network.load(Ordering::Relaxed);
        {
            let mut networks = self.quota.networks();
            let open = networks.entry(network).or_default();
            if *open >= limit {
                return false;
            }
            *open += 1;
        }
        self.network = Some(network);
        let family = usize::from(local.is_ipv6());
        self.family = Some(family);
        if let (Some(open), Some(mark)) = (self.quota.open.get(family), self.quota.high_water.get(family)) {
            let open = open.fetch_add(1, Ordering::AcqRel) + 1;
            mark.fetch_max(open, Ordering::AcqRel);
        }
        true
    }

    fn leave_network(&self, network: IpAddr) {
        let mut networks = self.quota.networks();
        if let Some(open) = networks.get_mut(&network) {
            *open = open.saturating_sub(1);
            if *open == 0 {
                networks.remove(&network);
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(network) = self.network {
            self.leave_network(network);
        }
        if let Some(open) = self.family.and_then(|family| self.quota.open.get(family)) {
            open.fetch_sub(1, Ordering::AcqRel);
        }
        self.quota.used.fetch_sub(1, Ordering::AcqRel);
        self.quota.freed.notify_waiters();
    }
}

/// The network of an address: the address without its last bits.
fn network(address: IpAddr) -> IpAddr {
    let [four, six] = NETWORK_BITS;
    match address {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() & u32::MAX << (32 - four)).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & u128::MAX << (128 - six)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_the_limit_and_remembers_the_peak() {
        let (local, peer) = ("127.0.0.1:53".parse().unwrap(), "192.0.2.1:1".parse().unwrap());
        let quota = Quota::new(2, 9);
        let mut one = quota.try_take().unwrap();
        assert!(one.opened(&local, &peer));
        let two = quota.try_take().unwrap();
        assert!(quota.try_take().is_none());
        drop(two);
        let mut three = quota.try_take().unwrap();
        assert!(three.opened(&local, &peer));
        drop((one, three));
        assert_eq!(quota.high_water(), [2, 0]);
        assert!(quota.try_take().is_some());
    }

    #[test]
    fn a_network_has_a_share() {
        let quota = Quota::new(100, 2);
        let local = "[::1]:53".parse().unwrap();
        let open = |peer: &str| {
            let mut permit = quota.try_take().unwrap();
            permit.opened(&local, &format!("{peer}:7").parse().unwrap()).then_some(permit)
        };
        for [one, two, three, other] in [
            ["192.0.2.1", "192.0.2.1", "192.0.2.255", "192.0.3.1"],
            ["[2001:db8::1]", "[2001:db8:0:ff::]", "[2001:db8::2]", "[2001:db8:0:100::]"],
        ] {
            let held = [open(one), open(two), open(other)];
            assert!(held.iter().all(Option::is_some));
            assert!(open(three).is_none());
            drop(held);
            assert!(quota.networks().is_empty());
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn waits_for_a_release_and_for_a_higher_limit() {
        let quota = Quota::new(1, 1);
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
        quota.set_limits(2, 2);
        waiting.await.unwrap();
    }
}
