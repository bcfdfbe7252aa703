//! The manifest: which files make up which zone, in text lines that a person can read.
//!
//! ```text
//! tenon-manifest 1
//! generation 42
//! zone example.com. serial=7 version=3 storage=primary records=12 compiled_usec=1700000000000000
//!   file zone-1.image octets=4096 checksum=0123456789abcdef
//!   previous serial=6 version=2
//!     file zone-0.image octets=4096 checksum=0123456789abcdef
//! zone example.net. serial=0 version=0 storage=secondary records=0 compiled_usec=0 unloaded=1700000000000000
//! checksum 0123456789abcdef
//! ```
//!
//! Zones are in canonical order; a zone's files are base first, then layers, oldest first. The last line holds the
//! XXH3 checksum of everything before it, so that a truncated or edited file is known for what it is.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tenon_wire::{Name, NameError};
use xxhash_rust::xxh3::xxh3_64;

use crate::unavailable::Unavailable;

/// Name of the manifest in the image directory.
pub const MANIFEST: &str = "MANIFEST";
const TEMPORARY: &str = "MANIFEST.new";
const FIRST_LINE: &str = "tenon-manifest 1";

/// One image file as the manifest knows it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ImageFile {
    /// Name in the image directory; no path separators.
    pub name: String,
    /// Size in octets.
    pub octets: u64,
    /// Checksum of the file's header, which holds the checksums of everything else.
    pub checksum: u64,
}

/// Everything that is to be served.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Manifest {
    /// Grows by one with each write.
    pub generation: u64,
    /// The zones in canonical order of their origins.
    pub zones: Vec<ManifestZone>,
}

/// One zone of the manifest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ManifestZone {
    /// The zone's name.
    pub origin: Name,
    /// Serial number of its SOA.
    pub serial: u32,
    /// Version in the store.
    pub version: u64,
    /// The store the version is in, such as `primary`; no spaces.
    pub storage: String,
    /// Records.
    pub records: u64,
    /// When it was compiled, microseconds since the epoch.
    pub compiled_usec: u64,
    /// Base first, then layers, oldest first.
    pub files: Vec<ImageFile>,
    /// What was served before, kept for the case that the files above are damaged.
    pub previous: Option<PreviousImage>,
    /// Set while the zone is answered SERVFAIL although it is configured: an expired one has files, which are kept for
    /// its recovery; an unloaded one has none.
    pub unavailable: Option<Unavailable>,
}

/// The image a zone had before its current one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PreviousImage {
    /// Serial number of its SOA.
    pub serial: u32,
    /// Version in the store.
    pub version: u64,
    /// Base first, then layers, oldest first.
    pub files: Vec<ImageFile>,
}

/// Why the manifest could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file system refused.
    #[error("{path}: {error}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The file is cut short, was edited, or its checksum line is missing.
    #[error(
        "manifest checksum does not match: the file is truncated or was changed by other hands; have tenon-zonec write it anew"
    )]
    Checksum,
    /// A newer or unknown format.
    #[error("manifest format {found:?} is not {FIRST_LINE:?}; it was written by another version of Tenon")]
    Format {
        /// The first line.
        found: String,
    },
    /// A line that does not say what it must.
    #[error("manifest line {line}: {what}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
}

impl Manifest {
    /// Reads the manifest of `directory`; none when there is none yet.
    ///
    /// # Errors
    /// See [`ManifestError`].
    pub fn read(directory: &Path) -> Result<Option<Self>, ManifestError> {
        let path = directory.join(MANIFEST);
        match fs::read(&path) {
            Ok(octets) => Self::from_octets(&octets).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ManifestError::Io { path, error }),
        }
    }

    /// Replaces the manifest of `directory`: written beside, synced, renamed, directory synced.
    ///
    /// # Errors
    /// [`ManifestError::Io`]; the old manifest is in force then.
    pub fn write(&self, directory: &Path) -> Result<(), ManifestError> {
        let temporary = directory.join(TEMPORARY);
        let written =
            replace_file(&temporary, &directory.join(MANIFEST), directory, self.to_text().as_bytes());
        written.map_err(|error| {
            // Ignored: what remains of the temporary file is overwritten by the next try.
            let _ = fs::remove_file(&temporary);
            ManifestError::Io { path: temporary, error }
        })
    }

    /// The text, checksum line included.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{FIRST_LINE}\ngeneration {}\n", self.generation);
        for zone in &self.zones {
            write_zone(&mut text, zone);
        }
        let checksum = xxh3_64(text.as_bytes());
        push(&mut text, format_args!("checksum {checksum:016x}\n"));
        text
    }

    fn from_octets(octets: &[u8]) -> Result<Self, ManifestError> {
        let body =
            octets.len().checked_sub("checksum 0123456789abcdef\n".len()).ok_or(ManifestError::Checksum)?;
        let (text, last) = octets.split_at_checked(body).ok_or(ManifestError::Checksum)?;
        if last != format!("checksum {:016x}\n", xxh3_64(text)).as_bytes() {
            return Err(ManifestError::Checksum);
        }
        let text = std::str::from_utf8(text).map_err(|_| ManifestError::Checksum)?;
        Reader { manifest: Self::default(), in_previous: false }.read(text)
    }
}

