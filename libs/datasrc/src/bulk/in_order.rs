//! Records that come in parts, of which each lies behind the one before, as servers send them: what is complete by then need
//! not wait for the rest.

use tenon_wire::Name;

use super::records::SortedRecords;

/// What was taken of records that come in parts.
#[derive(Debug, Default)]
pub struct InOrder {
    /// The records of the last owner: more of it may come.
    kept: Option<(Name, SortedRecords)>,
}

/// A part that does not lie behind those before, with what was kept back of these.
#[derive(Debug)]
pub struct OutOfOrder(pub SortedRecords);

impl InOrder {
    /// Takes the next part; gives all records whose owners come before the last one that was seen: these are complete, unless
    /// some later part is out of order.
    ///
    /// # Errors
    /// [`OutOfOrder`]: some owner of it comes before what was given already; nothing is kept then.
    pub fn take(&mut self, part: SortedRecords) -> Result<SortedRecords, OutOfOrder> {
        let Some((upto, kept)) = self.kept.take() else { return Ok(self.keep_last(part)) };
        let is_behind = part.ends().is_none_or(|[first, _]| first >= upto.as_ref());
        let records = kept.and(part);
        if is_behind { Ok(self.keep_last(records)) } else { Err(OutOfOrder(records)) }
    }

    /// What was kept back, when nothing more comes.
    #[must_use]
    pub fn end(self) -> Option<SortedRecords> {
        self.kept.map(|(_, records)| records)
    }

    fn keep_last(&mut self, mut records: SortedRecords) -> SortedRecords {
        let last = records.ends().map(|[_, last]| last.to_name());
        self.kept = last.map(|last| {
            let kept = records.split_off(last.as_ref());
            (last, kept)
        });
        records
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tenon_wire::RrType;

    use super::*;
    use crate::bulk::{Collector, StoredRecord};

    fn part(origin: &Name, numbers: &[u32]) -> SortedRecords {
        let mut collector = Collector::new(origin.as_ref());
        for &number in numbers {
            let owner: Name = format!("a-name-with-a-long-start-{number:02}.example.").parse().unwrap();
            let (owner, rdata) = (owner.as_ref(), [0; 4]);
            collector.add(&StoredRecord {
                owner,
                rrtype: RrType::A,
                ttl: 1,
                rdata: &rdata,
                file: 0,
                line: number,
            });
        }
        collector.finish(Vec::new()).unwrap()
    }

    fn numbers(records: &SortedRecords) -> Vec<u32> {
        records.iter().map(|record| record.line).collect()
    }

    proptest! {
        #[test]
        fn all_comes_in_order_or_is_told_to_be_out_of_order(
            mut all in prop::collection::vec(0u32..60, 0..40),
            cuts in prop::collection::vec(0usize..40, 0..4),
            disorder in any::<bool>(),
        ) {
            if !disorder {
                all.sort_unstable();
            }
            let origin: Name = "example.".parse().unwrap();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(all.len())).chain([0, all.len()]).collect();
            cuts.sort_unstable();
            let (mut in_order, mut given) = (InOrder::default(), Vec::new());
            for ends in cuts.windows(2) {
                match in_order.take(part(&origin, &all[ends[0]..ends[1]])) {
                    Ok(complete) => given.extend(numbers(&complete)),
                    Err(OutOfOrder(rest)) => {
                        prop_assert!(disorder);
                        // Nothing is lost, nothing is there twice.
                        given.extend(numbers(&rest));
                        given.extend(&all[ends[1]..]);
                        given.sort_unstable();
                        all.sort_unstable();
                        prop_assert_eq!(given, all);
                        return Ok(());
                    }
                }
            }
            given.extend(in_order.end().iter().flat_map(numbers));
            all.sort_unstable();
            prop_assert_eq!(given, all);
        }
    }
}
