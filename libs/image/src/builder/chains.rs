//! Which NSEC3 records prove something: those of one chain (RFC 5155 section 7.3 lets a zone have several).

use tenon_zone::RdataList;

/// The one hash algorithm there is.
const SHA1: u8 = 1;

/// NSEC3 owners by the chain that they belong to.
#[derive(Debug, Default)]
pub(super) struct Chains {
    /// Parameters of each chain that may be used; none where they are not known, as in layers: then all is one chain.
    parameters: Option<Vec<Vec<u8>>>,
    /// Chain, first octets of the hash, node.
    owners: Vec<(usize, u64, u32)>,
}

impl Chains {
    /// Takes the NSEC3PARAM records of the apex; a zone without any has no chain.
    pub(super) fn set_parameters(&mut self, records: RdataList<'_>) {
        let usable = records.iter().filter(|record| record.starts_with(&[SHA1, 0]));
        self.parameters = Some(usable.filter_map(parameters).collect());
    }

    /// Notes a node with NSEC3 records.
    pub(super) fn add(&mut self, records: RdataList<'_>, key: u64, node: u32) {
        let Some(known) = &self.parameters else { return self.owners.push((0, key, node)) };
        for parameters in records.iter().filter_map(parameters) {
            let chain = known.iter().position(|other| *other == parameters);
            self.owners.extend(chain.map(|chain| (chain, key, node)));
        }
    }

    /// The owners of the chain with the most of them, by hash.
    pub(super) fn longest(&self) -> Vec<(u64, u32)> {
        let length = |chain: usize| self.owners.iter().filter(|owner| owner.0 == chain).count();
        let chains = self.parameters.as_ref().map_or(1, Vec::len);
        let Some(longest) = (0..chains).rev().max_by_key(|&chain| length(chain)) else { return Vec::new() };
        let mut owners: Vec<_> = self
            .owners
            .iter()
            .filter(|owner| owner.0 == longest)
            .map(|&(_, key, node)| (key, node))
            .collect();
        owners.sort_unstable();
        owners
    }
}

/// Algorithm, iterations and salt of an NSEC3 or NSEC3PARAM record; its flags say nothing of the chain.
fn parameters(record: &[u8]) -> Option<Vec<u8>> {
    let salt = usize::from(*record.get(4)?);
    Some([record.get(..1)?, record.get(2..5 + salt)?].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(records: &[&[u8]]) -> Vec<u8> {
        records
            .iter()
            .flat_map(|record| [&(record.len() as u16).to_be_bytes()[..], record].concat())
            .collect()
    }

    #[test]
    fn the_longest_of_the_usable_chains_is_taken() {
        let mut chains = Chains::default();
        let known = packed(&[&[1, 0, 0, 0, 1, 7], &[1, 0, 0, 0, 0], &[1, 1, 0, 9, 0], &[2, 0, 0, 0, 0]]);
        chains.set_parameters(RdataList::from_packed(&known));
        let salted = packed(&[&[1, 1, 0, 0, 1, 7, 20]]);
        let plain = packed(&[&[1, 0, 0, 0, 0, 20]]);
        let flagged = packed(&[&[1, 0, 0, 9, 0, 20]]);
        chains.add(RdataList::from_packed(&salted), 5, 1);
        for (key, node) in [(9, 2), (3, 3)] {
            chains.add(RdataList::from_packed(&plain), key, node);
        }
        for node in 10..20 {
            chains.add(RdataList::from_packed(&flagged), 1, node);
        }
        assert_eq!(chains.longest(), [(3, 3), (9, 2)]);
    }

    #[test]
    fn without_parameters_there_is_no_chain_but_in_a_layer_all_is_one() {
        let record = packed(&[&[1, 0, 0, 0, 0, 20]]);
        let mut layer = Chains::default();
        layer.add(RdataList::from_packed(&record), 1, 1);
        assert_eq!(layer.longest(), [(1, 1)]);
        let mut zone = Chains::default();
        zone.set_parameters(RdataList::from_packed(&[]));
        zone.add(RdataList::from_packed(&record), 1, 1);
        assert_eq!(zone.longest(), []);
    }
}
