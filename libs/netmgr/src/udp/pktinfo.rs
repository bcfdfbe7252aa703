//! The address that a datagram was sent to, on sockets bound to all addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nix::sys::socket::ControlMessageOwned;

/// Where a datagram was sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) address: IpAddr,
    /// The interface it came by, for addresses that mean nothing without one; 0 otherwise.
    pub(super) interface: u32,
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
}
