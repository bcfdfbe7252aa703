//! `bindctl explain`: whether an access list would let a request through.

use serde_json::json;
use tenon_bus::{Explain1, Explanation, MadeUpRequest, names};

use crate::command_line::{ExplainQuestion, ExplainedList};
use crate::failure::Failure;
use crate::output::Output;
use crate::session::{Session, auth_instances};

/// Bus name of the service that takes updates.
const DDNS: &str = "org.tenon.Ddns1";

pub(crate) async fn run(session: &mut Session, question: &ExplainQuestion) -> Result<(), Failure> {
    let bus = session.bus().await?;
    let (list, service) = match question.list {
        ExplainedList::Transfer => ("transfer_acl", names::XFROUT.to_owned()),
        ExplainedList::Update => ("update_acl", DDNS.to_owned()),
        ExplainedList::Notify | ExplainedList::QueryAcl => {
            let instances = auth_instances(&bus).await?;
            let Some((_, name)) = instances.into_iter().next() else {
                return Err(Failure::unreachable(
                    "no tenon-auth is running",
                    "`bindctl status` shows what runs",
                ));
            };
            (if question.list == ExplainedList::Notify { "notify_acl" } else { "query_acl" }, name)
        }
    };
    let request = MadeUpRequest {
        peer: question.peer.clone(),
        local: question.local.clone(),
        key: question.key.clone(),
        transport: question.transport.clone(),
        tls_name: question.tls_name.clone(),
    };
    let explanation = Explain1::new(&bus, &service).explain(list, &question.zone, &request).await?;
    show(session.output, &explanation)
}

fn show(output: Output, explanation: &Explanation) -> Result<(), Failure> {
    if output.json {
        return Ok(output.document(&json!(explanation))?);
    }
    output.line(&format!("{} by {}", explanation.action, explanation.rule))?;
    for (number, rule) in explanation.trace.iter().enumerate() {
        let verdict = if rule.matched { "matches" } else { "does not match" };
        output.line(&format!("  rule {number}, {}: {verdict}", rule.action))?;
        for term in &rule.terms {
            output.line(&format!("    {term}"))?;
        }
    }
    if explanation.rule.ends_with("/end") {
        output.line("  no rule matches, and who matches none is rejected")?;
    }
    Ok(())
}