fn replace_file(temporary: &Path, target: &Path, directory: &Path, octets: &[u8]) -> io::Result<()> {
    let mut file = File::create(temporary)?;
    file.write_all(octets)?;
    file.sync_all()?;
    fs::rename(temporary, target)?;
    File::open(directory)?.sync_all()
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Ignored: writing to a String cannot fail.
    let _ = text.write_fmt(line);
}

fn write_zone(text: &mut String, zone: &ManifestZone) {
    let ManifestZone { origin, serial, version, storage, records, compiled_usec, .. } = zone;
    push(
        text,
        format_args!(
            "zone {origin} serial={serial} version={version} storage={storage} records={records} compiled_usec={compiled_usec}"
        ),
    );
    if let Some(Unavailable { cause, since_usec }) = zone.unavailable {
        push(text, format_args!(" {cause}={since_usec}"));
    }
    text.push('\n');
    write_files(text, "  ", &zone.files);
    if let Some(PreviousImage { serial, version, files }) = &zone.previous {
        push(text, format_args!("  previous serial={serial} version={version}\n"));
        write_files(text, "    ", files);
    }
}

fn write_files(text: &mut String, indent: &str, files: &[ImageFile]) {
    for ImageFile { name, octets, checksum } in files {
        push(text, format_args!("{indent}file {name} octets={octets} checksum={checksum:016x}\n"));
    }
}

/// Reads line after line into the manifest.
struct Reader {
    manifest: Manifest,
    in_previous: bool,
}

impl Reader {
    fn read(mut self, text: &str) -> Result<Manifest, ManifestError> {
        let mut lines = text.lines().enumerate();
        match lines.next() {
            Some((_, FIRST_LINE)) => {}
            found => {
                return Err(ManifestError::Format { found: found.map_or("", |(_, line)| line).to_owned() });
            }
        }
        for (index, line) in lines {
            self.line(line).map_err(|what| ManifestError::Line { line: index + 1, what })?;
        }
        Ok(self.manifest)
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            Some("generation") => self.manifest.generation = parse(words.next())?,
            Some("zone") => self.zone(words)?,
            Some("file") => self.file(words)?,
            Some("previous") => {
                let (serial, version) = (field(&mut words, "serial")?, field(&mut words, "version")?);
                let zone = self.manifest.zones.last_mut().ok_or("previous before any zone")?;
                zone.previous = Some(PreviousImage { serial, version, files: Vec::new() });
                self.in_previous = true;
            }
            other => return Err(format!("unknown line {:?}", other.unwrap_or(""))),
        }
        Ok(())
    }

    fn zone<'a>(&mut self, mut words: impl Iterator<Item = &'a str>) -> Result<(), String> {
        let origin = words.next().ok_or("no zone name")?;
        let origin =
            Name::from_text(origin, None).map_err(|error: NameError| format!("{origin}: {error}"))?;
        if self.manifest.zones.last().is_some_and(|last| last.origin >= origin) {
            return Err(format!("{origin} is out of canonical order"));
        }
        self.in_previous = false;
        self.manifest.zones.push(ManifestZone {
            origin,
            serial: field(&mut words, "serial")?,
            version: field(&mut words, "version")?,
            storage: field(&mut words, "storage")?,
            records: field(&mut words, "records")?,
            compiled_usec: field(&mut words, "compiled_usec")?,
            files: Vec::new(),
            previous: None,
            unavailable: words.next().map(unavailable).transpose()?,
        });
        Ok(())
    }

    fn file<'a>(&mut self, mut words: impl Iterator<Item = &'a str>) -> Result<(), String> {
        let name = words.next().ok_or("no file name")?.to_owned();
        if name.contains('/') || name.starts_with('.') {
            return Err(format!("{name:?} is not a plain file name"));
        }
        let octets = field(&mut words, "octets")?;
        let checksum = words.next().and_then(|word| word.strip_prefix("checksum=")).ok_or("no checksum=")?;
        let checksum = u64::from_str_radix(checksum, 16).map_err(|_| "checksum is not hexadecimal")?;
        let zone = self.manifest.zones.last_mut().ok_or("file before any zone")?;
        let files = match &mut zone.previous {
            Some(previous) if self.in_previous => &mut previous.files,
            _ => &mut zone.files,
        };
        files.push(ImageFile { name, octets, checksum });
        Ok(())
    }
}

