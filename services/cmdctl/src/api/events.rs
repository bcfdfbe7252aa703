//! `/v1/events`: what happens, as server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderMap};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use super::{Admitted, Api, out_of_scope};
use crate::events::{Event, Follower};
use crate::gate::Visitor;
use crate::problem::Problem;
use crate::scope::Verb;

/// A silent connection says something that often, so that who is gone is noticed.
const BEAT: Duration = Duration::from_secs(15);
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What happens from now on, or after the event named in `Last-Event-ID`, as server-sent events; `reset`: some were
/// missed, look at everything again
#[utoipa::path(get, path = "/v1/events",
    params(("Last-Event-ID" = Option<u64>, Header, description = "The last event seen; those after it come first")),
    responses(
    (status = 200, description = "Events: zone_changed, zone_removed, image_ready, image_failed, manifest_changed, \
        zone_transfer_failed, zone_notify_received, zone_refreshed, zone_expired, job_finished, committed, reset; the data \
        of each is a JSON object. They end when the connection has been open as long as it may; come back with the last \
        number.", content_type = "text/event-stream", body = String),
    (status = 403, description = "The account may not look", body = Problem),
    (status = 503, description = "As many follow already as may", body = Problem)))]
pub(super) async fn follow(
    Admitted(visitor): Admitted,
    State(api): State<Api>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if !visitor.may_somewhere(Verb::Read) {
        return Err(out_of_scope(Verb::Read.word(), None));
    }
    let after = headers.get(LAST_EVENT_ID).map(|id| id.to_str().ok().and_then(|id| id.parse().ok()));
    // A number that is none is of no event of ours.
    let after = after.map(|id| id.unwrap_or(u64::MAX));
    let Some(follower) = api.events.follow(after) else {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "TooManyFollowers",
            "as many follow events already as may",
            "cmdctl/event_clients says how many",
        ));
    };
    let body = Body::from_stream(stream::unfold((follower, visitor), next));
    Ok(([(CONTENT_TYPE, "text/event-stream")], body).into_response())
}

type Following = (Follower, Visitor);

async fn next((mut follower, visitor): Following) -> Option<(Result<String, Infallible>, Following)> {
    let text = loop {
        match tokio::time::timeout(BEAT, follower.next()).await {
            Ok(event) if shown(&event, &visitor) => break written(&event),
            Ok(_) => {}
            Err(_) => break ":\n\n".to_owned(),
        }
    };
    Some((Ok(text), (follower, visitor)))
}

/// Everybody may know that something was missed; the rest only who may look at it.
fn shown(event: &Event, visitor: &Visitor) -> bool {
    event.kind == "reset" || visitor.may(Verb::Read, event.zone.as_deref())
}

fn written(event: &Event) -> String {
    format!("id: {}\nevent: {}\ndata: {}\n\n", event.id, event.kind, event.data)
}
