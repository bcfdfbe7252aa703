//! Keeps the settings: numbered generations, checked by their owners.

fn main() {}
