//! Several small zones in one transaction: what each costs on its own is mostly the transaction.

use tenon_wire::NameRef;

use super::store::{Durability, Store};
use super::writer::{Ready, Writer};
use super::{JournalLimits, rows};
use crate::{Error, ZoneEntry, ZoneWriter, ZonesWriter};

/// See [`ZonesWriter`].
pub(super) struct Together<'a> {
    store: &'a Store,
    limits: JournalLimits,
    writers: Vec<Writer<'a>>,
}

impl<'a> Together<'a> {
    pub(super) fn begin(store: &'a Store, limits: JournalLimits) -> Self {
        Self { store, limits, writers: Vec::new() }
    }
}

impl ZonesWriter for Together<'_> {
    fn add(
        &mut self,
        origin: NameRef<'_>,
        fill: &mut dyn FnMut(&mut dyn ZoneWriter) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut writer = Writer::begin(self.store, self.limits, origin)?;
        fill(&mut writer)?;
        self.writers.push(writer);
        Ok(())
    }

    fn commit_unsynced(mut self: Box<Self>) -> Vec<Result<ZoneEntry, Error>> {
        let mut outcomes = Vec::with_capacity(self.writers.len());
        let mut rest = self.writers.as_mut_slice();
        while !rest.is_empty() {
            let (turn, others) = rest.split_at_mut(turn_of(rest));
            outcomes.append(&mut commit(self.store, turn));
            rest = others;
        }
        outcomes
    }
}

/// How many of them one transaction takes: at least one, and no more than keep it short.
fn turn_of(writers: &[Writer<'_>]) -> usize {
    let mut octets = 0;
    let fits = |writer: &&Writer<'_>| {
        octets += writer.pending_octets();
        octets <= rows::FULL_OCTETS / 4
    };
    writers.iter().take_while(fits).count().max(1)
}

fn commit(store: &Store, writers: &mut [Writer<'_>]) -> Vec<Result<ZoneEntry, Error>> {
    let ready: Result<Option<Vec<Ready>>, Error> = writers.iter().map(Writer::ready_at_once).collect();
    if let Ok(Some(ready)) = ready {
        let entries = store.write(Durability::Later, |transaction| {
            let each = writers.iter().zip(&ready);
            each.map(|(writer, ready)| writer.commit_in(transaction, ready)).collect::<Result<Vec<_>, _>>()
        });
        if let Ok(entries) = entries {
            let octets = writers.iter().map(Writer::pending_octets).sum();
            // The versions are there whatever becomes of the log now.
            let _ = store.wrote(octets);
            return entries.into_iter().map(Ok).collect();
        }
    }
    // Something is wrong with one of them, or it is large: each for itself tells which.
    writers.iter_mut().map(|writer| writer.commit_as(Durability::Later)).collect()
}
