//! How often an address may be wrong.
//!
//! A bucket holds as many attempts as are allowed in a minute and is filled evenly. An attempt is taken out before the
//! password is looked at and put back when it was right, so that many at the same time are no way around it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Most addresses and accounts remembered; the one longest untouched is forgotten first.
const REMEMBERED: usize = 4096;
const MINUTE: Duration = Duration::from_secs(60);
/// How many times as often an address may be wrong for all accounts together.
const ALL_ACCOUNTS: f64 = 10.0;

type Key = (IpAddr, Option<String>);

/// Who was wrong lately.
#[derive(Debug, Default)]
pub struct Attempts {
    buckets: Mutex<HashMap<Key, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Attempts {
    /// Takes an attempt of an address for an account; fails with how long to wait when there is none left.
    pub fn take(&self, peer: IpAddr, account: &str, per_minute: u32, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let per_minute = f64::from(per_minute);
        for (key, most) in keys(peer, account, per_minute) {
            let left = buckets.get(&key).map_or(most, |bucket| bucket.filled(most, now));
            if left < 1.0 {
                return Err(MINUTE.div_f64(most).mul_f64(1.0 - left).max(Duration::from_secs(1)));
            }
        }
        for (key, most) in keys(peer, account, per_minute) {
            make_room(&mut buckets, &key);
            let left = buckets.get(&key).map_or(most, |bucket| bucket.filled(most, now)) - 1.0;
            buckets.insert(key, Bucket { left, at: now });
        }
        Ok(())
    }

    /// Puts an attempt back that was right.
    pub fn give_back(&self, peer: IpAddr, account: &str) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, _) in keys(peer, account, 0.0) {
            if let Some(bucket) = buckets.get_mut(&key) {
                bucket.left += 1.0;
            }
        }
    }
}

impl Bucket {
    fn filled(&self, most: f64, now: Instant) -> f64 {
        let minutes = now.saturating_duration_since(self.at).as_secs_f64() / MINUTE.as_secs_f64();
        (self.left + minutes * most).min(most)
    }
}

fn keys(peer: IpAddr, account: &str, per_minute: f64) -> [(Key, f64); 2] {
    let peer = network(peer);
    [((peer, Some(account.to_owned())), per_minute), ((peer, None), per_minute * ALL_ACCOUNTS)]
}

/// A host has a whole /64 of IPv6.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
        address => address,
    }
}

fn make_room(buckets: &mut HashMap<Key, Bucket>, for_key: &Key) {
    if buckets.len() >= REMEMBERED && !buckets.contains_key(for_key) {
        let oldest = buckets.iter().min_by_key(|(_, bucket)| bucket.at).map(|(key, _)| key.clone());
        oldest.and_then(|key| buckets.remove(&key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn the_wrong_ones_run_out_and_come_back_with_time() {
        let attempts = Attempts::default();
        let now = Instant::now();
        for _ in 0..5 {
            attempts.take(PEER, "alice", 5, now).unwrap();
        }
        let wait = attempts.take(PEER, "alice", 5, now).unwrap_err();
        assert_eq!(wait, Duration::from_secs(12));
        attempts.take(PEER, "bob", 5, now).unwrap();
        attempts.take("192.0.2.1".parse().unwrap(), "alice", 5, now).unwrap();
        attempts.take(PEER, "alice", 5, now + wait).unwrap();
        assert!(attempts.take(PEER, "alice", 5, now + wait).is_err());
    }

    #[test]
    fn the_right_ones_cost_nothing() {
        let attempts = Attempts::default();
        let now = Instant::now();
        for _ in 0..100 {
            attempts.take(PEER, "alice", 2, now).unwrap();
            attempts.give_back(PEER, "alice");
        }
    }

    #[test]
    fn many_accounts_and_many_addresses_of_one_network_are_no_way_around() {
        let attempts = Attempts::default();
        let now = Instant::now();
        let taken = (0..1000).filter(|n| attempts.take(PEER, &n.to_string(), 5, now).is_ok()).count();
        assert_eq!(taken, 50);
        let address = |n: u32| format!("2001:db8::{n:x}").parse().unwrap();
        let taken = (0..100).filter(|n| attempts.take(address(*n), "alice", 5, now).is_ok()).count();
        assert_eq!(taken, 5);
        for n in 0..3000_u32 {
            let _ = attempts.take(IpAddr::V4(n.to_be().into()), "alice", 5, now);
        }
        assert!(attempts.buckets.lock().unwrap().len() <= REMEMBERED);
    }
}
