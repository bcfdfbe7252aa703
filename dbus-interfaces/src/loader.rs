//! `org.tenon.Loader1`: loads zones that are sent, for those who may not write the store.

use std::fs::File;
use std::os::fd::AsFd;
use std::time::Duration;

use crate::names::{LOADER, LOADER_INTERFACE, LOADER_PATH};
use crate::peer::{AutoStart, Peer};
use crate::{Bus, BusError, Jobs1};

/// How long a verb may take, the start of the service included.
const LIMIT: Duration = Duration::from_secs(60);

/// Who loads zones that are sent.
#[derive(Clone, Debug)]
pub struct Loader1 {
    peer: Peer,
    jobs: Jobs1,
}

/// Which version of a zone is to be replaced; of any other nothing is touched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expect {
    /// Whatever there is, or none.
    #[default]
    Anything,
    /// None: the zone is new.
    Absent,
    /// The one with this serial.
    Serial(u32),
}

impl Loader1 {
    /// Who loads zones on this bus; a call starts the service.
    pub fn new(bus: &Bus) -> Self {
        Self {
            peer: Peer::new(bus, LOADER, LOADER_PATH, LOADER_INTERFACE, AutoStart::Yes),
            jobs: Jobs1::new(bus, LOADER),
        }
    }

    /// Its jobs.
    pub fn jobs(&self) -> &Jobs1 {
        &self.jobs
    }

    /// Begins a job that loads a zone from a master file, from its beginning; gives its number. Fails with
    /// [`BusError::InvalidValue`] and [`BusError::Busy`].
    pub async fn load(&self, zone: &str, file: &File, force: bool, expect: Expect) -> Result<u64, BusError> {
        let body = (zone, zbus::Fd::from(file.as_fd()), force, expect.text());
        self.peer.change_within(LIMIT, "Load", &body).await
    }

    /// Begins a job that reads and checks a zone and stores nothing; gives its number. Fails as [`Self::load`] does.
    pub async fn check(&self, zone: &str, file: &File) -> Result<u64, BusError> {
        self.peer.change_within(LIMIT, "Check", &(zone, zbus::Fd::from(file.as_fd()))).await
    }

    /// Removes a zone from the store; false when it is not there. Fails with [`BusError::Conflict`].
    pub async fn remove(&self, zone: &str, expect: Expect) -> Result<bool, BusError> {
        self.peer.change_within(LIMIT, "Remove", &(zone, expect.text())).await
    }
}

impl Expect {
    fn text(self) -> String {
        match self {
            Self::Anything => String::new(),
            Self::Absent => "absent".to_owned(),
            Self::Serial(serial) => serial.to_string(),
        }
    }
}
