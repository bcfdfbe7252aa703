//! Who asks most, in bounded memory: networks of clients, kept while the settings ask for it.
//!
//! Each worker has a table of so many entries after Metwally, Agrawal and El Abbadi ("Efficient computation of frequent
//! and top-k elements in data streams", 2005): who is not in a full table takes the place of who has the least, and that
//! count with it, as an error. So no count is too small, and whoever has more than a hundredth of all messages is in it.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Entries of a worker's table, and of what is told.
const ENTRIES: usize = 100;

/// Of so many messages that come behind the first one of a batch, one counts for all.
const SAMPLE: u32 = 16;

/// Bits of an address that name a network, of the 128 that an IPv4 address has when mapped.
const IPV4_BITS: u32 = 96 + 24;
const IPV6_BITS: u32 = 56;

/// What is known of one network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    network: u128,
    /// Messages, at most.
    pub messages: u64,
    /// So many of them may have been others'.
    pub error: u64,
}

/// Which messages are counted: the first one of a batch, so that who asks little is counted as it is, and of those behind it
/// each sixteenth for sixteen, since looking through the table for each of them costs a tenth of an answer.
#[derive(Debug, Default)]
pub(crate) struct Sampling {
    begun: bool,
    behind: u32,
}

/// One worker's table. The worker alone counts; the lock is for who reads now and then.
#[derive(Debug, Default)]
pub struct TopClients(Mutex<Vec<Entry>>);

impl Entry {
    /// The network in its usual form, such as `192.0.2.0/24` or `2001:db8::/56`.
    #[must_use]
    pub fn network(&self) -> String {
        let address = Ipv6Addr::from_bits(self.network);
        match address.to_ipv4_mapped() {
            Some(address) => format!("{address}/{}", IPV4_BITS - 96),
            None => format!("{address}/{IPV6_BITS}"),
        }
    }
}

impl Sampling {
    pub(crate) fn batch_begins(&mut self) {
        self.begun = false;
    }

    /// For how many messages the next one counts; none when another one does for it.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<u64> {
        if !std::mem::replace(&mut self.begun, true) {
            return Some(1);
        }
        self.behind = self.behind.wrapping_add(1);
        self.behind.is_multiple_of(SAMPLE).then_some(u64::from(SAMPLE))
    }
}

impl TopClients {
    /// Counts a message for so many.
    pub(crate) fn count(&self, client: IpAddr, messages: u64) {
        let network = network(client);
        let entries = &mut *self.entries();
        if let Some(entry) = entries.iter_mut().find(|entry| entry.network == network) {
            entry.messages = entry.messages.saturating_add(messages);
        } else if entries.len() < ENTRIES {
            entries.push(Entry { network, messages, error: 0 });
        } else if let Some(least) = entries.iter_mut().min_by_key(|entry| entry.messages) {
            let error = least.messages;
            *least = Entry { network, messages: error.saturating_add(messages), error };
        }
    }

    /// Begins anew.
    pub(crate) fn clear(&self) {
        self.entries().clear();
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Those who asked most over all workers, the one with most messages first.
pub fn top<'a>(workers: impl Iterator<Item = &'a TopClients>) -> Vec<Entry> {
    let tables: Vec<Vec<Entry>> = workers.map(|worker| worker.entries().clone()).collect();
    let networks: BTreeSet<u128> = tables.iter().flatten().map(|entry| entry.network).collect();
    let sum = |network| {
        let mut sum = Entry { network, messages: 0, error: 0 };
        for table in &tables {
            let found = table.iter().find(|entry| entry.network == network);
            let (messages, error) =
                found.map_or_else(|| unseen(table), |entry| (entry.messages, entry.error));
            sum.messages = sum.messages.saturating_add(messages);
            sum.error = sum.error.saturating_add(error);
        }
        sum
    };
    let mut entries: Vec<Entry> = networks.into_iter().map(sum).collect();
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.messages));
    entries.truncate(ENTRIES);
    entries
}

/// Messages and error of a network that is not in a table: in a full one it may have been and have lost its place.
fn unseen(table: &[Entry]) -> (u64, u64) {
    let least = table.iter().map(|entry| entry.messages).min().filter(|_| table.len() >= ENTRIES);
    least.map_or((0, 0), |least| (least, least))
}

fn network(client: IpAddr) -> u128 {
    let (address, bits) = match client.to_canonical() {
        IpAddr::V4(address) => (address.to_ipv6_mapped(), IPV4_BITS),
        IpAddr::V6(address) => (address, IPV6_BITS),
    };
    address.to_bits() & (u128::MAX << (128 - bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(workers: &[TopClients]) -> Vec<(String, u64, u64)> {
        let entries = top(workers.iter()).into_iter();
        entries.map(|entry| (entry.network(), entry.messages, entry.error)).collect()
    }

    #[test]
    fn networks_are_counted_and_workers_added_up() {
        let workers = [TopClients::default(), TopClients::default()];
        for client in ["192.0.2.1", "192.0.2.77", "::ffff:192.0.2.5", "2001:db8:0:1ff::1"] {
            workers[0].count(client.parse().unwrap(), 1);
        }
        workers[1].count("192.0.2.9".parse().unwrap(), 1);
        let expected = [("192.0.2.0/24", 4, 0), ("2001:db8:0:100::/56", 1, 0)];
        assert_eq!(
            shown(&workers),
            expected.map(|(network, count, error)| (network.to_owned(), count, error))
        );
        workers.iter().for_each(TopClients::clear);
        assert_eq!(shown(&workers), []);
    }

    #[test]
    fn the_first_of_a_batch_counts_and_each_sixteenth_of_the_rest() {
        let mut sampling = Sampling::default();
        let mut batch = |messages: u32| {
            sampling.batch_begins();
            (0..messages).filter_map(|_| sampling.next()).sum::<u64>()
        };
        assert_eq!([batch(1), batch(1), batch(1)], [1; 3]);
        // 15 behind the first, then one more: as many count as there were.
        assert_eq!([batch(16), batch(2), batch(33)], [1, 17, 33]);
    }

    #[test]
    fn a_flood_of_forged_addresses_takes_no_memory_and_hides_nobody() {
        let worker = TopClients::default();
        let heavy: IpAddr = "192.0.2.1".parse().unwrap();
        for number in 0..20_000_u32 {
            worker.count(std::net::Ipv4Addr::from_bits((number % 5000) << 8).into(), 1);
            if number % 10 == 0 {
                worker.count(heavy, 1);
            }
        }
        assert_eq!(worker.entries().len(), ENTRIES);
        let shown = shown(&[worker]);
        let (_, messages, error) = shown.iter().find(|(network, ..)| network == "192.0.2.0/24").unwrap();
        assert!(*messages >= 2000 && messages - error <= 2000, "{messages} {error}");
    }
}
