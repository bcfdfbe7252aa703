//! `/v1/zones`.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::{ETAG, HeaderMap};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use tenon_bus::{
    Auth1, Bus, BusError, Loader1, StoredZone, StoredZoneDetails, Xfrout1, Zonec1, Zonemgr1, names,
};
use utoipa::{IntoParams, ToSchema};

use super::{Admitted, Api, out_of_scope, precondition};
use crate::audit::{self, Deed};
use crate::gate::Visitor;
use crate::problem::Problem;
use crate::scope::Verb;

/// Most zones on one page.
const PAGE: u32 = 1000;
const ZONEC: &str = "tenon-zonec";

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// The zone after which the page begins: `next` of the page before.
    #[serde(default)]
    after: String,
    /// At most so many zones (1 to 1000).
    #[serde(default = "page")]
    limit: u32,
}

impl PageQuery {
    /// The zone after which the page begins, and how many may be on it.
    pub(super) fn page(self) -> (String, u32) {
        let after = if self.after.is_empty() { self.after } else { spelled(&self.after) };
        (after, self.limit.clamp(1, PAGE))
    }
}

fn page() -> u32 {
    100
}

/// A page of zones in canonical order.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ZonePage {
    /// The zones.
    zones: Vec<ListedZone>,
    /// `after` of the next page; absent on the last one.
    #[schema(example = "example.com.")]
    next: Option<String>,
}

/// A zone in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ListedZone {
    /// Its name in lower case with the final dot.
    #[schema(example = "example.com.")]
    name: String,
    /// `primary` or `secondary`.
    storage: String,
    /// Serial in the store.
    stored_serial: u32,
    /// Serial of the image; 0 when never compiled.
    compiled_serial: u32,
    /// `ready`, `compiling` or `failed`.
    state: String,
}

/// One zone.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Zone {
    /// Its name in lower case with the final dot.
    #[schema(example = "example.com.")]
    name: String,
    /// `primary` or `secondary`.
    storage: String,
    /// Serial in the store.
    stored_serial: u32,
    /// Serial of the image; absent when never compiled.
    compiled_serial: Option<u32>,
    /// `ready`, `compiling` or `failed`.
    state: String,
    /// Why it failed; empty unless it did.
    reason: String,
    /// How many records.
    records: u64,
    /// When it was committed, in microseconds since the epoch; absent when unknown.
    committed_usec: Option<u64>,
    /// When its image was compiled, in microseconds since the epoch; absent when never.
    compiled_usec: Option<u64>,
    /// How the running auth instances answer it.
    answered: Vec<Answered>,
}

/// How an auth instance answers a zone.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Answered {
    /// Number of the instance.
    instance: u32,
    /// The serial being answered.
    serial: u32,
    /// `serving`, or what else; see `reason`.
    state: String,
    /// Why it is not serving the newest image; empty when it does.
    reason: String,
}

/// What was begun.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Begun {
    /// Number of the job, at `/v1/jobs/xfrin/NUMBER`.
    job: u64,
}

/// Whom a serial is told.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Notified {
    /// How many servers are told.
    targets: u32,
}

/// How a refresh goes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RefreshQuery {
    /// Transfer it whatever its serial.
    #[serde(default)]
    force: bool,
}

/// A page of zones, of those that the account may look at
#[utoipa::path(get, path = "/v1/zones", params(PageQuery), responses(
    (status = 200, description = "The page", body = ZonePage),
    (status = 403, description = "The account may look at no zone", body = Problem),
    (status = 503, description = "tenon-zonec is not there", body = Problem)))]
pub(super) async fn list(
    Admitted(visitor): Admitted,
    State(api): State<Api>,
    Query(query): Query<PageQuery>,
) -> Result<Json<ZonePage>, Problem> {
    if !visitor.may_somewhere(Verb::Read) {
        return Err(out_of_scope(Verb::Read.word(), None));
    }
    let (after, limit) = query.page();
    let zones = Zonec1::new(&api.bus()?).list_zones(&after, limit).await;
    let zones = zones.map_err(|error| Problem::from_service(ZONEC, error))?;
    let full = u32::try_from(zones.len()).is_ok_and(|listed| listed >= limit);
    let next = zones.last().filter(|_| full).map(|zone| zone.name.clone());
    let seen = zones.into_iter().filter(|zone| visitor.may(Verb::Read, Some(&zone.name)));
    Ok(Json(ZonePage { zones: seen.map(ListedZone::from).collect(), next }))
}

/// One zone
#[utoipa::path(get, path = "/v1/zones/{name}", params(("name" = String, description = "The zone's name")), responses(
    (status = 200, description = "The zone; its entity tag is the serial in the store", body = Zone),
    (status = 403, description = "The account may not look at it", body = Problem),
    (status = 404, description = "No such zone", body = Problem),
    (status = 503, description = "tenon-zonec is not there", body = Problem)))]
pub(super) async fn show(
    Admitted(visitor): Admitted,
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let name = spelled(&name);
    may(&visitor, Verb::Read, &name)?;
    let bus = api.bus()?;
    let stored = Zonec1::new(&bus).get_zone(&name).await;
    let stored = stored.map_err(|error| Problem::from_service(ZONEC, error))?;
    let answered = answered(&bus, &name).await.map_err(|error| Problem::from_service("tenon-auth", error))?;
    Ok(([(ETAG, format!("\"{}\"", stored.stored_serial))], Json(zone(stored, answered))))
}

