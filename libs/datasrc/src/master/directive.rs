//! Lines that begin with `$`: `$ORIGIN`, `$TTL`, `$INCLUDE`.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tenon_wire::name::MAX_NAME;
use tenon_wire::rdata;
use tenon_wire::{Name, NameRef};

use super::lexer::{Lexer, Word};
use super::problem::Reason;
use super::reader::{Fault, Place, Reader, Stop, printable};
use super::record::Item;

impl<Visit: FnMut(Item<'_>) -> ControlFlow<()>> Reader<'_, Visit> {
    pub(super) fn directive(&mut self, lexer: &Lexer, place: Place<'_>) -> Result<Result<(), Fault>, Stop> {
        let Some((&keyword, arguments)) = lexer.words().split_first() else { return Ok(Ok(())) };
        match lexer.text(keyword).to_ascii_uppercase().as_slice() {
            b"$ORIGIN" => Ok(self.origin_directive(lexer, arguments)),
            b"$TTL" => Ok(self.ttl_directive(lexer, arguments)),
            b"$INCLUDE" => self.include(lexer, arguments, place),
            b"$GENERATE" => self.generate(lexer, arguments, place),
            other => Ok(Err(Fault::new(0, Reason::UnknownDirective(printable(other))))),
        }
    }

    fn origin_directive(&mut self, lexer: &Lexer, arguments: &[Word]) -> Result<(), Fault> {
        let [name] = arguments else { return Err(Fault::new(0, Reason::Usage("$ORIGIN name"))) };
        let origin = self.name_of(lexer, *name).map_err(|reason| Fault::new(1, reason))?;
        self.set_origin(origin);
        Ok(())
    }

    fn ttl_directive(&mut self, lexer: &Lexer, arguments: &[Word]) -> Result<(), Fault> {
        let [ttl] = arguments else { return Err(Fault::new(0, Reason::Usage("$TTL seconds"))) };
        let ttl = rdata::parse_ttl(lexer.text(*ttl)).ok_or_else(|| Fault::new(1, Reason::BadTtl))?;
        self.default_ttl = Some(ttl);
        Ok(())
    }

    fn include(
        &mut self,
        lexer: &Lexer,
        arguments: &[Word],
        place: Place<'_>,
    ) -> Result<Result<(), Fault>, Stop> {
        let (&file, origin) = match arguments {
            [file] => (file, None),
            [file, origin] => (file, Some(*origin)),
            _ => return Ok(Err(Fault::new(0, Reason::Usage("$INCLUDE file [origin]")))),
        };
        let origin = match origin.map(|word| self.name_of(lexer, word)).transpose() {
            Ok(origin) => origin,
            Err(reason) => return Ok(Err(Fault::new(2, reason))),
        };
        let path = beside(place.path, lexer.text(file));
        let (file, identity) = match self.open(&path, place.path) {
            Ok(opened) => opened,
            Err(reason) => return Ok(Err(Fault::new(1, reason))),
        };
        let outermost = self.open_files.is_empty();
        if outermost && let Some(identity) = identity_of(place.path) {
            self.open_files.push(identity);
        }
        self.open_files.push(identity);
        let outcome = self.keeping_place(|reader| {
            if let Some(origin) = origin {
                reader.set_origin(origin);
            }
            reader.read(Box::new(file), &path)
        });
        self.open_files.pop();
        if outermost {
            self.open_files.clear();
        }
        outcome.map(Ok)
    }

    /// Opens an included file, unless that would go on for ever. Gives its device and inode with it.
    fn open(&mut self, path: &Path, includer: &Path) -> Result<(File, (u64, u64)), Reason> {
        let failed = |reason: &dyn std::fmt::Display| Reason::Include {
            path: path.to_owned(),
            reason: reason.to_string(),
        };
        if self.limits.inclusions == 0 {
            return Err(Reason::IncludeNotHere);
        }
        // Before opening: that of a pipe would wait for a writer.
        let metadata = fs::metadata(path).map_err(|error| failed(&error))?;
        if !metadata.is_file() {
            return Err(failed(&"not a regular file"));
        }
        let file = File::open(path).map_err(|error| failed(&error))?;
        let identity = (metadata.dev(), metadata.ino());
        if self.open_files.contains(&identity) || identity_of(includer) == Some(identity) {
            return Err(Reason::IncludeLoop(path.to_owned()));
        }
        // The outermost file is counted too.
        if self.open_files.len().max(1) >= self.limits.include_depth {
            return Err(Reason::TooManyInclusions(self.limits.include_depth));
        }
        self.inclusions += 1;
        if self.inclusions > self.limits.inclusions {
            return Err(Reason::TooManyInclusions(self.limits.inclusions));
        }
        Ok((file, identity))
    }

    fn name_of(&self, lexer: &Lexer, word: Word) -> Result<Name, Reason> {
        let mut buffer = [0; MAX_NAME];
        NameRef::parse_text(lexer.text(word), Some(self.origin.as_ref()), &mut buffer)
            .map(NameRef::to_name)
            .map_err(Reason::Name)
    }
}

/// Relative paths start where the including file is, so that a tree of files can be moved as a whole; those in a text
/// that is no file (standard input, say) start at the current directory.
fn beside(includer: &Path, file: &[u8]) -> PathBuf {
    let file = Path::new(OsStr::from_bytes(file));
    let directory = includer.parent().filter(|_| includer.is_file());
    directory.map_or_else(|| file.to_owned(), |directory| directory.join(file))
}

fn identity_of(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}
