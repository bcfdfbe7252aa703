//! The bus face of the counters: `org.tenon.Stats1`.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use crate::component::Owner;

pub(crate) struct StatsFace {
    owner: Arc<dyn Owner>,
    ready_usec: Arc<OnceLock<u64>>,
}

impl StatsFace {
    pub(crate) fn new(owner: Arc<dyn Owner>, ready_usec: Arc<OnceLock<u64>>) -> Self {
        Self { owner, ready_usec }
    }
}

#[zbus::interface(name = "org.tenon.Stats1", introspection_docs = false)]
impl StatsFace {
    #[zbus(property(emits_changed_signal = "const"))]
    fn component(&self) -> String {
        self.owner.component().to_owned()
    }

    #[zbus(property(emits_changed_signal = "const"), name = "ReadyUSec")]
    fn ready_usec(&self) -> u64 {
        self.ready_usec.get().copied().unwrap_or_default()
    }

    #[zbus(out_args("counters"))]
    fn describe(&self) -> HashMap<String, (String, String)> {
        let counters = self.owner.counters().into_iter();
        counters
            .map(|(counter, _)| {
                (counter.name.to_owned(), (counter.kind.word().to_owned(), counter.text.to_owned()))
            })
            .collect()
    }

    #[zbus(out_args("values"))]
    fn counters(&self) -> HashMap<String, u64> {
        self.owner.counters().into_iter().map(|(counter, value)| (counter.name.to_owned(), value)).collect()
    }
}
