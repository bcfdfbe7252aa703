//! `/v1/events`: what happens, as server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderMap};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::time::Instant;

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
        zone_coming, zone_transfer_failed, zone_notify_received, zone_refreshed, zone_expired, job_finished, committed, reset; the data \
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
    let text = next_text(&mut follower, &visitor, BEAT).await;
    Some((Ok(text), (follower, visitor)))
}

/// The next event that the visitor may know, or a comment after a silence of `beat`; events of others are silence.
async fn next_text(follower: &mut Follower, visitor: &Visitor, beat: Duration) -> String {
    let until = Instant::now() + beat;
    loop {
        match tokio::time::timeout_at(until, follower.next()).await {
            Ok(event) if shown(&event, visitor) => return written(&event),
            Ok(_) => {}
            Err(_) => return ":\n\n".to_owned(),
        }
    }
}

/// Everybody may know that something was missed; the rest only who may look at it.
fn shown(event: &Event, visitor: &Visitor) -> bool {
    event.kind == "reset" || visitor.may(Verb::Read, event.zone.as_deref())
}

fn written(event: &Event) -> String {
    format!("id: {}\nevent: {}\ndata: {}\n\n", event.id, event.kind, event.data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Events;
    use serde_json::json;
    use std::net::{IpAddr, Ipv4Addr};

    #[tokio::test]
    async fn events_that_are_not_shown_do_not_keep_a_silent_client_waiting() {
        let events = Events::new(1, std::sync::Arc::default());
        let mut follower = events.follow(None).unwrap();
        let visitor = Visitor {
            account: "rita".to_owned(),
            scopes: vec!["read:a.example".parse().unwrap()],
            token_scopes: None,
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let others = async {
            loop {
                events.tell("zone_changed", Some("b.example.".into()), json!({}));
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let told = tokio::select! {
            told = next_text(&mut follower, &visitor, Duration::from_millis(50)) => told,
            () = others => String::new(),
            () = tokio::time::sleep(Duration::from_secs(20)) => "nothing was said".to_owned(),
        };
        assert_eq!(told, ":\n\n");
        events.tell("zone_changed", Some("a.example.".into()), json!({"serial": 7}));
        let told = next_text(&mut follower, &visitor, Duration::from_secs(20)).await;
        assert!(told.contains("event: zone_changed\ndata: {\"serial\":7}"), "{told}");
    }
}
