//! What the bus and files tell, asked for when it is needed and good for a while.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tenon_bus::{Bus, Cfgmgr1, Ddns1, names};
use tokio::runtime::Runtime;

use crate::{account, zone};

/// How long an answer is good for.
const FRESH: Duration = Duration::from_secs(10);
/// How long a person at a keyboard waits for the bus.
const PATIENCE: Duration = Duration::from_millis(500);
/// Most zones offered.
const ZONES: u32 = 1000;

/// What can be asked; answers are lists of texts unless said otherwise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Question {
    Zones,
    Keys,
    Components,
    Generations,
    /// Accounts with their tokens: what tenon-cmdctl lists.
    Accounts,
    /// Records of an owner in a primary zone: type and data of each.
    Records {
        zone: String,
        owner: String,
    },
    /// All settings, with the edits of who asks: an object.
    Settings,
    /// The schema of a component: its text.
    Schema(String),
}

/// Answers, and when they came.
pub(super) struct Known {
    bus: Option<Bus>,
    /// Where Tenon keeps its state on this machine; none where another one is asked.
    state: Option<PathBuf>,
    answers: RefCell<BTreeMap<Question, (Instant, Value)>>,
}

impl Known {
    /// Without a bus nothing is known but what files tell.
    pub(super) fn new(bus: Option<Bus>, state: Option<PathBuf>) -> Self {
        Self { bus, state, answers: RefCell::default() }
    }

    /// The answer; null when nobody answers soon.
    pub(super) fn ask(&self, runtime: &Runtime, question: Question) -> Value {
        if let Some((_, answer)) = self.answers.borrow().get(&question).filter(|(at, _)| at.elapsed() < FRESH)
        {
            return answer.clone();
        }
        let answer = match (&question, &self.bus, &self.state) {
            (Question::Accounts, _, Some(state)) => account::listed(state),
            (Question::Accounts, _, None) | (_, None, _) => Value::Null,
            (question, Some(bus), _) => {
                let asked = async { tokio::time::timeout(PATIENCE, ask(bus, question)).await };
                runtime.block_on(asked).unwrap_or_default()
            }
        };
        self.answers.borrow_mut().insert(question, (Instant::now(), answer.clone()));
        answer
    }
}

async fn ask(bus: &Bus, question: &Question) -> Value {
    // A manager that an operator stopped is not started by completion.
    let cfgmgr = Cfgmgr1::if_present(bus);
    match question {
        Question::Zones => json!(zone::names(bus, ZONES).await),
        Question::Components => {
            let present = bus.list_present(names::PREFIX).await.unwrap_or_default();
            present.iter().filter_map(|name| names::component(name)).collect()
        }
        Question::Keys => {
            cfgmgr.keys().await.unwrap_or_default().into_iter().map(|key| Value::from(key.name)).collect()
        }
        Question::Generations => {
            let history = cfgmgr.history(0, 0).await.unwrap_or_default();
            history.iter().map(|entry| Value::from(entry.generation.to_string())).collect()
        }
        Question::Accounts => Value::Null,
        Question::Records { zone, owner } => {
            let records = Ddns1::new(bus).records(zone, owner, "").await;
            records.map(|(_, records)| json!(records)).unwrap_or_default()
        }
        Question::Settings => cfgmgr.get("", true).await.unwrap_or_default(),
        Question::Schema(component) => {
            cfgmgr.schema(component).await.map(|schema| schema.to_string().into()).unwrap_or_default()
        }
    }
}
