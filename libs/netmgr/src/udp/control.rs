//! Control messages that go with replies: the address they leave from, and the length they are cut into.
//!
//! Each is laid out as `struct cmsghdr` (length, level, type) and its data, padded to a multiple of a word.

use std::net::IpAddr;

use nix::libc::{IP_PKTINFO, IPPROTO_IP, IPPROTO_IPV6, IPV6_PKTINFO, SOL_UDP, UDP_SEGMENT};

use super::pktinfo::Destination;

/// Room for one message of each kind.
const SPACE: usize = 96;

/// The control messages of one system call.
#[derive(Debug)]
pub(super) struct Control {
    octets: [u8; SPACE],
    length: usize,
}

impl Control {
    /// None.
    pub(super) const fn new() -> Self {
        Self { octets: [0; SPACE], length: 0 }
    }

    /// The messages, one after the other.
    pub(super) fn octets(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }

    /// Makes replies leave from an address: `struct in_pktinfo` (interface, source, unused) or `struct in6_pktinfo`
    /// (source, interface).
    pub(super) fn source(&mut self, source: Destination) {
        match source.address {
            IpAddr::V4(address) => {
                let parts: [&[u8]; 3] = [&source.interface.to_ne_bytes(), &address.octets(), &[0; 4]];
                self.message(IPPROTO_IP, IP_PKTINFO, &parts);
            }
            IpAddr::V6(address) => {
                let parts: [&[u8]; 2] = [&address.octets(), &source.interface.to_ne_bytes()];
                self.message(IPPROTO_IPV6, IPV6_PKTINFO, &parts);
            }
        }
    }

    /// Has the kernel cut what is sent into datagrams of this length.
    pub(super) fn segment(&mut self, length: u16) {
        self.message(SOL_UDP, UDP_SEGMENT, &[&length.to_ne_bytes()]);
    }

    fn message(&mut self, level: i32, kind: i32, data: &[&[u8]]) {
        let start = self.length;
        self.length += size_of::<usize>();
        self.put(&level.to_ne_bytes());
        self.put(&kind.to_ne_bytes());
        data.iter().for_each(|part| self.put(part));
        let length = (self.length - start).to_ne_bytes();
        if let Some(place) = self.octets.get_mut(start..start + length.len()) {
            place.copy_from_slice(&length);
        }
        self.length = self.length.next_multiple_of(size_of::<usize>());
    }

    fn put(&mut self, octets: &[u8]) {
        if let Some(place) = self.octets.get_mut(self.length..self.length + octets.len()) {
            place.copy_from_slice(octets);
            self.length += octets.len();
        }
    }
}
