//! Bodies of requests.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;

use super::Api;
use crate::problem::Problem;
use crate::settings::CmdctlSettings;
use crate::spool::{self, SpoolError};
use crate::statistics::count;

pub(super) fn bad_body(detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "BadBody", "the body is not such a document", detail)
}

/// A JSON body, bounded in size and time.
pub(super) struct Whole<T>(pub(super) T);

impl<T: serde::de::DeserializeOwned> FromRequest<Api> for Whole<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let settings = parts.extensions.get::<Arc<CmdctlSettings>>().cloned().unwrap_or_default();
        let announced =
            parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let text = read(body, announced, &settings, api).await?;
        let read = serde_json::from_slice(&text);
        read.map(Self).map_err(|error| bad_body(format!("not the JSON that is wanted here: {error}")))
    }
}

async fn read(
    body: Body,
    announced: Option<u64>,
    settings: &CmdctlSettings,
    api: &Api,
) -> Result<axum::body::Bytes, Problem> {
    let limit = settings.body_octets;
    let too_large = || {
        count(&api.statistics.bodies_too_large);
        let detail = format!("at most {limit} octets (cmdctl/body_octets)");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "BodyTooLarge", "the body is too large", detail)
    };
    if announced.is_some_and(|announced| announced > limit.into()) {
        return Err(too_large());
    }
    let whole = to_bytes(body, usize::try_from(limit).unwrap_or(usize::MAX));
    match tokio::time::timeout(settings.read_limit(), whole).await {
        Ok(Ok(text)) => Ok(text),
        // The client closing early comes here too, and hears nothing of it.
        Ok(Err(_)) => Err(too_large()),
        Err(_) => {
            count(&api.statistics.bodies_too_slow);
            let detail = format!("it must come within {} s (cmdctl/read_timeout_s)", settings.read_timeout_s);
            Err(Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "BodyTooSlow",
                "the body did not come in time",
                detail,
            ))
        }
    }
}

/// A body that is kept in a file, bounded in size; it may take long, as long as it goes on coming.
pub(super) struct Kept(pub(super) std::fs::File);

impl Kept {
    /// Takes it in.
    pub(super) async fn take(body: Body, settings: &CmdctlSettings, api: &Api) -> Result<Self, Problem> {
        let limit = settings.zone_octets;
        let kept = spool::keep(&api.places.spool, body, limit, settings.read_limit()).await;
        kept.map(Self).map_err(|error| match error {
            SpoolError::TooLarge(_) => {
                count(&api.statistics.bodies_too_large);
                let detail = format!("at most {limit} octets (cmdctl/zone_octets)");
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "BodyTooLarge", "the body is too large", detail)
            }
            SpoolError::TooSlow(_) => {
                count(&api.statistics.bodies_too_slow);
                let detail = format!("{error} (cmdctl/read_timeout_s)");
                Problem::new(
                    StatusCode::REQUEST_TIMEOUT,
                    "BodyTooSlow",
                    "the body did not come in time",
                    detail,
                )
            }
            SpoolError::Broken(_) => bad_body(error.to_string()),
            SpoolError::Disk(_) => Problem::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "NoSpace",
                "the body cannot be kept",
                error.to_string(),
            ),
        })
    }
}

/// The settings that a request came under.
pub(super) struct Bounds(pub(super) Arc<CmdctlSettings>);

impl<S: Sync> FromRequestParts<S> for Bounds {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.extensions.get::<Arc<CmdctlSettings>>().cloned().unwrap_or_default()))
    }
}
