//! Zones as master files: sent, and written out.

use std::io::{Seek, Write};

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, ETAG, HeaderMap, LOCATION};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tenon_bus::{JobState, JobStatus, Loader1};
use tenon_wire::Name;
use utoipa::{IntoParams, ToSchema};

use super::body::{Bounds, Kept};
use super::zones::{may, no_such_zone, spelled};
use super::{Admitted, Api, precondition};
use crate::audit::{self, Deed};
use crate::problem::Problem;
use crate::scope::Verb;
use crate::spool;

const LOADER: &str = "tenon-loader";

/// How a zone is loaded.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LoadQuery {
    /// Load it though its serial goes back or nothing changed.
    #[serde(default)]
    force: bool,
    /// Seconds to wait for the end (0 to 100): a load that takes longer is answered with its job.
    #[serde(default = "wait")]
    wait_s: u64,
}

fn wait() -> u64 {
    60
}

/// What became of a zone that was sent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Loaded {
    /// Its name.
    #[schema(example = "example.com.")]
    zone: String,
    /// `loaded`; `unchanged` when it was stored so already; `waiting` or `running` while it is not over.
    outcome: String,
    /// Its serial; absent while it is not over.
    serial: Option<u32>,
    /// How many records it has; absent as above.
    records: Option<u64>,
    /// What its author may have meant otherwise.
    warnings: Vec<String>,
    /// Number of the job, at `/v1/jobs/loader/NUMBER`.
    job: u64,
}

/// Create or replace a primary zone from a master file (RFC 1035, without $INCLUDE): checked as a whole, stored whole or not
/// at all
#[utoipa::path(put, path = "/v1/zones/{name}",
    params(("name" = String, description = "The zone's name"), LoadQuery,
        ("If-Match" = Option<String>, Header, description = "Its entity tag: only that version is replaced"),
        ("If-None-Match" = Option<String>, Header, description = "*: only when there is no such zone")),
    request_body(content = String, content_type = "text/dns"), responses(
    (status = 200, description = "Stored; its entity tag is the serial", body = Loaded),
    (status = 202, description = "Not over yet", body = Loaded),
    (status = 403, description = "The account may not change it", body = Problem),
    (status = 408, description = "The body stopped coming", body = Problem),
    (status = 409, description = "Somebody else writes this zone, or too many wait", body = Problem),
    (status = 412, description = "Its version is another", body = Problem),
    (status = 413, description = "The body is too large", body = Problem),
    (status = 422, description = "It has errors; nothing changed", body = Problem),
    (status = 503, description = "tenon-loader cannot be started", body = Problem)))]
pub(super) async fn put(
    Admitted(visitor): Admitted,
    State(api): State<Api>,
    Path(name): Path<String>,
    Query(query): Query<LoadQuery>,
    bounds: Bounds,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let name = spelled(&name);
    let outcome = async {
        // Before the body is taken in, which may be large.
        may(&visitor, Verb::Zone, &name)?;
        let expect = precondition::of(&headers)?;
        let Kept(file) = Kept::take(body, &bounds.0, &api).await?;
        let loader = Loader1::new(&api.bus()?);
        let job = loader.load(&name, &file, query.force, expect).await;
        let job = job.map_err(|error| Problem::from_service(LOADER, error))?;
        let patience = std::time::Duration::from_secs(query.wait_s.min(100));
        let status = match tokio::time::timeout(patience, loader.jobs().wait(job)).await {
            Ok(ended) => ended,
            Err(_) => loader.jobs().get(job).await,
        };
        loaded(status.map_err(|error| Problem::from_service(LOADER, error))?)
    };
    let outcome = outcome.await;
    audit::note(&api.statistics, &visitor, Deed { verb: "load", to: "", zone: &name }, &outcome);
    outcome
}

/// The answer to a load as it stands.
fn loaded(status: JobStatus) -> Result<Response, Problem> {
    let details = &status.details;
    let text = |key: &str| details.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let texts = |key: &str| -> Vec<String> {
        let items = details.get(key).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
    };
    let number = |key: &str| details.get(key).and_then(Value::as_u64);
    let body = |outcome: String| Loaded {
        zone: status.subject.clone(),
        outcome,
        serial: number("serial").and_then(|serial| serial.try_into().ok()),
        records: number("records"),
        warnings: texts("warnings"),
        job: status.job,
    };
    match status.state {
        JobState::Waiting | JobState::Running => {
            let place = format!("/v1/jobs/loader/{}", status.job);
            let body = Json(body(status.state.word().to_owned()));
            Ok((StatusCode::ACCEPTED, [(LOCATION, place)], body).into_response())
        }
        JobState::Done => {
            let body = body(text("outcome"));
            let tag = body.serial.map(|serial| format!("\"{serial}\"")).unwrap_or_default();
            Ok(([(ETAG, tag)], Json(body)).into_response())
        }
        JobState::Failed | JobState::Cancelled => {
            let reason = text("reason");
            Err(match text("outcome").as_str() {
                "refused" => Problem::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "BadZone",
                    "the zone has errors; nothing changed",
                    reason,
                )
                .with_errors(texts("errors")),
                "conflict" => precondition::missed(&reason),
                "busy" => {
                    Problem::new(StatusCode::CONFLICT, "Busy", "somebody else writes this zone", reason)
                }
                _ => Problem::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "NotLoaded",
                    "the zone could not be stored; nothing changed",
                    reason,
                ),
            })
        }
    }
}

/// A zone as a master file, as it is answered: primary or secondary, with signatures
#[utoipa::path(get, path = "/v1/zones/{name}/export", params(("name" = String, description = "The zone's name")),
    responses(
    (status = 200, description = "The zone; its entity tag is the serial", content_type = "text/dns", body = String),
    (status = 403, description = "The account may not look at it", body = Problem),
    (status = 404, description = "No such zone is answered", body = Problem),
    (status = 500, description = "Its image cannot be read", body = Problem)))]
pub(super) async fn export(
    Admitted(visitor): Admitted,
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let name = spelled(&name);
    may(&visitor, Verb::Read, &name)?;
    let written = tokio::task::spawn_blocking(move || write(&api, &name)).await;
    let (serial, file) = written.unwrap_or_else(|error| Err(damaged(&error.to_string())))?;
    let headers = [(CONTENT_TYPE, "text/dns".to_owned()), (ETAG, format!("\"{serial}\""))];
    Ok((headers, spool::body(file)).into_response())
}

/// Writes a zone into a file without a name; gives its serial.
fn write(api: &Api, name: &str) -> Result<(u32, std::fs::File), Problem> {
    let catalog = api.images.now().map_err(|reason| damaged(&reason))?;
    let origin: Name = name.parse().map_err(|_| no_such_zone(name))?;
    let image = catalog.image(origin.as_ref()).filter(|image| image.is_usable());
    let image = image.ok_or_else(|| no_such_zone(name))?;
    let serial = image.serial().map_err(|fault| damaged(&fault.to_string()))?;
    let file = spool::file(&api.places.spool).map_err(|error| damaged(&error.to_string()))?;
    let mut out = std::io::BufWriter::new(file);
    image.write_master(&mut out).map_err(|error| damaged(&error.to_string()))?;
    out.flush().map_err(|error| damaged(&error.to_string()))?;
    let mut file = out.into_inner().map_err(|error| damaged(&error.to_string()))?;
    file.rewind().map_err(|error| damaged(&error.to_string()))?;
    Ok((serial, file))
}

pub(super) fn damaged(reason: &str) -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "ImageDamaged", "what is answered cannot be read", reason)
}
