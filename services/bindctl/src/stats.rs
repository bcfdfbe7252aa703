//! `bindctl stats`: counters of components, those of several instances added up.
//!
//! tenon-stats is asked; where it is not there, or does not answer, each service is.

mod times;
mod top;
mod zones;

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;
use tenon_bus::{Bus, BusError, Collector1, CounterKind, Stats1, names};

use crate::command_line::StatsCommand;
use crate::failure::Failure;
use crate::output::{Tone, ago, cell, toned};
use crate::session::Session;

/// The counters of one component.
#[derive(Debug, Default, Serialize)]
struct ComponentCounters {
    /// Bus names of the instances that were added up.
    instances: Vec<String>,
    /// When the youngest of them was ready, in microseconds since the epoch: counters begin with the process.
    ready_usec: u64,
    counters: BTreeMap<String, Counter>,
}

#[derive(Debug, Serialize)]
struct Counter {
    value: u64,
    kind: CounterKind,
    text: String,
}

pub(crate) async fn run(session: &mut Session, command: StatsCommand) -> Result<(), Failure> {
    let bus = session.bus().await?;
    match command {
        StatsCommand::Times => times::show(session.output, &bus).await,
        StatsCommand::Top { limit } => top::show(session.output, &bus, limit).await,
        StatsCommand::Show { zone: Some(zone), .. } => zones::show_one(session.output, &bus, &zone).await,
        StatsCommand::Show { zones: true, .. } => zones::show(session.output, &bus).await,
        StatsCommand::Show { component, .. } => show_components(session, &bus, component.as_deref()).await,
    }
}

async fn show_components(session: &Session, bus: &Bus, wanted: Option<&str>) -> Result<(), Failure> {
    let (components, silent) = match collected(bus, wanted.unwrap_or_default()).await {
        Ok(collected) => collected,
        Err(_) => (asked(bus, wanted).await?, Vec::new()),
    };
    // Beside the counters, so that a document stays one.
    for sentence in &silent {
        writeln!(io::stderr(), "{sentence}")?;
    }
    if components.is_empty() {
        let who = wanted.unwrap_or("nothing of Tenon");
        let what = if silent.is_empty() { "is not on the bus" } else { "does not answer" };
        return Err(Failure::unreachable(
            format!("{who} {what}"),
            "`bindctl status` shows what runs and what components there are",
        ));
    }
    show(session, &components)
}

/// The instances of auth; says so when there are none.
fn auth_is_there(instances: &[(u32, String)]) -> Result<&[(u32, String)], Failure> {
    if instances.is_empty() {
        return Err(Failure::unreachable(
            "tenon-auth is not on the bus",
            "`bindctl status` shows what runs; `systemctl start tenon.target` starts all",
        ));
    }
    Ok(instances)
}

/// All counters by component, for a report; why not otherwise.
pub(crate) async fn document(bus: &Bus) -> Value {
    let components = match collected(bus, "").await {
        Ok((components, _)) => Ok(components),
        Err(_) => asked(bus, None).await,
    };
    let values = |counters: ComponentCounters| {
        let values = counters.counters.into_iter().map(|(name, counter)| (name, Value::from(counter.value)));
        Value::Object(values.collect())
    };
    match components {
        Ok(components) => {
            Value::Object(components.into_iter().map(|(name, counters)| (name, values(counters))).collect())
        }
        Err(error) => error.to_string().into(),
    }
}

/// What tenon-stats collected, and who was silent; "" stands for all components.
async fn collected(
    bus: &Bus,
    wanted: &str,
) -> Result<(BTreeMap<String, ComponentCounters>, Vec<String>), BusError> {
    let collector = Collector1::new(bus);
    let collected = collector.show(wanted, "").await?;
    let mut meanings = collector.schema(wanted, "").await?;
    let mut components = BTreeMap::new();
    for found in collected.components {
        let mut meanings = meanings.remove(&found.component).unwrap_or_default();
        let counter = |(name, value): (String, u64)| {
            let meaning = meanings.remove(&name)?;
            Some((name, Counter { value, kind: meaning.kind, text: meaning.text }))
        };
        let counters = found.counters.into_iter().filter_map(counter).collect();
        let (instances, ready_usec) = (found.instances, found.ready_usec);
        components.insert(found.component, ComponentCounters { instances, ready_usec, counters });
    }
    Ok((components, collected.silent))
}

/// What the services themselves say.
async fn asked(bus: &Bus, wanted: Option<&str>) -> Result<BTreeMap<String, ComponentCounters>, BusError> {
    let mut components: BTreeMap<String, ComponentCounters> = BTreeMap::new();
    for name in bus.list_present(names::PREFIX).await? {
        let Some(owner) = names::component(&name) else { continue };
        if wanted.is_some_and(|wanted| wanted != owner) {
            continue;
        }
        match add(components.entry(owner).or_default(), &Stats1::new(bus, &name)).await {
            // It stopped meanwhile, or has no counters.
            Err(BusError::ServiceUnknown(_) | BusError::Other { .. }) | Ok(()) => {}
            Err(error) => return Err(error),
        }
    }
    components.retain(|_, counters| !counters.instances.is_empty());
    Ok(components)
}

async fn add(sum: &mut ComponentCounters, stats: &Stats1) -> Result<(), BusError> {
    let state = stats.state().await?;
    let meanings = stats.describe().await?;
    for (name, value) in stats.counters().await? {
        let Some(meaning) = meanings.get(&name) else { continue };
        let counter = sum.counters.entry(name).or_insert_with(|| Counter {
            value: 0,
            kind: meaning.kind,
            text: meaning.text.clone(),
        });
        counter.value = counter.value.saturating_add(value);
    }
    sum.instances.push(stats.name().to_owned());
    sum.ready_usec = sum.ready_usec.max(state.ready_usec);
    Ok(())
}

fn show(session: &Session, components: &BTreeMap<String, ComponentCounters>) -> Result<(), Failure> {
    let output = session.output;
    if output.json {
        return Ok(output.document(components)?);
    }
    for (name, component) in components {
        let instances = component.instances.len();
        let whose = if instances > 1 { format!(" (sum of {instances} instances)") } else { String::new() };
        output.heading(&format!("{name}{whose}, counting for {}", ago(component.ready_usec)))?;
        let rows = component
            .counters
            .iter()
            .map(|(name, counter)| vec![cell(name), cell(counter.value), toned(&counter.text, Tone::Faint)]);
        output.table(&["COUNTER", "VALUE", "MEANING"], rows.collect())?;
    }
    Ok(())
}
