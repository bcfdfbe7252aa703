//! Replies of one batch to the same peer, coupled so that the kernel carries them through its stack as one.
//!
//! UDP segmentation offload (`UDP_SEGMENT`) takes one long buffer and cuts it into datagrams of one length, of which
//! only the last may be shorter. Most of what a reply costs is its way through the kernel, and a train goes that way
//! once. It pays where a peer has many questions on their way from one port, as load balancers and forwarders do;
//! resolvers that take a new port for each question get their replies one by one.

use super::send::Reply;

/// Longest reply that is coupled, in octets: fits any path without fragments, as the kernel demands for segments.
const LONGEST: usize = 1232;

/// Takes trains out of a batch, hands each to `depart`, and marks those that it says have left; what stays unmarked has
/// to go one by one. A train has two replies at least.
pub(super) fn couple(replies: &mut [Reply], mut depart: impl FnMut(&[Reply]) -> bool) {
    for run in replies.chunk_by_mut(Reply::same_way) {
        if run.len() < 2 {
            continue;
        }
        run.sort_unstable_by_key(|reply| std::cmp::Reverse(reply.length));
        let short = run.partition_point(|reply| reply.length > LONGEST);
        let mut rest = run.get_mut(short..).unwrap_or_default();
        while let Some((train, behind)) = rest.split_at_mut_checked(train_length(rest)) {
            if train.is_empty() {
                break;
            }
            if train.len() > 1 && depart(train) {
                train.iter_mut().for_each(|reply| reply.left = true);
            }
            rest = behind;
        }
    }
}

/// How many of replies sorted from long to short make one train: all of the first one's length, and one shorter.
fn train_length(replies: &[Reply]) -> usize {
    let Some(first) = replies.first() else { return 0 };
    let equal = replies.iter().take_while(|reply| reply.length == first.length).count();
    replies.len().min(equal + 1)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn replies(lengths: &[(u16, usize)]) -> Vec<Reply> {
        let peer = |port: u16| SocketAddr::from(([192, 0, 2, 1], port));
        lengths.iter().map(|&(port, length)| Reply::new(0, length, peer(port), None)).collect()
    }

    fn trains(replies: &mut [Reply]) -> Vec<Vec<usize>> {
        let mut trains = Vec::new();
        couple(replies, |train| {
            trains.push(train.iter().map(|reply| reply.length).collect());
            true
        });
        trains
    }

    #[test]
    fn a_train_is_of_one_length_but_for_its_end() {
        let mut batch = replies(&[(1, 80), (1, 90), (1, 90), (1, 70), (1, 70), (1, 60), (1, 50)]);
        assert_eq!(trains(&mut batch), [vec![90, 90, 80], vec![70, 70, 60]]);
        assert_eq!(
            batch.iter().filter(|reply| !reply.left).map(|reply| reply.length).collect::<Vec<_>>(),
            [50]
        );
    }

    #[test]
    fn peers_are_not_mixed_and_long_replies_go_alone() {
        let mut batch =
            replies(&[(1, 80), (2, 80), (2, 80), (1, 80), (3, 4000), (3, 1233), (3, 1232), (3, 20)]);
        assert_eq!(trains(&mut batch), [vec![80, 80], vec![1232, 20]]);
        assert_eq!(batch.iter().filter(|reply| !reply.left).count(), 4);
    }

    #[test]
    fn what_did_not_depart_stays_for_single_sending() {
        let mut batch = replies(&[(1, 80), (1, 80)]);
        couple(&mut batch, |_| false);
        assert!(batch.iter().all(|reply| !reply.left));
    }
}