/// Remove a primary zone with its journal
#[utoipa::path(delete, path = "/v1/zones/{name}",
    params(("name" = String, description = "The zone's name"),
        ("If-Match" = Option<String>, Header, description = "Its entity tag: only that version is removed")), responses(
    (status = 204, description = "It is removed"),
    (status = 403, description = "The account may not change it", body = Problem),
    (status = 404, description = "No such primary zone", body = Problem),
    (status = 412, description = "Its version is another by now", body = Problem),
    (status = 503, description = "tenon-loader cannot be started", body = Problem)))]
pub(super) async fn remove(
    Admitted(visitor): Admitted,
    State(api): State<Api>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let name = spelled(&name);
    let expect = precondition::of(&headers)?;
    let outcome = async {
        may(&visitor, Verb::Zone, &name)?;
        let removed = Loader1::new(&api.bus()?).remove(&name, expect).await;
        match removed.map_err(precondition::failed("tenon-loader"))? {
            true => Ok(StatusCode::NO_CONTENT),
            false => Err(no_such_zone(&name)),
        }
    };
    let outcome = outcome.await;
    audit::note(&api.statistics, &visitor, Deed { verb: "remove", to: "", zone: &name }, &outcome);
    outcome
}

/// Tell a zone's servers its serial now
#[utoipa::path(post, path = "/v1/zones/{name}/notify", params(("name" = String, description = "The zone's name")),
    responses(
    (status = 200, description = "They are being told", body = Notified),
    (status = 403, description = "The account may not do this", body = Problem),
    (status = 404, description = "No such zone", body = Problem),
    (status = 503, description = "tenon-xfrout is not there", body = Problem)))]
pub(super) async fn notify(
    Admitted(visitor): Admitted,
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Json<Notified>, Problem> {
    let name = spelled(&name);
    may(&visitor, Verb::Control, &name)?;
    let targets = Xfrout1::new(&api.bus()?).notify(&name).await;
    let targets = targets.map_err(|error| Problem::from_service("tenon-xfrout", error));
    audit::note(&api.statistics, &visitor, Deed { verb: "notify", to: "", zone: &name }, &targets);
    Ok(Json(Notified { targets: targets? }))
}

/// Look at the primaries of a secondary zone now
#[utoipa::path(post, path = "/v1/zones/{name}/refresh",
    params(("name" = String, description = "The zone's name"), RefreshQuery), responses(
    (status = 202, description = "Begun", body = Begun),
    (status = 403, description = "The account may not do this", body = Problem),
    (status = 404, description = "No such secondary zone", body = Problem),
    (status = 409, description = "A look is under way", body = Problem),
    (status = 503, description = "tenon-zonemgr is not there", body = Problem)))]
pub(super) async fn refresh(
    Admitted(visitor): Admitted,
    State(api): State<Api>,
    Path(name): Path<String>,
    Query(RefreshQuery { force }): Query<RefreshQuery>,
) -> Result<(StatusCode, Json<Begun>), Problem> {
    let name = spelled(&name);
    may(&visitor, Verb::Control, &name)?;
    let zonemgr = Zonemgr1::new(&api.bus()?);
    let job = if force { zonemgr.retransfer(&name).await } else { zonemgr.refresh(&name).await };
    let job = job.map_err(|error| Problem::from_service("tenon-zonemgr", error));
    audit::note(&api.statistics, &visitor, Deed { verb: "refresh", to: "", zone: &name }, &job);
    Ok((StatusCode::ACCEPTED, Json(Begun { job: job? })))
}

/// Whether somebody may do something with a zone.
pub(super) fn may(visitor: &Visitor, verb: Verb, zone: &str) -> Result<(), Problem> {
    if visitor.may(verb, Some(zone)) { Ok(()) } else { Err(out_of_scope(verb.word(), Some(zone))) }
}

pub(super) fn no_such_zone(zone: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "NoSuchZone", "no such zone", format!("{zone} is not there"))
}

async fn answered(bus: &Bus, zone: &str) -> Result<Vec<Answered>, BusError> {
    let mut found = Vec::new();
    for name in bus.list_present(names::AUTH_PREFIX).await? {
        let Some(instance) = names::auth_instance(&name) else { continue };
        match Auth1::new(bus, &name).get_zone(zone).await {
            Ok(zone) => {
                found.push(Answered {
                    instance,
                    serial: zone.serial,
                    state: zone.state,
                    reason: zone.reason,
                });
            }
            Err(BusError::NoSuchZone(_) | BusError::ServiceUnknown(_)) => {}
            Err(error) => return Err(error),
        }
    }
    found.sort_by_key(|answered| answered.instance);
    Ok(found)
}

/// A zone's name as services spell it.
pub(crate) fn spelled(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    if lower.ends_with('.') { lower } else { lower + "." }
}

impl From<StoredZone> for ListedZone {
    fn from(zone: StoredZone) -> Self {
        let StoredZone { name, storage, stored_serial, compiled_serial, state } = zone;
        Self { name, storage, stored_serial, compiled_serial, state }
    }
}

fn zone(stored: StoredZoneDetails, answered: Vec<Answered>) -> Zone {
    Zone {
        name: stored.name,
        storage: stored.storage,
        stored_serial: stored.stored_serial,
        compiled_serial: stored.compiled_serial,
        state: stored.state,
        reason: stored.reason,
        records: stored.records,
        committed_usec: stored.committed_usec,
        compiled_usec: stored.compiled_usec,
        answered,
    }
}
