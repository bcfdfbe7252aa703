//! The address that a datagram was sent to, on sockets bound to all addresses: read from the one control message, and
//! written into another so that the reply leaves from it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nix::libc::{IP_PKTINFO, IPPROTO_IP, IPPROTO_IPV6, IPV6_PKTINFO};
use nix::sys::socket::ControlMessageOwned;

/// Room for either kind of control message.
pub(super) const SPACE: usize = 64;

/// Where a datagram was sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) address: IpAddr,
    /// The interface it came by, for addresses that mean nothing without one; 0 otherwise.
    interface: u32,
}

impl Destination {
    /// Reads one control message; `None` when it is about something else.
    pub(super) fn read(message: &ControlMessageOwned) -> Option<Self> {
        match message {
            ControlMessageOwned::Ipv4PacketInfo(info) => {
                // The address to answer from; it differs from the one that was asked for broadcasts, and is missing
                // when the datagram was queued before the option was set.
                let answer_from =
                    if info.ipi_spec_dst.s_addr == 0 { info.ipi_addr } else { info.ipi_spec_dst };
                let address = Ipv4Addr::from(answer_from.s_addr.to_ne_bytes());
                Some(Self { address: address.into(), interface: 0 })
            }
            ControlMessageOwned::Ipv6PacketInfo(info) => {
                let address = Ipv6Addr::from(info.ipi6_addr.s6_addr);
                let interface = if address.is_unicast_link_local() { info.ipi6_ifindex } else { 0 };
                Some(Self { address: address.into(), interface })
            }
            _ => None,
        }
    }

    /// Writes the control message that makes a reply leave from here; returns its length.
    ///
    /// Layout of `struct cmsghdr` (length, level, type) with `struct in_pktinfo` (interface, source, unused) or
    /// `struct in6_pktinfo` (source, interface), padded to a multiple of a word.
    pub(super) fn write(self, out: &mut [u8; SPACE]) -> usize {
        let mut writer = Writer { out, length: size_of::<usize>() };
        match self.address {
            IpAddr::V4(address) => {
                writer.put(&IPPROTO_IP.to_ne_bytes());
                writer.put(&IP_PKTINFO.to_ne_bytes());
                writer.put(&self.interface.to_ne_bytes());
                writer.put(&address.octets());
                writer.put(&[0; 4]);
            }
            IpAddr::V6(address) => {
                writer.put(&IPPROTO_IPV6.to_ne_bytes());
                writer.put(&IPV6_PKTINFO.to_ne_bytes());
                writer.put(&address.octets());
                writer.put(&self.interface.to_ne_bytes());
            }
        }
        writer.finish()
    }
}

struct Writer<'a> {
    out: &'a mut [u8; SPACE],
    length: usize,
}

impl Writer<'_> {
    fn put(&mut self, octets: &[u8]) {
        if let Some(place) = self.out.get_mut(self.length..self.length + octets.len()) {
            place.copy_from_slice(octets);
            self.length += octets.len();
        }
    }

    fn finish(mut self) -> usize {
        let length = std::mem::take(&mut self.length);
        self.put(&length.to_ne_bytes());
        length.next_multiple_of(size_of::<usize>())
    }
}
