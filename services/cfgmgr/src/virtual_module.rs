//! Modules of the settings that no process stands behind: schema and checker are here.

use serde_json::Value;
use tenon_bus::Checked;
use tenon_service::{Schema, Settings, document};

use crate::keyring::TsigKeysSettings;

/// A module without a process.
pub struct VirtualModule {
    /// The first word of its options' paths.
    pub component: &'static str,
    /// What options it has.
    pub schema: fn() -> Schema,
    /// Accepts, amends or refuses its settings; the reason names the option.
    pub check: fn(&Value) -> Result<Checked, String>,
}

/// All of them.
pub const VIRTUAL_MODULES: &[VirtualModule] = &[of::<TsigKeysSettings>()];

/// The one of a name.
#[must_use]
pub fn find(component: &str) -> Option<&'static VirtualModule> {
    VIRTUAL_MODULES.iter().find(|module| module.component == component)
}

const fn of<S: Settings>() -> VirtualModule {
    VirtualModule { component: S::COMPONENT, schema: Schema::of::<S>, check: check::<S> }
}

fn check<S: Settings>(settings: &Value) -> Result<Checked, String> {
    let accepted =
        document::check::<S>(settings).map_err(|refusal| refusal.below(S::COMPONENT).to_string())?;
    Ok(Checked { amended: accepted.document(), notes: accepted.notes })
}
