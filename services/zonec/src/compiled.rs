//! What compiling gave: an image file, and what it stands on.

use tenon_image::ImageFile;

use crate::plan::Wanted;

/// A version of a zone that can be answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Compiled {
    /// The version.
    pub wanted: Wanted,
    /// The new file: a whole zone, a pack with it, or a layer.
    pub file: ImageFile,
    /// For a layer: the files below it, base first.
    pub onto: Option<Onto>,
}

/// The image that a layer was compiled for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Onto {
    /// The version that the image shows.
    pub version: u64,
    /// All its files, base first.
    pub files: Vec<ImageFile>,
    /// How many of them stay below the layer; it restates what the others say.
    pub kept: usize,
}

impl Compiled {
    /// The files of the zone from now on, base first.
    #[must_use]
    pub fn files(&self) -> Vec<ImageFile> {
        let below = self.onto.iter().flat_map(|onto| onto.files.iter().take(onto.kept));
        below.chain([&self.file]).cloned().collect()
    }
}
