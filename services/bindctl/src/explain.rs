//! `bindctl explain`: the way to the answer of a query, and whether an access list would let a request through.

use serde_json::json;
use tenon_bus::{Auth1, Bus, Explain1, Explanation, MadeUpRequest, names};

use crate::command_line::{ExplainCommand, MadeUp};
use crate::failure::Failure;
use crate::output::Output;
use crate::session::{Session, auth_instances};

pub(crate) async fn run(session: &mut Session, command: &ExplainCommand) -> Result<(), Failure> {
    let bus = session.bus().await?;
    let (list, service, question) = match command {
        ExplainCommand::Query { name, rrtype } => return query(session, &bus, name, rrtype).await,
        ExplainCommand::Transfer(question) => ("transfer_acl", names::XFROUT.to_owned(), question),
        ExplainCommand::Update(question) => ("update_acl", names::DDNS.to_owned(), question),
        ExplainCommand::Notify(question) => ("notify_acl", auth(&bus).await?, question),
        ExplainCommand::QueryAcl(question) => ("query_acl", auth(&bus).await?, question),
    };
    let explanation = Explain1::new(&bus, &service).explain(list, &question.zone, &request(question)).await?;
    show(session.output, &explanation)
}

async fn query(session: &mut Session, bus: &Bus, name: &str, rrtype: &str) -> Result<(), Failure> {
    let steps = Auth1::new(bus, &auth(bus).await?).explain_query(name, rrtype).await?;
    let output = session.output;
    if output.json {
        return Ok(output.document(&json!({"name": name, "type": rrtype, "steps": steps}))?);
    }
    for step in steps {
        output.line(&step)?;
    }
    Ok(())
}

/// Bus name of the first instance that runs.
async fn auth(bus: &Bus) -> Result<String, Failure> {
    let instances = auth_instances(bus).await?;
    let first = instances.into_iter().next().map(|(_, name)| name);
    first.ok_or_else(|| Failure::unreachable("no tenon-auth is running", "`bindctl status` shows what runs"))
}

fn request(question: &MadeUp) -> MadeUpRequest {
    MadeUpRequest {
        peer: question.peer.clone(),
        local: question.local.clone(),
        key: question.key.clone(),
        transport: question.transport.clone(),
        tls_name: question.tls_name.clone(),
    }
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
