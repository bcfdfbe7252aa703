//! `/v1/zones`.

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use tenon_bus::{Auth1, Bus, BusError, StoredZone, StoredZoneDetails, Zonec1, names};
use utoipa::{IntoParams, ToSchema};

use super::{Api, Reader};
use crate::problem::Problem;

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

/// A page of zones
#[utoipa::path(get, path = "/v1/zones", params(PageQuery), responses(
    (status = 200, description = "The page", body = ZonePage),
    (status = 503, description = "tenon-zonec is not there", body = Problem)))]
pub(super) async fn list(
    _: Reader,
    State(api): State<Api>,
    Query(PageQuery { after, limit }): Query<PageQuery>,
) -> Result<Json<ZonePage>, Problem> {
    let limit = limit.clamp(1, PAGE);
    let after = if after.is_empty() { after } else { spelled(&after) };
    let zones = Zonec1::new(&api.bus()?).list_zones(&after, limit).await;
    let zones = zones.map_err(|error| Problem::from_service(ZONEC, error))?;
    let full = u32::try_from(zones.len()).is_ok_and(|listed| listed >= limit);
    let next = zones.last().filter(|_| full).map(|zone| zone.name.clone());
    Ok(Json(ZonePage { zones: zones.into_iter().map(ListedZone::from).collect(), next }))
}

/// One zone
#[utoipa::path(get, path = "/v1/zones/{name}", params(("name" = String, description = "The zone's name")), responses(
    (status = 200, description = "The zone", body = Zone),
    (status = 404, description = "No such zone", body = Problem),
    (status = 503, description = "tenon-zonec is not there", body = Problem)))]
pub(super) async fn show(
    _: Reader,
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Json<Zone>, Problem> {
    let bus = api.bus()?;
    let name = spelled(&name);
    let stored = Zonec1::new(&bus).get_zone(&name).await;
    let stored = stored.map_err(|error| Problem::from_service(ZONEC, error))?;
    let answered = answered(&bus, &name).await.map_err(|error| Problem::from_service("tenon-auth", error))?;
    Ok(Json(zone(stored, answered)))
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
fn spelled(name: &str) -> String {
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
