//! The replies of a batch, on their way out.

use std::io::IoSlice;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::addr::SocketAddrArg as _;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg, sendto};
use socket2::{MsgHdr, SockAddr, SockRef};

use super::BATCH;
use super::pktinfo::{Destination, SPACE};
use crate::counters::UdpCounters;

/// How long to wait for room in the kernel's send queue before what is left of a batch is dropped. The worker stands
/// still meanwhile: with the queue full there is nothing better to do, and the receive queue holds what comes.
const ROOM_WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };

/// A reply that lies in the worker's buffer.
#[derive(Debug)]
pub(super) struct Reply {
    start: usize,
    length: usize,
    peer: SocketAddrAny,
    /// Where it has to leave from, on sockets bound to all addresses.
    source: Option<Destination>,
}

impl Reply {
    pub(super) fn new(start: usize, length: usize, peer: &SocketAddr, source: Option<Destination>) -> Self {
        Self { start, length, peer: peer.as_any(), source }
    }

    fn octets<'a>(&self, buffer: &'a [u8]) -> &'a [u8] {
        buffer.get(self.start..self.start + self.length).unwrap_or_default()
    }
}

/// Sends the replies and counts what became of them.
pub(super) fn send(fd: BorrowedFd<'_>, replies: &mut Vec<Reply>, buffer: &[u8], counters: &UdpCounters) {
    match replies.as_slice() {
        [] => {}
        // The source is the same kind for all: it depends on what the socket is bound to.
        [Reply { source: Some(_), .. }, ..] => send_from(fd, replies, buffer, counters),
        [reply] => send_one(fd, reply, buffer, counters),
        _ => send_many(fd, replies, buffer, counters),
    }
    replies.clear();
}

/// The single reply of a quiet moment: setting up a batch would cost more.
fn send_one(fd: BorrowedFd<'_>, reply: &Reply, buffer: &[u8], counters: &UdpCounters) {
    let outcome = repeat(fd, counters, || sendto(fd, reply.octets(buffer), SendFlags::DONTWAIT, &reply.peer));
    count_one(outcome, counters);
}

fn send_many(fd: BorrowedFd<'_>, replies: &[Reply], buffer: &[u8], counters: &UdpCounters) {
    let mut octets = replies.iter().map(|reply| reply.octets(buffer));
    let slices: [_; BATCH] = std::array::from_fn(|_| [IoSlice::new(octets.next().unwrap_or_default())]);
    let mut controls: [_; BATCH] = std::array::from_fn(|_| SendAncillaryBuffer::default());
    let mut parts = replies.iter().zip(&slices);
    let mut headers = controls.each_mut().map(|control| match parts.next() {
        Some((reply, slice)) => MMsgHdr::new_with_addr(&reply.peer, slice, control),
        None => MMsgHdr::new(&[], control),
    });
    let mut rest = headers.get_mut(..replies.len()).unwrap_or_default();
    while !rest.is_empty() {
        let taken = match repeat(fd, counters, || sendmmsg(fd, rest, SendFlags::DONTWAIT)) {
            Ok(sent) if sent > 0 => {
                counters.sent.add(sent);
                sent
            }
            Err(Errno::AGAIN) => {
                counters.sendfail.add(rest.len());
                return;
            }
            // The error is that of the first message; those behind it may fare better.
            _ => {
                counters.sendfail.add(1);
                1
            }
        };
        rest = rest.get_mut(taken..).unwrap_or_default();
    }
}

/// One by one, each from its own source address: batches save little, and no safe interface takes a control message
/// for each datagram of one.
fn send_from(fd: BorrowedFd<'_>, replies: &[Reply], buffer: &[u8], counters: &UdpCounters) {
    let socket = SockRef::from(&fd);
    let mut control = [0; SPACE];
    for reply in replies {
        let length = reply.source.map_or(0, |source| source.write(&mut control));
        let Ok(peer) = SocketAddr::try_from(reply.peer.clone()).map(SockAddr::from) else {
            counters.sendfail.add(1);
            continue;
        };
        let slice = [IoSlice::new(reply.octets(buffer))];
        let control = control.get(..length).unwrap_or_default();
        let message = MsgHdr::new().with_addr(&peer).with_buffers(&slice).with_control(control);
        let flags = nix::libc::MSG_DONTWAIT;
        let errno = |error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
        let outcome = repeat(fd, counters, || socket.sendmsg(&message, flags).map_err(errno));
        count_one(outcome, counters);
    }
}

fn count_one(outcome: Result<usize, Errno>, counters: &UdpCounters) {
    match outcome {
        Ok(_) => counters.sent.add(1),
        Err(_) => counters.sendfail.add(1),
    }
}

/// Tries again after an interruption, and once more after waiting for room in the send queue.
fn repeat(
    fd: BorrowedFd<'_>,
    counters: &UdpCounters,
    mut attempt: impl FnMut() -> Result<usize, Errno>,
) -> Result<usize, Errno> {
    let mut waited = false;
    loop {
        match attempt() {
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) if !waited => {
                waited = true;
                counters.sendwait.add(1);
                // Whether there is room now, the next attempt will tell.
                let _ready = poll(&mut [PollFd::new(&fd, PollFlags::OUT)], Some(&ROOM_WAIT));
            }
            outcome => return outcome,
        }
    }
}
