//! Typed proxies of Tenon's D-Bus interfaces.
//!
//! The XML files beside this crate are the contract; here is what a Rust program calls. A [`Bus`] is a connection;
//! each proxy ([`Config1`], [`Stats1`], [`Auth1`], [`Zonec1`], [`Cfgmgr1`],
//! [`Collector1`], [`Cmdctl1`], [`Xfrin1`], [`Jobs1`]) is one object of one peer, and shows types
//! of its own only. The bus library itself is seen in [`server`] alone, which daemons use to serve objects.
//!
//! Looking never starts anything: every call carries no-auto-start, except the verbs of [`Cfgmgr1`] and [`Loader1`],
//! which an operator means. Every call has a time limit, after which it fails with [`BusError::NoReply`].

mod auth;
mod bus;
mod cfgmgr;
mod cmdctl;
mod collector;
mod config;
mod ddns;
mod error;
mod explain;
mod jobs;
mod loader;
mod log_control;
pub mod names;
mod peer;
mod prompt;
mod relayed;
pub mod server;
pub mod services;
mod stats;
mod systemd;
mod value;
mod xfrin;
mod xfrout;
mod zonec;
mod zonemgr;
mod zones;

pub use auth::{
    AnswerTimes, Auth1, AuthState, AuthZone, AuthZoneDetails, Listener, TopClient, ZoneCountersPage,
};
pub use bus::{Bus, OwnerChange, OwnerChanges};
pub use cfgmgr::{
    Cfgmgr1, CfgmgrState, Change, CommitEvent, CommitEvents, CommitOutcome, Edit, HistoryEntry, ListedKey,
    Unconfirmed, Verdict,
};
pub use cmdctl::{Cmdctl1, CmdctlState};
pub use collector::{Collected, CollectedComponent, CollectedZones, Collector1, CollectorState};
pub use config::{Checked, Config1, ConfigState};
pub use ddns::{Ddns1, DdnsState, RecordEdit, ZoneDifference, ZoneRecord};
pub use error::BusError;
pub use explain::{Explain1, ExplainedRule, Explanation, MadeUpRequest};
pub use jobs::{JobEvent, JobEvents, JobState, JobStatus, Jobs1, ListedJob};
pub use loader::{Expect, Loader1};
pub use log_control::LogControl1;
pub use prompt::Prompt;
pub use relayed::{Relay, RelayedCall, RelayedReply, Replying};
pub use stats::{CounterKind, CounterMeaning, Stats1, StatsState};
pub use systemd::{Systemd, Unit, UnitDetails};
pub use xfrin::{SecondaryZone, SecondaryZoneDetails, Xfrin1, XfrinState};
pub use xfrout::{TransferOut, Xfrout1, XfroutState};
pub use zonec::{StoredZone, StoredZoneDetails, Zonec1, ZonecState};
pub use zonemgr::{ManagedZone, ManagedZoneDetails, Zonemgr1, ZonemgrState};
pub use zones::{ZoneEvent, ZoneEvents};
