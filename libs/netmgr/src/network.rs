//! All workers as one thing: started, changed, read and stopped together.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::watch;

use crate::assignment::assign;
use crate::counters::{CounterInfo, CounterKind, WorkerCounters};
use crate::handler::{Handler, Transport};
use crate::inherited::{InheritedSocket, Listener, SocketError, SocketKind, sort_sockets};
use crate::latency::AnswerTimes;
use crate::quic;
use crate::quota::Quota;
use crate::settings::{Limits, Settings};
use crate::tls::{Current, Identity};
use crate::udp::Told;
use crate::worker::{self, Common, Share, Unable};

/// More than this is a mistake.
const WORKERS_MAX: usize = 1024;

/// High-water marks of open connections, one for each family; kept with the quota, so over all workers.
const CLIENTS: [CounterInfo; 2] = [
    CounterInfo {
        name: "tcp4_clients",
        kind: CounterKind::Gauge,
        meaning: "Most connections that were open at a time.",
    },
    CounterInfo {
        name: "tcp6_clients",
        kind: CounterKind::Gauge,
        meaning: "Most connections that were open at a time.",
    },
];

/// Why the network could not start.
#[derive(Debug, Error)]
pub enum NetworkError {
    /// A socket from outside is of no use.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// A socket could not be shared between workers.
    #[error("socket {name:?} on {local} cannot be duplicated for a further worker: {source}")]
    Duplicate {
        /// The name it was passed under.
        name: String,
        /// The address it is bound to.
        local: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// Workers did not come up.
    #[error("{}", told(.0))]
    Workers(Vec<Failure>),
}

/// One thing that kept a worker from coming up.
#[derive(Debug)]
pub struct Failure {
    /// The worker's number, from 0.
    pub worker: usize,
    /// Name and address of the socket that it cannot serve; none when it is the worker itself.
    pub socket: Option<(String, SocketAddr)>,
    /// What the kernel said.
    pub source: io::Error,
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { worker, socket, source } = self;
        match socket {
            Some((name, local)) => {
                write!(out, "network worker {worker} cannot serve socket {name:?} on {local}: {source}")
            }
            None => write!(out, "network worker {worker} cannot start: {source}"),
        }
    }
}

/// All of them, since what fails for one worker may fail for others in another way.
fn told(failures: &[Failure]) -> String {
    failures.iter().map(Failure::to_string).collect::<Vec<_>>().join("; ")
}

impl Failure {
    fn of(worker: usize, unable: Unable) -> Vec<Self> {
        let one = |socket, source| Self { worker, socket, source };
        match unable {
            Unable::Loop(error) => vec![one(None, error)],
            Unable::Lost => vec![one(None, io::Error::other("its thread ended"))],
            Unable::Sockets(failed) => {
                failed.into_iter().map(|(name, local, error)| one(Some((name, local)), error)).collect()
            }
        }
    }
}

/// A socket that the network serves, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedSocket {
    /// The name it was passed under.
    pub name: String,
    /// The address it is bound to.
    pub local: SocketAddr,
    /// What it is for.
    pub kind: SocketKind,
    /// Effective size of its receive buffer in octets.
    pub receive_buffer: usize,
}

/// Running workers. Dropping it stops them.
#[derive(Debug)]
pub struct Network {
    /// Empty once stopped.
    threads: Mutex<Vec<JoinHandle<()>>>,
    workers: Vec<Arc<WorkerCounters>>,
    sockets: Vec<ServedSocket>,
    common: Arc<Common>,
    /// What QUIC is configured by, as long as it is.
    secured: Mutex<(Settings, Option<Identity>)>,
}

