//! The committed settings as a daemon finds them at start: from files, with neither bus nor cfgmgr.
//!
//! `current` in the configuration directory is a symlink to `generations/NNNNNNNN.json`. When that file cannot be read,
//! or holds settings that this daemon refuses, the newest older generation that will do is taken instead, and only when
//! there is none at all the defaults: an answer from the settings of yesterday beats none. The daemon then says the
//! older generation's number on the bus, so that cfgmgr sees it and applies the committed one once it can.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use tracing::error;

use crate::document;
use crate::messages;
use crate::settings::Settings;

/// Name of the symlink to the committed generation.
pub const CURRENT: &str = "current";
/// Name of the directory of generations.
pub const GENERATIONS: &str = "generations";
/// The largest generation file that is read, in octets.
pub const FILE_LIMIT: u64 = 64 << 20;

/// A generation file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StoredGeneration {
    /// Its number, as in the file's name.
    pub generation: u64,
    /// When it was committed, in microseconds since the epoch.
    pub committed_usec: u64,
    /// Who committed it.
    pub author: String,
    /// What the author said of it.
    pub comment: String,
    /// Component to the options that differ from their defaults.
    pub settings: BTreeMap<String, Value>,
}

/// The settings a daemon starts with.
#[derive(Clone, Debug, Default)]
pub struct Committed<S> {
    /// The generation they come from; 0 for defaults while nothing was ever committed.
    pub generation: u64,
    /// The settings.
    pub settings: S,
    /// The configuration directory they come from; none for settings from nowhere, in tests.
    pub directory: Option<PathBuf>,
}

/// The newest format of generation files that is known. It is written only where it is not the first.
const FORMAT: u64 = 1;

/// A generation file with its components unread: that of another one may name 100,000 zones.
#[derive(Deserialize)]
struct Outline<'text> {
    #[serde(default)]
    format: Option<u64>,
    generation: u64,
    #[serde(borrow)]
    settings: BTreeMap<String, &'text RawValue>,
}

impl StoredGeneration {
    /// The path of generation `generation` below the configuration directory.
    pub fn path(directory: &Path, generation: u64) -> PathBuf {
        directory.join(GENERATIONS).join(format!("{generation:08}.json"))
    }

    /// The number in the name of a generation file; `None` for any other file.
    pub fn number(file_name: &str) -> Option<u64> {
        let digits = file_name.strip_suffix(".json")?;
        let number = digits.parse().ok()?;
        (format!("{number:08}") == digits).then_some(number)
    }

    /// Reads a generation file. Errors say what is wrong with it, without its path; a newer format than is known is
    /// [`io::ErrorKind::Unsupported`].
    pub fn read(path: &Path) -> io::Result<Self> {
        Self::parse(&text_of(path)?)
    }

    /// The same for the text of one.
    pub fn parse(text: &str) -> io::Result<Self> {
        Outline::parse(text)?;
        serde_json::from_str(text).map_err(invalid)
    }
}

fn text_of(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = std::fs::File::open(path)?.take(FILE_LIMIT + 1).read_to_string(&mut text)?;
    if read as u64 > FILE_LIMIT {
        return Err(io::Error::other(format!("larger than {FILE_LIMIT} octets")));
    }
    Ok(text)
}

impl<'text> Outline<'text> {
    fn parse(text: &'text str) -> io::Result<Self> {
        let outline: Self = serde_json::from_str(text).map_err(invalid)?;
        match outline.format {
            Some(format) if format > FORMAT => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!("a newer Tenon wrote it (format {format}; {FORMAT} is known here)"),
            )),
            _ => Ok(outline),
        }
    }

    /// The settings of one component, checked; the defaults where nothing was committed for it.
    fn checked<S: Settings>(&self) -> Result<S, String> {
        let document = match self.settings.get(S::COMPONENT) {
            Some(text) => serde_json::from_str(text.get()).map_err(|error| error.to_string())?,
            None => Value::Object(serde_json::Map::new()),
        };
        let accepted =
            document::check(document).map_err(|refusal| refusal.below(S::COMPONENT).to_string())?;
        Ok(accepted.settings)
    }
}

