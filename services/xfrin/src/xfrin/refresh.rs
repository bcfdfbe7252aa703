//! One job: which primary has a newer version, and bringing that in.

use std::sync::Arc;
use std::time::Instant;

use tenon_bus::ZoneEvent;
use tenon_service::jobs::OpenJob;
use tenon_wire::rdata::Soa;
use tenon_wire::serial::is_newer;
use tokio::sync::oneshot;
use tracing::{debug, info, warn};

use super::{Order, Xfrin};
use crate::messages;
use crate::primary::Primary;
use crate::report::{End, Report};
use crate::serial::{self, Version};
use crate::settings::RequestIxfr;
use crate::statistics::{Going, by_family, count, set};
use crate::store::{StoreError, StoredZone};
use crate::transfer::{Brought, Ended, Small, Stored, Transfer, TransferError};
use crate::way::Upstream;

/// How a transfer is asked for.
#[derive(Clone, Copy)]
struct How {
    /// For what changed.
    for_changes: bool,
    /// By EDNS, which some do not know.
    edns: bool,
}

/// What one primary came to.
enum Tried {
    /// It has nothing newer.
    NotNewer {
        /// Its serial, where that comes before ours.
        older: Option<u32>,
        /// For how many seconds it may still be answered.
        expires_in: Option<u32>,
    },
    /// Brought in.
    Stored(Box<Stored>),
    /// It did not work; another one may.
    Failed {
        reason: String,
        /// It is known to have a newer version.
        is_newer: bool,
    },
    /// It did not work, and another one will not help.
    Hopeless(String),
    /// Given up on request.
    Cancelled,
}

impl Xfrin {
    /// Does a job.
    pub(super) async fn refresh(&self, job: &Arc<OpenJob>, order: &Order) -> Report {
        let mut report = Report::default();
        let zone = order.zone.clone();
        let stored = match self.with_store(move |store| store.zone(zone.as_ref())).await {
            Ok(stored) => stored,
            Err(error) => {
                report.end = End::Failed(error.to_string());
                return report;
            }
        };
        report.soa = stored.as_ref().map(|stored| stored.soa);
        let began = Instant::now();
        let (mut missed_newer, mut current) = (false, None);
        for upstream in &order.primaries {
            let primary = upstream.primary;
            match self.try_primary(job, order, upstream, stored.as_ref()).await {
                Tried::NotNewer { older, expires_in } => {
                    current.get_or_insert(primary);
                    report.expires_in = report.expires_in.max(expires_in.filter(|_| older.is_none()));
                    if let Some(older) = older {
                        report
                            .warnings
                            .push(format!("{primary} has serial {older}, older than what is stored"));
                    }
                }
                Tried::Stored(stored) => {
                    self.take_over(&mut report, order, primary, *stored).await;
                    break;
                }
                Tried::Failed { reason, is_newer } => {
                    missed_newer |= is_newer;
                    report.failures.push(format!("{primary}: {reason}"));
                }
                Tried::Hopeless(reason) => {
                    report.failures.push(format!("{primary}: {reason}"));
                    (missed_newer, current) = (true, None);
                    break;
                }
                Tried::Cancelled => return report,
            }
        }
        report.usec = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        if report.end == End::Cancelled {
            // A primary that is up to date makes good for others that are silent, but not for one that has more.
            report.end = match current.filter(|_| !missed_newer) {
                Some(primary) => {
                    count(&self.statistics.zones_current);
                    debug!("zone {} is current", order.zone);
                    report.primary = Some(primary);
                    End::Current
                }
                None => End::Failed(report.failures.join("; ")),
            };
        }
        report
    }

    async fn try_primary(
        &self,
        job: &Arc<OpenJob>,
        order: &Order,
        upstream: &Upstream,
        stored: Option<&StoredZone>,
    ) -> Tried {
        let primary = upstream.primary;
        let newer_than = stored.filter(|_| !order.force).map(|stored| stored.soa);
        if let Some(Soa { serial: ours, .. }) = newer_than {
            let asked = tokio::select! {
                asked = self.ask_serial(job, order, upstream) => asked,
                () = job.cancelled() => return Tried::Cancelled,
            };
            match asked {
                Err(error) => {
                    let reason = error.to_string();
                    count(&self.statistics.soa_queries_failed);
                    if matches!(error, serial::SerialError::Silent { .. }) {
                        self.silences.note(primary);
                    }
                    self.tell_failure(order, primary, &reason);
                    return Tried::Failed { reason, is_newer: false };
                }
                Ok(theirs) if is_newer(theirs.soa.serial, ours) => {}
                Ok(theirs) => return self.not_newer(order, primary, theirs, ours),
            }
        }
        match self.bring(job, order, upstream, newer_than).await {
            Ok(Brought::Stored(stored)) => {
                self.silences.forget(primary);
                Tried::Stored(stored)
            }
            Ok(Brought::Current(theirs)) => {
                let ours = newer_than.map_or(theirs.soa.serial, |soa| soa.serial);
                self.not_newer(order, primary, theirs, ours)
            }
            Err(error) if error.is_cancelled() => {
                error.count(&self.statistics, true);
                Tried::Cancelled
            }
            Err(error) => {
                error.count(&self.statistics, true);
                let reason = error.to_string();
                if matches!(error, TransferError::Connect(_)) {
                    self.silences.note(primary);
                }
                self.tell_failure(order, primary, &reason);
                if error.is_ours() {
                    return Tried::Hopeless(reason);
                }
                Tried::Failed { reason, is_newer: newer_than.is_some() }
            }
        }
    }

