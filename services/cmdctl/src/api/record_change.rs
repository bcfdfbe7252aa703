//! Changes of records, made by tenon-ddns as dynamic updates are: checked, and durable when answered.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{ETAG, HeaderMap};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use tenon_bus::{BusError, Ddns1, Expect, RecordEdit, ZoneDifference};
use utoipa::ToSchema;

use super::body::{Whole, bad_body};
use super::records::{kind, owner};
use super::zones::{may, spelled};
use super::{Admitted, Api, precondition};
use crate::audit::{self, Deed};
use crate::gate::Visitor;
use crate::problem::Problem;
use crate::scope::Verb;

pub(super) const DDNS: &str = "tenon-ddns";

/// Edits of a zone: all are made, or none.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Edits {
    /// The edits, in their order.
    edits: Vec<Edit>,
}

/// An edit.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Edit {
    /// `add` a record; `set`: the RRset has afterwards the records of all `set` edits of that name and type, and no more;
    /// `delete`.
    #[schema(example = "add")]
    action: String,
    /// `OWNER [TTL] TYPE DATA`, as in a master file of the zone; to delete also `OWNER TYPE` or `OWNER`.
    #[schema(example = "www 300 A 192.0.2.1")]
    record: String,
}

/// What an RRset is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRrset {
    /// Seconds to live; absent: as the RRset has now, or the zone's SOA.
    #[schema(example = 300)]
    ttl: Option<u32>,
    /// Data of each record, as in a master file of the zone.
    #[schema(example = json!(["192.0.2.1"]))]
    records: Vec<String>,
}

/// What was changed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Difference {
    /// The zone's serial now, also the entity tag.
    #[schema(example = 8)]
    serial: u32,
    /// `-` or `+`, a blank and a record; none when nothing changed.
    #[schema(example = json!(["+ www.example.com. 300 IN A 192.0.2.1"]))]
    differences: Vec<String>,
}

/// Change records of a primary zone: all edits are made, checked with the whole zone and on the disk when this is answered,
/// or none is
#[utoipa::path(post, path = "/v1/zones/{name}/records", request_body = Edits,
    params(("name" = String, description = "The zone's name"),
        ("If-Match" = Option<String>, Header, description = "The zone's entity tag: only that version is changed")),
    responses(
    (status = 200, description = "Changed; the entity tag is the zone's new serial", body = Difference),
    (status = 400, description = "The body is not such a document", body = Problem),
    (status = 403, description = "The account may not change records of this zone", body = Problem),
    (status = 404, description = "No such primary zone", body = Problem),
    (status = 409, description = "It is being loaded, or too much waits", body = Problem),
    (status = 412, description = "Its version is another by now", body = Problem),
    (status = 422, description = "An edit makes no sense, or the zone would have errors; nothing changed", body = Problem),
    (status = 503, description = "tenon-ddns is not there", body = Problem)))]
pub(super) async fn change(
    Admitted(visitor): Admitted,
    State(api): State<Api>,
    Path(name): Path<String>,
    headers: HeaderMap,
    Whole(Edits { edits }): Whole<Edits>,
) -> Result<impl IntoResponse, Problem> {
    let edits: Vec<RecordEdit> =
        edits.into_iter().map(|Edit { action, record }| RecordEdit { action, text: record }).collect();
    let expect = precondition::of(&headers)?;
    made(&api, &visitor, &spelled(&name), &edits, expect, None).await
}

/// Give a name of a primary zone these records of a type, and no others
#[utoipa::path(put, path = "/v1/zones/{name}/records/{owner}/{type}", request_body = NewRrset,
    params(("name" = String, description = "The zone's name"),
        ("owner" = String, description = "The name; @ or without the final dot: in the zone"),
        ("type" = String, description = "The type"),
        ("If-Match" = Option<String>, Header, description = "The zone's entity tag: only that version is changed"),
        ("If-None-Match" = Option<String>, Header, description = "*: only when there are no such records")), responses(
    (status = 200, description = "Changed; the entity tag is the zone's new serial", body = Difference),
    (status = 400, description = "The body is not such a document", body = Problem),
    (status = 403, description = "The account may not change records of this zone", body = Problem),
    (status = 404, description = "No such primary zone", body = Problem),
    (status = 412, description = "Its version is another by now, or there are such records", body = Problem),
    (status = 422, description = "A record makes no sense, or the zone would have errors; nothing changed", body = Problem),
    (status = 503, description = "tenon-ddns is not there", body = Problem)))]
