//! A copy of what is asked and answered, for who wants to see it: dnstap over a UNIX socket, and the query log.
//!
//! Workers put copies into a queue and never wait: what does not fit is counted and gone. One thread takes them out and
//! gives them away; whether that works or not, no answer is later for it.

mod dnstap;
mod frame_stream;
mod query_log;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwapOption;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_netmgr::{Handle, Transport};
use tenon_service::{CounterDefinition, counters};
use tracing::warn;

use self::dnstap::Dnstap;

/// Copies that wait, and their octets.
const WAITING: usize = 16_384;
const WAITING_OCTETS: usize = 16 << 20;
/// What was written is sent at least this often.
const FLUSH_EVERY: Duration = Duration::from_millis(200);

/// Who is shown what.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TapSettings {
    /// UNIX socket of a program that reads dnstap, such as `fstrm_capture`; none: no dnstap. The program makes the socket;
    /// while it does not listen, what is to be sent is counted (`tap_dropped`) and gone.
    pub dnstap_socket: Option<PathBuf>,
    /// Over dnstap, tell of every query as it came (AUTH_QUERY).
    pub dnstap_queries: bool,
    /// Over dnstap, tell of every answer with its query (AUTH_RESPONSE). When both are off, this is what is told.
    pub dnstap_responses: bool,
    /// Log a line for every query: who asked what, and the response code. For looking into something; busy servers have
    /// dnstap for that.
    pub query_log: bool,
}

impl TapSettings {
    /// Whether anything is to be shown.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.dnstap_socket.is_some() || self.query_log
    }
}

counters! {
    /// What became of copies.
    TapStatistics:
    tap_messages Counter "Messages copied for dnstap or the query log.",
    tap_dropped Counter "Messages not copied or not sent: too many waited, or nobody took them.",
    tap_connections Counter "Connections made to the reader of dnstap.",
}

/// A question and what became of it.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) transport: Transport,
    pub(crate) at: SystemTime,
    pub(crate) query: Vec<u8>,
    /// None when there was none.
    pub(crate) response: Option<Vec<u8>>,
}

impl Event {
    pub(crate) fn new(from: &Handle, query: &[u8], response: Option<&[u8]>) -> Self {
        Self {
            peer: from.peer,
            local: from.local,
            transport: from.transport,
            at: SystemTime::now(),
            query: query.to_vec(),
            response: response.map(<[u8]>::to_vec),
        }
    }

    fn octets(&self) -> usize {
        self.query.len() + self.response.as_ref().map_or(0, Vec::len)
    }
}

/// Where workers find whom to show what.
pub(crate) type SharedTap = Arc<ArcSwapOption<Tap>>;

/// The place of the tap that is in force.
#[derive(Debug)]
pub(crate) struct TapPlace {
    now: SharedTap,
    settings: Mutex<TapSettings>,
    statistics: Arc<TapStatistics>,
}

impl TapPlace {
    pub(crate) fn new(settings: &TapSettings, identity: &str) -> Self {
        let statistics = Arc::new(TapStatistics::default());
        let now = Arc::new(ArcSwapOption::new(Tap::start(settings, identity, &statistics)));
        Self { now, settings: Mutex::new(settings.clone()), statistics }
    }

    pub(crate) fn shared(&self) -> SharedTap {
        Arc::clone(&self.now)
    }

    /// Takes up settings. What still waits for who was shown it before is shown there.
    pub(crate) fn set(&self, settings: &TapSettings, identity: &str) {
        let mut before = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        if *before != *settings {
            before.clone_from(settings);
            let other = self.now.swap(Tap::start(settings, identity, &self.statistics));
            if let Some(other) = other {
                other.is_over.store(true, Ordering::Relaxed);
            }
        }
    }

    pub(crate) fn statistics(&self) -> Vec<(&'static CounterDefinition, u64)> {
        self.statistics.values()
    }
}

/// The way in.
#[derive(Debug)]
pub(crate) struct Tap {
    queue: SyncSender<Event>,
    /// Octets that wait.
    waiting: Arc<AtomicUsize>,
    /// Nothing more is to be taken: the thread ends when it has given away what it has.
    is_over: Arc<AtomicBool>,
    statistics: Arc<TapStatistics>,
}

impl Tap {
    /// Shows what is offered from now on to who the settings name; none when there is nobody, or no thread for it.
    pub(crate) fn start(
        settings: &TapSettings,
        identity: &str,
        statistics: &Arc<TapStatistics>,
    ) -> Option<Arc<Self>> {
        if !settings.is_on() {
            return None;
        }
        let (queue, events) = sync_channel(WAITING);
        let waiting = Arc::new(AtomicUsize::new(0));
        let is_over = Arc::new(AtomicBool::new(false));
        let shower = Shower {
            dnstap: settings.dnstap_socket.as_ref().map(|path| {
                Dnstap::new(
                    path,
                    identity,
                    settings.dnstap_queries,
                    settings.dnstap_responses,
                    Arc::clone(statistics),
                )
            }),
            logs: settings.query_log,
            waiting: Arc::clone(&waiting),
            is_over: Arc::clone(&is_over),
            statistics: Arc::clone(statistics),
        };
        let thread = std::thread::Builder::new().name("tap".into()).spawn(move || shower.run(&events));
        if let Err(error) = thread {
            warn!("no thread for dnstap and the query log, going on without: {error}");
            return None;
        }
        Some(Arc::new(Self { queue, waiting, is_over, statistics: Arc::clone(statistics) }))
    }

    /// Takes a copy, if there is room.
    pub(crate) fn offer(&self, event: Event) {
        let octets = event.octets();
        let waited = self.waiting.fetch_add(octets, Ordering::Relaxed);
        let is_taken = waited < WAITING_OCTETS && self.queue.try_send(event).is_ok();
        if !is_taken {
            self.waiting.fetch_sub(octets, Ordering::Relaxed);
        }
        count(if is_taken { &self.statistics.tap_messages } else { &self.statistics.tap_dropped });
    }
}

/// The other end.
struct Shower {
    dnstap: Option<Dnstap>,
    logs: bool,
    waiting: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
    statistics: Arc<TapStatistics>,
}

impl Shower {
    fn run(mut self, events: &Receiver<Event>) {
        let mut flushed = Instant::now();
        loop {
            match events.recv_timeout(FLUSH_EVERY) {
                Ok(event) => self.show(&event),
                // A worker that has nothing to do may hold its end for long.
                Err(RecvTimeoutError::Timeout) if self.is_over.load(Ordering::Relaxed) => break,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if let Some(dnstap) = self.dnstap.as_mut().filter(|_| flushed.elapsed() >= FLUSH_EVERY) {
                dnstap.flush();
                flushed = Instant::now();
            }
        }
        if let Some(dnstap) = self.dnstap {
            dnstap.finish();
        }
    }

    fn show(&mut self, event: &Event) {
        self.waiting.fetch_sub(event.octets(), Ordering::Relaxed);
        if self.logs {
            query_log::log(event);
        }
        if let Some(dnstap) = &mut self.dnstap
            && !dnstap.send(event)
        {
            count(&self.statistics.tap_dropped);
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
