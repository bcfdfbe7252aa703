//! Whom to tell of a zone's changes.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use tenon_image::{Catalog, Fault, ZoneImage};
use tenon_wire::message::KeyedName;
use tenon_wire::{NameRef, RrType};

use crate::settings::{NotifyTarget, Rules};
use crate::stream::soa_data;

/// The port of DNS.
const PORT: u16 = 53;

/// The servers to tell: those in the zone's NS records without the one in its SOA (RFC 1996 section 2), as far as the
/// zones served here have their addresses, and those that the settings name. Nobody is asked for an address.
///
/// Of the name servers those with an address of this machine are left out: they are most likely ourselves. Which addresses
/// are our own is asked of the routing table, which says so of the main address of each interface; a notice to another one
/// is answered by ourselves, and costs a datagram.
///
/// # Errors
/// A damaged image.
pub fn of(zone: &ZoneImage, catalog: &Catalog, rules: &Rules) -> Result<BTreeSet<SocketAddr>, Fault> {
    let also = rules.also_notify(zone.origin()).iter();
    let mut targets: BTreeSet<SocketAddr> = also.map(NotifyTarget::socket_address).collect();
    if !rules.settings.notify_name_servers {
        return Ok(targets);
    }
    let (_, soa) = soa_data(zone)?;
    let (primary, _) = NameRef::split_from(&soa).map_err(|_| Fault("the name in its SOA is malformed"))?;
    let Some(servers) = zone.apex()?.rrset(RrType::NS)? else { return Ok(targets) };
    for rdata in servers.expanded(zone.origin().octets())? {
        let server = NameRef::from_octets(&rdata).map_err(|_| Fault("the name of a server is malformed"))?;
        if server != primary {
            targets.extend(addresses(server, catalog)?.into_iter().map(|ip| SocketAddr::new(ip, PORT)));
        }
    }
    Ok(targets)
}

/// The addresses that our own zones have for a name, glue included.
fn addresses(name: NameRef<'_>, catalog: &Catalog) -> Result<Vec<IpAddr>, Fault> {
    let key = KeyedName::new(name);
    let Some(zone) = catalog.find(&key, false).filter(|zone| zone.is_usable()) else { return Ok(Vec::new()) };
    let Some(node) = zone.address_node(&key, true)? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    if let Some(rrset) = node.rrset(RrType::A)? {
        let octets = rrset.rdatas().iter().filter_map(|rdata| <[u8; 4]>::try_from(rdata).ok());
        found.extend(octets.map(|octets| IpAddr::V4(Ipv4Addr::from(octets))));
    }
    if let Some(rrset) = node.rrset(RrType::AAAA)? {
        let octets = rrset.rdatas().iter().filter_map(|rdata| <[u8; 16]>::try_from(rdata).ok());
        found.extend(octets.map(|octets| IpAddr::V6(Ipv6Addr::from(octets))));
    }
    // What is no address of one machine cannot be told anything.
    found.retain(|ip| !ip.is_unspecified() && !ip.is_multicast() && !is_own(*ip));
    Ok(found)
}

/// Whether what is sent to an address would come from the same one. Nothing is sent. Loopback addresses are nobody's own:
/// who writes them into a zone means another server here.
fn is_own(ip: IpAddr) -> bool {
    let any: IpAddr = if ip.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let way = || {
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect((ip, PORT))?;
        socket.local_addr()
    };
    !ip.is_loopback() && way().is_ok_and(|from| from.ip() == ip)
}
