//! `data_sources`: files that are there, and zones that come from one place.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;

use serde_json::Value;
use tenon_bus::Checked;
use tenon_service::data_sources::DataSourcesSettings;
use tenon_wire::Name;

use super::{Whole, module_of};

/// The component whose zones come from other servers.
pub(super) const SECONDARIES: &str = "zonemgr";
const SECONDARY_ZONES: &str = "secondary_zones";

/// The module's own rules, and that each file is there.
pub(super) fn check(settings: &Value) -> Result<Checked, String> {
    let checked = super::check::<DataSourcesSettings>(settings)?;
    let files = checked.amended.get("master_files").and_then(Value::as_array).into_iter().flatten();
    for (index, entry) in files.enumerate() {
        let file = entry.get("file").and_then(Value::as_str).unwrap_or_default();
        let refused =
            |reason: String| Err(format!("data_sources/master_files/{index}/file: {file}: {reason}"));
        match std::fs::metadata(Path::new(file)) {
            Ok(found) if found.is_file() => {}
            Ok(_) => return refused("is no file".to_owned()),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return refused("is not there; services do not see /home, /root and /tmp".to_owned());
            }
            Err(error) => return refused(error.to_string()),
        }
    }
    Ok(checked)
}

/// No zone comes from a master file here and from other servers too.
pub(super) fn fits(whole: &Whole<'_>) -> Result<(), String> {
    let secondary =
        whole.tree.get(SECONDARIES).and_then(|settings| settings.get(SECONDARY_ZONES)?.as_array());
    let name = |zone: &Value| zone.get("name")?.as_str()?.parse::<Name>().ok();
    let secondary: HashMap<Name, usize> = secondary
        .into_iter()
        .flatten()
        .enumerate()
        .filter_map(|(index, zone)| Some((name(zone)?, index)))
        .collect();
    for (index, entry) in module_of::<DataSourcesSettings>(whole.tree).master_files.iter().enumerate() {
        let other = entry.zone.parse::<Name>().ok().and_then(|zone| secondary.get(&zone));
        if let Some(other) = other {
            return Err(format!(
                "data_sources/master_files/{index}/zone: {} comes from other servers already \
                 ({SECONDARIES}/{SECONDARY_ZONES}/{other}); a zone has one source",
                entry.zone
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tenon_tsig::KeyRing;

    #[test]
    fn files_must_be_there() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("a.zone");
        std::fs::write(&file, "").unwrap();
        let check = |file: &Path| check(&json!({"master_files": [{"zone": "A", "file": file}]}));
        let amended = check(&file).unwrap().amended;
        assert_eq!(amended["master_files"][0]["zone"], "a.");
        for (file, part) in [(scratch.path(), "is no file"), (&scratch.path().join("gone"), "is not there")] {
            let reason = check(file).unwrap_err();
            assert!(
                reason.starts_with("data_sources/master_files/0/file: ") && reason.contains(part),
                "{reason}"
            );
        }
    }

    #[test]
    fn a_zone_has_one_source() {
        let fits = |zone: &str| {
            let tree = json!({"data_sources": {"master_files": [{"zone": zone, "file": "/a"}]},
                "zonemgr": {"secondary_zones": [{"name": "b."}, {"name": "A.Example"}]}});
            fits(&Whole { tree: tree.as_object().unwrap(), secrets: &KeyRing::default() })
        };
        assert_eq!(fits("c.example."), Ok(()));
        let reason = fits("a.example.").unwrap_err();
        assert!(reason.contains("zonemgr/secondary_zones/1"), "{reason}");
    }
}
