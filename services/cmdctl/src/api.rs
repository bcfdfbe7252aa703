//! What stands at which path, and the OpenAPI document of it.
//!
//! A function that answers, its path, and its part of the document stand together; `docs/openapi.json` is the document as
//! it was when it was last read by a person, and a test compares it with what the code says.

mod backup;
mod body;
mod call;
mod config;
mod events;
mod jobs;
mod precondition;
mod record_change;
mod records;
mod statistics;
mod status;
mod zone_file;
mod zones;

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use tenon_bus::Bus;
use tenon_service::CurrentBus;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::events::Events;
use crate::gate::Visitor;
use crate::images::Images;
use crate::problem::Problem;
use crate::scope::Verb;
use crate::statistics::Statistics;
pub(crate) use zones::spelled;

/// What the functions that answer share.
#[derive(Clone, Debug)]
pub struct Api {
    bus: Arc<std::sync::OnceLock<CurrentBus>>,
    places: Arc<Places>,
    images: Arc<Images>,
    events: Events,
    statistics: Arc<Statistics>,
}

/// Where things are in the file system.
#[derive(Clone, Debug)]
pub struct Places {
    /// This service's own directory, of accounts, and where bodies lie while they come.
    pub spool: std::path::PathBuf,
    /// The zone images.
    pub images: std::path::PathBuf,
    /// The committed settings.
    pub config: std::path::PathBuf,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tenon",
        description = "The REST door of the Tenon name server. Every path needs an account: Basic with its password, or \
                       Bearer with one of its tokens. What fails is a problem document (RFC 9457).",
        license(name = "MPL-2.0", identifier = "MPL-2.0"),
    ),
    servers((url = "https://localhost:8951")),
    security(("password" = []), ("token" = [])),
)]
struct Document;

impl Api {
    /// Answers that ask the services on a bus, once it is known.
    pub fn new(places: Places, events: Events, statistics: Arc<Statistics>) -> Self {
        let images = Arc::new(Images::new(&places.images));
        Self { bus: Arc::default(), places: Arc::new(places), images, events, statistics }
    }

    /// Makes the bus known.
    pub fn set_bus(&self, bus: CurrentBus) {
        // The bus is known once, for the life of the process.
        let _ = self.bus.set(bus);
    }

    fn bus(&self) -> Result<Bus, Problem> {
        let bus = self.bus.get().and_then(CurrentBus::get);
        bus.ok_or_else(|| Problem::no_bus("there is no connection to the D-Bus system bus right now"))
    }

    /// The paths with the functions that answer.
    pub fn router(self) -> Router {
        let (router, document) = parts();
        let document = Arc::new(document);
        let shown = move || {
            let document = document.clone();
            async move { Json(document.as_ref().clone()) }
        };
        router
            .route("/v1/openapi.json", get(shown))
            .fallback(|| async { no_such_page() })
            .method_not_allowed_fallback(|method: Method| async move { wrong_method(&method) })
            .with_state(self)
    }
}

/// The OpenAPI document, as text.
pub fn document() -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(&parts().1).map(|text| text + "\n")
}

fn parts() -> (Router<Api>, utoipa::openapi::OpenApi) {
    let (router, mut document) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(status::show))
        .routes(routes!(zones::list))
        .routes(routes!(zones::show, zone_file::put, zones::remove))
        .routes(routes!(zone_file::export))
        .routes(routes!(zones::notify))
        .routes(routes!(zones::refresh))
        .routes(routes!(records::list, record_change::change))
        .routes(routes!(records::show, record_change::put, record_change::remove))
        .routes(routes!(jobs::show))
        .routes(routes!(events::follow))
        .routes(routes!(backup::make))
        .routes(routes!(backup::restore))
        .routes(routes!(call::call))
        .routes(routes!(config::show_all))
        .routes(routes!(config::schema))
        .routes(routes!(config::history))
        .routes(routes!(config::diff))
        .routes(routes!(config::commit))
        .routes(routes!(config::confirm))
        .routes(routes!(config::rollback))
        .routes(routes!(config::show))
        .routes(routes!(statistics::show))
        .routes(routes!(statistics::zones::list))
        .routes(routes!(statistics::clients::list))
        .split_for_parts();
    let components = document.components.get_or_insert_default();
    let scheme = |scheme| SecurityScheme::Http(Http::new(scheme));
    components.add_security_scheme("password", scheme(HttpAuthScheme::Basic));
    components.add_security_scheme("token", scheme(HttpAuthScheme::Bearer));
    (router, document)
}

fn no_such_page() -> impl IntoResponse {
    nothing_here("/v1/openapi.json lists all paths")
}

fn nothing_here(detail: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "NoSuchPage", "there is nothing at this path", detail)
}

fn wrong_method(method: &Method) -> impl IntoResponse + use<> {
    let detail = format!("{method} is not for this path; /v1/openapi.json says what is");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "WrongMethod", "not for this path", detail)
}

/// Somebody who was let in; what they may is looked at by who answers.
struct Admitted(Visitor);

/// A visitor who may look at everything.
struct Reader;

/// A visitor who may commit settings.
struct Committer(Visitor);

/// A visitor who may have services do something, and know whom they serve.
struct Controller;

impl<S: Sync> FromRequestParts<S> for Admitted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Visitor>().cloned().map(Self).ok_or_else(|| out_of_scope("any", None))
    }
}

impl<S: Sync> FromRequestParts<S> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        visitor_for(parts, Verb::Read).map(|_| Self)
    }
}

impl<S: Sync> FromRequestParts<S> for Committer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        visitor_for(parts, Verb::Commit).map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for Controller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        visitor_for(parts, Verb::Control).map(|_| Self)
    }
}

fn visitor_for(parts: &Parts, verb: Verb) -> Result<Visitor, Problem> {
    match parts.extensions.get::<Visitor>() {
        Some(visitor) if visitor.may(verb, None) => Ok(visitor.clone()),
        _ => Err(out_of_scope(verb.word(), None)),
    }
}

fn out_of_scope(verb: &str, zone: Option<&str>) -> Problem {
    let scope = zone.map_or_else(|| verb.to_owned(), |zone| format!("{verb}:{zone}"));
    Problem::new(
        StatusCode::FORBIDDEN,
        "OutOfScope",
        "the account may not do this",
        format!("this takes the scope {scope}; `bindctl account list` shows what the account has"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_document_is_what_the_code_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
        let now = document().unwrap();
        if std::env::var_os("TENON_UPDATE_GOLDEN").is_some() {
            std::fs::write(path, &now).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == now,
            "docs/openapi.json is not what the code says; TENON_UPDATE_GOLDEN=1 writes it"
        );
    }
}
