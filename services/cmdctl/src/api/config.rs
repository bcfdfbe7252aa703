//! `/v1/config`: the settings.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::header::ETAG;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tenon_bus::{BusError, Cfgmgr1, Change, CommitOutcome, Edit, HistoryEntry};
use utoipa::{IntoParams, ToSchema};

use super::body::{Whole, bad_body};
use super::{Api, Committer, Reader};
use crate::audit::{self, Deed};
use crate::gate::Visitor;
use crate::problem::Problem;
use crate::verdict::ComponentVerdict;

const CFGMGR: &str = "tenon-cfgmgr";

/// Committed settings.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Settings {
    /// Their generation, also the entity tag; name it as `base` of a change that is made on them.
    #[schema(example = 7)]
    generation: u64,
    /// The option's path; empty for all.
    #[schema(example = "auth/udp_payload_size")]
    path: String,
    /// Its value, defaults filled in.
    #[schema(value_type = Object, example = 1232)]
    value: Value,
}

/// A commit: all its edits come into force, or none does.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Commit {
    /// The edits.
    edits: Vec<CommitEdit>,
    /// What to remember of it in the history.
    #[serde(default)]
    #[schema(example = "larger answers")]
    comment: String,
    /// The generation that the edits were made on: an option that was committed with another value since is a conflict.
    /// Absent or 0: the one in force.
    #[serde(default)]
    base: u64,
    /// Seconds within which the commit must be confirmed, or else it is taken back; absent or 0: it need not be.
    #[serde(default)]
    #[schema(maximum = 86400)]
    confirm_s: u32,
}

/// The way back to a generation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rollback {
    /// The generation whose settings are wanted; 0 for the defaults.
    #[schema(example = 7)]
    to: u64,
    /// What to remember of it in the history.
    #[serde(default)]
    comment: String,
    /// As of a commit.
    #[serde(default)]
    #[schema(maximum = 86400)]
    confirm_s: u32,
}

/// What was kept.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Confirmed {
    /// The generation that stays in force.
    generation: u64,
}

/// An edit: either `value` or `unset`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CommitEdit {
    /// The option's path.
    #[schema(example = "auth/udp_payload_size")]
    path: String,
    /// The value to be.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Object>, example = 1400)]
    value: Option<Value>,
    /// Back to the default; of a list element: out of the list.
    #[serde(default)]
    unset: bool,
}

/// What a commit came to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Committed {
    /// The generation in force: the new one, or the present one when there was nothing to change.
    #[schema(example = 8)]
    generation: u64,
    /// What owners amended, one sentence each.
    notes: Vec<String>,
    /// What became of the settings of each component concerned.
    verdicts: Vec<ComponentVerdict>,
}

impl From<CommitOutcome> for Committed {
    fn from(outcome: CommitOutcome) -> Self {
        let verdicts = outcome.verdicts.into_iter().map(ComponentVerdict::from).collect();
        Self { generation: outcome.generation, notes: outcome.notes, verdicts }
    }
}

/// Which part of the history.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryQuery {
    /// Only generations before this one; 0 for all.
    #[serde(default)]
    before: u64,
    /// At most so many (1 to 100).
    #[serde(default = "HistoryQuery::limit")]
    limit: u32,
}

impl HistoryQuery {
    fn limit() -> u32 {
        20
    }
}

/// A part of the history.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct History {
    /// Generations, the newest first.
    generations: Vec<Generation>,
}

/// A committed generation.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Generation {
    /// Its number.
    generation: u64,
    /// When, in microseconds since the epoch.
    committed_usec: u64,
    /// Who.
    #[schema(example = "cmdctl:alice")]
    author: String,
    /// What the author said of it.
    comment: String,
}

/// What changes from one generation to another.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Difference {
    /// Option by option.
    changes: Vec<Changed>,
}

/// An option that differs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Changed {
    /// Its path.
    path: String,
    /// The value in the one; absent where there is none.
    #[schema(value_type = Option<Object>)]
    from: Option<Value>,
    /// The value in the other; absent where there is none.
    #[schema(value_type = Option<Object>)]
    to: Option<Value>,
}

/// All committed settings
#[utoipa::path(get, path = "/v1/config", responses(
    (status = 200, description = "The settings", body = Settings),
    (status = 503, description = "tenon-cfgmgr is not there", body = Problem)))]
