//! Tells one server: so many notices at once, each repeated with growing pauses until it is answered or given up.
//!
//! Each server has a teller and a socket of its own, so one that is dead delays nobody, and the system lets through only
//! what comes from the server's own address and port.

use std::collections::{HashMap, VecDeque};
use std::future::pending;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tenon_tsig::{AnswerCheck, TsigError, sign_request};
use tenon_wire::Name;
use tenon_wire::message::Rcode;
use tokio::net::UdpSocket;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::{Instant, sleep_until};

use super::message;
use crate::settings::Rules;
use crate::statistics::{Statistics, add};

/// Octets of the largest answer that is looked at.
const ANSWER: usize = 1024;
/// Rest after an error of the socket.
const REST: Duration = Duration::from_millis(20);

/// Something to tell.
#[derive(Clone, Debug)]
pub struct Notice {
    /// The zone.
    pub zone: Name,
    /// Its serial.
    pub serial: u32,
    /// Tells this round of telling the zone's servers from others.
    pub round: u64,
    /// What is sent, without identifier.
    pub message: Arc<[u8]>,
}

/// What came of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The server answered.
    Answered(Rcode),
    /// It did not.
    Unanswered,
    /// A newer notice of the zone took its place.
    Replaced,
}

/// A notice that is over.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Who was told.
    pub target: SocketAddr,
    /// What.
    pub notice: Notice,
    /// What came of it.
    pub outcome: Outcome,
}

/// Tells one server.
#[derive(Debug)]
pub struct Teller {
    target: SocketAddr,
    rules: Arc<RwLock<Arc<Rules>>>,
    statistics: Arc<Statistics>,
    ended: UnboundedSender<Ended>,
    /// Zones whose notices wait, in the order in which they came.
    queue: VecDeque<Name>,
    waiting: HashMap<Name, Notice>,
    flights: Vec<Flight>,
    socket: Option<UdpSocket>,
}

/// A notice that is not answered yet.
#[derive(Debug)]
struct Flight {
    notice: Notice,
    id: u16,
    tries: u32,
    deadline: Instant,
    /// What the answer is held against, when the notice was signed.
    check: Option<AnswerCheck>,
}

impl Teller {
    /// A teller of `target`; what is over is told to `ended`.
    #[must_use]
    pub fn new(
        target: SocketAddr,
        rules: Arc<RwLock<Arc<Rules>>>,
        statistics: Arc<Statistics>,
        ended: UnboundedSender<Ended>,
    ) -> Self {
        let (queue, waiting, flights) = (VecDeque::new(), HashMap::new(), Vec::new());
        Self { target, rules, statistics, ended, queue, waiting, flights, socket: None }
    }

    /// Works until the other end of `orders` is dropped.
    pub async fn run(mut self, mut orders: UnboundedReceiver<Notice>) {
        let mut buffer = [0; ANSWER];
        loop {
            self.take_off().await;
            let deadline = self.flights.iter().map(|flight| flight.deadline).min();
            let received = tokio::select! {
                order = orders.recv() => match order {
                    Some(notice) => { self.take(notice).await; continue }
                    None => return,
                },
                received = receive(self.socket.as_ref(), &mut buffer) => received,
                () = until(deadline) => { self.repeat().await; continue }
            };
            match received {
                Ok(length) => self.answered(buffer.get(..length).unwrap_or(&[])),
                // "Port unreachable" comes here; the server may be starting.
                Err(_) => tokio::time::sleep(REST).await,
            }
        }
    }

    fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes an order; an older one of the same zone gives way.
    async fn take(&mut self, notice: Notice) {
        if let Some(place) = self.flights.iter_mut().position(|flight| flight.notice.zone == notice.zone) {
            let old = self.flights.swap_remove(place).notice;
            self.end(old, Outcome::Replaced);
            return self.send(notice).await;
        }
        if let Some(old) = self.waiting.insert(notice.zone.clone(), notice.clone()) {
            return self.end(old, Outcome::Replaced);
        }
        self.queue.push_back(notice.zone);
    }

    /// Sends what waits, as long as there is room.
    async fn take_off(&mut self) {
        let room = usize::try_from(self.rules().settings.notifies_in_flight).unwrap_or(usize::MAX);
        while self.flights.len() < room
            && let Some(zone) = self.queue.pop_front()
        {
            if let Some(notice) = self.waiting.remove(&zone) {
                self.send(notice).await;
            }
        }
    }

    async fn send(&mut self, notice: Notice) {
        let mut id = random();
        while self.flights.iter().any(|flight| flight.id == id) {
            id = random();
        }
        let check = self.transmit(&notice, id).await;
        let wait = Duration::from_millis(self.rules().settings.notify_timeout_ms.into());
        self.flights.push(Flight { notice, id, tries: 1, deadline: Instant::now() + wait, check });
    }

