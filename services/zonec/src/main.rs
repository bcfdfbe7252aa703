//! Compiles committed zones into images.

fn main() {}
