//! Immutable mapped zone images: build, check, map, look up.
