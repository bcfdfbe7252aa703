//! Modules of the settings that no process stands behind: schema and checker are here.
//!
//! A module is a plug-in: an entry in [`VIRTUAL_MODULES`].

mod data_sources;
mod logging;

use serde_json::{Map, Value};
use tenon_bus::Checked;
use tenon_service::data_sources::DataSourcesSettings;
use tenon_service::logging::LoggingSettings;
use tenon_service::{Schema, Settings, document};
use tenon_tsig::KeyRing;

use crate::keyring::{self, TsigKeysSettings};

/// A module without a process.
pub struct VirtualModule {
    /// The first word of its options' paths.
    pub component: &'static str,
    /// What options it has.
    pub schema: fn() -> Schema,
    /// Accepts, amends or refuses its settings when they change; the reason names the option.
    pub check: fn(&Value) -> Result<Checked, String>,
    /// Whether a change of a component's settings can make them not fit to this module's.
    pub concerns: fn(component: &str) -> bool,
    /// Whether settings as a whole fit together as far as this module goes; the reason names the option.
    pub fits: fn(&Whole<'_>) -> Result<(), String>,
}

/// All settings as they are to be, and what belongs to them.
pub struct Whole<'a> {
    /// All components with all options.
    pub tree: &'a Map<String, Value>,
    /// The secrets of TSIG keys.
    pub secrets: &'a KeyRing,
}

/// All of them.
pub const VIRTUAL_MODULES: &[VirtualModule] = &[
    VirtualModule {
        component: TsigKeysSettings::COMPONENT,
        schema: Schema::of::<TsigKeysSettings>,
        check: check::<TsigKeysSettings>,
        // Settings of many components name keys.
        concerns: |_| true,
        fits: |whole| keyring::check(whole.tree, whole.secrets),
    },
    VirtualModule {
        component: LoggingSettings::COMPONENT,
        schema: Schema::of::<LoggingSettings>,
        check: check::<LoggingSettings>,
        concerns: |component| component == LoggingSettings::COMPONENT,
        fits: logging::fits,
    },
    VirtualModule {
        component: DataSourcesSettings::COMPONENT,
        schema: Schema::of::<DataSourcesSettings>,
        check: data_sources::check,
        concerns: |component| {
            [DataSourcesSettings::COMPONENT, data_sources::SECONDARIES].contains(&component)
        },
        fits: data_sources::fits,
    },
];

/// The one of a name.
#[must_use]
pub fn find(component: &str) -> Option<&'static VirtualModule> {
    VIRTUAL_MODULES.iter().find(|module| module.component == component)
}

fn check<S: Settings>(settings: &Value) -> Result<Checked, String> {
    let accepted =
        document::check::<S>(settings.clone()).map_err(|refusal| refusal.below(S::COMPONENT).to_string())?;
    Ok(Checked { amended: accepted.document(), notes: accepted.notes })
}

/// A module's settings in a tree of all.
fn module_of<S: Settings>(tree: &Map<String, Value>) -> S {
    tree.get(S::COMPONENT).and_then(|settings| S::deserialize(settings).ok()).unwrap_or_default()
}