fn invalid(error: serde_json::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// The committed settings of a virtual module, `logging` or `data_sources`; defaults while nothing was ever committed.
///
/// # Errors
/// What is wrong with the committed generation, for people.
pub fn module<S: Settings>(directory: &Path) -> Result<S, String> {
    let path = directory.join(CURRENT);
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = match text_of(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(S::default()),
        Err(error) => return Err(told(&error)),
    };
    Outline::parse(&text).map_err(|error| told(&error))?.checked()
}

/// Reads the settings to start with from the configuration directory. What had to be passed over is logged.
pub fn read<S: Settings>(directory: &Path) -> Committed<S> {
    Committed { directory: Some(directory.to_owned()), ..find(directory) }
}

fn find<S: Settings>(directory: &Path) -> Committed<S> {
    let current = directory.join(CURRENT);
    match std::fs::symlink_metadata(&current) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Committed::default(),
        _ => {}
    }
    let number = match take(&current) {
        Ok(committed) => return committed,
        Err(reason) => {
            error!(
                message_id = messages::SETTINGS_BROKEN,
                path = %current.display(),
                reason = %reason,
                "the committed settings cannot be used: {reason}; looking for an older generation"
            );
            std::fs::read_link(&current)
                .ok()
                .and_then(|target| StoredGeneration::number(target.file_name()?.to_str()?))
        }
    };
    older(directory, number.unwrap_or(u64::MAX)).unwrap_or_else(|| {
        error!(
            message_id = messages::SETTINGS_BROKEN,
            path = %current.display(),
            "no generation of settings can be used; running with the defaults"
        );
        Committed::default()
    })
}

fn older<S: Settings>(directory: &Path, than: u64) -> Option<Committed<S>> {
    let names = std::fs::read_dir(directory.join(GENERATIONS)).ok()?;
    let mut numbers: Vec<u64> = names
        .filter_map(|entry| StoredGeneration::number(entry.ok()?.file_name().to_str()?))
        .filter(|number| *number < than)
        .collect();
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    numbers.into_iter().find_map(|number| {
        let path = StoredGeneration::path(directory, number);
        take(&path)
            .inspect_err(|reason| {
                error!(
                    message_id = messages::SETTINGS_BROKEN,
                    path = %path.display(),
                    reason = %reason,
                    "generation {number} of the settings cannot be used: {reason}"
                );
            })
            .ok()
    })
}

fn take<S: Settings>(path: &Path) -> Result<Committed<S>, String> {
    let text = text_of(path).map_err(|error| error.to_string())?;
    let outline = Outline::parse(&text).map_err(|error| error.to_string())?;
    Ok(Committed { generation: outline.generation, settings: outline.checked()?, directory: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Refusal;
    use schemars::JsonSchema;
    use serde_json::json;

    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[serde(default, deny_unknown_fields)]
    struct Sample {
        workers: u16,
    }

    impl Settings for Sample {
        const COMPONENT: &'static str = "sample";
        fn check(self, _: &mut Vec<String>) -> Result<Self, Refusal> {
            Ok(self)
        }
    }

    fn write(directory: &Path, number: u64, text: &str) {
        std::fs::create_dir_all(directory.join(GENERATIONS)).unwrap();
        let path = StoredGeneration::path(directory, number);
        std::fs::write(&path, text).unwrap();
        let _ = std::fs::remove_file(directory.join(CURRENT));
        std::os::unix::fs::symlink(
            Path::new(GENERATIONS).join(path.file_name().unwrap()),
            directory.join(CURRENT),
        )
        .unwrap();
    }

    fn generation(number: u64, workers: u16) -> String {
        json!({"generation": number, "committed_usec": 1, "author": "root", "comment": "",
            "settings": {"sample": {"workers": workers}}})
        .to_string()
    }

    #[test]
    fn defaults_before_the_first_commit() {
        let directory = tempfile::tempdir().unwrap();
        let committed = read::<Sample>(directory.path());
        assert_eq!((committed.generation, committed.settings), (0, Sample::default()));
    }

    #[test]
    fn a_broken_generation_gives_way_to_the_newest_that_will_do() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), 1, &generation(1, 10));
        write(directory.path(), 2, &generation(2, 20));
        assert_eq!(read::<Sample>(directory.path()).generation, 2);
        write(directory.path(), 3, r#"{"generation": 3, "settings": "#);
        let committed = read::<Sample>(directory.path());
        assert_eq!((committed.generation, committed.settings.workers), (2, 20));
        write(directory.path(), 2, &generation(2, 0).replace("workers", "wokers"));
        assert_eq!(read::<Sample>(directory.path()).generation, 1);
    }

    #[test]
    fn a_newer_format_is_told_from_damage() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), 1, &generation(1, 10));
        write(directory.path(), 2, &generation(2, 20).replacen('{', r#"{"format": 2, "#, 1));
        assert_eq!(read::<Sample>(directory.path()).generation, 1, "a daemon answers with what it knows");
        let error = StoredGeneration::read(&directory.path().join(CURRENT)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported, "{error}");
    }

    #[test]
    fn nothing_that_will_do_gives_the_defaults() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), 1, "");
        assert_eq!(read::<Sample>(directory.path()).generation, 0);
    }

    #[test]
    fn only_names_of_generations_are_numbers() {
        assert_eq!(StoredGeneration::number("00000012.json"), Some(12));
        for name in ["12.json", "00000012.json.new", "0000001x.json", ".json"] {
            assert_eq!(StoredGeneration::number(name), None);
        }
    }
}
