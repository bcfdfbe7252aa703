//! The program as its users meet it.

mod place;
mod program;
mod signals;
