//! `org.tenon.Jobs1`: long work of one service, and waiting for its end.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use zbus::{MatchRule, OwnedVariant};

use crate::bus::Feed;
use crate::names::{JOBS_INTERFACE, JOBS_PATH};
use crate::peer::{AutoStart, Peer};
use crate::value::map_to_json;
use crate::{Bus, BusError};

/// How often a job is looked at while its end is waited for, since the signal that tells of it may be lost.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The same where no signal comes.
const LOOK_WITHOUT_SIGNALS: Duration = Duration::from_millis(300);

/// The jobs of one service.
#[derive(Clone, Debug)]
pub struct Jobs1 {
    bus: Bus,
    peer: Peer,
}

/// A job in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListedJob {
    /// Its number.
    pub job: u64,
    /// Kind of work, such as `refresh`.
    pub kind: String,
    /// What it is done to, such as a zone's name.
    pub subject: String,
    /// How it stands.
    pub state: JobState,
}

/// How a job stands, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It waits for its turn.
    Waiting,
    /// It is being done.
    Running,
    /// It came to a good end.
    Done,
    /// It did not.
    Failed,
    /// It was given up on request.
    Cancelled,
}

/// One job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobStatus {
    /// Its number.
    pub job: u64,
    /// Kind of work, such as `refresh`.
    pub kind: String,
    /// What it is done to, such as a zone's name.
    pub subject: String,
    /// How it stands.
    pub state: JobState,
    /// What it is doing, for people.
    pub phase: String,
    /// How much of the phase is done.
    pub done: u64,
    /// How much there is to do in it; 0: not known.
    pub total: u64,
    /// Unit of both, such as `octets`.
    pub unit: String,
    /// When it was asked for, in microseconds since the epoch.
    #[serde(rename(deserialize = "BegunUSec"))]
    pub begun_usec: u64,
    /// When it ended; 0 before.
    #[serde(rename(deserialize = "FinishedUSec"))]
    pub finished_usec: u64,
    /// What came of it; empty before the end.
    #[serde(default)]
    pub details: Map<String, Value>,
}

/// The end of a job, as the signal tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobEvent {
    /// A job ended.
    Finished {
        /// Its number.
        job: u64,
        /// What it was done to.
        subject: String,
        /// How it ended.
        result: JobState,
        /// What came of it.
        details: Map<String, Value>,
    },
    /// The listener was too slow and events were dropped: ask for every job that matters.
    Lost,
}

/// A stream of ended jobs; ends with the connection.
#[derive(Debug)]
pub struct JobEvents {
    feed: Feed<JobEvent>,
}

impl JobEvents {
    /// The next event, or `None` when the connection is gone.
    pub async fn next(&mut self) -> Option<JobEvent> {
        self.feed.next(JobEvent::Lost).await
    }
}

impl JobState {
    /// Whether the job has ended.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }

    /// The word for it on the bus.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    fn of(word: &str) -> Option<Self> {
        let all = [Self::Waiting, Self::Running, Self::Done, Self::Failed, Self::Cancelled];
        all.into_iter().find(|state| state.word() == word)
    }
}

impl JobStatus {
    /// Why it did not come to a good end; empty when it did.
    pub fn reason(&self) -> &str {
        self.details.get("reason").and_then(Value::as_str).unwrap_or_default()
    }
}

impl Jobs1 {
    /// The jobs of the service with this bus name, such as [`crate::names::XFRIN`].
    pub fn new(bus: &Bus, name: &str) -> Self {
        Self { bus: bus.clone(), peer: Peer::new(bus, name, JOBS_PATH, JOBS_INTERFACE, AutoStart::No) }
    }

    /// Jobs with numbers above `after`, at most `limit` (0: what the service gives).
    pub async fn list(&self, after: u64, limit: u32) -> Result<Vec<ListedJob>, BusError> {
        let jobs: Vec<(u64, String, String, String)> = self.peer.call("List", &(after, limit)).await?;
        let job = |(job, kind, subject, state): (u64, String, String, String)| {
            Some(ListedJob { job, kind, subject, state: JobState::of(&state)? })
        };
        Ok(jobs.into_iter().filter_map(job).collect())
    }

    /// One job. Fails with [`BusError::NoSuchJob`].
    pub async fn get(&self, job: u64) -> Result<JobStatus, BusError> {
        let status: HashMap<String, OwnedVariant> = self.peer.call("Get", &(job,)).await?;
        self.peer.read(&status)
    }

    /// Has a job given up; returns at once. Fails with [`BusError::NoSuchJob`].
    pub async fn cancel(&self, job: u64) -> Result<(), BusError> {
        self.peer.change("Cancel", &(job,)).await
    }

    /// The ends of all jobs from now on, of other services too: numbers alone do not tell them apart. Not over a relay, where
    /// signals do not come.
    pub async fn endings(&self) -> Result<JobEvents, BusError> {
        Ok(JobEvents {
            feed: Feed::start(self.bus.direct()?, vec![rule().build()?.into_owned()], read).await?,
        })
    }

    /// Waits until a job has ended, however long that takes. Fails with [`BusError::NoSuchJob`] when the service does not
    /// know it (any more), [`BusError::ServiceUnknown`] when the service is gone, and as [`BusError::is_bus_down`] when
    /// the connection broke: then the same job can be waited for on another connection.
    pub async fn wait(&self, job: u64) -> Result<JobStatus, BusError> {
        let status = self.get(job).await?;
        if status.state.is_end() {
            return Ok(status);
        }
        if self.bus.is_relayed() {
            return self.watch(job).await;
        }
        let mut events = self.endings().await?;
        loop {
            let status = self.get(job).await?;
            if status.state.is_end() {
                return Ok(status);
            }
            let ended = async {
                loop {
                    match events.next().await {
                        Some(JobEvent::Finished { job: ended, .. }) if ended != job => {}
                        Some(_) => return,
                        None => std::future::pending().await,
                    }
                }
            };
            tokio::select! {
                () = ended => {}
                () = self.bus.closed() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// As [`Jobs1::wait`], where signals do not come.
    async fn watch(&self, job: u64) -> Result<JobStatus, BusError> {
        loop {
            let status = self.get(job).await?;
            if status.state.is_end() {
                return Ok(status);
            }
            tokio::time::sleep(LOOK_WITHOUT_SIGNALS).await;
        }
    }
}

impl Bus {
    /// Follows the ends of all jobs of all services from now on, whoever tells of them: a hint to ask [`Jobs1::get`].
    pub async fn job_events(&self) -> Result<JobEvents, BusError> {
        Ok(JobEvents { feed: Feed::start(self.direct()?, vec![rule().build()?.into_owned()], read).await? })
    }
}

/// Without the sender and the subject: dbus-broker was seen to deliver no signal to a rule that names the sender's well-known
/// name, nor to one for the second argument where the first is a number.
fn rule() -> zbus::match_rule::Builder<'static> {
    MatchRule::builder()
        .msg_type(zbus::message::Type::Signal)
        .interface(JOBS_INTERFACE)
        .path(JOBS_PATH)
        .member("Finished")
}

fn read(message: &zbus::Message) -> Option<JobEvent> {
    let body = message.body();
    let (job, subject, result, details): (u64, String, String, HashMap<String, OwnedVariant>) =
        body.deserialize().ok()?;
    let details = match map_to_json(&details) {
        Value::Object(details) => details,
        _ => Map::new(),
    };
    Some(JobEvent::Finished { job, subject, result: JobState::of(&result)?, details })
}