fn unavailable(word: &str) -> Result<Unavailable, String> {
    let (cause, since) = word.split_once('=').unwrap_or((word, ""));
    Ok(Unavailable { cause: cause.parse()?, since_usec: parse(Some(since))? })
}

fn field<'a, T: std::str::FromStr>(
    words: &mut impl Iterator<Item = &'a str>,
    key: &str,
) -> Result<T, String> {
    let word = words.next().unwrap_or("");
    let value = word.strip_prefix(key).and_then(|rest| rest.strip_prefix('='));
    parse(value).map_err(|_| format!("{word:?} where {key}= must be"))
}

fn parse<T: std::str::FromStr>(word: Option<&str>) -> Result<T, String> {
    let word = word.unwrap_or("");
    word.parse().map_err(|_| format!("{word:?} is not a valid value"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unavailable::Cause;

    fn sample() -> Manifest {
        let file =
            |name: &str| ImageFile { name: name.into(), octets: 4096, checksum: 0x0123_4567_89ab_cdef };
        let zone = |origin: &str, previous| ManifestZone {
            origin: origin.parse().unwrap(),
            serial: 7,
            version: 3,
            storage: "primary".into(),
            records: 12,
            compiled_usec: 1_700_000_000_000_000,
            files: vec![file("a.image"), file("a.layer")],
            previous,
            unavailable: None,
        };
        let previous = PreviousImage { serial: 6, version: 2, files: vec![file("old.image")] };
        let since = |cause, since_usec| Some(Unavailable { cause, since_usec });
        let expired = ManifestZone { unavailable: since(Cause::Expired, 5), ..zone(r"b.example.", None) };
        let unloaded = ManifestZone {
            files: Vec::new(),
            unavailable: since(Cause::Unloaded, u64::MAX),
            ..zone("c.example.", None)
        };
        let zones = vec![zone(".", Some(previous)), zone(r"a\032b.example.", None), expired, unloaded];
        Manifest { generation: 42, zones }
    }

    #[test]
    fn written_and_read_again() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Manifest::read(directory.path()).unwrap(), None);
        sample().write(directory.path()).unwrap();
        assert_eq!(Manifest::read(directory.path()).unwrap(), Some(sample()));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn every_truncation_and_flipped_octet_is_told() {
        let text = sample().to_text().into_bytes();
        for length in 0..text.len() {
            assert!(Manifest::from_octets(&text[..length]).is_err(), "{length}");
            let mut flipped = text.clone();
            flipped[length] ^= 1;
            assert!(Manifest::from_octets(&flipped).is_err(), "{length}");
        }
    }

    #[test]
    fn lines_that_say_nothing_are_refused_with_their_number() {
        for (bad, wanted) in [
            ("zone\n", "no zone name"),
            ("zone relative serial=1\n", "relative"),
            ("file x octets=1 checksum=0\n", "file before any zone"),
            ("zone a. serial=x\n", "serial="),
            (
                "zone a. serial=1 version=1 storage=p records=1 compiled_usec=1\nfile ../x octets=1 checksum=0\n",
                "plain file name",
            ),
            ("nonsense\n", "unknown line"),
        ] {
            let text = format!("{FIRST_LINE}\ngeneration 1\n{bad}");
            let whole = format!("{text}checksum {:016x}\n", xxh3_64(text.as_bytes()));
            let error = Manifest::from_octets(whole.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(wanted) && error.contains("line "), "{error}");
        }
    }
}
