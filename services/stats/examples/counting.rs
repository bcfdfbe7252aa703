//! A daemon that counts nothing but says it did, for the tests: bus name and value come on the command line.

use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_bus::names::AUTH_PATH;
use tenon_service::{Committed, Component, CounterDefinition, CounterKind, Daemon, Refusal, Settings, log};

/// No settings.
#[derive(Clone, Default, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct NoSettings {}

impl Settings for NoSettings {
    const COMPONENT: &'static str = "auth";

    fn check(self, _: &mut Vec<String>) -> Result<Self, Refusal> {
        Ok(self)
    }
}

const QUERIES: CounterDefinition =
    CounterDefinition { name: "queries", kind: CounterKind::Counter, text: "Queries received." };
const OPEN: CounterDefinition =
    CounterDefinition { name: "tcp_clients_open", kind: CounterKind::Gauge, text: "Open connections." };

struct Counting(u64);

impl Component for Counting {
    type Settings = NoSettings;

    fn apply(&self, _: u64, _: &NoSettings) -> Result<(), Refusal> {
        Ok(())
    }

    fn counters(&self) -> Vec<(&'static CounterDefinition, u64)> {
        vec![(&QUERIES, self.0), (&OPEN, 1)]
    }
}

/// Messages of two kinds of times, and one zone a page, `a.example.` and `b.example.`, with as many queries as the daemon has.
struct Zones(u64);

/// Name and counters.
type Zone = (String, HashMap<String, u64>);

#[zbus::interface(name = "org.tenon.Auth1", introspection_docs = false)]
impl Zones {
    fn answer_times(&self) -> Vec<(String, Vec<u64>, u64)> {
        vec![("udp".to_owned(), vec![self.0, 0, 1], 1_500_000_000)]
    }

    fn list_zone_counters(&self, after: &str, _limit: u32) -> (Vec<Zone>, u64) {
        let zone = |name: &str| vec![(name.to_owned(), HashMap::from([("queries".to_owned(), self.0)]))];
        match after {
            "" => (zone("a.example."), 1),
            "a.example." => (zone("b.example."), 0),
            _ => (Vec::new(), 0),
        }
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(name), Some(value)) = (arguments.next(), arguments.next()) else { return ExitCode::FAILURE };
    let Ok(value) = value.parse() else { return ExitCode::FAILURE };
    log::start("counting");
    let committed = Committed { generation: 0, settings: NoSettings {}, directory: None };
    Daemon::new(Arc::new(Counting(value)), committed, name)
        .objects(move |builder| builder.serve_at(AUTH_PATH, Zones(value)))
        .run(|_| std::future::pending())
}
