//! Sends what was granted: the differences that the client lacks, or the whole zone.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tenon_datasrc::{CondensedDifference, Condensing};
use tenon_handover::{Reply, Request};
use tenon_wire::message::Rcode;
use tracing::{info, warn};

use super::{Taker, Transfer, asked, opening, send};
use crate::messages;
use crate::reply::{refusal, signed};
use crate::request::{TransferKind, TransferQuery};
use crate::settings::Rules;
use crate::statistics::add;
use crate::stream::{Sent, StreamError, axfr, ixfr};
use crate::transfers::Place;

/// How long a client may read nothing, and when everything must be sent.
#[derive(Clone, Copy)]
struct Patience {
    idle: Duration,
    deadline: Instant,
}

impl Taker {
    /// Waits for a place and sends the zone.
    pub(super) async fn transfer(
        self: Arc<Self>,
        reply: Reply,
        request: Request,
        mut transfer: Transfer,
        rules: &Rules,
    ) -> io::Result<()> {
        let (zone, kind) = (transfer.zone.clone(), transfer.kind);
        let place = tokio::select! {
            place = self.transfers.place(zone.clone(), request.peer, kind, transfer.serial, rules) => place,
            () = reply.gone() => return Ok(()),
        };
        let place = match place {
            Ok(place) => place,
            Err(reason) => {
                add(&self.statistics.requests_over_quota, 1);
                warn!(
                    message_id = messages::OVER_QUOTA,
                    zone = %zone,
                    peer = %request.peer,
                    reason = %reason,
                    "{} of {zone} for {} refused: {reason}", kind.as_str(), request.peer
                );
                let Ok(query) = TransferQuery::read(&request.message, request.transport) else {
                    return Ok(());
                };
                let message = refusal(asked(&query), Rcode::REFUSED, None);
                return send(reply, &signed(message, transfer.session.as_mut())).await;
            }
        };
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        let patience = Patience {
            idle: seconds(rules.settings.idle_timeout_s),
            deadline: Instant::now() + seconds(rules.settings.total_timeout_s),
        };
        let most = rules.settings.ixfr_max_octets;
        // As many threads as there are places.
        let sending = tokio::task::spawn_blocking(move || {
            let difference = self.difference(&transfer, &place, most);
            self.send(reply, &request, &transfer, &place, difference.as_ref(), patience)
        });
        sending.await.unwrap_or(Ok(()))
    }

    /// What the client lacks, where that is known and less than the whole zone. Nothing of the store is held
    /// afterwards, however slowly the client reads.
    fn difference(
        &self,
        transfer: &Transfer,
        place: &Place,
        most_octets: u64,
    ) -> Option<CondensedDifference> {
        let TransferKind::Ixfr { serial } = transfer.kind else { return None };
        let statistics = &self.statistics;
        let found = self.stores.read(transfer.is_secondary, |source| {
            let zone = transfer.zone.as_ref();
            CondensedDifference::read(source, zone, serial, transfer.serial, most_octets)
        });
        let whole = match found {
            Ok(Condensing::Whole(difference)) if difference.count() <= transfer.records => {
                return Some(difference);
            }
            Ok(Condensing::Whole(_) | Condensing::TooLarge) => &statistics.ixfr_whole_larger,
            Ok(Condensing::Unknown) => &statistics.ixfr_whole_unknown,
            Err(error) => {
                let (zone, peer) = (&transfer.zone, place.running.peer);
                warn!(
                    message_id = messages::NO_DIFFERENCES,
                    zone = %zone,
                    peer = %peer,
                    reason = %error,
                    "the differences of {zone} cannot be read: {error}; {peer} is sent the whole zone"
                );
                &statistics.ixfr_whole_failed
            }
        };
        add(whole, 1);
        None
    }

    /// Sends it, on a thread that may block.
    fn send(
        &self,
        reply: Reply,
        request: &Request,
        transfer: &Transfer,
        place: &Place,
        difference: Option<&CondensedDifference>,
        patience: Patience,
    ) -> io::Result<()> {
        let image = &transfer.image;
        // A difference takes nothing from the image.
        if difference.is_none()
            && let Err(fault) = image.verify_bodies()
        {
            self.zones.condemn(fault);
            // Dropping the reply before anything was sent makes tenon-auth answer SERVFAIL.
            self.failed(place, "its image is damaged");
            return Ok(());
        }
        let Ok(query) = TransferQuery::read(&request.message, request.transport) else { return Ok(()) };
        let mut reply = reply.into_blocking(patience.idle, patience.deadline)?;
        let mut counted = Sent::default();
        let mut sink = |messages: &[u8], sent| {
            reply.send(messages)?;
            self.progress(place, counted, sent);
            counted = sent;
            Ok(())
        };
        let opening = opening(&query, || self.expire(image), transfer.session.as_ref());
        let outcome = match difference {
            Some(difference) => ixfr(image, opening, difference, &mut sink),
            None => axfr(image, opening, &mut sink),
        };
        match outcome.and_then(|sent| Ok(reply.finish().map(|()| sent)?)) {
            Ok(sent) => self.done(place, sent, difference.is_some()),
            Err(error) => {
                let timed_out =
                    matches!(&error, StreamError::Io(error) if error.kind() == io::ErrorKind::TimedOut);
                add(&self.statistics.transfers_timed_out, u64::from(timed_out));
                self.failed(place, &error.to_string());
            }
        }
        Ok(())
    }

    fn progress(&self, place: &Place, before: Sent, now: Sent) {
        let statistics = &self.statistics;
        add(&statistics.transfer_messages, now.messages - before.messages);
        add(&statistics.transfer_records, now.records - before.records);
        add(&statistics.transfer_octets, now.octets - before.octets);
        place.running.progress(now.records, now.octets);
    }

    fn done(&self, place: &Place, sent: Sent, is_difference: bool) {
        add(&self.statistics.transfers_done, 1);
        add(&self.statistics.ixfr_differences, is_difference.into());
        let form = if is_difference { "differences" } else { "whole" };
        let Sent { messages, records, octets } = sent;
        let (running, seconds) = (&place.running, seconds_since(place.running.started_usec));
        info!(
            message_id = messages::TRANSFERRED,
            zone = %running.zone,
            peer = %running.peer,
            serial = running.serial,
            messages,
            records,
            octets,
            form,
            seconds,
            "{} of {} serial {} for {}: {records} records in {messages} messages, {octets} octets, {form}, {seconds:.3} s",
            running.kind.as_str(),
            running.zone,
            running.serial,
            running.peer
        );
    }

    fn failed(&self, place: &Place, reason: &str) {
        add(&self.statistics.transfers_failed, 1);
        let (running, seconds) = (&place.running, seconds_since(place.running.started_usec));
        warn!(
            message_id = messages::TRANSFER_FAILED,
            zone = %running.zone,
            peer = %running.peer,
            serial = running.serial,
            seconds,
            reason,
            "{} of {} serial {} for {} broke off: {reason}",
            running.kind.as_str(),
            running.zone,
            running.serial,
            running.peer
        );
    }
}

fn seconds_since(usec: u64) -> f64 {
    Duration::from_micros(tenon_service::now_usec().saturating_sub(usec)).as_secs_f64()
}
