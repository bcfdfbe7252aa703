//! Compiles committed zones into images.
