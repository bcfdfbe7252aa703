//! Answers queries from mapped zone images.

fn main() {}