pub(super) async fn put(
    Admitted(visitor): Admitted,
    State(api): State<Api>,
    Path((name, owner_text, rrtype)): Path<(String, String, String)>,
    headers: HeaderMap,
    Whole(NewRrset { ttl, records }): Whole<NewRrset>,
) -> Result<impl IntoResponse, Problem> {
    let zone = spelled(&name);
    let (owner, rrtype) = (owner(&owner_text, &zone)?.to_string(), kind(&rrtype)?.to_string());
    if records.is_empty() {
        return Err(bad_body("no records: DELETE takes them away".to_owned()));
    }
    let ttl = ttl.map(|ttl| format!(" {ttl}")).unwrap_or_default();
    let edit = |data: &String| RecordEdit {
        action: "set".to_owned(),
        text: format!("{owner}{ttl} {rrtype} {}", data.replace(['\n', '\r'], " ")),
    };
    let edits: Vec<RecordEdit> = records.iter().map(edit).collect();
    let expect = precondition::of(&headers)?;
    made(&api, &visitor, &zone, &edits, expect, Some((&owner, &rrtype))).await
}

/// Take away all records of a name and type of a primary zone
#[utoipa::path(delete, path = "/v1/zones/{name}/records/{owner}/{type}",
    params(("name" = String, description = "The zone's name"),
        ("owner" = String, description = "The name; @ or without the final dot: in the zone"),
        ("type" = String, description = "The type"),
        ("If-Match" = Option<String>, Header, description = "The zone's entity tag: only that version is changed")),
    responses(
    (status = 200, description = "Changed; the entity tag is the zone's new serial", body = Difference),
    (status = 403, description = "The account may not change records of this zone", body = Problem),
    (status = 404, description = "No such primary zone", body = Problem),
    (status = 412, description = "Its version is another by now", body = Problem),
    (status = 422, description = "There are none, or the zone would have errors; nothing changed", body = Problem),
    (status = 503, description = "tenon-ddns is not there", body = Problem)))]
pub(super) async fn remove(
    Admitted(visitor): Admitted,
    State(api): State<Api>,
    Path((name, owner_text, rrtype)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let zone = spelled(&name);
    let (owner, rrtype) = (owner(&owner_text, &zone)?, kind(&rrtype)?);
    let edit = RecordEdit { action: "delete".to_owned(), text: format!("{owner} {rrtype}") };
    made(&api, &visitor, &zone, &[edit], precondition::of(&headers)?, None).await
}

/// Has edits made. `fresh`: the name and type that `If-None-Match: *` is about.
async fn made(
    api: &Api,
    visitor: &Visitor,
    zone: &str,
    edits: &[RecordEdit],
    expect: Expect,
    fresh: Option<(&str, &str)>,
) -> Result<impl IntoResponse + use<>, Problem> {
    let outcome = async {
        may(visitor, Verb::Record, zone)?;
        let ddns = Ddns1::new(&api.bus()?);
        let serial = match (expect, fresh) {
            (Expect::Anything, _) => None,
            (Expect::Serial(serial), _) => Some(serial),
            (Expect::Absent, Some((owner, rrtype))) => {
                let (serial, found) = ddns.records(zone, owner, rrtype).await.map_err(failed)?;
                if !found.is_empty() {
                    return Err(precondition::missed(&format!("{owner} has {rrtype} records")));
                }
                // Whoever adds some meanwhile raises the serial.
                Some(serial)
            }
            (Expect::Absent, None) => {
                return Err(precondition::missed("there is such a zone, or it could not be changed"));
            }
        };
        ddns.change(zone, edits, serial).await.map_err(failed)
    };
    let outcome = outcome.await;
    let what: Vec<String> = edits.iter().map(|edit| format!("{} {}", edit.action, edit.text)).collect();
    let mut what = what.join("; ");
    if what.len() > MOST_TOLD {
        what = format!("{} edits", edits.len());
    }
    audit::note(&api.statistics, visitor, Deed { verb: "records", to: &what, zone }, &outcome);
    let ZoneDifference { serial, differences } = outcome?;
    Ok(([(ETAG, format!("\"{serial}\""))], Json(Difference { serial, differences })))
}

/// Octets of edits that are logged; of longer ones the number.
const MOST_TOLD: usize = 1000;

/// A zone that is not there is a missing page, whatever else is wrong with a change is not.
fn failed(error: BusError) -> Problem {
    match error {
        BusError::NoSuchZone(reason) => {
            Problem::new(StatusCode::NOT_FOUND, "NoSuchZone", "no such primary zone", reason)
        }
        error => precondition::failed(DDNS)(error),
    }
}
