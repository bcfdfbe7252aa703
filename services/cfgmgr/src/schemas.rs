//! The shipped schemas: which components there are, and what options they have.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};
use tenon_service::{Schema, Settings};
use tracing::warn;

use crate::settings::CfgmgrSettings;
use crate::virtual_module::VIRTUAL_MODULES;

/// Schemas by component.
#[derive(Clone, Debug)]
pub struct Schemas {
    components: BTreeMap<String, Schema>,
}

impl Schemas {
    /// Reads `<component>.json` files; ones that cannot be read are logged and left out. The configuration manager's
    /// own schema and those of virtual modules are there in any case.
    pub fn read(directory: &Path) -> Self {
        let mut components =
            BTreeMap::from([(CfgmgrSettings::COMPONENT.to_owned(), Schema::of::<CfgmgrSettings>())]);
        components
            .extend(VIRTUAL_MODULES.iter().map(|module| (module.component.to_owned(), (module.schema)())));
        let entries = std::fs::read_dir(directory).into_iter().flatten();
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            let Some(component) = component(&path) else { continue };
            let read = std::fs::read_to_string(&path)
                .map_err(|error| error.to_string())
                .and_then(|text| Schema::parse(&text).map_err(|error| error.to_string()));
            match read {
                Ok(schema) => drop(components.insert(component, schema)),
                Err(error) => warn!("{}: {error}; its component cannot be edited", path.display()),
            }
        }
        Self { components }
    }

    /// Names of the components, sorted.
    pub fn names(&self) -> Vec<String> {
        self.components.keys().cloned().collect()
    }

    /// The schema of a component.
    pub fn get(&self, component: &str) -> Option<&Schema> {
        self.components.get(component)
    }

    /// All components with all options: defaults, and on them what `stored` says.
    pub fn complete(&self, stored: &BTreeMap<String, Value>) -> Map<String, Value> {
        self.components
            .keys()
            .filter_map(|name| Some((name.clone(), self.component(name, stored)?)))
            .collect()
    }

    /// One component with all options; none when there is no such one. Of 100,000 zones a whole tree is 140 MB.
    pub fn component(&self, name: &str, stored: &BTreeMap<String, Value>) -> Option<Value> {
        let mut values = Value::Object(self.get(name)?.defaults());
        if let Some(document) = stored.get(name) {
            tenon_service::document::overlay(&mut values, document.clone());
        }
        Some(values)
    }
}

fn component(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?.strip_suffix(".json")?;
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    plain.then(|| name.to_owned())
}