    /// Whether somebody found the primary silent while this order waited for its turn.
    fn is_passed_over(&self, order: &Order, primary: Primary) -> bool {
        let is_silent = self.silences.since(order.asked, primary);
        if is_silent {
            count(&self.statistics.primaries_passed_over);
        }
        is_silent
    }

    async fn ask_serial(
        &self,
        job: &OpenJob,
        order: &Order,
        upstream: &Upstream,
    ) -> Result<Version, serial::SerialError> {
        let primary = upstream.primary;
        let _place = Arc::clone(&self.queries).enter().await;
        if self.is_passed_over(order, primary) {
            return Err(serial::SerialError::PassedOver);
        }
        job.enter(&format!("asking {primary}"), "", 0);
        let _asking = Going::begin(&self.statistics.soa_queries_running);
        let settings = self.settings();
        let key = self.key_of(upstream).map_err(serial::SerialError::NoKey)?;
        let asked =
            serial::ask(upstream, order.zone.as_ref(), key.as_deref(), &settings, &self.statistics).await;
        if let Err(serial::SerialError::Signature(_)) = &asked {
            count(&self.statistics.bad_signatures);
        }
        asked
    }

    fn not_newer(&self, order: &Order, primary: Primary, version: Version, ours: u32) -> Tried {
        let (theirs, expires_in) = (version.soa.serial, version.expires_in);
        if theirs == ours {
            return Tried::NotNewer { older: None, expires_in };
        }
        let zone = &order.zone;
        count(&self.statistics.primaries_older);
        warn!(
            message_id = messages::PRIMARY_OLDER,
            zone = %zone,
            peer = %primary,
            serial = theirs,
            stored_serial = ours,
            "zone {zone}: {primary} has serial {theirs}, which does not come after {ours}, which is stored"
        );
        Tried::NotNewer { older: Some(theirs), expires_in }
    }

    /// Differences where they are wanted and to be had, else the whole zone.
    async fn bring(
        &self,
        job: &Arc<OpenJob>,
        order: &Order,
        upstream: &Upstream,
        newer_than: Option<Soa>,
    ) -> Result<Brought, TransferError> {
        let request = self.settings().request_ixfr(&order.zone);
        if newer_than.is_none() || request == RequestIxfr::No {
            return self.bring_whole(job, order, upstream, newer_than, true).await;
        }
        match self.transfer(job, order, upstream, newer_than, How { for_changes: true, edns: true }).await {
            Err(error) if error.may_be_had_whole() => {
                count(&self.statistics.ixfr_failed);
                if request == RequestIxfr::Only {
                    return Err(error);
                }
                error.count(&self.statistics, false);
                let (zone, primary) = (&order.zone, upstream.primary);
                warn!(
                    message_id = messages::NO_DIFFERENCE,
                    zone = %zone,
                    peer = %primary,
                    reason = %error,
                    "zone {zone}: no difference from {primary}: {error}; asking for the whole zone"
                );
                self.bring_whole(job, order, upstream, newer_than, !error.may_not_know_edns()).await
            }
            outcome => outcome,
        }
    }

    async fn bring_whole(
        &self,
        job: &Arc<OpenJob>,
        order: &Order,
        upstream: &Upstream,
        newer_than: Option<Soa>,
        edns: bool,
    ) -> Result<Brought, TransferError> {
        match self.transfer(job, order, upstream, newer_than, How { for_changes: false, edns }).await {
            Err(error) if edns && error.may_not_know_edns() => {
                self.transfer(job, order, upstream, newer_than, How { for_changes: false, edns: false }).await
            }
            outcome => outcome,
        }
    }

