//! `/v1/call`: verbs of services, as programs on the bus call them; `bindctl --server` is one.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tenon_bus::{RelayedCall, RelayedReply};
use utoipa::ToSchema;

use super::body::Whole;
use super::{Admitted, Api, out_of_scope};
use crate::audit::{self, Deed};
use crate::problem::Problem;
use crate::scope::Verb;
use crate::verbs::Listed;

/// How long a service may take over a verb: less than a request may.
const LIMIT: Duration = Duration::from_secs(125);

/// A call of a verb.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Call {
    /// The service's bus name.
    #[schema(example = "org.tenon.Zonemgr1")]
    destination: String,
    /// The object.
    #[schema(example = "/org/tenon/Zonemgr1")]
    path: String,
    /// The interface.
    #[schema(example = "org.tenon.Zonemgr1")]
    interface: String,
    /// The verb.
    #[schema(example = "Refresh")]
    member: String,
    /// Types of the arguments, as D-Bus writes them.
    #[serde(default)]
    #[schema(example = "s")]
    signature: String,
    /// The arguments, one for each type.
    #[serde(default)]
    #[schema(value_type = Vec<Object>, example = json!(["example.com."]))]
    arguments: Vec<Value>,
}

/// What a verb returned.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Returned {
    /// Types of the values.
    #[schema(example = "t")]
    signature: String,
    /// The values, one for each type.
    #[schema(value_type = Vec<Object>, example = json!([1764000000000001_u64]))]
    values: Vec<Value>,
}

/// Call a verb of a service; which there are is told by the interface files, which of them may be called from here by the answer
#[utoipa::path(post, path = "/v1/call", request_body = Call, responses(
    (status = 200, description = "What it returned", body = Returned),
    (status = 400, description = "The body is not such a document", body = Problem),
    (status = 403, description = "The account may not do this, or nobody may from here", body = Problem),
    (status = 404, description = "No such zone, option, job ...", body = Problem),
    (status = 409, description = "Changed by somebody else meanwhile, or in the way of something", body = Problem),
    (status = 422, description = "A value is wrong or refused; nothing changed", body = Problem),
    (status = 503, description = "The service is not there", body = Problem)))]
pub(super) async fn call(
    Admitted(visitor): Admitted,
    State(api): State<Api>,
    Whole(call): Whole<Call>,
) -> Result<Json<Returned>, Problem> {
    let Call { destination, path, interface, member, signature, arguments } = call;
    let mut call = RelayedCall { destination, path, interface, member, signature, arguments };
    let Some(verb) = Listed::of(&call) else {
        let what = format!("{} of {} on {}", call.member, call.interface, call.destination);
        return Err(Problem::new(
            axum::http::StatusCode::FORBIDDEN,
            "NotListed",
            "not for callers from elsewhere",
            format!(
                "{what} with arguments \"{}\" is none of the verbs that can be called from here",
                call.signature
            ),
        ));
    };
    let zone = verb.zone(&call);
    if !visitor.may(verb.scope, zone.as_deref()) {
        return Err(out_of_scope(verb.scope.word(), zone.as_deref()));
    }
    verb.sign(&mut call, &visitor.account);
    let reply = api.bus()?.relay(&call, LIMIT, verb.start).await;
    let reply = reply.map_err(|error| Problem::of_call(program(&call.destination), error));
    if verb.scope != Verb::Read {
        let what = audited(&call);
        let deed = Deed { verb: &call.member, to: &what, zone: zone.as_deref().unwrap_or_default() };
        audit::note(&api.statistics, &visitor, deed, &reply);
    }
    let RelayedReply { signature, values } = reply?;
    Ok(Json(Returned { signature, values }))
}

/// Of a commit the options that it names; values may be long.
fn audited(call: &RelayedCall) -> String {
    let edits = call.arguments.get(2).and_then(Value::as_array);
    match edits {
        Some(edits) if call.member == "CommitEdits" => {
            let paths = edits.iter().filter_map(|edit| edit.get(0)?.as_str());
            paths.collect::<Vec<_>>().join(",")
        }
        _ => call.destination.clone(),
    }
}

/// The program that owns a bus name.
fn program(name: &str) -> &'static str {
    let component = tenon_bus::names::component(name).unwrap_or_default();
    match tenon_bus::services::Service::of(&component) {
        Some(service) => service.program,
        None if component == "loader" => "tenon-loader",
        None if component == "ddns" => "tenon-ddns",
        None => "the service",
    }
}
