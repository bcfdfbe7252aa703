//! `/v1/backup`: zones and settings as one file, and back.

use std::fs::File;
use std::io::{BufWriter, Seek, Write};

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tenon_backup::{Backup, RestoreError, Restored};
use tenon_service::committed::{CURRENT, StoredGeneration};
use utoipa::ToSchema;

use super::body::{Bounds, Kept};
use super::{Admitted, Api, Reader, out_of_scope};
use crate::audit::{self, Deed};
use crate::problem::Problem;
use crate::scope::Verb;
use crate::spool;

/// What was restored.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RestoredBackup {
    /// Generation of the settings in force.
    generation: u64,
    /// What owners amended of the settings, one sentence each.
    notes: Vec<String>,
    /// How many zones were loaded.
    loaded: usize,
    /// How many zones were there as they are in the backup.
    unchanged: usize,
}

impl From<Restored> for RestoredBackup {
    fn from(Restored { generation, notes, loaded, unchanged }: Restored) -> Self {
        Self { generation, notes, loaded, unchanged }
    }
}

/// The primary zones as they are answered and the settings, as one tar file; without keys, certificates and accounts
#[utoipa::path(get, path = "/v1/backup", responses(
    (status = 200, description = "The backup", content_type = "application/x-tar", body = String),
    (status = 403, description = "The account may not look at everything", body = Problem),
    (status = 500, description = "A zone or the settings cannot be read", body = Problem)))]
pub(super) async fn make(_: Reader, State(api): State<Api>) -> Result<Response, Problem> {
    let work = tokio::task::spawn_blocking(move || write(&api));
    let file = work.await.unwrap_or_else(|error| Err(failed(&error)))?;
    Ok(([(CONTENT_TYPE, "application/x-tar")], spool::body(file)).into_response())
}

fn write(api: &Api) -> Result<File, Problem> {
    let catalog = api.images.now().map_err(|reason| failed(&reason))?;
    let stored = StoredGeneration::read(&api.places.config.join(CURRENT));
    let stored = match stored {
        Ok(stored) => stored,
        // Nothing was ever committed.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => StoredGeneration::default(),
        Err(error) => return Err(failed(&format!("the settings: {error}"))),
    };
    let mut out = BufWriter::new(spool::file(&api.places.spool).map_err(|error| failed(&error))?);
    let now = tenon_service::now_usec();
    let written = tenon_backup::write(&mut out, &catalog, stored.generation, &stored.settings, now);
    written.map_err(|error| failed(&error))?;
    out.flush().map_err(|error| failed(&error))?;
    let mut file = out.into_inner().map_err(|error| failed(&error))?;
    file.rewind().map_err(|error| failed(&error))?;
    Ok(file)
}

/// Restore a backup: all of it is checked first; then the settings are committed and the zones loaded. Zones that are not in
/// it stay; options that are not go back to their defaults
#[utoipa::path(post, path = "/v1/restore",
    request_body(content = String, content_type = "application/x-tar"), responses(
    (status = 200, description = "It is restored", body = RestoredBackup),
    (status = 403, description = "The account may not commit settings and change all zones", body = Problem),
    (status = 413, description = "The body is too large", body = Problem),
    (status = 422, description = "It is no backup or will not do; nothing changed", body = Problem),
    (status = 500, description = "It stopped half way; the detail says where", body = Problem),
    (status = 503, description = "tenon-cfgmgr or tenon-loader is not there", body = Problem)))]
pub(super) async fn restore(
    Admitted(visitor): Admitted,
    State(api): State<Api>,
    bounds: Bounds,
    body: Body,
) -> Result<Json<RestoredBackup>, Problem> {
    for verb in [Verb::Commit, Verb::Zone] {
        if !visitor.may(verb, None) {
            return Err(out_of_scope(verb.word(), None));
        }
    }
    let Kept(file) = Kept::take(body, &bounds.0, &api).await?;
    let bus = api.bus()?;
    // A task of its own: a client that goes away, or an answer that takes too long, does not stop it half way.
    let work = tokio::spawn(async move {
        let places = api.places.clone();
        let outcome = async {
            let backup = tokio::task::spawn_blocking(move || Backup::read(file)).await;
            let backup = backup.map_err(|error| failed(&error))?.map_err(|error| bad(&error.to_string()))?;
            let spool = move || spool::file(&places.spool);
            let restored = tenon_backup::restore(&bus, &backup, &visitor.account, &spool).await;
            restored.map(RestoredBackup::from).map_err(of_restore)
        };
        let outcome = outcome.await;
        audit::note(&api.statistics, &visitor, Deed { verb: "restore", to: "", zone: "" }, &outcome);
        outcome
    });
    work.await.unwrap_or_else(|error| Err(failed(&error))).map(Json)
}

fn of_restore(error: RestoreError) -> Problem {
    match error {
        RestoreError::Refused(problems) => bad("it will not do here; nothing changed").with_errors(problems),
        RestoreError::Bus(error) => Problem::from_service("tenon-cfgmgr", error).of_a_change(),
        RestoreError::Backup(error) => bad(&error.to_string()),
        halfway @ RestoreError::Halfway { .. } => failed(&halfway),
    }
}

fn bad(detail: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "BadBackup", "the backup cannot be restored", detail)
}

fn failed(reason: &dyn std::fmt::Display) -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "BackupFailed",
        "it could not be done, or not whole",
        reason.to_string(),
    )
}
