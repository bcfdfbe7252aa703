//! The bus face of long work: `org.tenon.Jobs1`.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tenon_bus::names::{JOBS_INTERFACE, JOBS_PATH};
use tenon_bus::server::{Error, connection, json_to_map};
use tenon_bus::{BusError, Jobs1};
use tokio::sync::mpsc;
use zbus::connection::Builder;
use zbus::message::Header;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, Variant, interface};

use super::{FinishedJob, JobStatus, Jobs};
use crate::CurrentBus;
use crate::authorise::{Verb, authorise};

/// Most jobs of one page.
const PAGE: usize = 1000;
/// How long a service may be off the bus before its jobs count as gone: it comes back a second after the bus does.
const ABSENCE: Duration = Duration::from_secs(10);
/// Between two attempts to find a service that is away.
const PAUSE: Duration = Duration::from_millis(500);

/// Adds the object to a connection. Who may use `cancel` may cancel jobs.
pub fn register(
    jobs: &Jobs,
    cancel: impl Into<Verb<'static>>,
    builder: Builder<'static>,
) -> Builder<'static> {
    builder.serve_at(JOBS_PATH, JobsFace { jobs: jobs.clone(), cancel: cancel.into() })
}

/// Tells of jobs that ended, for ever. Without a bus they are not told: who waits for one asks.
pub async fn tell(bus: CurrentBus, mut news: mpsc::Receiver<FinishedJob>) {
    while let Some(job) = news.recv().await {
        let Some(bus) = bus.get() else { continue };
        let body = (job.number, job.subject, job.result.word(), json_to_map(&job.details));
        let Ok(connection) = connection(&bus) else { continue };
        let _gone = connection.emit_signal(None::<&str>, JOBS_PATH, JOBS_INTERFACE, "Finished", &body).await;
    }
}

/// Waits for the end of a job of the service `name`, over as many connections to the bus as it takes.
///
/// # Errors
/// [`BusError::NoSuchJob`] when the service does not know the job, most often because it was started anew;
/// [`BusError::ServiceUnknown`] when it stays away; others as the service answers.
pub async fn wait(bus: &CurrentBus, name: &str, job: u64) -> Result<JobStatus, BusError> {
    let mut away: Option<Instant> = None;
    loop {
        let outcome = match bus.get() {
            Some(bus) => Jobs1::new(&bus, name).wait(job).await,
            None => Err(BusError::Disconnected(String::new())),
        };
        match outcome {
            // The bus coming back is the keeper's business, however long that takes.
            Err(error) if error.is_bus_down() => away = None,
            Err(BusError::NoReply(_)) => {}
            Err(BusError::ServiceUnknown(_)) if away.get_or_insert_with(Instant::now).elapsed() < ABSENCE => {
            }
            outcome => return outcome,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

struct JobsFace {
    jobs: Jobs,
    cancel: Verb<'static>,
}

#[interface(name = "org.tenon.Jobs1", introspection_docs = false)]
impl JobsFace {
    #[zbus(out_args("jobs"))]
    fn list(&self, after: u64, limit: u32) -> Vec<(u64, String, String, String)> {
        let limit = match usize::try_from(limit).unwrap_or(PAGE) {
            0 => PAGE,
            limit => limit.min(PAGE),
        };
        let row = |job: JobStatus| (job.job, job.kind, job.subject, job.state.word().to_owned());
        self.jobs.list(after, limit).into_iter().map(row).collect()
    }

    #[zbus(out_args("status"))]
    fn get(&self, job: u64) -> Result<HashMap<String, Variant<'static>>, Error> {
        self.jobs.get(job).map(members).ok_or_else(|| no_such_job(job))
    }

    async fn cancel(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
        job: u64,
    ) -> Result<(), Error> {
        authorise(connection, &header, self.cancel.clone()).await?;
        if self.jobs.cancel(job) { Ok(()) } else { Err(no_such_job(job)) }
    }

    #[zbus(signal)]
    async fn finished(
        emitter: &SignalEmitter<'_>,
        job: u64,
        subject: String,
        result: String,
        details: HashMap<String, Variant<'_>>,
    ) -> zbus::Result<()>;
}

fn members(job: JobStatus) -> HashMap<String, Variant<'static>> {
    let details: HashMap<String, Variant<'static>> = json_to_map(&job.details);
    let members = [
        ("job", Variant::from(job.job)),
        ("kind", job.kind.into()),
        ("subject", job.subject.into()),
        ("state", job.state.word().into()),
        ("phase", job.phase.into()),
        ("done", job.done.into()),
        ("total", job.total.into()),
        ("unit", job.unit.into()),
        ("BegunUSec", job.begun_usec.into()),
        ("FinishedUSec", job.finished_usec.into()),
        ("details", details.into()),
    ];
    members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn no_such_job(job: u64) -> Error {
    Error::NoSuchJob(format!("no job {job}: it ended long ago, or with the process that had it"))
}
