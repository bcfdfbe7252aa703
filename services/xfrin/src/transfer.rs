//! One transfer from one primary: from the first octet to the committed version, on a thread of its own.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use tenon_datasrc::ZoneEntry;
use tenon_datasrc::bulk::SortedRecords;
use tenon_service::jobs::OpenJob;
use tenon_tsig::{AnswerCheck, Key, TsigError};
use tenon_wire::message::Rcode;
use tenon_wire::rdata::Soa;
use tenon_wire::serial::is_newer;
use tenon_wire::{Name, RrType};
use tokio::sync::Notify;

use crate::connection::{Connection, ConnectionError, Link, Patience, prepare};
use crate::incoming::{Came, Incoming, IncomingError, Limits, Received};
use crate::primary::{Asked, NoAnswer};
use crate::serial::{ConnectError, Version};
use crate::settings::XfrinSettings;
use crate::statistics::{Going, Statistics, add, count};
use crate::store::{Checked, Store, StoreError};
use crate::storing::{Goal, Storing};
use crate::tls::{self, TlsError};
use crate::way::Proof;

/// Records up to which a zone is stored together with others that came just then.
const SMALL: usize = 1000;
/// Messages between two notes of how much came.
const NOTE_EVERY: u64 = 64;

/// Everything that a transfer needs.
pub struct Transfer {
    /// The zone.
    pub zone: Name,
    /// The SOA of the stored version, which the new one must come after; none to take whatever comes.
    pub newer_than: Option<Soa>,
    /// Ask for what changed since that version.
    pub for_changes: bool,
    /// Ask by EDNS for how long the zone may still be answered.
    pub edns: bool,
    /// The key that the primary wants questions signed with.
    pub key: Option<Arc<Key>>,
    /// Who it must be, over TLS.
    pub proof: Option<Proof>,
    /// Whom to tell how far it is, and who says whether to give up.
    pub job: Arc<OpenJob>,
    /// Where the zone goes.
    pub store: Store,
    /// Told once when a large zone is being stored and a part of it can be seen.
    pub coming: Arc<Notify>,
    /// Limits and timeouts.
    pub settings: Arc<XfrinSettings>,
    /// What is counted.
    pub statistics: Arc<Statistics>,
}

/// A version that was brought in.
#[derive(Debug)]
pub struct Stored {
    /// As the store lists it.
    pub entry: ZoneEntry,
    /// The numbers of its SOA record.
    pub soa: Soa,
    /// How much came.
    pub received: Received,
    /// What the check of the whole zone has to say.
    pub checked: Checked,
    /// For how many seconds it may be answered, if the primary says so (RFC 7314).
    pub expires_in: Option<u32>,
    /// It came as a difference.
    pub is_difference: bool,
    /// How long it took until all was received, and until it was stored.
    pub times: [Duration; 2],
}

/// A small zone that came as a whole, was checked and is to be stored.
#[derive(Debug)]
pub struct Small {
    /// Its records.
    pub records: SortedRecords,
    /// What is known of it besides.
    pub arrival: Arrival,
}

/// How a whole zone came.
#[derive(Debug)]
pub struct Arrival {
    soa: Soa,
    received: Received,
    checked: Checked,
    expires_in: Option<u32>,
    receiving: Duration,
    began: Instant,
}

impl Arrival {
    /// The version as it is stored now.
    pub fn stored(self, entry: ZoneEntry) -> Stored {
        let Self { soa, received, checked, expires_in, receiving, began } = self;
        let times = [receiving, began.elapsed()];
        Stored { entry, soa, received, checked, expires_in, is_difference: false, times }
    }
}

/// What a transfer came to.
#[derive(Debug)]
pub enum Brought {
    /// A new version.
    Stored(Box<Stored>),
    /// The primary has nothing newer than this.
    Current(Version),
}

/// How a transfer ended.
#[derive(Debug)]
pub enum Ended {
    /// With this.
    Brought(Brought),
    /// With a zone that is to be stored together with others.
    Small(Box<Small>),
}

/// Why nothing was brought in from a primary.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// No connection.
    #[error("no connection: {0}")]
    Connect(ConnectError),
    /// It was not asked.
    #[error("not asked, as it did not answer about another zone just before")]
    PassedOver,
    /// The connection failed.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// No agreement over TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// What came is no transfer.
    #[error(transparent)]
    Incoming(#[from] IncomingError),
    /// What came is not signed as it should be, or our signature was not taken.
    #[error("message {message} (TSIG): {error}")]
    Signature {
        /// Number of the message, from 1.
        message: u64,
        /// What is wrong.
        error: TsigError,
    },
    /// The settings name a key that is not there.
    #[error("there is no key {0} (TSIG), which is named for it; `bindctl key list` lists those there are")]
    NoKey(String),
    /// What came is not newer.
    #[error("it sent serial {serial}, which does not come after {stored}, which is stored (RFC 1982)")]
    NotNewer {
        /// Theirs.
        serial: u32,
        /// Ours.
        stored: u32,
    },
    /// It was not stored.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No thread.
    #[error("this host has no room for another thread: {0}")]
    Thread(io::Error),
    /// The thread died.
    #[error("the work broke off; this is a mistake in this program")]
    BrokeOff,
}

