//! `/v1/jobs`: long work of services.

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use serde_json::{Map, Value};
use tenon_bus::{JobStatus, Jobs1, names};
use utoipa::ToSchema;

use super::zones::may;
use super::{Admitted, Api};
use crate::problem::Problem;
use crate::scope::Verb;

/// A piece of long work.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Job {
    /// Its number.
    job: u64,
    /// Kind of work.
    #[schema(example = "load")]
    kind: String,
    /// The zone that it is done to.
    #[schema(example = "example.com.")]
    subject: String,
    /// `waiting`, `running`, `done`, `failed` or `cancelled`.
    state: String,
    /// What it is doing, for people.
    phase: String,
    /// How much of the phase is done.
    done: u64,
    /// How much there is to do in it; 0: not known.
    total: u64,
    /// Unit of both.
    #[schema(example = "octets")]
    unit: String,
    /// When it was asked for, in microseconds since the epoch.
    begun_usec: u64,
    /// When it ended; 0 before.
    finished_usec: u64,
    /// What came of it; empty before the end.
    #[schema(value_type = Object)]
    details: Map<String, Value>,
}

impl From<JobStatus> for Job {
    fn from(status: JobStatus) -> Self {
        Self {
            job: status.job,
            kind: status.kind,
            subject: status.subject,
            state: status.state.word().to_owned(),
            phase: status.phase,
            done: status.done,
            total: status.total,
            unit: status.unit,
            begun_usec: status.begun_usec,
            finished_usec: status.finished_usec,
            details: status.details,
        }
    }
}

/// A job of tenon-loader (`loader`) or tenon-xfrin (`xfrin`)
#[utoipa::path(get, path = "/v1/jobs/{service}/{job}",
    params(("service" = String, description = "loader or xfrin"), ("job" = u64, description = "Its number")),
    responses(
    (status = 200, description = "The job", body = Job),
    (status = 404, description = "No such job, or no longer", body = Problem),
    (status = 503, description = "The service is not there", body = Problem)))]
pub(super) async fn show(
    Admitted(visitor): Admitted,
    State(api): State<Api>,
    Path((service, job)): Path<(String, u64)>,
) -> Result<Json<Job>, Problem> {
    let (name, program) = match service.as_str() {
        "loader" => (names::LOADER, "tenon-loader"),
        "xfrin" => (names::XFRIN, "tenon-xfrin"),
        _ => return Err(super::nothing_here("jobs are those of loader and xfrin")),
    };
    let status = Jobs1::new(&api.bus()?, name).get(job).await;
    let status = status.map_err(|error| Problem::from_service(program, error))?;
    may(&visitor, Verb::Read, &status.subject)?;
    Ok(Json(status.into()))
}
