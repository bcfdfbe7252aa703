//! Jobs over a real bus: asked for, waited for, cancelled, and waited for across a lost connection.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

use std::time::Duration;

use serde_json::{Map, json};
use tenon_bus::names::JOBS_PATH;
use tenon_bus::{Bus, BusError, JobEvent, JobState, Jobs1, server};
use tenon_private_bus::PrivateBus;
use tenon_service::jobs::{self, Jobs};
use zbus::connection::Builder;

const NAME: &str = "org.tenon.Worker1";
/// Nothing here takes long; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection that serves jobs under the worker's name.
async fn serve(daemon: &PrivateBus, jobs: &Jobs) -> zbus::Connection {
    let address: &'static str = daemon.address().leak();
    let builder = jobs::bus::register(
        jobs,
        tenon_service::authorise::Action::ServiceControl,
        Builder::address(address),
    );
    builder.name(NAME).build().await.unwrap()
}

fn details() -> Map<String, serde_json::Value> {
    json!({"outcome": "current", "serial": 7, "warnings": ["odd"]}).as_object().unwrap().clone()
}

#[tokio::test]
async fn a_job_is_followed_to_its_end() {
    let daemon = PrivateBus::start().unwrap();
    let (jobs, news) = Jobs::new(10, 10);
    let connection = serve(&daemon, &jobs).await;
    let bus = Bus::at(&daemon.address()).await.unwrap();
    let peer = Jobs1::new(&bus, NAME);
    let mut events = bus.job_events().await.unwrap();
    let job = jobs.begin("refresh", "example.").unwrap();
    let number = job.number();
    job.enter("receiving", "octets", 0);
    job.set_done(12);
    let status = peer.get(number).await.unwrap();
    assert_eq!((status.state, status.phase.as_str(), status.done), (JobState::Running, "receiving", 12));
    assert_eq!(peer.list(0, 0).await.unwrap()[0].subject, "example.");

    let waiting = tokio::spawn({
        let peer = peer.clone();
        async move { peer.wait(number).await }
    });
    let (sender, current) = tokio::sync::watch::channel(Some(server::bus(connection)));
    tokio::spawn(jobs::bus::tell(tenon_service::CurrentBus::following(current), news));
    job.finish(JobState::Done, details());
    let ended = tokio::time::timeout(PATIENCE, waiting).await.unwrap().unwrap().unwrap();
    assert_eq!((ended.state, &ended.details), (JobState::Done, &details()));
    let event = tokio::time::timeout(PATIENCE, events.next()).await.unwrap();
    let (subject, result) = ("example.".to_owned(), JobState::Done);
    assert_eq!(event, Some(JobEvent::Finished { job: number, subject, result, details: details() }));
    drop(sender);

    // One that ended is known for a while, one that never was is not.
    assert_eq!(peer.wait(number).await.unwrap().state, JobState::Done);
    assert!(matches!(peer.wait(7).await, Err(BusError::NoSuchJob(_))));
    let other = jobs.begin("refresh", "other.").unwrap();
    peer.cancel(other.number()).await.unwrap();
    other.cancelled().await;
    assert!(matches!(peer.cancel(7).await, Err(BusError::NoSuchJob(_))));
}

#[tokio::test]
async fn an_end_whose_signal_was_lost_with_the_bus_is_found() {
    let mut daemon = PrivateBus::start().unwrap();
    let (jobs, _untold) = Jobs::new(10, 10);
    let _served = serve(&daemon, &jobs).await;
    let bus = Bus::at(&daemon.address()).await.unwrap();
    let (sender, current) = tokio::sync::watch::channel(Some(bus));
    let current = tenon_service::CurrentBus::following(current);
    let job = jobs.begin("refresh", "example.").unwrap();
    let number = job.number();
    let waiting = tokio::spawn(async move { jobs::bus::wait(&current, NAME, number).await });
    daemon.stop().unwrap();
    sender.send_replace(None);
    job.finish(JobState::Failed, Map::from_iter([("reason".to_owned(), json!("why"))]));
    daemon.restart().unwrap();
    sender.send_replace(Some(Bus::at(&daemon.address()).await.unwrap()));
    let _served_again = serve(&daemon, &jobs).await;
    let ended = tokio::time::timeout(PATIENCE, waiting).await.unwrap().unwrap().unwrap();
    assert_eq!((ended.state, ended.reason()), (JobState::Failed, "why"));
}

#[tokio::test]
async fn introspection_is_what_the_file_promises() {
    let daemon = PrivateBus::start().unwrap();
    let (jobs, _) = Jobs::new(1, 1);
    let _served = serve(&daemon, &jobs).await;
    assert_eq!(daemon.differences(NAME, JOBS_PATH, &["Jobs1"]).await, [""; 0]);
}
