//! Options of a datagram socket that somebody else bound.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use nix::sys::socket::{setsockopt, sockopt};
use rustix::net::sockopt::{
    Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery, set_ip_mtu_discover, set_ipv6_mtu_discover,
};

/// Makes the socket nonblocking, asks for the address that was asked where it can be any and elsewhere for how much the
/// kernel dropped, and turns path MTU discovery off so that forged ICMP cannot make replies fragment further.
pub(super) fn prepare(fd: &OwnedFd, local: &SocketAddr) -> io::Result<()> {
    rustix::io::ioctl_fionbio(fd, true)?;
    if local.ip().is_unspecified() {
        match local {
            SocketAddr::V4(_) => setsockopt(fd, sockopt::Ipv4PacketInfo, &true)?,
            SocketAddr::V6(_) => setsockopt(fd, sockopt::Ipv6RecvPacketInfo, &true)?,
        }
    } else {
        // Beside the address there is no room for it in a batch, and it would come first.
        setsockopt(fd, sockopt::RxqOvfl, &1)?;
    }
    // Old kernels know no OMIT, and the server does without.
    let _unsupported = match local {
        SocketAddr::V4(_) => set_ip_mtu_discover(fd, Ipv4PathMtuDiscovery::OMIT),
        SocketAddr::V6(_) => set_ipv6_mtu_discover(fd, Ipv6PathMtuDiscovery::OMIT),
    };
    Ok(())
}
