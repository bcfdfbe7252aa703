//! Writes the socket units of the committed listen_on.

fn main() {}
