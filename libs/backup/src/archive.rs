//! The file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tar::{Archive, Builder, Header};
use tenon_image::{Catalog, ExportError, ZoneState};

/// The version of the format.
const VERSION: u32 = 1;
const CONTENTS: &str = "tenon-backup.json";
const SETTINGS: &str = "settings.json";
/// Octets of a block of a tar file.
const BLOCK: u64 = 512;
/// Most octets of what is read into memory.
const TEXT: u64 = 64 << 20;

/// What is in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// Version of the format.
    pub version: u32,
    /// When it was made, in microseconds since the epoch.
    pub made_usec: u64,
    /// Generation of the settings.
    pub generation: u64,
    /// Generation of the manifest that the zones are of.
    pub manifest_generation: u64,
    /// The zones.
    pub zones: Vec<SavedZone>,
}

/// A zone in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedZone {
    /// Its name, in lower case with the final dot.
    pub name: String,
    /// Its serial.
    pub serial: u32,
    /// How many records it has.
    pub records: u64,
    /// Octets of its master file.
    pub octets: u64,
}

/// Why a backup could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A zone's image cannot be read.
    #[error("zone {0}: {1}")]
    Zone(String, String),
    /// The file.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is no backup, or not a whole one.
    #[error("this is no whole backup: {0}")]
    Malformed(String),
}

/// Component to the options that differ from their defaults.
pub(crate) type Settings = BTreeMap<String, Map<String, Value>>;

/// Writes a backup of the primary zones of a catalog and the settings of a generation.
///
/// # Errors
/// See [`BackupError`]; what was written is not whole then.
pub fn write(
    to: &mut dyn Write,
    catalog: &Catalog,
    generation: u64,
    settings: &BTreeMap<String, Value>,
    made_usec: u64,
) -> Result<Contents, BackupError> {
    let mut zones = Vec::new();
    for zone in catalog.zones(None).filter(|zone| !zone.secondary) {
        let name = zone.origin.as_ref().to_lowercase().to_string();
        if zone.state != ZoneState::Serving {
            return Err(BackupError::Zone(
                name,
                format!("its newest version cannot be read: {}", zone.reason),
            ));
        }
        let mut counter = Counter(0);
        let records = export(catalog, zone.origin.as_ref(), &name, &mut counter)?;
        zones.push(SavedZone { name, serial: zone.serial, records, octets: counter.0 });
    }
    let manifest_generation = catalog.generation();
    let contents = Contents { version: VERSION, made_usec, generation, manifest_generation, zones };
    let mut tar = Builder::new(to);
    append_text(&mut tar, CONTENTS, &contents, made_usec)?;
    append_text(&mut tar, SETTINGS, settings, made_usec)?;
    let saved = catalog.zones(None).filter(|zone| !zone.secondary).zip(&contents.zones);
    for (number, (zone, saved)) in saved.enumerate() {
        let mut header = header(saved.octets, made_usec);
        header.set_path(place(number))?;
        header.set_cksum();
        // The image does not change: what is written now has the size that was counted.
        let out = tar.get_mut();
        out.write_all(header.as_bytes())?;
        export(catalog, zone.origin.as_ref(), &saved.name, &mut *out)?;
        let over = usize::try_from(saved.octets % BLOCK).unwrap_or_default();
        if over > 0 {
            out.write_all(&[0; BLOCK as usize][over..])?;
        }
    }
    tar.into_inner()?.flush()?;
    Ok(contents)
}

fn export(
    catalog: &Catalog,
    origin: tenon_wire::NameRef<'_>,
    name: &str,
    to: &mut dyn Write,
) -> Result<u64, BackupError> {
    let image = catalog.image(origin).ok_or_else(|| BackupError::Zone(name.to_owned(), "no image".into()))?;
    image.write_master(to).map_err(|error| match error {
        ExportError::Io(error) => BackupError::Io(error),
        fault => BackupError::Zone(name.to_owned(), fault.to_string()),
    })
}

