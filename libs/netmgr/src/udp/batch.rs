//! One batch of datagrams, from the kernel and back to it.

use std::io::IoSliceMut;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, RecvMsg, SockaddrStorage, recvmmsg, recvmsg};

use super::overflow::{Overflow, Told};
use super::pktinfo::Destination;
use super::relay::Waiting;
use super::send::{Reply, Sender};
use super::{BATCH, DATAGRAM_MAX};
use crate::counters::UdpCounters;
use crate::handler::{Handle, Handler, RelayFailure, Transport, Verdict};
use crate::proxy::Header;
use crate::worker::Worker;

/// Distance between receive buffers: an odd number of cache lines, so that the starts of the messages do not all
/// compete for the same set of the first-level cache.
const STRIDE: usize = DATAGRAM_MAX + 64;

/// Buffers of a worker's datagrams, in and out; one set serves all its sockets because a batch is finished before the
/// next begins.
pub(crate) struct Room {
    arrivals: Box<[u8]>,
    /// Replies one after the other.
    replies: Box<[u8]>,
}

impl Room {
    pub(crate) fn new() -> Self {
        Self {
            arrivals: vec![0; BATCH * STRIDE].into_boxed_slice(),
            replies: vec![0; BATCH * DATAGRAM_MAX].into_boxed_slice(),
        }
    }
}

/// How much a turn took from the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Received {
    /// A whole batch: there may be more.
    Full,
    /// All there was.
    Part,
    /// Nothing, because of an error that may last.
    Failed,
}

/// A datagram as it came.
#[derive(Debug, Clone, Copy)]
struct Arrival {
    length: usize,
    peer: SocketAddr,
    destination: Option<Destination>,
    whole: bool,
}

/// What one socket keeps from batch to batch.
pub(super) struct Batch {
    local: SocketAddr,
    /// Only proxies send here.
    proxied: bool,
    headers: MultiHeaders<SockaddrStorage>,
    overflow: Overflow,
    /// Room for what the kernel says of a single datagram.
    control: Vec<u8>,
    arrivals: Vec<Arrival>,
    replies: Vec<Reply>,
    /// Answered by other processes.
    handed_over: Vec<Waiting>,
    sender: Sender,
}

impl Batch {
    pub(super) fn new(local: SocketAddr, proxied: bool, told: Told) -> Self {
        let control = local.ip().is_unspecified().then(|| match local {
            SocketAddr::V4(_) => nix::cmsg_space!(nix::libc::in_pktinfo),
            SocketAddr::V6(_) => nix::cmsg_space!(nix::libc::in6_pktinfo),
        });
        Self {
            local,
            proxied,
            headers: MultiHeaders::preallocate(BATCH, control),
            overflow: Overflow::new(told),
            control: nix::cmsg_space!(u32),
            arrivals: Vec::with_capacity(BATCH),
            replies: Vec::with_capacity(BATCH),
            handed_over: Vec::new(),
            sender: Sender::default(),
        }
    }

