//! Records of a zone, as RRsets.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::ETAG;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use tenon_bus::Ddns1;
use tenon_image::Records;
use tenon_wire::{Name, RrType, rdata};
use utoipa::{IntoParams, ToSchema};

use super::zone_file::damaged;
use super::zones::{may, no_such_zone, spelled};
use super::{Admitted, Api};
use crate::problem::Problem;
use crate::scope::Verb;

/// Most RRsets on one page, those of its last name not counted.
const PAGE: usize = 1000;

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// The name after which the page begins: `next` of the page before.
    #[serde(default)]
    after: String,
    /// About so many RRsets (1 to 1000); those of a name stay together.
    #[serde(default = "page")]
    limit: usize,
}

fn page() -> usize {
    100
}

/// A page of RRsets in canonical order.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RrsetPage {
    /// Serial of the version that they are of, also the entity tag.
    serial: u32,
    /// The RRsets.
    rrsets: Vec<Rrset>,
    /// `after` of the next page; absent on the last one.
    next: Option<String>,
}

/// The records of one name and type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Rrset {
    /// The name, with the final dot.
    #[schema(example = "www.example.com.")]
    owner: String,
    /// The type.
    #[schema(example = "A")]
    r#type: String,
    /// Seconds to live.
    #[schema(example = 3600)]
    ttl: u32,
    /// Data of each record, as in a master file with all names written out.
    #[schema(example = json!(["192.0.2.1"]))]
    records: Vec<String>,
}

impl From<Records> for Rrset {
    fn from(Records { owner, rrtype, ttl, rdatas }: Records) -> Self {
        Self {
            owner: owner.to_string(),
            r#type: rrtype.to_string(),
            ttl,
            records: rdatas.iter().map(|data| rdata::display(rrtype, data).to_string()).collect(),
        }
    }
}

/// A page of a zone's RRsets, as they are answered
#[utoipa::path(get, path = "/v1/zones/{name}/records",
    params(("name" = String, description = "The zone's name"), PageQuery), responses(
    (status = 200, description = "The page; its entity tag is the zone's serial", body = RrsetPage),
    (status = 403, description = "The account may not look at it", body = Problem),
    (status = 404, description = "No such zone is answered", body = Problem)))]
pub(super) async fn list(
    Admitted(visitor): Admitted,
    State(api): State<Api>,
    Path(name): Path<String>,
    Query(PageQuery { after, limit }): Query<PageQuery>,
) -> Result<impl IntoResponse, Problem> {
    let zone = spelled(&name);
    may(&visitor, Verb::Read, &zone)?;
    let limit = limit.clamp(1, PAGE);
    let after = if after.is_empty() { None } else { Some(owner(&after, &zone)?) };
    let (serial, found) =
        look(api, zone, move |image| image.records_after(after.as_ref().map(Name::as_ref), limit)).await?;
    let next = found.last().filter(|_| found.len() >= limit).map(|last| last.owner.to_string());
    let rrsets = found.into_iter().map(Rrset::from).collect();
    Ok(([(ETAG, format!("\"{serial}\""))], Json(RrsetPage { serial, rrsets, next })))
}

/// One RRset: of a primary zone as it is stored, of a secondary one as it is answered
#[utoipa::path(get, path = "/v1/zones/{name}/records/{owner}/{type}",
    params(("name" = String, description = "The zone's name"),
        ("owner" = String, description = "The name; @ or without the final dot: in the zone"),
        ("type" = String, description = "The type")), responses(
    (status = 200, description = "The RRset; its entity tag is the zone's serial", body = Rrset),
    (status = 403, description = "The account may not look at it", body = Problem),
    (status = 404, description = "No such zone, or it has no such records", body = Problem)))]
pub(super) async fn show(
    Admitted(visitor): Admitted,
    State(api): State<Api>,
    Path((name, owner_text, rrtype)): Path<(String, String, String)>,
) -> Result<impl IntoResponse, Problem> {
    let zone = spelled(&name);
    may(&visitor, Verb::Read, &zone)?;
    let wanted = kind(&rrtype)?;
    let owner = owner(&owner_text, &zone)?;
    let none = format!("{owner} has no {rrtype} records");
    // Of a primary zone what is stored, which is answered a moment later: who changed it sees it. Of a secondary one, or
    // when there is nobody to ask, what is answered.
    let stored = Ddns1::new(&api.bus()?).records(&zone, &owner.to_string(), &wanted.to_string()).await;
    if let Ok((serial, found)) = stored {
        let Some(first) = found.first() else { return Err(no_records(none)) };
        let (owner, ttl) = (first.owner.clone(), first.ttl);
        let records = found.iter().map(|record| record.data.clone()).collect();
        let rrset = Rrset { owner, r#type: wanted.to_string(), ttl, records };
        return Ok(([(ETAG, format!("\"{serial}\""))], Json(rrset)));
    }
    let (serial, found) = look(api, zone, move |image| image.records_at(owner.as_ref())).await?;
    let found = found.into_iter().find(|records| records.rrtype == wanted);
    let found = found.ok_or_else(|| no_records(none))?;
    Ok(([(ETAG, format!("\"{serial}\""))], Json(Rrset::from(found))))
}

fn no_records(reason: String) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "NoSuchRecords", "there are no such records", reason)
}

/// Reads from a zone's image on a thread that may block; with its serial.
async fn look<T: Send + 'static>(
    api: Api,
    zone: String,
    read: impl FnOnce(&tenon_image::ZoneImage) -> Result<T, tenon_image::Fault> + Send + 'static,
) -> Result<(u32, T), Problem> {
    let work = tokio::task::spawn_blocking(move || {
        let catalog = api.images.now().map_err(|reason| damaged(&reason))?;
        let origin: Name = zone.parse().map_err(|_| no_such_zone(&zone))?;
        let image = catalog.image(origin.as_ref()).filter(|image| image.is_usable());
        let image = image.ok_or_else(|| no_such_zone(&zone))?;
        let failed = |fault: tenon_image::Fault| damaged(&fault.to_string());
        Ok((image.serial().map_err(failed)?, read(image).map_err(failed)?))
    });
    work.await.unwrap_or_else(|error| Err(damaged(&error.to_string())))
}

/// A name in a path: absolute with its final dot, otherwise in the zone; `@` is the zone's own.
pub(super) fn owner(text: &str, zone: &str) -> Result<Name, Problem> {
    let bad = |reason: String| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "InvalidValue", "a value does not fit", reason)
    };
    let origin: Name = zone.parse().map_err(|error| bad(format!("{zone}: {error}")))?;
    let name = if text == "@" { Ok(origin.clone()) } else { Name::from_text(text, Some(origin.as_ref())) };
    let name = name.map_err(|error| bad(format!("{text}: {error}")))?;
    if name.as_ref().is_at_or_below(origin.as_ref()) {
        Ok(name)
    } else {
        Err(bad(format!("{name} is not in the zone {zone}")))
    }
}

pub(super) fn kind(text: &str) -> Result<RrType, Problem> {
    rdata::parse_rrtype(text.as_bytes()).ok_or_else(|| {
        let reason = format!("{text} is no type of records");
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "InvalidValue", "a value does not fit", reason)
    })
}
