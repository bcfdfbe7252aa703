//! `tenon-listen`: turns the committed `auth/listen_on` into socket units of PID 1.
//!
//! A root oneshot, run at boot and, through `tenon-listen.path`, whenever `listen.json` changes. It is the only part
//! of Tenon that runs as root, so it does one thing and trusts nothing in the file it reads.
//!
//! * reads `/var/lib/tenon/config/listen.json` (written by `tenon-cfgmgr`) and the drop-ins it wrote before
//! * writes drop-ins below `/run/systemd/system` and `/run/tenon/listen-status.json`
//! * owns no state of its own: the drop-ins are the state
//!
//! All or nothing: new addresses are first tried by PID 1 with a probe unit; then the units are written, systemd
//! reloaded and `tenon-auth` restarted once. Where an address cannot be had, the old units are put back and the
//! reason is told. Sockets of addresses that stay are never touched, so nothing that waits in them is lost.

pub mod change;
pub mod layout;
pub mod manager;
pub mod messages;
pub mod request;
pub mod status;
