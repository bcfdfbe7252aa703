//! Loads a master file into the data source.

fn main() {}
