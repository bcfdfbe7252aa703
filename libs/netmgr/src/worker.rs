//! One worker: a thread with its own event loop, handler, buffers and connections.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::MissedTickBehavior;

use crate::counters::WorkerCounters;
use crate::handler::{Handler, Transport};
use crate::inherited::SocketKind;
use crate::quic;
use crate::quota::Quota;
use crate::seat::Seats;
use crate::settings::Limits;
use crate::tcp::{self, Pool};
use crate::tls::Current;
use crate::udp;

/// How often a worker beats, looks for connections whose time is up and lets its handler take up news.
const TICK: Duration = Duration::from_millis(250);

/// What all workers of a network have in common. None of it is touched between a query and its answer.
#[derive(Debug)]
pub(crate) struct Common {
    pub(crate) limits: Limits,
    pub(crate) quota: Arc<Quota>,
    pub(crate) identity: Current,
    /// How QUIC is spoken; none without an identity.
    pub(crate) quic: watch::Sender<Option<quinn::ServerConfig>>,
    pub(crate) stop: watch::Sender<bool>,
    /// Becomes true when a worker ends that nobody stopped.
    pub(crate) fallen: watch::Sender<bool>,
}

/// What the tasks of one worker share; it never leaves the worker's thread.
pub(crate) struct Worker<H> {
    pub(crate) handler: RefCell<H>,
    pub(crate) counters: Arc<WorkerCounters>,
    pub(crate) common: Arc<Common>,
    pub(crate) datagrams: RefCell<udp::Room>,
    pub(crate) pool: Pool,
    pub(crate) seats: Seats,
    /// Answers of other processes that connections of this worker wait for.
    pub(crate) relays: Cell<usize>,
    /// Answers of other processes that datagrams of this worker wait for.
    pub(crate) datagram_relays: Cell<usize>,
    /// Clients over QUIC that are being agreed with and whose address may be forged.
    pub(crate) unproven: Cell<usize>,
    pub(crate) stopping: Cell<bool>,
    /// Told each time that a connection ends, or that a datagram that waited for another process is answered.
    pub(crate) left: Notify,
}

/// A socket as handed to a worker.
pub(crate) struct Share {
    /// The name it was passed under.
    pub(crate) name: String,
    pub(crate) kind: SocketKind,
    pub(crate) local: SocketAddr,
    /// Only proxies come to it.
    pub(crate) proxied: bool,
    /// What the workers that serve a datagram socket know of what the kernel dropped.
    pub(crate) told: udp::Told,
    pub(crate) fd: OwnedFd,
}

/// Why a worker did not come up.
#[derive(Debug)]
pub(crate) enum Unable {
    /// It has no event loop.
    Loop(io::Error),
    /// It cannot serve these sockets: their names and addresses, and what the kernel said.
    Sockets(Vec<(String, SocketAddr, io::Error)>),
    /// It ended in the middle.
    Lost,
}

/// Runs one worker until it is stopped. `started` is called once, with the outcome of the start.
pub(crate) fn run<H: Handler + 'static>(
    shares: Vec<Share>,
    handler: H,
    counters: Arc<WorkerCounters>,
    common: Arc<Common>,
    started: impl FnOnce(Result<(), Unable>),
) {
    let _alarm = Alarm(Arc::clone(&common));
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build() {
        Ok(runtime) => runtime,
        Err(error) => return started(Err(Unable::Loop(error))),
    };
    let worker = Rc::new(Worker {
        handler: RefCell::new(handler),
        counters,
        common,
        datagrams: RefCell::new(udp::Room::new()),
        pool: Pool::default(),
        seats: Seats::default(),
        relays: Cell::new(0),
        datagram_relays: Cell::new(0),
        unproven: Cell::new(0),
        stopping: Cell::new(false),
        left: Notify::new(),
    });
    LocalSet::new().block_on(&runtime, async move {
        let mut tasks = JoinSet::new();
        let outcome = worker.take_up(shares, &mut tasks);
        let failed = outcome.is_err();
        started(outcome);
        if !failed {
            worker.tick_until_stopped(&mut tasks).await;
            worker.wind_up(tasks).await;
        }
    });
}

