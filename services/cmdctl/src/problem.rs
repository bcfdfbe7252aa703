//! What went wrong, as a document (RFC 9457).

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tenon_bus::BusError;
use utoipa::ToSchema;

use crate::gate::Denied;
use crate::verdict::{ComponentVerdict, Verdicts};

/// How somebody can say who they are.
const SCHEMES: &str = "Basic realm=\"tenon\", charset=\"UTF-8\", Bearer";

/// A problem document.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Which kind of problem: `tag:tenon.invalid,2026:` and the word of `error`.
    #[schema(value_type = String, example = "tag:tenon.invalid,2026:Rejected")]
    r#type: Box<str>,
    /// The kind in a few words.
    title: &'static str,
    /// The status, as in the answer's first line.
    #[schema(example = 422)]
    status: u16,
    /// What went wrong here: which option, and why.
    #[schema(value_type = String, example = "auth/workers: 2000 is above the maximum, 1000")]
    detail: Box<str>,
    /// The D-Bus error that the service answered with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "org.tenon.Error.Rejected")]
    error: Option<Box<str>>,
    /// The service that is not there or does not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "tenon-cfgmgr")]
    service: Option<&'static str>,
    /// All that is wrong, where that is more than one thing.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<String>, example = json!(["line 4: A: not an address"]))]
    errors: Box<[String]>,
    /// What became of the settings of each component that a commit concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<ComponentVerdict>)]
    verdicts: Option<Box<Verdicts>>,
    /// Seconds to wait, where waiting helps.
    #[serde(skip)]
    retry_after: Option<u32>,
}

impl Problem {
    /// A problem of a kind.
    pub fn new(status: StatusCode, kind: &str, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            r#type: format!("tag:tenon.invalid,2026:{kind}").into(),
            title,
            status: status.as_u16(),
            detail: detail.into().into(),
            error: None,
            service: None,
            errors: Box::default(),
            verdicts: None,
            retry_after: None,
        }
    }

    /// The bus is not there.
    pub fn no_bus(reason: &str) -> Self {
        let mut problem =
            Self::new(StatusCode::SERVICE_UNAVAILABLE, "NoBus", "the message bus is not there", reason);
        problem.service = Some("dbus");
        problem
    }

    /// What a service answered, or that it did not.
    pub fn from_service(service: &'static str, error: BusError) -> Self {
        let text = match &error {
            BusError::ServiceUnknown(_) => format!("{service} does not run"),
            error => error.to_string(),
        };
        let (status, kind, title) = kind(&error);
        let named =
            matches!(status, StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY | StatusCode::CONFLICT)
                || kind == "ApplyFailed";
        if error.is_bus_down() {
            return Self::no_bus(&text);
        }
        let mut problem = Self::new(status, kind, title, text);
        problem.error = named.then(|| format!("org.tenon.Error.{kind}").into());
        problem.service = (!named).then_some(service);
        problem
    }

    /// As [`Self::from_service`], with the D-Bus error and its text as the service gave them: whoever had the call made
    /// knows both.
    pub fn of_call(service: &'static str, error: BusError) -> Self {
        let (name, text) = (error.name(), error.text().to_owned());
        let mut problem = Self::from_service(service, error);
        if name.is_some() {
            problem.error = name.map(Into::into);
        }
        problem.detail = text.into();
        problem
    }

    /// An option or generation that a change names is not a missing page.
    #[must_use]
    pub fn of_a_change(mut self) -> Self {
        if self.status == StatusCode::NOT_FOUND.as_u16() {
            self.status = StatusCode::UNPROCESSABLE_ENTITY.as_u16();
        }
        self
    }

    /// The same with all that is wrong.
    #[must_use]
    pub fn with_errors(self, errors: Vec<String>) -> Self {
        Self { errors: errors.into(), ..self }
    }

    /// The same with what became of each component's settings.
    #[must_use]
    pub fn with_verdicts(self, verdicts: Vec<ComponentVerdict>) -> Self {
        let verdicts = (!verdicts.is_empty()).then(|| Box::new(Verdicts(verdicts)));
        Self { verdicts, ..self }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// What went wrong.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

fn kind(error: &BusError) -> (StatusCode, &'static str, &'static str) {
    use StatusCode as S;
    match error {
        BusError::NotReachable(_) | BusError::Disconnected(_) => (S::SERVICE_UNAVAILABLE, "NoBus", "no bus"),
        BusError::ServiceUnknown(_) => {
            (S::SERVICE_UNAVAILABLE, "ServiceMissing", "the service that would have to answer is not there")
        }
        BusError::NoReply(_) => (S::GATEWAY_TIMEOUT, "NoReply", "the service did not answer in time"),
        BusError::AccessDenied(_) => (S::FORBIDDEN, "AccessDenied", "tenon-cmdctl may not do this"),
        BusError::NoSuchZone(_) => (S::NOT_FOUND, "NoSuchZone", "no such zone"),
        BusError::NoSuchOption(_) => (S::NOT_FOUND, "NoSuchOption", "no such option"),
        BusError::NoSuchComponent(_) => (S::NOT_FOUND, "NoSuchComponent", "no such component"),
        BusError::NoSuchJob(_) => (S::NOT_FOUND, "NoSuchJob", "no such job, or no longer"),
        BusError::Busy(_) => (S::CONFLICT, "Busy", "something else is under way"),
        BusError::NoSuchCounter(_) => (S::NOT_FOUND, "NoSuchCounter", "no such counter"),
        BusError::NoSuchGeneration(_) => (S::NOT_FOUND, "NoSuchGeneration", "no such generation"),
        BusError::InvalidValue(_) => (S::UNPROCESSABLE_ENTITY, "InvalidValue", "a value does not fit"),
        BusError::Rejected(_) => {
            (S::UNPROCESSABLE_ENTITY, "Rejected", "an owner of the settings refused; nothing changed")
        }
        BusError::Conflict(_) => (S::CONFLICT, "Conflict", "the options were changed meanwhile"),
        BusError::NothingToConfirm(_) => {
            (S::CONFLICT, "NothingToConfirm", "no commit waits for confirmation")
        }
        BusError::ConfirmationPending(_) => {
            (S::CONFLICT, "ConfirmationPending", "another commit waits for its confirmation")
        }
        BusError::ApplyFailed(_) => (
            S::INTERNAL_SERVER_ERROR,
            "ApplyFailed",
            "the settings could not be put into force; those before are in force again",
        ),
        _ => (S::BAD_GATEWAY, "Unexpected", "the service answered something unexpected"),
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        let who = |kind, detail| Self::new(StatusCode::UNAUTHORIZED, kind, "who are you?", detail);
        match denied {
            Denied::Missing => {
                who("NoAccount", "name an account: Basic with its password, or Bearer with a token")
            }
            Denied::Wrong => who("NotAdmitted", "no such account, or wrong password or token"),
            Denied::Limited(wait) => {
                let wait = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
                let detail = format!("too many wrong passwords; come again in {wait} s");
                let mut problem =
                    Self::new(StatusCode::TOO_MANY_REQUESTS, "Limited", "too many wrong passwords", detail);
                problem.retry_after = Some(wait);
                problem
            }
            Denied::Broken(reason) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "AccountsBroken",
                "the accounts cannot be read",
                reason,
            ),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, retry_after) = (self.status(), self.retry_after);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(SCHEMES));
        }
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}