pub(super) async fn show_all(_: Reader, State(api): State<Api>) -> Result<impl IntoResponse, Problem> {
    settings(&api, String::new()).await
}

/// The committed settings below a path
#[utoipa::path(get, path = "/v1/config/{*path}",
    params(("path" = String, description = "The option's path, such as auth/listen_on/0/port")), responses(
    (status = 200, description = "The settings", body = Settings),
    (status = 404, description = "No such option", body = Problem),
    (status = 503, description = "tenon-cfgmgr is not there", body = Problem)))]
pub(super) async fn show(
    _: Reader,
    State(api): State<Api>,
    Path(path): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    settings(&api, path).await
}

async fn settings(api: &Api, path: String) -> Result<impl IntoResponse + use<>, Problem> {
    let cfgmgr = Cfgmgr1::if_present(&api.bus()?);
    // The number before the value: a commit in between then makes a conflict too many rather than one too few.
    let generation = cfgmgr.state().await.map_err(of_cfgmgr)?.generation;
    let value = cfgmgr.get(&path, false).await.map_err(of_cfgmgr)?;
    Ok(([(ETAG, format!("\"{generation}\""))], Json(Settings { generation, path, value })))
}

/// The JSON Schema of a component's settings
#[utoipa::path(get, path = "/v1/config/schema/{component}",
    params(("component" = String, description = "The component's short name, such as auth")), responses(
    (status = 200, description = "The schema", body = Object),
    (status = 404, description = "No such component", body = Problem),
    (status = 503, description = "tenon-cfgmgr is not there", body = Problem)))]
pub(super) async fn schema(
    _: Reader,
    State(api): State<Api>,
    Path(component): Path<String>,
) -> Result<Json<Value>, Problem> {
    Cfgmgr1::if_present(&api.bus()?).schema(&component).await.map(Json).map_err(of_cfgmgr)
}

/// Committed generations, the newest first
#[utoipa::path(get, path = "/v1/config/history", params(HistoryQuery), responses(
    (status = 200, description = "The generations", body = History),
    (status = 503, description = "tenon-cfgmgr is not there", body = Problem)))]
pub(super) async fn history(
    _: Reader,
    State(api): State<Api>,
    Query(HistoryQuery { before, limit }): Query<HistoryQuery>,
) -> Result<Json<History>, Problem> {
    let entries = Cfgmgr1::if_present(&api.bus()?).history(before, limit.clamp(1, 100)).await;
    let generation = |entry: HistoryEntry| {
        let HistoryEntry { generation, committed_usec, author, comment } = entry;
        Generation { generation, committed_usec, author, comment }
    };
    let generations = entries.map_err(of_cfgmgr)?.into_iter().map(generation).collect();
    Ok(Json(History { generations }))
}

/// What changes from one generation to another
#[utoipa::path(get, path = "/v1/config/diff/{from}/{to}",
    params(("from" = u64, description = "The one; 0 for the defaults"), ("to" = u64, description = "The other")),
    responses(
    (status = 200, description = "The changes", body = Difference),
    (status = 404, description = "No such generation", body = Problem),
    (status = 503, description = "tenon-cfgmgr is not there", body = Problem)))]
pub(super) async fn diff(
    _: Reader,
    State(api): State<Api>,
    Path((from, to)): Path<(u64, u64)>,
) -> Result<Json<Difference>, Problem> {
    let changes = Cfgmgr1::if_present(&api.bus()?).diff_generations(from, to).await.map_err(of_cfgmgr)?;
    let changed = |Change { path, now, then }| Changed { path, from: now, to: then };
    Ok(Json(Difference { changes: changes.into_iter().map(changed).collect() }))
}

/// Commit edits: their owners check them, all come into force as a new generation, or none does
#[utoipa::path(post, path = "/v1/config/commit", request_body = Commit, responses(
    (status = 200, description = "In force", body = Committed),
    (status = 400, description = "The body is not such a document", body = Problem),
    (status = 403, description = "The account may only look", body = Problem),
    (status = 408, description = "The body did not come in time", body = Problem),
    (status = 409, description = "Changed by somebody else meanwhile, or a commit waits for confirmation", body = Problem),
    (status = 413, description = "The body is too large", body = Problem),
    (status = 422, description = "An option or value is wrong, or its owner refuses it; nothing changed", body = Problem),
    (status = 500, description = "Could not be put into force; the settings before are in force again", body = Problem),
    (status = 503, description = "tenon-cfgmgr is not there", body = Problem)))]