impl Transfer {
    /// Does it.
    ///
    /// # Errors
    /// See [`TransferError`]; the version before stays, and nothing of the new one.
    pub fn run(&self, stream: std::net::TcpStream) -> Result<Ended, TransferError> {
        let _running = Going::begin(&self.statistics.axfr_running);
        let began = Instant::now();
        let mut storing = None;
        let (came, received, expires_in) = self.receive(stream, &mut storing)?;
        let receiving = began.elapsed();
        let is_cancelled = || self.job.is_cancelled();
        let (entry, soa, checked, is_difference) = match came {
            Came::Current(soa) => return Ok(Ended::Brought(Brought::Current(Version { soa, expires_in }))),
            Came::Zone(zone) => {
                self.must_be_newer(zone.soa.serial)?;
                count_if(&self.statistics.ixfr_answered_whole, self.for_changes);
                self.job.enter("storing", "records", received.records - received.ignored);
                let (entry, checked) = match storing {
                    Some(storing) => storing.finish(zone.records)?,
                    None if zone.records.count() <= SMALL => {
                        let checked = self.store.check(&zone.records)?;
                        let soa = zone.soa;
                        let arrival = Arrival { soa, received, checked, expires_in, receiving, began };
                        return Ok(Ended::Small(Box::new(Small { records: zone.records, arrival })));
                    }
                    None => {
                        self.store.put(&zone.records, &|written| self.job.set_done(written), &is_cancelled)?
                    }
                };
                (entry, zone.soa, checked, false)
            }
            Came::Difference(difference) => {
                self.job.enter("storing", "records", difference.count() as u64);
                let entry = self.store.put_difference(self.zone.as_ref(), &difference, &is_cancelled)?;
                (entry, difference.soa, Checked::default(), true)
            }
        };
        let times = [receiving, began.elapsed()];
        let stored = Stored { entry, soa, received, checked, expires_in, is_difference, times };
        Ok(Ended::Brought(Brought::Stored(Box::new(stored))))
    }

    fn must_be_newer(&self, serial: u32) -> Result<(), TransferError> {
        match self.newer_than {
            Some(Soa { serial: stored, .. }) if !is_newer(serial, stored) => {
                Err(TransferError::NotNewer { serial, stored })
            }
            _ => Ok(()),
        }
    }

    /// The stream itself, or what TLS makes of it.
    fn link(&self, stream: std::net::TcpStream, patience: Patience) -> Result<Box<dyn Link>, TransferError> {
        prepare(&stream, patience).map_err(|error| TransferError::Connect(error.into()))?;
        let Some(proof) = &self.proof else { return Ok(Box::new(stream)) };
        let agreed = tls::begin(stream, proof, &self.settings);
        let statistics = &self.statistics;
        count(if agreed.is_ok() { &statistics.tls_connected } else { &statistics.tls_failed });
        Ok(Box::new(agreed?))
    }

    /// Receives all of it; of a large zone what came is in `storing` then, but for the last records.
    fn receive(
        &self,
        stream: std::net::TcpStream,
        storing: &mut Option<Storing>,
    ) -> Result<(Came, Received, Option<u32>), TransferError> {
        let limits = Limits { records: self.settings.max_records, octets: self.settings.max_octets };
        let patience = Patience { idle: self.settings.idle_timeout(), total: self.settings.total_timeout() };
        let have = self.newer_than.filter(|_| self.for_changes);
        let asked = match have {
            Some(have) => Asked::for_changes(self.zone.as_ref(), have),
            None => Asked::new(self.zone.as_ref(), RrType::AXFR),
        };
        let asked = if self.edns { asked } else { asked.without_edns() };
        let asked = asked.signed_with(self.key.as_deref());
        let is_cancelled = || self.job.is_cancelled();
        let mut incoming = Incoming::new(asked, have.map(|have| have.serial), limits);
        let receive = || -> Result<(), TransferError> {
            let mut connection = Connection::new(self.link(stream, patience)?, patience, &is_cancelled);
            self.job.enter("receiving", "octets", 0);
            let bad = |message, error| TransferError::Signature { message, error };
            let (question, mut check) = asked.signed().map_err(|error| bad(0, error))?;
            connection.send(&question)?;
            loop {
                let message = connection.receive()?;
                let number = incoming.received().messages + 1;
                if let Some(check) = &mut check {
                    check.check(message, tenon_tsig::now()).map_err(|error| bad(number, error))?;
                }
                if incoming.take(message)? {
                    // Nothing of it becomes the current version before the last message has vouched for all.
                    let finished = check.as_ref().map_or(Ok(()), AnswerCheck::finish);
                    return finished.map_err(|error| bad(number, error));
                }
                self.hand_on(&mut incoming, storing)?;
                let received = incoming.received();
                if received.messages.is_multiple_of(NOTE_EVERY) {
                    self.job.set_done(received.octets);
                }
            }
        };
        let outcome = receive();
        let (statistics, received) = (&self.statistics, incoming.received());
        count(&statistics.tcp_closed);
        add(&statistics.octets_received, received.octets);
        add(&statistics.messages_received, received.messages);
        add(&statistics.records_received, received.records);
        add(&statistics.records_ignored, received.ignored);
        outcome?;
        let expires_in = incoming.expires_in;
        Ok((incoming.finish()?, received, expires_in))
    }