    /// Sends those again whose time is over, and gives those up that were sent often enough.
    async fn repeat(&mut self) {
        let (now, rules) = (Instant::now(), self.rules());
        let first = Duration::from_millis(rules.settings.notify_timeout_ms.into());
        let (late, fine): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.flights).into_iter().partition(|flight| flight.deadline <= now);
        self.flights = fine;
        for mut flight in late {
            if flight.tries >= rules.settings.notify_tries {
                self.end(flight.notice, Outcome::Unanswered);
                continue;
            }
            flight.check = self.transmit(&flight.notice, flight.id).await;
            flight.deadline = now + first.saturating_mul(1u32.checked_shl(flight.tries).unwrap_or(u32::MAX));
            flight.tries += 1;
            self.flights.push(flight);
        }
    }

    /// A datagram that cannot be sent counts as a try: the way may be there the next time.
    async fn transmit(&mut self, notice: &Notice, id: u16) -> Option<AnswerCheck> {
        let signed = self.signed(notice, id);
        let (octets, check) = match signed {
            Ok(signed) => signed,
            Err(error) => {
                add(&self.statistics.notifies_send_failed, 1);
                tracing::debug!(target_address = %self.target, "cannot sign a notice: {error}");
                return None;
            }
        };
        let sent = match self.open().await {
            Ok(socket) => socket.send(&octets).await.map(drop),
            Err(error) => Err(error),
        };
        let counter = match (&sent, self.target.is_ipv4()) {
            (Err(_), _) => &self.statistics.notifies_send_failed,
            (Ok(()), true) => &self.statistics.notifies_sent_ipv4,
            (Ok(()), false) => &self.statistics.notifies_sent_ipv6,
        };
        add(counter, 1);
        if let Err(error) = sent {
            tracing::debug!(target_address = %self.target, "cannot send a notice: {error}");
            // The refusal of an earlier datagram may have come out here; a new socket helps when addresses changed.
            if error.kind() != io::ErrorKind::ConnectionRefused {
                self.socket = None;
            }
        }
        check
    }

    /// What is sent: signed where the settings name a key for this server.
    fn signed(&self, notice: &Notice, id: u16) -> Result<(Vec<u8>, Option<AnswerCheck>), String> {
        let mut octets = notice.message.to_vec();
        message::set_id(&mut octets, id);
        let rules = self.rules();
        let Some(name) = rules.notify_key(notice.zone.as_ref(), self.target) else {
            return Ok((octets, None));
        };
        let key = rules.keys.find(name).ok_or_else(|| format!("there is no key {name}"))?;
        let check = sign_request(&mut octets, key, tenon_tsig::now()).map_err(|error| error.to_string())?;
        Ok((octets, Some(check)))
    }

    async fn open(&mut self) -> io::Result<&UdpSocket> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => {
                let settings = &self.rules().settings;
                let source: IpAddr = match self.target {
                    SocketAddr::V4(_) => settings.notify_source_ipv4.unwrap_or(Ipv4Addr::UNSPECIFIED).into(),
                    SocketAddr::V6(_) => settings.notify_source_ipv6.unwrap_or(Ipv6Addr::UNSPECIFIED).into(),
                };
                let socket = UdpSocket::bind((source, 0)).await?;
                socket.connect(self.target).await?;
                socket
            }
        };
        Ok(self.socket.insert(socket))
    }

    fn answered(&mut self, octets: &[u8]) {
        let flight = message::answer(octets).and_then(|(id, rcode, zone)| {
            let place = self.flights.iter().position(|flight| {
                flight.id == id && zone.is_none_or(|zone| flight.notice.zone.as_ref() == zone)
            })?;
            // An answer that is not signed well, or says that ours is not, may come from anybody: the true one may follow.
            if let Some(mut check) = self.flights.get(place)?.check.clone()
                && let Err(error) = check.check(octets, tenon_tsig::now())
                && !matches!(error, TsigError::Refused { .. })
            {
                add(&self.statistics.notify_bad_signatures, 1);
                return None;
            }
            Some((self.flights.swap_remove(place), rcode))
        });
        match flight {
            Some((flight, rcode)) => self.end(flight.notice, Outcome::Answered(rcode)),
            None => add(&self.statistics.notify_strangers, 1),
        }
    }

    fn end(&self, notice: Notice, outcome: Outcome) {
        // Nobody hears it when the process ends.
        let _ = self.ended.send(Ended { target: self.target, notice, outcome });
    }
}

async fn receive(socket: Option<&UdpSocket>, buffer: &mut [u8]) -> io::Result<usize> {
    match socket {
        Some(socket) => socket.recv(buffer).await,
        None => pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}

/// An identifier that nobody guesses.
fn random() -> u16 {
    RandomState::new().hash_one(()) as u16
}
