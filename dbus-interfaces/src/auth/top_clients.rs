//! Who asks most.

use std::collections::BTreeSet;

use serde::Serialize;

/// Networks that an instance tells at most.
const TOLD: usize = 100;

/// A network that many messages came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TopClient {
    /// Such as `192.0.2.0/24` or `2001:db8::/56`.
    pub network: String,
    /// Messages, at most.
    pub messages: u64,
    /// So many of them may have been others'.
    pub error: u64,
}

impl TopClient {
    /// What several instances told, added up, at most [`TOLD`] networks, the one with most messages first. A network that a
    /// full list lacks may have been asked from as often as the last one in it, there.
    #[must_use]
    pub fn sums(instances: &[Vec<Self>]) -> Vec<Self> {
        let networks: BTreeSet<&str> =
            instances.iter().flatten().map(|client| client.network.as_str()).collect();
        let sum = |network: &str| {
            let mut sum = Self { network: network.to_owned(), messages: 0, error: 0 };
            for told in instances {
                let found = told.iter().find(|client| client.network == network);
                let unseen = told.last().filter(|_| told.len() >= TOLD).map_or(0, |least| least.messages);
                let (messages, error) =
                    found.map_or((unseen, unseen), |client| (client.messages, client.error));
                sum.messages = sum.messages.saturating_add(messages);
                sum.error = sum.error.saturating_add(error);
            }
            sum
        };
        let mut sums: Vec<Self> = networks.into_iter().map(sum).collect();
        sums.sort_by_key(|client| std::cmp::Reverse(client.messages));
        sums.truncate(TOLD);
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(network: &str, messages: u64, error: u64) -> TopClient {
        TopClient { network: network.to_owned(), messages, error }
    }

    #[test]
    fn instances_are_added_up_and_what_a_full_list_lacks_is_an_error() {
        let short = vec![client("a", 5, 0), client("b", 4, 1)];
        let sums = TopClient::sums(&[short.clone(), vec![client("b", 3, 0)]]);
        assert_eq!(sums, [client("b", 7, 1), client("a", 5, 0)]);
        let full: Vec<TopClient> =
            (0..100).map(|number| client(&format!("n{number}"), 200 - number, 0)).collect();
        let sums = TopClient::sums(&[short, full]);
        assert_eq!(sums.len(), 100);
        assert_eq!(sums[0], client("n0", 200, 0));
        assert!(sums.contains(&client("a", 106, 101)), "{sums:?}");
        assert_eq!(TopClient::sums(&[]), []);
    }
}