impl Network {
    /// Starts one worker per core (or as many as set) over the given sockets; `factory` makes the handler of each, on
    /// its thread. Without an `identity` connections over TLS are closed at once. All listeners on all workers are one
    /// operation with one result: it returns when all of them serve.
    ///
    /// # Errors
    /// Sockets or workers failed; all that did are named. Nothing runs then, the sockets are as they were, and whoever
    /// bound them has them still.
    pub fn start<H, F>(
        sockets: Vec<InheritedSocket>,
        settings: &Settings,
        identity: Option<Identity>,
        factory: F,
    ) -> Result<Self, NetworkError>
    where
        H: Handler + 'static,
        F: Fn(usize) -> H + Send + Sync + 'static,
    {
        let listeners = sort_sockets(sockets)?;
        let served = listeners.iter().map(ServedSocket::from).collect();
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let count = if settings.workers == 0 { cores() } else { settings.workers.min(WORKERS_MAX) };
        let quic_config = identity.as_ref().map(|identity| quic::config(identity, settings));
        let common = Arc::new(Common {
            limits: Limits::new(settings),
            quota: Quota::new(settings.tcp_clients, settings.tcp_clients_per_network),
            identity: Current::new(identity.clone()),
            quic: watch::Sender::new(quic_config),
            stop: watch::Sender::new(false),
            fallen: watch::Sender::new(false),
        });
        let mut network = Self {
            threads: Mutex::default(),
            workers: Vec::with_capacity(count),
            sockets: served,
            common,
            secured: Mutex::new((settings.clone(), identity)),
        };
        let factory = Arc::new(factory);
        let (started, outcomes) = mpsc::channel();
        for (number, shares) in share_out(listeners, count)?.into_iter().enumerate() {
            network.spawn(number, shares, Arc::clone(&factory), started.clone())?;
        }
        drop(started);
        let mut outcomes: BTreeMap<usize, _> = outcomes.iter().take(count).collect();
        let unable = (0..count).filter_map(|worker| {
            let outcome = outcomes.remove(&worker).unwrap_or(Err(Unable::Lost));
            outcome.err().map(|unable| Failure::of(worker, unable))
        });
        let failures: Vec<_> = unable.flatten().collect();
        if failures.is_empty() { Ok(network) } else { Err(NetworkError::Workers(failures)) }
    }

    fn spawn<H, F>(
        &mut self,
        number: usize,
        shares: Vec<Share>,
        factory: Arc<F>,
        started: mpsc::Sender<(usize, Result<(), Unable>)>,
    ) -> Result<(), NetworkError>
    where
        H: Handler + 'static,
        F: Fn(usize) -> H + Send + Sync + 'static,
    {
        let counters = Arc::new(WorkerCounters::default());
        let common = Arc::clone(&self.common);
        let own = Arc::clone(&counters);
        let body = move || {
            let handler = factory(number);
            // It takes the sender along, so that a worker that serves keeps nobody waiting for one that fell.
            let tell = move |outcome| drop(started.send((number, outcome)));
            worker::run(shares, handler, own, common, tell);
        };
        let thread = std::thread::Builder::new().name(format!("net-{number}")).spawn(body);
        let thread =
            thread.map_err(|error| NetworkError::Workers(Failure::of(number, Unable::Loop(error))))?;
        self.threads.get_mut().unwrap_or_else(PoisonError::into_inner).push(thread);
        self.workers.push(counters);
        Ok(())
    }

    /// Puts limits and timeouts into force, also for connections that are open (but not what QUIC was agreed on with). `workers` is not looked at.
    pub fn apply(&self, settings: &Settings) {
        self.common.limits.apply(settings);
        self.common.quota.set_limits(settings.tcp_clients, settings.tcp_clients_per_network);
        self.secure(|(known, _)| known.clone_from(settings));
    }

    /// What the server shows to clients over TLS from the next connection on.
    pub fn set_identity(&self, identity: Identity) {
        self.common.identity.set(identity.clone());
        self.secure(|(_, known)| *known = Some(identity));
    }