pub(super) async fn commit(
    Committer(visitor): Committer,
    State(api): State<Api>,
    Whole(commit): Whole<Commit>,
) -> Result<Json<Committed>, Problem> {
    let Commit { edits, comment, base, confirm_s } = commit;
    let edits = edits.into_iter().map(edit).collect::<Result<Vec<_>, _>>()?;
    let paths = edits.iter().map(|edit| edit.path.as_str()).collect::<Vec<_>>().join(",");
    let cfgmgr = Cfgmgr1::if_present(&api.bus()?);
    let outcome = cfgmgr.commit_edits(&visitor.account, base, &edits, &comment, confirm_s).await;
    let said = said(&cfgmgr, &visitor, &outcome).await;
    let told = told(&api, &visitor, "commit", &paths, outcome.map(Committed::from));
    told.map(Json).map_err(|problem| problem.with_verdicts(said))
}

/// Keep what was committed with `confirm_s`
#[utoipa::path(post, path = "/v1/config/confirm", responses(
    (status = 200, description = "It stays in force", body = Confirmed),
    (status = 403, description = "The account may only look", body = Problem),
    (status = 409, description = "No commit waits", body = Problem),
    (status = 503, description = "tenon-cfgmgr is not there", body = Problem)))]
pub(super) async fn confirm(
    Committer(visitor): Committer,
    State(api): State<Api>,
) -> Result<Json<Confirmed>, Problem> {
    let outcome = Cfgmgr1::if_present(&api.bus()?).confirm(&visitor.account).await;
    let outcome = outcome.map(|generation| Confirmed { generation });
    told(&api, &visitor, "confirm", "", outcome).map(Json)
}

/// Commit the settings of an older generation again, as a new one
#[utoipa::path(post, path = "/v1/config/rollback", request_body = Rollback, responses(
    (status = 200, description = "In force", body = Committed),
    (status = 400, description = "The body is not such a document", body = Problem),
    (status = 403, description = "The account may only look", body = Problem),
    (status = 422, description = "No such generation, or an owner refuses it now; nothing changed", body = Problem),
    (status = 500, description = "Could not be put into force; the settings before are in force again", body = Problem),
    (status = 503, description = "tenon-cfgmgr is not there", body = Problem)))]
pub(super) async fn rollback(
    Committer(visitor): Committer,
    State(api): State<Api>,
    Whole(rollback): Whole<Rollback>,
) -> Result<Json<Committed>, Problem> {
    let Rollback { to, comment, confirm_s } = rollback;
    let cfgmgr = Cfgmgr1::if_present(&api.bus()?);
    let outcome = cfgmgr.rollback(&visitor.account, to, &comment, confirm_s).await;
    let said = said(&cfgmgr, &visitor, &outcome).await;
    let told = told(&api, &visitor, "rollback", &to.to_string(), outcome.map(Committed::from));
    told.map(Json).map_err(|problem| problem.with_verdicts(said))
}

/// What each owner said of a commit that failed.
async fn said<T>(
    cfgmgr: &Cfgmgr1,
    visitor: &Visitor,
    outcome: &Result<T, BusError>,
) -> Vec<ComponentVerdict> {
    let Err(error) = outcome else { return Vec::new() };
    let verdicts = cfgmgr.verdicts_of_failure(&visitor.account, error).await;
    verdicts.into_iter().map(ComponentVerdict::from).collect()
}

/// Counts and logs what became of a change.
fn told<T>(
    api: &Api,
    visitor: &Visitor,
    verb: &'static str,
    options: &str,
    outcome: Result<T, BusError>,
) -> Result<T, Problem> {
    let outcome = outcome.map_err(|error| of_cfgmgr(error).of_a_change());
    audit::note(&api.statistics, visitor, Deed { verb, to: options, zone: "" }, &outcome);
    outcome
}

fn edit(edit: CommitEdit) -> Result<Edit, Problem> {
    match (edit.value, edit.unset) {
        (Some(value), false) => Ok(Edit { path: edit.path, value: Some(value) }),
        (None, true) => Ok(Edit { path: edit.path, value: None }),
        _ => Err(bad_body(format!("{}: give either \"value\" or \"unset\": true", edit.path))),
    }
}

/// `null` is a value, and nothing is none.
fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}

fn of_cfgmgr(error: BusError) -> Problem {
    Problem::from_service(CFGMGR, error)
}
