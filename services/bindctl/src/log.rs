//! `bindctl log`: how much services log, changed while they run.

use serde_json::json;
use tenon_bus::{Bus, BusError, LogControl1, names};

use crate::command_line::LogCommand;
use crate::failure::Failure;
use crate::output::cell;
use crate::session::Session;

pub(crate) async fn run(session: &mut Session, command: LogCommand) -> Result<(), Failure> {
    let LogCommand::Level { component, level } = command;
    let bus = session.bus().await?;
    let services = services(&bus, component.as_deref()).await?;
    if let Some(level) = level {
        for name in &services {
            LogControl1::new(&bus, name).set_level(&level).await?;
        }
    }
    let mut levels = Vec::new();
    for name in services {
        match LogControl1::new(&bus, &name).level().await {
            Ok(level) => levels.push((name, level)),
            // It stopped meanwhile.
            Err(BusError::ServiceUnknown(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let output = session.output;
    if output.json {
        let documents = levels.into_iter().map(|(name, level)| json!({"bus_name": name, "level": level}));
        return Ok(output.document(&json!({"levels": documents.collect::<Vec<_>>()}))?);
    }
    let rows = levels.into_iter().map(|(name, level)| vec![cell(name), cell(level)]).collect();
    Ok(output.table(&["SERVICE", "LOGS"], rows)?)
}

/// Bus names of the running instances of a component, or of all.
async fn services(bus: &Bus, component: Option<&str>) -> Result<Vec<String>, Failure> {
    let mut present = bus.list_present(names::PREFIX).await?;
    present.retain(|name| match (names::component(name), component) {
        (Some(owner), Some(wanted)) => owner == wanted,
        (owner, _) => owner.is_some(),
    });
    if present.is_empty() {
        let who = component.unwrap_or("nothing of Tenon");
        return Err(Failure::unreachable(
            format!("{who} is not on the bus"),
            "`bindctl status` shows what runs and what components there are",
        ));
    }
    Ok(present)
}
