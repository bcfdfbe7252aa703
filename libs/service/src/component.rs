//! What a daemon gives this library to serve on the bus.

use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};
use tracing::info;

use crate::committed::Committed;
use crate::document;
use crate::logging;
use crate::messages;
use crate::schema::Schema;
use crate::settings::{Refusal, Settings};

/// A daemon's task, as far as settings and statistics go.
pub trait Component: Send + Sync + 'static {
    /// Its settings.
    type Settings: Settings;

    /// Puts settings into force that were checked. Called on a thread that may block, never twice at once.
    /// A refusal must leave the settings before in force.
    fn apply(&self, generation: u64, settings: &Self::Settings) -> Result<(), Refusal>;

    /// All counters with their values now.
    fn counters(&self) -> Vec<(&'static CounterDefinition, u64)>;
}

/// A counter and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CounterDefinition {
    /// Its name in lower case, such as `queries_udp`.
    pub name: &'static str,
    /// How it moves.
    pub kind: CounterKind,
    /// One sentence of what it counts, for people.
    pub text: &'static str,
}

pub use tenon_bus::CounterKind;

/// A component with the settings in force, its type forgotten, for the bus faces.
pub(crate) trait Owner: Send + Sync {
    fn component(&self) -> &'static str;
    fn schema(&self) -> String;
    fn generation(&self) -> u64;
    fn settings(&self) -> Map<String, Value>;
    fn check(&self, document: &str) -> Result<(String, Vec<String>), Refusal>;
    /// Whether anything changed.
    fn apply(&self, generation: u64, document: &str) -> Result<bool, Refusal>;
    fn counters(&self) -> Vec<(&'static CounterDefinition, u64)>;
}

pub(crate) struct InForce<C: Component> {
    component: Arc<C>,
    committed: Mutex<Committed<C::Settings>>,
    /// Held over one whole change, so that changes never interleave.
    changing: Mutex<()>,
}

impl<C: Component> InForce<C> {
    pub(crate) fn new(component: Arc<C>, committed: Committed<C::Settings>) -> Self {
        if let Some(directory) = &committed.directory {
            logging::follow(directory, C::Settings::COMPONENT);
        }
        Self { component, committed: Mutex::new(committed), changing: Mutex::new(()) }
    }
}

impl<C: Component> Owner for InForce<C> {
    fn component(&self) -> &'static str {
        C::Settings::COMPONENT
    }

    fn schema(&self) -> String {
        Schema::of::<C::Settings>().text()
    }

    fn generation(&self) -> u64 {
        held(&self.committed).generation
    }

    fn settings(&self) -> Map<String, Value> {
        document::complete(&held(&self.committed).settings)
    }

    fn check(&self, document: &str) -> Result<(String, Vec<String>), Refusal> {
        let accepted = document::check_text::<C::Settings>(document)?;
        Ok((accepted.document().to_string(), accepted.notes))
    }

    fn apply(&self, generation: u64, document: &str) -> Result<bool, Refusal> {
        let _changing = held(&self.changing);
        if self.generation() == generation {
            return Ok(false);
        }
        let settings = document::check_text::<C::Settings>(document)?.settings;
        self.component.apply(generation, &settings)?;
        let directory = held(&self.committed).directory.clone();
        if let Some(directory) = &directory {
            logging::follow(directory, C::Settings::COMPONENT);
        }
        *held(&self.committed) = Committed { generation, settings, directory };
        info!(
            message_id = messages::SETTINGS_APPLIED,
            generation, "settings of generation {generation} in force"
        );
        Ok(true)
    }

    fn counters(&self) -> Vec<(&'static CounterDefinition, u64)> {
        self.component.counters()
    }
}

/// A lock whose holder panicked holds what was last in force, which is what is wanted.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a struct of counters from one list, so that name, kind and meaning of each stand together.
///
/// ```
/// tenon_service::counters! {
///     /// The counters of a service.
///     Statistics:
///     requests Counter "Requests answered.",
/// }
/// let statistics = Statistics::default();
/// assert_eq!(statistics.values()[0].0.name, "requests");
/// ```
#[macro_export]
macro_rules! counters {
    ($(#[$about:meta])* $statistics:ident: $($field:ident $kind:ident $text:literal,)*) => {
        $(#[$about])*
        #[derive(Debug, Default)]
        pub struct $statistics {
            $(#[doc = $text] pub $field: ::std::sync::atomic::AtomicU64,)*
        }
        impl $statistics {
            /// All counters with their values now.
            pub fn values(&self) -> Vec<(&'static $crate::CounterDefinition, u64)> {
                vec![$({
                    static DEFINITION: $crate::CounterDefinition = $crate::CounterDefinition {
                        name: stringify!($field), kind: $crate::CounterKind::$kind, text: $text,
                    };
                    (&DEFINITION, self.$field.load(::std::sync::atomic::Ordering::Relaxed))
                },)*]
            }
        }
    };
}