    async fn transfer(
        &self,
        job: &Arc<OpenJob>,
        order: &Order,
        upstream: &Upstream,
        newer_than: Option<Soa>,
        how: How,
    ) -> Result<Brought, TransferError> {
        let cancelled = || TransferError::Connection(crate::connection::ConnectionError::Cancelled);
        let (settings, primary) = (self.settings(), upstream.primary);
        if newer_than.is_some() {
            job.enter("waiting for a place among the transfers", "", 0);
        }
        let places = tokio::select! {
            places = self.enter_transfer(primary) => places,
            () = job.cancelled() => return Err(cancelled()),
        };
        if self.is_passed_over(order, primary) {
            return Err(TransferError::PassedOver);
        }
        job.enter(&format!("connecting to {primary}"), "", 0);
        let statistics = &self.statistics;
        count(if how.for_changes {
            by_family(primary.0, &statistics.ixfr_requests_ipv4, &statistics.ixfr_requests_ipv6)
        } else {
            by_family(primary.0, &statistics.axfr_requests_ipv4, &statistics.axfr_requests_ipv6)
        });
        let stream = tokio::select! {
            connected = serial::connect(upstream, &settings, &self.statistics) => connected.map_err(TransferError::Connect)?,
            () = job.cancelled() => return Err(cancelled()),
        };
        let stream = stream.into_std().map_err(|error| TransferError::Connect(error.into()))?;
        let transfer = Transfer {
            zone: order.zone.clone(),
            newer_than,
            for_changes: how.for_changes,
            edns: how.edns,
            key: self.key_of(upstream).map_err(TransferError::NoKey)?,
            proof: upstream.way.proof.clone(),
            job: Arc::clone(job),
            store: self.store.clone(),
            coming: Arc::default(),
            settings,
            statistics: Arc::clone(&self.statistics),
        };
        let ended = self.on_thread(transfer, stream).await?;
        // The next ones need not wait for the disk.
        drop(places);
        match ended {
            Ended::Small(small) => {
                let Small { records, arrival } = *small;
                let entry = self.store.put_small(records).await.map_err(StoreError::Store)?;
                Ok(Brought::Stored(Box::new(arrival.stored(entry))))
            }
            Ended::Brought(brought) => {
                if matches!(brought, Brought::Stored(_)) {
                    self.store.synced().await.map_err(StoreError::Store)?;
                }
                Ok(brought)
            }
        }
    }

    async fn on_thread(
        &self,
        transfer: Transfer,
        stream: std::net::TcpStream,
    ) -> Result<Ended, TransferError> {
        let (sender, mut receiver) = oneshot::channel();
        let (zone, coming) =
            (transfer.zone.as_ref().to_lowercase().to_string(), Arc::clone(&transfer.coming));
        let going_on = self.threads.begin();
        let work = move || {
            let outcome = transfer.run(stream);
            // Whoever waits for the thread to end waits for everything that it holds to be let go.
            drop(transfer);
            drop(going_on);
            let _ = sender.send(outcome);
        };
        // Of the runtime's blocking threads, which stay for a while: with many small zones making one for each cost a sixth of
        // a transfer.
        drop(tokio::task::spawn_blocking(work));
        tokio::select! {
            outcome = &mut receiver => return outcome.unwrap_or(Err(TransferError::BrokeOff)),
            () = coming.notified() => self.tell(&ZoneEvent::Coming { zone }).await,
        }
        receiver.await.unwrap_or(Err(TransferError::BrokeOff))
    }

    fn tell_failure(&self, order: &Order, primary: Primary, reason: &str) {
        let zone = &order.zone;
        warn!(
            message_id = messages::TRANSFER_FAILED,
            zone = %zone,
            peer = %primary,
            reason,
            "zone {zone} could not be brought in from {primary}: {reason}"
        );
    }

    async fn take_over(&self, report: &mut Report, order: &Order, primary: Primary, stored: Stored) {
        let Stored { entry, soa, received, checked, expires_in, is_difference, times } = stored;
        let (zone, serial) = (&order.zone, entry.serial);
        let [receiving, all] = times.map(|time| time.as_secs_f64());
        self.judge_store(None);
        count(&self.statistics.transfers_done);
        let usec = u64::try_from(times[1].as_micros()).unwrap_or(u64::MAX);
        let form = if is_difference { "differences" } else { "whole" };
        if is_difference {
            count(&self.statistics.ixfr_done);
            set(&self.statistics.last_ixfr_usec, usec);
        } else {
            set(&self.statistics.last_axfr_usec, usec);
        }
        info!(
            message_id = messages::TRANSFERRED,
            zone = %zone,
            peer = %primary,
            serial,
            records = entry.records,
            messages = received.messages,
            octets = received.octets,
            warnings = checked.warnings,
            form,
            usec,
            "zone {zone} serial {serial} transferred from {primary} ({form}): {} records, {} octets in {} messages, \
             received in {receiving:.3} s, stored after {all:.3} s",
            entry.records, received.octets, received.messages
        );
        if received.ignored > 0 {
            let ignored = received.ignored;
            warn!(
                message_id = messages::RECORDS_IGNORED,
                zone = %zone,
                peer = %primary,
                records = ignored,
                "zone {zone}: {ignored} records from {primary} are not in the zone, ignoring"
            );
            report.warnings.push(format!("{ignored} records that are not in the zone were left out"));
        }
        if checked.warnings > 0 {
            report.warnings.push(format!(
                "{} doubtful things in the zone, first {}",
                checked.warnings,
                checked.first()
            ));
        }
        (report.is_difference, report.expires_in) = (is_difference, expires_in);
        report.end = End::Transferred;
        (report.soa, report.primary) = (Some(soa), Some(primary));
        (report.octets, report.records) = (received.octets, entry.records);
        self.tell(&ZoneEvent::Changed { zone: zone.to_string(), serial, cause: "transfer".into() }).await;
        self.untidy.notify_one();
    }
}