    /// Has workers speak QUIC by what was changed.
    fn secure(&self, change: impl FnOnce(&mut (Settings, Option<Identity>))) {
        let mut secured = self.secured.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut secured);
        if let (settings, Some(identity)) = &*secured {
            self.common.quic.send_replace(Some(quic::config(identity, settings)));
        }
    }

    /// The sockets being served, sorted by kind and address.
    #[must_use]
    pub fn sockets(&self) -> &[ServedSocket] {
        &self.sockets
    }

    /// How many workers run.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// All counters, in the order of [`Self::counters`].
    pub fn counter_info() -> impl Iterator<Item = &'static CounterInfo> {
        WorkerCounters::info().chain(&CLIENTS)
    }

    /// The values of all counters, summed over the workers.
    #[must_use]
    pub fn counters(&self) -> Vec<u64> {
        let mut sums = vec![0_u64; WorkerCounters::info().count()];
        for counters in &self.workers {
            for (sum, value) in sums.iter_mut().zip(counters.values()) {
                *sum = sum.wrapping_add(value);
            }
        }
        sums.extend(self.common.quota.high_water());
        sums
    }

    /// How long answering took, by transport, summed over the workers: from when a batch of messages was received to when its
    /// replies were with the kernel (datagrams) or ready to be written (all else). What other processes answer is counted
    /// as long as it takes to ask them.
    pub fn answer_times(&self) -> impl Iterator<Item = AnswerTimes> {
        Transport::ALL.into_iter().map(|transport| {
            let mut times = AnswerTimes::none(transport);
            self.workers.iter().for_each(|counters| times.add(counters.times(transport)));
            times
        })
    }

    /// Watches over the workers from here on.
    #[must_use]
    pub fn pulse(&self) -> Pulse {
        let now = Instant::now();
        Pulse { beats: self.workers.iter().map(|worker| (Arc::clone(worker), 0, now)).collect() }
    }

    /// Resolves when a worker has ended that nobody stopped. The process had better be started again then.
    pub fn fallen(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut fallen = self.common.fallen.subscribe();
        async move {
            // An error means that the network itself is gone, and with it the question.
            if fallen.wait_for(|fallen| *fallen).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Finishes what was read and closes. Waits at most `stop_grace`, and what a worker has in hand. A second call does
    /// nothing.
    pub fn stop(&self) {
        self.common.stop.send_replace(true);
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A worker that panicked has told so through `fallen`.
            let _ended = thread.join();
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Tells whether the loops of all workers turn.
#[derive(Debug)]
pub struct Pulse {
    beats: Vec<(Arc<WorkerCounters>, u64, Instant)>,
}

impl Pulse {
    /// Whether every worker has moved since the last call, or did within the last [`Pulse::PATIENCE`].
    pub fn all_beat(&mut self) -> bool {
        let now = Instant::now();
        let mut all = true;
        for (worker, last, seen) in &mut self.beats {
            let beat = worker.heartbeat.get();
            if beat != *last {
                (*last, *seen) = (beat, now);
            }
            all &= now.duration_since(*seen) < Self::PATIENCE;
        }
        all
    }

    /// How long a worker may stand still; it beats four times a second.
    pub const PATIENCE: Duration = Duration::from_secs(2);
}

impl From<&Listener> for ServedSocket {
    fn from(listener: &Listener) -> Self {
        Self {
            name: listener.name.clone(),
            local: listener.local,
            kind: listener.kind,
            receive_buffer: listener.receive_buffer,
        }
    }
}

/// Gives each worker its sockets; a socket that several workers serve is duplicated.
fn share_out(listeners: Vec<Listener>, workers: usize) -> Result<Vec<Vec<Share>>, NetworkError> {
    let keys: Vec<_> = listeners.iter().map(|listener| (listener.kind, listener.local)).collect();
    let listeners: Vec<_> = listeners.into_iter().map(|listener| (listener, Told::default())).collect();
    let mut shares = Vec::with_capacity(workers);
    for indices in assign(&keys, workers) {
        let mut list = Vec::with_capacity(indices.len());
        for (listener, told) in indices.into_iter().filter_map(|index| listeners.get(index)) {
            let fd = listener.fd.try_clone().map_err(|source| NetworkError::Duplicate {
                name: listener.name.clone(),
                local: listener.local,
                source,
            })?;
            let Listener { kind, local, proxied, .. } = *listener;
            let (name, told) = (listener.name.clone(), told.clone());
            list.push(Share { name, kind, local, proxied, told, fd });
        }
        shares.push(list);
    }
    Ok(shares)
}