    /// Has records stored that came, once they are many.
    fn hand_on(
        &self,
        incoming: &mut Incoming<'_>,
        storing: &mut Option<Storing>,
    ) -> Result<(), TransferError> {
        if storing.as_ref().is_some_and(Storing::is_sorting) {
            return Ok(());
        }
        let Some((serial, chunk)) = incoming.take_chunk() else { return Ok(()) };
        let storing = match storing {
            Some(storing) => storing,
            None => {
                self.must_be_newer(serial)?;
                let (zone, store) = (self.zone.clone(), self.store.clone());
                let (job, coming) = (Arc::clone(&self.job), Arc::clone(&self.coming));
                let begun = Storing::begin(Goal { zone, store, job, coming });
                storing.insert(begun.map_err(TransferError::Thread)?)
            }
        };
        Ok(storing.send(chunk)?)
    }
}

fn count_if(counter: &AtomicU64, counts: bool) {
    add(counter, counts.into());
}

impl TransferError {
    /// Whether it was asked to give up.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Connection(ConnectionError::Cancelled) | Self::Store(StoreError::Cancelled))
    }

    /// Whether it is not the primary's fault, so that another one would not help.
    pub fn is_ours(&self) -> bool {
        matches!(
            self,
            Self::Thread(_)
                | Self::BrokeOff
                | Self::Store(StoreError::Store(_) | StoreError::Check | StoreError::Memory)
        )
    }

    /// Whether the whole zone may be had where a difference could not: not where nothing came at all, or in no time.
    pub fn may_be_had_whole(&self) -> bool {
        match self {
            Self::Connection(ConnectionError::Closed | ConnectionError::Receive(_)) | Self::Incoming(_) => {
                true
            }
            Self::Store(error) => matches!(
                error,
                StoreError::Zone { .. } | StoreError::Mismatch { .. } | StoreError::NotAsDifference(_)
            ),
            _ => false,
        }
    }

    /// Whether the primary may not know EDNS, which it was asked by.
    pub fn may_not_know_edns(&self) -> bool {
        matches!(self, Self::Incoming(IncomingError::Refused(Rcode::FORMERR | Rcode::NOTIMP)))
    }

    /// Counts it by its kind. `is_last`: nothing else is tried in its place.
    pub fn count(&self, statistics: &Statistics, is_last: bool) {
        if self.is_cancelled() {
            return count(&statistics.transfers_cancelled);
        }
        if matches!(self, Self::PassedOver) {
            return;
        }
        add(&statistics.transfers_failed, is_last.into());
        match self {
            Self::Connection(error) => match error {
                ConnectionError::Idle(_) => count(&statistics.idle_timeouts),
                ConnectionError::Total(_) => count(&statistics.total_timeouts),
                ConnectionError::Send(_) => count(&statistics.tcp_send_errors),
                ConnectionError::Closed | ConnectionError::Receive(_) => {
                    count(&statistics.tcp_receive_errors);
                }
                ConnectionError::Cancelled => {}
            },
            Self::Incoming(error) => match error {
                IncomingError::Refused(_) => count(&statistics.refused_by_primary),
                IncomingError::Records { .. } => count(&statistics.record_limits),
                IncomingError::Octets { .. } => count(&statistics.octet_limits),
                IncomingError::NoAnswer(NoAnswer::Malformed(_))
                | IncomingError::NoAnswer(_)
                | IncomingError::Malformed { .. }
                | IncomingError::Truncated { .. } => count(&statistics.refused_malformed),
                IncomingError::NoSoaFirst { .. }
                | IncomingError::BadSoa
                | IncomingError::SoaChanged { .. }
                | IncomingError::BehindEnd
                | IncomingError::Class { .. }
                | IncomingError::MetaType { .. }
                | IncomingError::OtherStart { .. }
                | IncomingError::Gap { .. }
                | IncomingError::Astray { .. }
                | IncomingError::Empty => count(&statistics.refused_records),
                IncomingError::Memory => {}
            },
            Self::Signature { .. } | Self::NoKey(_) => count(&statistics.bad_signatures),
            Self::NotNewer { .. } => count(&statistics.refused_records),
            Self::Store(StoreError::Zone { .. }) => count(&statistics.refused_zone),
            Self::Store(StoreError::Mismatch { .. }) => count(&statistics.ixfr_mismatches),
            Self::Store(StoreError::Store(_)) => count(&statistics.store_failed),
            Self::Store(
                StoreError::Cancelled
                | StoreError::Check
                | StoreError::Memory
                | StoreError::NotAsDifference(_),
            )
            | Self::Connect(_)
            | Self::Tls(_)
            | Self::PassedOver
            | Self::Thread(_)
            | Self::BrokeOff => {}
        }
    }
}
