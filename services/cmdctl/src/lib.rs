//! `tenon-cmdctl`: the REST door.
//!
//! Reads its accounts and its certificate with key, all below `/var/lib/tenon/cmdctl/`, which it alone owns and can
//! read; writes there a certificate of its own at the first start; owns `org.tenon.Cmdctl1` on the bus and TCP sockets.
//! Everything it shows and changes it asks of the other services over the bus, and the bus policy lets its user call the
//! few verbs that it needs and no others: whoever broke in here could do what an account can, and no more.
//!
//! # Its task
//! A request comes over TLS (`server`), is told by its account (`gate`), is bounded in size and time, and is answered by
//! a function of `api`, which asks one service. What fails is a problem document (`problem`, RFC 9457). A service that
//! is not there is named in it; nothing that an operator stopped is started from here.
//!
//! A change is one request with all its edits, which tenon-cfgmgr commits whole or not at all, with the account as
//! author. No session and no candidate is kept here, so that two requests never mix.

pub mod accounts;
pub mod api;
pub mod attempts;
pub mod audit;
pub mod certificate;
pub mod client_authority;
pub mod door;
pub mod events;
pub mod gate;
pub mod images;
mod lent;
pub mod messages;
pub mod password;
pub mod problem;
pub mod scope;
pub mod server;
pub mod settings;
pub mod spool;
pub mod statistics;
pub mod tool;
pub mod verbs;
mod verdict;
pub mod watched;

pub use door::Door;
pub use settings::CmdctlSettings;
