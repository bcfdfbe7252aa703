//! What stands at which path, and the OpenAPI document of it.
//!
//! A function that answers, its path, and its part of the document stand together; `docs/openapi.json` is the document as
//! it was when it was last read by a person, and a test compares it with what the code says.

mod config;
mod statistics;
mod status;
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

use crate::accounts::Scope;
use crate::gate::Visitor;
use crate::problem::Problem;
use crate::statistics::Statistics;

/// What the functions that answer share.
#[derive(Clone, Debug)]
pub struct Api {
    bus: Arc<std::sync::OnceLock<CurrentBus>>,
    statistics: Arc<Statistics>,
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
    pub fn new(statistics: Arc<Statistics>) -> Self {
        Self { bus: Arc::default(), statistics }
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
        .routes(routes!(zones::show))
        .routes(routes!(config::show_all))
        .routes(routes!(config::schema))
        .routes(routes!(config::history))
        .routes(routes!(config::diff))
        .routes(routes!(config::commit))
        .routes(routes!(config::confirm))
        .routes(routes!(config::rollback))
        .routes(routes!(config::show))
        .routes(routes!(statistics::show))
        .split_for_parts();
    let components = document.components.get_or_insert_default();
    let scheme = |scheme| SecurityScheme::Http(Http::new(scheme));
    components.add_security_scheme("password", scheme(HttpAuthScheme::Basic));
    components.add_security_scheme("token", scheme(HttpAuthScheme::Bearer));
    (router, document)
}

fn no_such_page() -> impl IntoResponse {
    Problem::new(
        StatusCode::NOT_FOUND,
        "NoSuchPage",
        "there is nothing at this path",
        "/v1/openapi.json lists all paths",
    )
}

fn wrong_method(method: &Method) -> impl IntoResponse + use<> {
    let detail = format!("{method} is not for this path; /v1/openapi.json says what is");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "WrongMethod", "not for this path", detail)
}

/// A visitor who may look.
struct Reader;

/// A visitor who may change.
struct Committer(Visitor);

impl<S: Sync> FromRequestParts<S> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        visitor_for(parts, Scope::Read).map(|_| Self)
    }
}

impl<S: Sync> FromRequestParts<S> for Committer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        visitor_for(parts, Scope::Commit).map(Self)
    }
}

fn visitor_for(parts: &Parts, scope: Scope) -> Result<Visitor, Problem> {
    match parts.extensions.get::<Visitor>() {
        Some(visitor) if visitor.scopes.contains(&scope) => Ok(visitor.clone()),
        _ => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "OutOfScope",
            "the account may not do this",
            "the account may do other things only: `bindctl account list` shows what",
        )),
    }
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