/// Names of zones may be long and odd; numbers are not.
fn place(number: usize) -> String {
    format!("zones/{number:08}.zone")
}

fn header(octets: u64, made_usec: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_size(octets);
    header.set_mode(0o600);
    header.set_mtime(made_usec / 1_000_000);
    header
}

fn append_text(
    tar: &mut Builder<&mut dyn Write>,
    name: &str,
    document: &impl Serialize,
    made_usec: u64,
) -> Result<(), BackupError> {
    let mut text = serde_json::to_vec_pretty(document).map_err(io::Error::from)?;
    text.push(b'\n');
    let octets = u64::try_from(text.len()).unwrap_or(u64::MAX);
    Ok(tar.append_data(&mut header(octets, made_usec), name, &text[..])?)
}

/// Counts what is written.
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(u64::try_from(octets.len()).unwrap_or(u64::MAX));
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A backup that was read as far as what is in it.
#[derive(Debug)]
pub struct Backup {
    /// What is in it.
    pub contents: Contents,
    pub(crate) settings: Settings,
    file: File,
    /// Where the master file of each zone begins.
    starts: Vec<u64>,
}

impl Backup {
    /// Reads a backup; that everything is there and of the size that it should be.
    ///
    /// # Errors
    /// See [`BackupError`].
    pub fn read(mut file: File) -> Result<Self, BackupError> {
        file.rewind()?;
        let whole = file.metadata()?.len();
        let mut archive = Archive::new(file.try_clone()?);
        let mut entries = archive.entries_with_seek()?;
        let mut next = |name: &str| -> Result<tar::Entry<'_, File>, BackupError> {
            let entry = entries.next().ok_or_else(|| BackupError::Malformed(format!("{name} is missing")))?;
            let entry = entry.map_err(|error| BackupError::Malformed(error.to_string()))?;
            let path = entry.path()?.to_string_lossy().into_owned();
            if path == name {
                Ok(entry)
            } else {
                Err(BackupError::Malformed(format!("{path} stands where {name} should")))
            }
        };
        let contents: Contents = parsed(next(CONTENTS)?, CONTENTS)?;
        if contents.version != VERSION {
            let reason = format!("its format is version {}, and {VERSION} is known here", contents.version);
            return Err(BackupError::Malformed(reason));
        }
        let settings = parsed(next(SETTINGS)?, SETTINGS)?;
        let mut starts = Vec::new();
        for (number, zone) in contents.zones.iter().enumerate() {
            let entry = next(&place(number))?;
            let start = entry.raw_file_position();
            if entry.size() != zone.octets || start.saturating_add(zone.octets) > whole {
                return Err(BackupError::Malformed(format!("zone {} is cut off", zone.name)));
            }
            starts.push(start);
        }
        Ok(Self { contents, settings, file, starts })
    }

    /// Copies the master file of a zone, by its number.
    ///
    /// # Errors
    /// Those of the files.
    pub fn copy_zone(&self, number: usize, to: &mut dyn Write) -> Result<(), BackupError> {
        let (Some(zone), Some(start)) = (self.contents.zones.get(number), self.starts.get(number)) else {
            return Err(BackupError::Malformed(format!("there is no zone {number}")));
        };
        let mut file = &self.file;
        file.seek(SeekFrom::Start(*start))?;
        let copied = io::copy(&mut file.take(zone.octets), to)?;
        if copied == zone.octets {
            Ok(())
        } else {
            Err(BackupError::Malformed(format!("zone {} is cut off", zone.name)))
        }
    }
}

fn parsed<T: DeserializeOwned>(entry: impl Read, name: &str) -> Result<T, BackupError> {
    serde_json::from_reader(io::BufReader::new(entry.take(TEXT)))
        .map_err(|error| BackupError::Malformed(format!("{name}: {error}")))
}
