//! Has tenon-xfrin look at primaries, and takes in what came of it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tenon_bus::{Bus, BusError, JobState, Xfrin1};
use tenon_wire::Name;

use super::Zonemgr;
use crate::settings::Primary;
use crate::timing::SoaTimes;
use crate::zone::Stored;
use crate::zones::{Asked, Look, Outcome};

/// How often the end of a job is asked for that was not heard.
const ASK_EVERY: Duration = Duration::from_secs(5);

/// Why a look that was asked for is not made.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// There is no such zone.
    #[error("zone {0} is no secondary zone here")]
    NoSuchZone(Name),
    /// A look is under way that does not do what was asked for.
    #[error("zone {0} is being looked at; when that is over it can be transferred")]
    Busy(Name),
    /// tenon-xfrin cannot be asked.
    #[error("tenon-xfrin cannot be asked: {0}")]
    Xfrin(String),
}

impl Zonemgr {
    /// Makes one look.
    pub(super) async fn look(self: Arc<Self>, look: Look) {
        let begun = match self.current_bus() {
            Some(bus) => self.begin(&bus, &look).await.map(|job| (bus, job)),
            None => Err("not on the D-Bus system bus".to_owned()),
        };
        match begun {
            Ok((bus, job)) => self.follow(bus, look, job).await,
            Err(reason) => self.end(&look, Outcome::Interrupted(reason)),
        }
    }

    /// Begins a look that somebody asked for; gives the job of tenon-xfrin.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn ask(self: &Arc<Self>, zone: &Name, force: bool) -> Result<u64, AskError> {
        let asked = self.zones().ask(zone, force);
        let look = match asked {
            Asked::NoSuchZone => return Err(AskError::NoSuchZone(zone.clone())),
            Asked::Busy | Asked::Running(None) => return Err(AskError::Busy(zone.clone())),
            Asked::Running(Some(job)) => return Ok(job),
            Asked::Begin(look) => look,
        };
        let Some(bus) = self.current_bus() else {
            let reason = "not on the D-Bus system bus".to_owned();
            self.end(&look, Outcome::Interrupted(reason.clone()));
            return Err(AskError::Xfrin(reason));
        };
        match self.begin(&bus, &look).await {
            Ok(job) => {
                drop(tokio::spawn(Arc::clone(self).follow(bus, look, job)));
                Ok(job)
            }
            Err(reason) => {
                self.end(&look, Outcome::Interrupted(reason.clone()));
                Err(AskError::Xfrin(reason))
            }
        }
    }

    async fn begin(&self, bus: &Bus, look: &Look) -> Result<u64, String> {
        let xfrin = Xfrin1::new(bus);
        let primary = |primary: &Primary| (primary.socket_address(), primary.options());
        let primaries: Vec<_> = look.primaries.iter().map(primary).collect();
        let job = xfrin.refresh_from(&look.zone.to_string(), &primaries, look.force).await;
        let job = job.map_err(|error| absence(&error))?;
        self.zones().begun(look, job);
        Ok(job)
    }

    /// Waits for the end of a look.
    async fn follow(self: Arc<Self>, bus: Bus, look: Look, job: u64) {
        let mut lives = self.xfrin_lives.subscribe();
        let limit = Duration::from_secs(self.zones().transfer_limit_s());
        let outcome = tokio::select! {
            outcome = self.outcome(&bus, &look.zone, job) => outcome,
            _ = lives.changed() => gone(),
            () = tokio::time::sleep(limit) => {
                // Whatever comes of it: it is not waited for any longer.
                let _ = Xfrin1::new(&bus).jobs().cancel(job).await;
                Outcome::Failed(format!("not over after {} s, given up", limit.as_secs()))
            }
        };
        self.endings.forget(job);
        self.end(&look, outcome);
    }

    /// What came of a job: as the signal says, and asked for now and then, since signals are hints.
    async fn outcome(&self, bus: &Bus, zone: &Name, job: u64) -> Outcome {
        let xfrin = Xfrin1::new(bus);
        loop {
            tokio::select! {
                ending = self.endings.of(job, zone) => {
                    if let Ok((state, details)) = ending {
                        return outcome(state, &details);
                    }
                }
                () = tokio::time::sleep(ASK_EVERY) => {}
            }
            match xfrin.jobs().get(job).await {
                Ok(status) if status.state.is_end() => return outcome(status.state, &status.details),
                Ok(_) => {}
                Err(BusError::NoSuchJob(_)) => return gone(),
                Err(error) => return Outcome::Interrupted(absence(&error)),
            }
        }
    }

    fn end(&self, look: &Look, outcome: Outcome) {
        self.zones().ended(look, outcome, self.clock.now());
        self.wake();
    }
}

/// Why tenon-xfrin does nothing for us.
fn absence(error: &BusError) -> String {
    match error {
        BusError::ServiceUnknown(_) => "tenon-xfrin does not run".to_owned(),
        error => format!("tenon-xfrin: {error}"),
    }
}

fn gone() -> Outcome {
    Outcome::Interrupted("tenon-xfrin ended before it was done".to_owned())
}

fn outcome(state: JobState, details: &Map<String, Value>) -> Outcome {
    match state {
        JobState::Done => {}
        JobState::Cancelled => return Outcome::Failed("cancelled on request".to_owned()),
        _ => return Outcome::Failed(reason(details)),
    }
    let primary = details.get("primary").and_then(Value::as_str).unwrap_or_default().to_owned();
    let expires_in = details.get("expires_in").and_then(Value::as_u64);
    let expires_in = expires_in.map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX));
    match (stored(details), details.get("outcome").and_then(Value::as_str)) {
        (Some(stored), Some("current")) => Outcome::Current { stored, primary, expires_in },
        (Some(stored), _) => Outcome::Transferred { stored, primary, expires_in },
        (None, _) => Outcome::Interrupted("tenon-xfrin did not say which version it stored".to_owned()),
    }
}

fn reason(details: &Map<String, Value>) -> String {
    let reason = details.get("reason").and_then(Value::as_str).unwrap_or_default();
    if reason.is_empty() { "tenon-xfrin does not say why".to_owned() } else { reason.to_owned() }
}

fn stored(details: &Map<String, Value>) -> Option<Stored> {
    let number = |name: &str| u32::try_from(details.get(name)?.as_u64()?).ok();
    let times = SoaTimes { refresh: number("refresh")?, retry: number("retry")?, expire: number("expire")? };
    Some(Stored { serial: number("serial")?, times })
}