    /// Those that other processes answer, since the last call.
    pub(super) fn handed_over(&mut self) -> impl Iterator<Item = Waiting> + '_ {
        self.handed_over.drain(..)
    }

    /// Receives, answers and sends one batch.
    pub(super) fn turn<H: Handler>(&mut self, fd: BorrowedFd<'_>, worker: &Worker<H>) -> Received {
        let room = &mut *worker.datagrams.borrow_mut();
        let counters = worker.counters.udp(&self.local);
        let is_single = !self.local.ip().is_unspecified() && self.overflow.is_due();
        let received = if is_single { self.receive_one(fd, room, counters) } else { self.receive(fd, room) };
        let received = match received {
            Ok(received) => received,
            Err(Errno::EAGAIN | Errno::EINTR) => return Received::Part,
            Err(_) => {
                counters.recvfail.add(1);
                return Received::Failed;
            }
        };
        let times = worker.counters.times(Transport::Udp);
        let began = times.begin(received);
        counters.received.add(received);
        self.answer(worker, room, counters);
        self.sender.send(fd, &mut self.replies, &room.replies, counters);
        times.end(received, began);
        if is_single || received == BATCH { Received::Full } else { Received::Part }
    }

    fn receive(&mut self, fd: BorrowedFd<'_>, room: &mut Room) -> Result<usize, Errno> {
        let mut chunks =
            room.arrivals.chunks_exact_mut(STRIDE).filter_map(|slot| slot.get_mut(..DATAGRAM_MAX));
        let mut slices: [_; BATCH] =
            std::array::from_fn(|_| [IoSliceMut::new(chunks.next().unwrap_or_default())]);
        let flags = MsgFlags::MSG_DONTWAIT;
        let messages = recvmmsg(fd.as_raw_fd(), &mut self.headers, &mut slices, flags, None)?;
        self.arrivals.clear();
        self.arrivals.extend(messages.map(|message| Arrival::read(&message)));
        Ok(self.arrivals.len())
    }

    /// Receives a single datagram, and what it says of those that were dropped.
    fn receive_one(
        &mut self,
        fd: BorrowedFd<'_>,
        room: &mut Room,
        counters: &UdpCounters,
    ) -> Result<usize, Errno> {
        let mut slices = [IoSliceMut::new(room.arrivals.get_mut(..DATAGRAM_MAX).unwrap_or_default())];
        let control = Some(self.control.as_mut_slice());
        let message = recvmsg(fd.as_raw_fd(), &mut slices, control, MsgFlags::MSG_DONTWAIT)?;
        counters.overflow.add(self.overflow.hear(&message));
        self.arrivals.clear();
        self.arrivals.push(Arrival::read(&message));
        Ok(self.arrivals.len())
    }

    fn answer<H: Handler>(&mut self, worker: &Worker<H>, room: &mut Room, counters: &UdpCounters) {
        let handler = &mut *worker.handler.borrow_mut();
        self.replies.clear();
        handler.batch_begins();
        let mut start = 0;
        for (arrival, slot) in self.arrivals.iter().zip(room.arrivals.chunks_exact(STRIDE)) {
            if !arrival.whole {
                counters.oversize.add(1);
                continue;
            }
            let mut message = slot.get(..arrival.length).unwrap_or_default();
            let out = room.replies.get_mut(start..start + DATAGRAM_MAX).unwrap_or_default();
            let mut handle = self.handle(arrival);
            if self.proxied {
                let Some(behind) = introduced(handler, &mut handle, message, counters) else { continue };
                message = behind;
            }
            let length = match handler.answer(&handle, message, out) {
                Verdict::Reply(length) => length.min(out.len()),
                Verdict::Silence => continue,
                Verdict::HandOver(length) => {
                    let length = length.min(out.len());
                    if let Some(stream) = hand_over(worker, handler, &handle, message, counters) {
                        let instead = out.get(..length).unwrap_or_default().into();
                        let (peer, source) = (arrival.peer, arrival.destination);
                        self.handed_over.push(Waiting { handle, stream, instead, peer, source });
                        continue;
                    }
                    length
                }
            };
            self.replies.push(Reply::new(start, length, arrival.peer, arrival.destination));
            start += length;
        }
    }

    fn handle(&self, arrival: &Arrival) -> Handle {
        let mut local = self.local;
        if let Some(destination) = arrival.destination {
            local.set_ip(destination.address);
        }
        Handle { peer: arrival.peer, local, transport: Transport::Udp, alpn: false, tls_name: None }
    }
}

/// The way to another process that answers, when there is one.
fn hand_over<H: Handler>(
    worker: &Worker<H>,
    handler: &mut H,
    handle: &Handle,
    message: &[u8],
    counters: &UdpCounters,
) -> Option<UnixStream> {
    let count = worker.datagram_relays.get();
    if count >= worker.common.limits.datagram_relays_per_worker() || worker.stopping.get() {
        counters.relayfull.add(1);
        handler.relay_failed(handle, RelayFailure::Full, false);
        return None;
    }
    let Some(stream) = handler.hand_over(handle, message) else {
        counters.relaynobody.add(1);
        return None;
    };
    worker.datagram_relays.set(count + 1);
    counters.relaying.add(1);
    Some(stream)
}

/// What stands behind a proxy's header, with the handle of whom it speaks for. The reply goes to the proxy all the same.
fn introduced<'m, H: Handler>(
    handler: &H,
    handle: &mut Handle,
    datagram: &'m [u8],
    counters: &UdpCounters,
) -> Option<&'m [u8]> {
    if !handler.trusts_proxy(handle) {
        counters.proxyrefused.add(1);
        return None;
    }
    let Ok(Header { addresses, length }) = Header::of(datagram) else {
        counters.proxyfail.add(1);
        return None;
    };
    if let Some((peer, local)) = addresses {
        (handle.peer, handle.local) = (peer, local);
    }
    datagram.get(length..)
}

impl Arrival {
    fn read(message: &RecvMsg<'_, '_, SockaddrStorage>) -> Self {
        let destination = match message.cmsgs() {
            Ok(mut control) => control.find_map(|control| Destination::read(&control)),
            Err(_) => None,
        };
        Self {
            length: message.bytes,
            peer: message.address.as_ref().map_or(NOBODY, peer),
            destination,
            whole: !message.flags.contains(MsgFlags::MSG_TRUNC),
        }
    }
}

/// Stands for an address that the kernel did not give; a reply to it fails and is counted.
const NOBODY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

fn peer(address: &SockaddrStorage) -> SocketAddr {
    if let Some(four) = address.as_sockaddr_in() {
        return SocketAddr::new(four.ip().into(), four.port());
    }
    address.as_sockaddr_in6().map_or(NOBODY, |six| {
        let ip: Ipv6Addr = six.ip();
        std::net::SocketAddrV6::new(ip, six.port(), six.flowinfo(), six.scope_id()).into()
    })
}
