//! Which worker serves which socket.

use std::net::SocketAddr;

use crate::inherited::SocketKind;

/// For each worker the indices of the sockets it serves.
///
/// Sockets of one kind and address form a group. Where the group is at least as large as the set of workers each socket
/// has one worker; where it is smaller the sockets are shared, each by as equal a number of workers as can be. Sockets for
/// QUIC are never shared: what belongs to one connection has to come to one worker.
pub(crate) fn assign(sockets: &[(SocketKind, SocketAddr)], workers: usize) -> Vec<Vec<usize>> {
    let mut share = vec![Vec::new(); workers];
    let mut first = 0;
    while let Some(key @ (kind, _)) = sockets.get(first) {
        let size = sockets.iter().skip(first).take_while(|socket| *socket == key).count();
        let turns = if *kind == SocketKind::Quic { size } else { size.max(workers) };
        for turn in 0..turns {
            if let Some(list) = share.get_mut(turn % workers.max(1)) {
                list.push(first + turn % size);
            }
        }
        first += size;
    }
    share
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(kind: SocketKind, port: u16, size: usize) -> Vec<(SocketKind, SocketAddr)> {
        vec![(kind, SocketAddr::from(([127, 0, 0, 1], port))); size]
    }

    #[test]
    fn as_many_sockets_as_workers() {
        assert_eq!(assign(&group(SocketKind::Udp, 53, 2), 2), [[0], [1]]);
    }

    #[test]
    fn fewer_sockets_are_shared() {
        assert_eq!(assign(&group(SocketKind::Udp, 53, 1), 3), [[0], [0], [0]]);
        assert_eq!(assign(&group(SocketKind::Udp, 53, 2), 3), [[0], [1], [0]]);
        assert_eq!(assign(&group(SocketKind::Quic, 53, 2), 3), [vec![0], vec![1], vec![]]);
    }

    #[test]
    fn more_sockets_are_spread() {
        assert_eq!(assign(&group(SocketKind::Udp, 53, 5), 2), [vec![0, 2, 4], vec![1, 3]]);
    }

    #[test]
    fn groups_are_told_apart_by_kind_and_address() {
        let mut sockets = group(SocketKind::Udp, 53, 2);
        sockets.extend(group(SocketKind::Udp, 54, 1));
        sockets.extend(group(SocketKind::Tcp, 53, 1));
        assert_eq!(assign(&sockets, 2), [[0, 2, 3], [1, 2, 3]]);
    }
}
