//! One transfer from one primary: from the first octet to the committed version, on a thread of its own.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tenon_datasrc::ZoneEntry;
use tenon_service::jobs::OpenJob;
use tenon_wire::rdata::Soa;
use tenon_wire::serial::is_newer;
use tenon_wire::{Name, RrType};

use crate::axfr::{Axfr, AxfrError, Limits, Received, Transferred};
use crate::connection::{Connection, ConnectionError, Patience};
use crate::primary::{Asked, NoAnswer};
use crate::settings::XfrinSettings;
use crate::statistics::{Going, Statistics, add, count};
use crate::store::{Checked, Store, StoreError};

/// Messages between two notes of how much came.
const NOTE_EVERY: u64 = 64;

/// Everything that a transfer needs.
pub struct Transfer {
    /// The zone.
    pub zone: Name,
    /// Serial of the stored version, which the new one must come after; none to take whatever comes.
    pub newer_than: Option<u32>,
    /// Whom to tell how far it is, and who says whether to give up.
    pub job: Arc<OpenJob>,
    /// Where the zone goes.
    pub store: Store,
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
    /// How long it took until all was received, and until it was stored.
    pub times: [Duration; 2],
}

/// Why nothing was brought in from a primary.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// No connection.
    #[error("no connection: {0}")]
    Connect(io::Error),
    /// It was not asked.
    #[error("not asked, as it did not answer about another zone just before")]
    PassedOver,
    /// No connection in time.
    #[error("no connection within {} s (`xfrin/connect_timeout_s`)", .0.as_secs())]
    ConnectLate(Duration),
    /// The connection failed.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// What came is no transfer.
    #[error(transparent)]
    Axfr(#[from] AxfrError),
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
    pub fn run(&self, stream: std::net::TcpStream) -> Result<Stored, TransferError> {
        let _running = Going::begin(&self.statistics.axfr_running);
        let began = Instant::now();
        let (transferred, received) = self.receive(stream)?;
        let receiving = began.elapsed();
        let (serial, records) = (transferred.soa.serial, transferred.records.count() as u64);
        if let Some(stored) = self.newer_than
            && !is_newer(serial, stored)
        {
            return Err(TransferError::NotNewer { serial, stored });
        }
        self.job.enter("storing", "records", records);
        let (entry, checked) =
            self.store.put(&transferred.records, &|written| self.job.set_done(written), &|| {
                self.job.is_cancelled()
            })?;
        let soa = transferred.soa;
        Ok(Stored { entry, soa, received, checked, times: [receiving, began.elapsed()] })
    }

    fn receive(&self, stream: std::net::TcpStream) -> Result<(Transferred, Received), TransferError> {
        let limits = Limits { records: self.settings.max_records, octets: self.settings.max_octets };
        let patience = Patience { idle: self.settings.idle_timeout(), total: self.settings.total_timeout() };
        let asked = Asked::new(self.zone.as_ref(), RrType::AXFR);
        let is_cancelled = || self.job.is_cancelled();
        let mut axfr = Axfr::new(asked, limits);
        let receive = || -> Result<(), TransferError> {
            let mut connection =
                Connection::new(stream, patience, &is_cancelled).map_err(TransferError::Connect)?;
            self.job.enter("receiving", "octets", 0);
            connection.send(&asked.message())?;
            while !axfr.take(connection.receive()?)? {
                if axfr.received.messages.is_multiple_of(NOTE_EVERY) {
                    self.job.set_done(axfr.received.octets);
                }
            }
            Ok(())
        };
        let outcome = receive();
        let (statistics, received) = (&self.statistics, axfr.received);
        count(&statistics.tcp_closed);
        add(&statistics.octets_received, received.octets);
        add(&statistics.messages_received, received.messages);
        add(&statistics.records_received, received.records);
        add(&statistics.records_ignored, received.ignored);
        outcome?;
        Ok((axfr.finish()?, received))
    }
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
            Self::Thread(_) | Self::BrokeOff | Self::Store(StoreError::Store(_) | StoreError::Check)
        )
    }

    /// Counts it by its kind.
    pub fn count(&self, statistics: &Statistics) {
        if self.is_cancelled() {
            return count(&statistics.transfers_cancelled);
        }
        if matches!(self, Self::PassedOver) {
            return;
        }
        count(&statistics.transfers_failed);
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
            Self::Axfr(error) => match error {
                AxfrError::Refused(_) => count(&statistics.refused_by_primary),
                AxfrError::Records { .. } => count(&statistics.record_limits),
                AxfrError::Octets { .. } => count(&statistics.octet_limits),
                AxfrError::NoAnswer(NoAnswer::Malformed(_))
                | AxfrError::NoAnswer(_)
                | AxfrError::Malformed { .. }
                | AxfrError::Truncated { .. } => count(&statistics.refused_malformed),
                AxfrError::NoSoaFirst { .. }
                | AxfrError::BadSoa
                | AxfrError::SoaChanged { .. }
                | AxfrError::BehindEnd
                | AxfrError::Class { .. }
                | AxfrError::MetaType { .. }
                | AxfrError::Empty => count(&statistics.refused_records),
                AxfrError::Memory => {}
            },
            Self::NotNewer { .. } => count(&statistics.refused_records),
            Self::Store(StoreError::Zone { .. }) => count(&statistics.refused_zone),
            Self::Store(StoreError::Store(_)) => count(&statistics.store_failed),
            Self::Store(StoreError::Cancelled | StoreError::Check)
            | Self::Connect(_)
            | Self::ConnectLate(_)
            | Self::PassedOver
            | Self::Thread(_)
            | Self::BrokeOff => {}
        }
    }
}
