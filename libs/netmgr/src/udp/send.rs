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
use super::control::Control;
use super::pktinfo::Destination;
use super::train::couple;
use crate::counters::UdpCounters;

/// How long to wait for room in the kernel's send queue before what is left of a batch is dropped. The worker stands
/// still meanwhile: with the queue full there is nothing better to do, and the receive queue holds what comes.
const ROOM_WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };

/// A reply that lies in the worker's buffer.
#[derive(Debug)]
pub(super) struct Reply {
    start: usize,
    pub(super) length: usize,
    peer: SocketAddr,
    /// Where it has to leave from, on sockets bound to all addresses.
    source: Option<Destination>,
    /// It is on its way already.
    pub(super) left: bool,
}

impl Reply {
    pub(super) const fn new(
        start: usize,
        length: usize,
        peer: SocketAddr,
        source: Option<Destination>,
    ) -> Self {
        Self { start, length, peer, source, left: false }
    }

    /// Whether two replies go from the same address to the same peer.
    pub(super) fn same_way(&self, other: &Self) -> bool {
        self.peer == other.peer && self.source == other.source
    }

    fn octets<'a>(&self, buffer: &'a [u8]) -> &'a [u8] {
        buffer.get(self.start..self.start + self.length).unwrap_or_default()
    }
}

/// Sends the replies of one socket.
#[derive(Debug)]
pub(super) struct Sender {
    /// Whether the kernel and the way out can cut one piece into several datagrams.
    segmentation: bool,
}

impl Default for Sender {
    fn default() -> Self {
        Self { segmentation: true }
    }
}

impl Sender {
    /// Sends the replies and counts what became of them.
    pub(super) fn send(
        &mut self,
        fd: BorrowedFd<'_>,
        replies: &mut Vec<Reply>,
        buffer: &[u8],
        counters: &UdpCounters,
    ) {
        if self.segmentation && replies.len() > 1 {
            couple(replies, |train| self.segmentation && self.send_train(fd, train, buffer, counters));
            replies.retain(|reply| !reply.left);
        }
        match replies.as_slice() {
            [] => {}
            // The source is the same kind for all: it depends on what the socket is bound to.
            [Reply { source: Some(_), .. }, ..] => send_from(fd, replies, buffer, counters),
            [reply] => send_one(fd, reply, buffer, counters),
            _ => send_many(fd, replies, buffer, counters),
        }
        replies.clear();
    }

    /// Sends a train in one piece; false when it could not leave like that.
    fn send_train(
        &mut self,
        fd: BorrowedFd<'_>,
        train: &[Reply],
        buffer: &[u8],
        counters: &UdpCounters,
    ) -> bool {
        let [first, ..] = train else { return false };
        let Ok(length) = u16::try_from(first.length) else { return false };
        let mut control = Control::new();
        if let Some(source) = first.source {
            control.source(source);
        }
        control.segment(length);
        match send_with(fd, train, buffer, &control, counters) {
            Ok(_) => {
                counters.sent.add(train.len());
                counters.coupled.add(train.len());
                true
            }
            // The interface cannot (no checksums in hardware, a tunnel), or the kernel knows no such option.
            Err(Errno::IO | Errno::NOPROTOOPT | Errno::OPNOTSUPP) => {
                self.segmentation = false;
                false
            }
            // Anything else, such as a path with small packets, is the matter of this peer.
            Err(_) => false,
        }
    }
}

/// The single reply of a quiet moment: setting up a batch would cost more.
fn send_one(fd: BorrowedFd<'_>, reply: &Reply, buffer: &[u8], counters: &UdpCounters) {
    let outcome = repeat(fd, counters, || sendto(fd, reply.octets(buffer), SendFlags::DONTWAIT, &reply.peer));
    count_one(outcome, counters);
}

fn send_many(fd: BorrowedFd<'_>, replies: &[Reply], buffer: &[u8], counters: &UdpCounters) {
    let mut octets = replies.iter().map(|reply| reply.octets(buffer));
    let slices: [_; BATCH] = std::array::from_fn(|_| [IoSlice::new(octets.next().unwrap_or_default())]);
    let mut peers = replies.iter().map(|reply| reply.peer.as_any());
    let peers: [Option<SocketAddrAny>; BATCH] = std::array::from_fn(|_| peers.next());
    let mut controls: [_; BATCH] = std::array::from_fn(|_| SendAncillaryBuffer::default());
    let mut parts = peers.iter().flatten().zip(&slices);
    let mut headers = controls.each_mut().map(|control| match parts.next() {
        Some((peer, slice)) => MMsgHdr::new_with_addr(peer, slice, control),
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

/// One by one, each from its own source address: no safe interface takes a control message for each datagram of a
/// batch.
fn send_from(fd: BorrowedFd<'_>, replies: &[Reply], buffer: &[u8], counters: &UdpCounters) {
    for reply in replies {
        let mut control = Control::new();
        if let Some(source) = reply.source {
            control.source(source);
        }
        count_one(send_with(fd, std::slice::from_ref(reply), buffer, &control, counters), counters);
    }
}

/// One system call with control messages: all replies are to one peer.
fn send_with(
    fd: BorrowedFd<'_>,
    replies: &[Reply],
    buffer: &[u8],
    control: &Control,
    counters: &UdpCounters,
) -> Result<usize, Errno> {
    let peer = replies.first().map(|reply| SockAddr::from(reply.peer)).ok_or(Errno::INVAL)?;
    let mut octets = replies.iter().map(|reply| reply.octets(buffer));
    let slices: [_; BATCH] = std::array::from_fn(|_| IoSlice::new(octets.next().unwrap_or_default()));
    let slices = slices.get(..replies.len()).unwrap_or_default();
    let message = MsgHdr::new().with_addr(&peer).with_buffers(slices).with_control(control.octets());
    let socket = SockRef::from(&fd);
    let errno = |error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
    repeat(fd, counters, || socket.sendmsg(&message, nix::libc::MSG_DONTWAIT).map_err(errno))
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
