//! Where zones of this server come from besides commands: the virtual module `data_sources`.
//!
//! tenon-cfgmgr has its schema and checker; `tenon-loadzone --directory`, which loads what is named here, reads it from
//! the committed generation. Where the stores lie is no setting: each belongs to one user and one sandbox (see the units).

use std::collections::BTreeMap;
use std::path::{Component, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_wire::Name;

use crate::settings::{Refusal, Settings};

/// Master files whose zones follow them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DataSourcesSettings {
    /// Whether ZONE.zone in /var/lib/tenon/master is loaded when it changes, for each zone that has no entry in
    /// `master_files`.
    pub master_directory: bool,
    /// Master files anywhere, which are loaded when they change.
    #[schemars(length(max = 100_000))]
    pub master_files: Vec<MasterFile>,
}

/// A zone and the master file that it follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MasterFile {
    /// The zone's name.
    #[schemars(length(min = 1, max = 1023))]
    pub zone: String,
    /// The file's absolute path. The user tenon-loadzone must be able to read it; files in /home, /root and /tmp are hidden
    /// from services.
    pub file: PathBuf,
}

impl Default for DataSourcesSettings {
    fn default() -> Self {
        Self { master_directory: true, master_files: Vec::new() }
    }
}

impl Settings for DataSourcesSettings {
    const COMPONENT: &'static str = "data_sources";

    fn check(mut self, _: &mut Vec<String>) -> Result<Self, Refusal> {
        let mut known = BTreeMap::new();
        for (index, MasterFile { zone, file }) in self.master_files.iter_mut().enumerate() {
            let option = |member: &str| format!("master_files/{index}/{member}");
            let name: Name = zone.parse().map_err(|error| {
                Refusal::new(option("zone"), format!("{zone:?} is no zone's name: {error}"))
            })?;
            let name = name.as_ref().to_lowercase();
            *zone = name.to_string();
            if let Some(other) = known.insert(name, index) {
                let reason = format!("master_files/{other} is of the same zone");
                return Err(Refusal::new(option("zone"), reason));
            }
            let plain =
                file.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
            if !file.is_absolute() || !plain || file.file_name().is_none() {
                let reason = format!("{} is no absolute path of a file without ..", file.display());
                return Err(Refusal::new(option("file"), reason));
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(entries: &[(&str, &str)]) -> Result<DataSourcesSettings, Refusal> {
        let entry = |(zone, file): &(&str, &str)| MasterFile { zone: (*zone).into(), file: file.into() };
        let master_files = entries.iter().map(entry).collect();
        DataSourcesSettings { master_files, ..DataSourcesSettings::default() }.check(&mut Vec::new())
    }

    #[test]
    fn names_are_written_in_one_way_and_nonsense_is_refused() {
        let good = check(&[("Example.COM", "/srv/zones/example.com")]).unwrap();
        assert_eq!(good.master_files[0].zone, "example.com.");
        for (entries, option) in [
            (&[("a..b", "/srv/a")][..], "master_files/0/zone"),
            (&[("a", "/srv/a"), ("A.", "/srv/b")], "master_files/1/zone"),
            (&[("a", "a.zone")], "master_files/0/file"),
            (&[("a", "/srv/../etc/passwd")], "master_files/0/file"),
            (&[("a", "/")], "master_files/0/file"),
        ] {
            assert_eq!(check(entries).unwrap_err().option, option, "{entries:?}");
        }
    }
}
