//! Who asks most, in bounded memory: networks of clients, kept while the settings ask for it.
//!
//! Each worker has a table of so many entries after Metwally, Agrawal and El Abbadi ("Efficient computation of frequent
//! and top-k elements in data streams", 2005): who is not in a full table takes the place of who has the least, and that
//! count with it, as an error. So no count is too small, and whoever has more than a hundredth of all messages is in it.

mod table;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use table::{ENTRIES, Table};

/// Of so many messages that come behind the first one of a batch, one counts for all.
const SAMPLE: u32 = 64;

/// Bits of an address that name a network.
const IPV4_BITS: u32 = 24;
const IPV6_BITS: u32 = 56;
/// Is set in the number of a network of IPv4.
const IPV4: u64 = 1 << 63;

/// What is known of one network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    network: u64,
    /// Messages, at most.
    pub messages: u64,
    /// So many of them may have been others'.
    pub error: u64,
}

/// Which messages are counted: the first one of a batch, so that who asks little is counted as it is, and of those behind it
/// each sixty-fourth for so many: to look through the table for each of them costs a tenth of an answer. Who asks most of 10,000
/// queries a second has dozens of them counted in each.
#[derive(Debug, Default)]
pub(crate) struct Sampling {
    begun: bool,
    behind: u32,
}

/// One worker's table. The worker alone counts; the lock is for who reads now and then.
#[derive(Debug, Default)]
pub struct TopClients(Mutex<Table>);

impl Entry {
    /// The network in its usual form, such as `192.0.2.0/24` or `2001:db8::/56`.
    #[must_use]
    pub fn network(&self) -> String {
        if self.network & IPV4 != 0 {
            // What is left of 32 bits.
            let address = Ipv4Addr::from_bits((self.network as u32) << (32 - IPV4_BITS));
            return format!("{address}/{IPV4_BITS}");
        }
        let address = Ipv6Addr::from_bits(u128::from(self.network) << (128 - IPV6_BITS));
        format!("{address}/{IPV6_BITS}")
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
        self.table().count(network(client), messages);
    }

    /// Begins anew.
    pub(crate) fn clear(&self) {
        self.table().clear();
    }

    fn entries(&self) -> Vec<Entry> {
        let entry = |(network, counted): (u64, table::Counted)| Entry {
            network,
            messages: counted.messages,
            error: counted.error,
        };
        self.table().entries().map(entry).collect()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Those who asked most over all workers, the one with most messages first.
pub fn top<'a>(workers: impl Iterator<Item = &'a TopClients>) -> Vec<Entry> {
    let tables: Vec<Vec<Entry>> = workers.map(TopClients::entries).collect();
    let networks: BTreeSet<u64> = tables.iter().flatten().map(|entry| entry.network).collect();
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

/// The number of a client's network.
fn network(client: IpAddr) -> u64 {
    match client.to_canonical() {
        IpAddr::V4(address) => IPV4 | u64::from(address.to_bits() >> (32 - IPV4_BITS)),
        // 56 bits are left.
        IpAddr::V6(address) => (address.to_bits() >> (128 - IPV6_BITS)) as u64,
    }
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
    fn the_first_of_a_batch_counts_and_each_sixty_fourth_of_the_rest() {
        let mut sampling = Sampling::default();
        let mut batch = |messages: u32| {
            sampling.batch_begins();
            (0..messages).filter_map(|_| sampling.next()).sum::<u64>()
        };
        assert_eq!([batch(1), batch(1), batch(1)], [1; 3]);
        // 63 behind the first, then one more: as many count as there were.
        assert_eq!([batch(64), batch(2), batch(129)], [1, 65, 129]);
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
