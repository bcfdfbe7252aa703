//! Turns stored zone versions into one image file.

mod ahead;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;

use tenon_datasrc::{Coming, DataSource, ZoneEntry};
use tenon_image::{BuildError, ChangedZone, ImageBuilder, ImageFile};
use tenon_wire::{Name, NameRef};
use tenon_zone::{Rrset, RrsetRef};

/// RRsets between two signs of life.
const BEAT_EVERY: u32 = 4096;
/// RRsets from which on a zone is read by a thread of its own.
const WORTH_A_THREAD: u64 = 20_000;

/// Why no image file came of it.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// One zone cannot be compiled; the others may be.
    #[error("{reason}")]
    Zone {
        /// The zone.
        origin: Name,
        /// Why.
        reason: String,
    },
    /// The version was replaced while it was being read: there is a newer one to compile.
    #[error("zone {origin} was replaced while it was being compiled")]
    Superseded {
        /// The zone.
        origin: Name,
    },
    /// The file cannot be written or does not pass its verification.
    #[error("{0}")]
    File(BuildError),
    /// The store cannot be read.
    #[error("{0}")]
    Store(tenon_datasrc::Error),
}

/// Compiles these versions into the image file `name` of `directory`; `beat` is called now and then.
///
/// # Errors
/// See [`CompileError`]; nothing of the file is left then.
pub fn compile(
    directory: &Path,
    name: &str,
    source: &dyn DataSource,
    zones: &[ZoneEntry],
    beat: &dyn Fn(),
) -> Result<ImageFile, CompileError> {
    let mut builder = ImageBuilder::create(directory, name).map_err(CompileError::File)?;
    for zone in zones {
        add_zone(&mut builder, source, zone, beat)?;
    }
    beat();
    builder.finish().map_err(CompileError::File)
}

/// Compiles a version into the image file `name` of `directory` while it is being written, and gives what it was committed
/// as; none when nothing more of it came for too long.
///
/// # Errors
/// As [`compile`]; [`CompileError::Superseded`] also when its writer gave up.
pub fn compile_coming(
    directory: &Path,
    name: &str,
    source: &dyn DataSource,
    coming: &Coming,
) -> Result<Option<(ImageFile, ZoneEntry)>, CompileError> {
    let origin = &coming.origin;
    let told = |error| build_error(origin, error);
    let mut builder = ImageBuilder::create(directory, name).map_err(told)?;
    builder.begin_zone(origin.as_ref(), 0, coming.version).map_err(told)?;
    let mut refused = None;
    let followed = ahead::follow(source, coming, &mut |rrset| add(&mut builder, rrset, &mut refused));
    if let Some(error) = refused {
        return Err(told(error));
    }
    let Some(entry) = followed.map_err(|error| store_error(origin, error))? else { return Ok(None) };
    builder.set_serial(entry.serial).map_err(told)?;
    builder.end_zone().map_err(told)?;
    Ok(Some((builder.finish().map_err(told)?, entry)))
}

/// Compiles what these names hold in a version into the layer `name` of `directory`.
///
/// # Errors
/// As [`compile`].
pub fn compile_layer(
    directory: &Path,
    name: &str,
    source: &dyn DataSource,
    zone: &ZoneEntry,
    owners: &BTreeSet<Name>,
) -> Result<ImageFile, CompileError> {
    let told = |error| build_error(&zone.origin, error);
    let mut builder = ImageBuilder::create_layer(directory, name).map_err(told)?;
    builder.begin_zone(zone.origin.as_ref(), zone.serial, zone.version).map_err(told)?;
    let mut version = Version { source, zone };
    builder.restate(zone.origin.as_ref(), owners, &mut version)?;
    builder.end_zone().map_err(told)?;
    builder.finish().map_err(told)
}

/// A version in a store, name by name.
struct Version<'a> {
    source: &'a dyn DataSource,
    zone: &'a ZoneEntry,
}

impl ChangedZone for Version<'_> {
    type Error = CompileError;

    fn rrsets_of(&mut self, owners: &[NameRef<'_>]) -> Result<Vec<Vec<Rrset>>, CompileError> {
        let mut found = vec![Vec::new(); owners.len()];
        let mut names = owners.iter().zip(&mut found).peekable();
        let mut take = |rrset: RrsetRef<'_>| {
            // They come name by name in the order of the names.
            while names.next_if(|(owner, _)| **owner != rrset.owner).is_some() {}
            if let Some((_, rrsets)) = names.peek_mut() {
                rrsets.push(rrset.to_rrset());
            }
        };
        let read = self.source.rrsets_of(self.zone, owners, &mut take);
        read.map_err(|error| store_error(&self.zone.origin, error))?;
        Ok(found)
    }

    fn has_names_below(&mut self, owner: NameRef<'_>) -> Result<bool, CompileError> {
        let found = self.source.has_names_below(self.zone, owner);
        found.map_err(|error| store_error(&self.zone.origin, error))
    }
}

impl From<BuildError> for CompileError {
    fn from(error: BuildError) -> Self {
        Self::File(error)
    }
}

fn add_zone(
    builder: &mut ImageBuilder,
    source: &dyn DataSource,
    zone: &ZoneEntry,
    beat: &dyn Fn(),
) -> Result<(), CompileError> {
    let told = |error| build_error(&zone.origin, error);
    builder.begin_zone(zone.origin.as_ref(), zone.serial, zone.version).map_err(told)?;
    let mut refused = None;
    let mut count: u32 = 0;
    let mut take = |rrset: RrsetRef<'_>| {
        count = count.wrapping_add(1);
        if count.is_multiple_of(BEAT_EVERY) {
            beat();
        }
        add(builder, rrset, &mut refused)
    };
    let read = if zone.rrsets < WORTH_A_THREAD {
        source.read(zone, &mut take)
    } else {
        ahead::read(source, zone, &mut take)
    };
    if let Some(error) = refused {
        return Err(told(error));
    }
    match read {
        Ok(()) => builder.end_zone().map(drop).map_err(told),
        Err(error) => Err(store_error(&zone.origin, error)),
    }
}

fn add(builder: &mut ImageBuilder, rrset: RrsetRef<'_>, refused: &mut Option<BuildError>) -> ControlFlow<()> {
    match builder.add(rrset) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            *refused = Some(error);
            ControlFlow::Break(())
        }
    }
}

fn store_error(origin: &Name, error: tenon_datasrc::Error) -> CompileError {
    match error {
        tenon_datasrc::Error::VersionGone { .. } => CompileError::Superseded { origin: origin.clone() },
        error => CompileError::Store(error),
    }
}

fn build_error(origin: &Name, error: BuildError) -> CompileError {
    match error {
        BuildError::Io { .. } | BuildError::Verification { .. } => CompileError::File(error),
        _ => CompileError::Zone { origin: origin.clone(), reason: error.to_string() },
    }
}
