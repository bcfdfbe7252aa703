//! Writes down what must outlive this process: the state file and the list of unavailable zones.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tenon_image::unavailable;
use tracing::{debug, error, info};

use super::{Zonemgr, held, open_state};
use crate::messages;
use crate::statistics::count;
use crate::zones::ListChange;

/// Changes of the state are written together, at most this often, but for a NOTIFY.
const WRITE_EVERY: Duration = Duration::from_millis(250);
/// Changes of the list that nobody waits for are written at most this often, in turns of [`LOOK_EVERY`].
const LAZY_TURNS: u32 = 20;
/// When zones expire is written at most this often, and more seldom with many zones: what is written is all of it.
const EXPIRIES_EVERY: Duration = Duration::from_secs(2);
/// For each zone that much more seldom.
const EXPIRIES_EACH: Duration = Duration::from_millis(1);
/// How often to look whether there is anything to write.
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl Zonemgr {
    /// Writes for ever.
    pub(super) async fn keep(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        let mut written = tokio::time::Instant::now();
        let mut lazy = LAZY_TURNS;
        let mut told = None::<tokio::time::Instant>;
        loop {
            let is_heard = tokio::select! {
                _ = ticks.tick() => false,
                () = self.heard.notified() => true,
            };
            lazy = lazy.saturating_add(u32::from(!is_heard));
            let change = self.zones().take_list_change();
            let is_wanted =
                change == ListChange::Urgent || (change == ListChange::Lazy && lazy >= LAZY_TURNS);
            if is_wanted {
                lazy = 0;
                self.in_background(Self::write_list).await;
            } else {
                self.zones().change_list(change);
            }
            let zones = u32::try_from(self.zones().len()).unwrap_or(u32::MAX);
            let pause = EXPIRIES_EVERY.saturating_add(EXPIRIES_EACH.saturating_mul(zones));
            if told.is_none_or(|told| told.elapsed() >= pause) {
                self.in_background(Self::write_expiries).await;
                told = Some(tokio::time::Instant::now());
            }
            // A NOTIFY was answered already: it is written down at once, with all that came meanwhile.
            if (is_heard || written.elapsed() >= WRITE_EVERY) && self.zones().is_dirty() {
                self.in_background(Self::write_state).await;
                written = tokio::time::Instant::now();
            }
        }
    }

    async fn in_background(self: &Arc<Self>, work: fn(&Self)) {
        let this = Arc::clone(self);
        // It ends with the process, or is done.
        let _ended = tokio::task::spawn_blocking(move || work(&this)).await;
    }

    /// A hint for who is asked (RFC 7314): nobody is harmed by an older one.
    fn write_expiries(&self) {
        let Some(expiries) = self.zones().take_expiries() else { return };
        let zones = expiries.iter().map(|(name, expires)| (name, self.clock.to_wall(*expires)));
        if let Err(error) = tenon_image::expiries::write(&self.expiries_path, zones) {
            debug!("cannot write when zones expire: {error}; trying again when that changes");
        }
    }

    fn write_list(&self) {
        let zones = self.zones().unavailable(|time| self.clock.to_wall(time));
        let outcome = unavailable::write(&self.list_path, zones.iter());
        let mut troubles = self.troubles();
        match outcome {
            Ok(()) => troubles.list = None,
            Err(error) => {
                let reason =
                    format!("the list of zones that are not to be answered cannot be written: {error}");
                if troubles.list.as_ref() != Some(&reason) {
                    error!(message_id = messages::LIST_NOT_WRITTEN, reason = %error, "{reason}");
                }
                troubles.list = Some(reason);
                self.zones().change_list(ListChange::Lazy);
            }
        }
    }

    /// Writes rows that changed. When that fails they are kept for the next time.
    pub(super) fn write_state(&self) {
        let mut state = held(&self.state);
        if state.is_none() {
            // What is stored there now is older than what is known here, so nothing is read.
            *state = open_state(&self.state_path).ok().map(|(file, _)| file);
            if state.is_some() {
                self.zones().rewrite_all();
            }
        }
        let (rows, members) = {
            let mut zones = self.zones();
            (zones.take_rows(), zones.memberships().take_changed())
        };
        let outcome = match &mut *state {
            Some(file) => file
                .write(&rows, &members, &|time| self.clock.to_wall(time))
                .map_err(|error| error.to_string()),
            None => Err(format!("{} cannot be opened", self.state_path.display())),
        };
        count(&self.statistics.state_writes);
        if let Err(reason) = outcome {
            let mut zones = self.zones();
            zones.not_written(rows.into_iter().map(|(name, _)| name));
            zones.memberships().not_written(members.into_iter().map(|(name, _)| name));
            drop(zones);
            count(&self.statistics.state_write_errors);
            let mut troubles = self.troubles();
            if troubles.state.as_ref() != Some(&reason) {
                error!(message_id = messages::STATE_BROKEN, reason = %reason, "the state of secondary zones cannot be written: {reason}");
            }
            troubles.state = Some(reason);
        } else if self.troubles().state.take().is_some() {
            info!(message_id = messages::STATE_BACK, "the state of secondary zones is written again");
        }
    }

    /// What is wrong, one sentence each.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults: Vec<String> = {
            let troubles = self.troubles();
            let all =
                [&troubles.state, &troubles.list, &troubles.settings, &troubles.removal, &troubles.catalogs];
            all.into_iter().flatten().cloned().collect()
        };
        let (zones, now) = (self.zones(), self.clock.now());
        if !self.has_xfrin() {
            let (_, waiting) = zones.load(now);
            faults.push(format!("tenon-xfrin is not on the bus: {waiting} zones wait to be looked at"));
        }
        match self.strays.load(Ordering::Relaxed) {
            0 => {}
            strays => faults.push(format!(
                "{strays} stored zones are no secondary zones here and not known to have been: they are answered as they \
                 are, without being refreshed; add them with `bindctl zone add`, or add and remove them"
            )),
        }
        faults.extend(zones.faults());
        faults
    }
}