/// Tells the network when a worker ends before it was stopped, however it ends.
struct Alarm(Arc<Common>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if !*self.0.stop.borrow() {
            self.0.fallen.send_replace(true);
        }
    }
}

impl<H: Handler + 'static> Worker<H> {
    /// Serves all of the sockets, or tells those that it cannot serve.
    fn take_up(self: &Rc<Self>, shares: Vec<Share>, tasks: &mut JoinSet<()>) -> Result<(), Unable> {
        let mut failed = Vec::new();
        for share in shares {
            let (name, local) = (share.name.clone(), share.local);
            if let Err(error) = self.take_one_up(share, tasks) {
                failed.push((name, local, error));
            }
        }
        if failed.is_empty() { Ok(()) } else { Err(Unable::Sockets(failed)) }
    }

    fn take_one_up(self: &Rc<Self>, share: Share, tasks: &mut JoinSet<()>) -> io::Result<()> {
        let Share { kind, local, proxied, told, fd, .. } = share;
        match kind {
            SocketKind::Udp => {
                let counters = self.counters.udp(&local);
                let socket = udp::Socket::new(fd, local, proxied, told);
                let socket = socket.inspect_err(|_| counters.openfail.add(1))?;
                counters.open.add(1);
                counters.active.add(1);
                tasks.spawn_local(udp::serve(Rc::clone(self), socket));
                Ok(())
            }
            SocketKind::Tcp => self.listen(fd, local, Transport::Tcp, proxied, tasks),
            SocketKind::Tls => self.listen(fd, local, Transport::Tls, proxied, tasks),
            SocketKind::Https => self.listen(fd, local, Transport::Https, proxied, tasks),
            SocketKind::Quic => {
                let counters = self.counters.quic(&local);
                let endpoint = quic::Endpoint::new(fd, local);
                let endpoint = endpoint.inspect_err(|_| counters.openfail.add(1))?;
                counters.open.add(1);
                tasks.spawn_local(quic::serve(Rc::clone(self), endpoint));
                Ok(())
            }
        }
    }

    fn listen(
        self: &Rc<Self>,
        fd: OwnedFd,
        local: SocketAddr,
        transport: Transport,
        proxied: bool,
        tasks: &mut JoinSet<()>,
    ) -> io::Result<()> {
        let counters = self.counters.tcp(&local);
        let listener = tcp::Listener::new(fd, local, transport, proxied);
        let listener = listener.inspect_err(|_| counters.openfail.add(1))?;
        counters.open.add(1);
        tasks.spawn_local(tcp::accept(Rc::clone(self), listener));
        Ok(())
    }

    /// Returns when the network is stopped, or when a task ended that should not: then the worker ends too, and its
    /// [`Alarm`] goes off.
    async fn tick_until_stopped(&self, tasks: &mut JoinSet<()>) {
        let mut stop = self.common.stop.subscribe();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                Some(_ended) = tasks.join_next() => return,
                _ = ticks.tick() => {
                    self.counters.heartbeat.add(1);
                    self.handler.borrow_mut().batch_begins();
                    self.seats.expire(&self.common.limits, Instant::now());
                }
            }
        }
    }

    /// Takes nothing new, lets connections finish what was read, and leaves.
    async fn wind_up(&self, mut tasks: JoinSet<()>) {
        tasks.abort_all();
        while tasks.join_next().await.is_some() {}
        self.stopping.set(true);
        self.seats.wake_all();
        let grace = self.common.limits.grace();
        let _late = tokio::time::timeout(grace, async {
            while self.seats.taken() > 0 || self.datagram_relays.get() > 0 {
                self.left.notified().await;
            }
        })
        .await;
    }
}
