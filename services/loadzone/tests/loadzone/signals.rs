//! Signals in the middle of a load: the old zone stays, and nothing of the new one.

use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::place::{Place, Run, ZONE, finish};
use rustix::process::{Pid, Signal, kill_process};
use tenon_datasrc::DataSource;

const RECORDS: usize = 150_000;

/// A place where a small zone is stored and a larger one waits.
fn place() -> Place {
    let place = Place::new();
    place.write("small", ZONE);
    assert_eq!(place.run(&["example.com", "small"]).status, 0);
    let mut text = ZONE.replace(" 7 ", " 8 ");
    for number in 0..RECORDS {
        text += &format!("h{number} 60 A 192.0.2.1\n");
    }
    place.write("large", &text);
    place
}

/// Octets in the log and the database.
fn stored(place: &Place) -> u64 {
    ["zones.sqlite", "zones.sqlite-wal"]
        .iter()
        .filter_map(|name| place.path(name).metadata().ok())
        .map(|m| m.len())
        .sum()
}

/// Loads the large zone and sends a signal as soon as some of it is in the store.
fn load_and_send(place: &Place, signal: Signal) -> Run {
    let before = stored(place);
    let mut command = place.command(&["--no-signal", "example.com", "large"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    while stored(place) < before + 1_000_000 {
        assert!(began.elapsed() < Duration::from_secs(120), "nothing is written");
        std::thread::sleep(Duration::from_millis(2));
    }
    kill_process(Pid::from_child(&child), signal).unwrap();
    finish(child)
}

#[test]
fn interrupted_and_terminated_loads_leave_nothing() {
    let place = place();
    let before = place.entry("example.com").unwrap();
    for (signal, status) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let run = load_and_send(&place, signal);
        assert_eq!(run.status, status, "{run:?}");
        assert!(run.err.contains("example.com. interrupted; the store is as it was"), "{run:?}");
        assert_eq!(place.entry("example.com").as_ref(), Some(&before));
        assert_eq!(place.source().clear_leftovers().unwrap(), 0, "after {signal:?}");
    }
    assert_eq!(place.run(&["example.com", "large"]).status, 0);
    assert_eq!(place.entry("example.com").unwrap().records as usize, RECORDS + 5);
}

#[test]
fn a_killed_load_leaves_the_old_zone_and_the_next_load_works() {
    let place = place();
    let before = place.entry("example.com").unwrap();
    assert_eq!(load_and_send(&place, Signal::KILL).status, -1);
    assert_eq!(place.entry("example.com").as_ref(), Some(&before));
    assert_eq!(place.run(&["example.com", "large"]).status, 0);
    assert_eq!(place.entry("example.com").unwrap().serial, 8);
    assert_eq!(place.source().clear_leftovers().unwrap(), 0, "the load cleared what the killed one left");
}

#[test]
fn a_signal_while_reading_ends_it_at_once() {
    let place = Place::new();
    let mut command = place.command(&["--no-signal", "example.com", "-"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    // Enough to be read in several pieces; that it takes them says that it watches for signals by now.
    std::io::Write::write_all(
        &mut input,
        format!("{ZONE}{}", "a 60 A 192.0.2.1\n".repeat(40_000)).as_bytes(),
    )
    .unwrap();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let _ = std::io::Write::write_all(&mut input, "b 60 A 192.0.2.1\n".repeat(40_000).as_bytes());
    drop(input);
    let run = finish(child);
    assert_eq!(run.status, 143, "{run:?}");
    assert_eq!(place.entry("example.com"), None);
}

#[test]
fn two_loads_of_one_zone_do_not_mix() {
    let place = place();
    let mut command = place.command(&["--no-signal", "example.com", "large"]);
    let mut first = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let before = stored(&place);
    while stored(&place) < before + 1_000_000 {
        assert!(first.try_wait().unwrap().is_none(), "the load ended before the second one began");
        std::thread::sleep(Duration::from_millis(2));
    }
    place.write("other", &ZONE.replace(" 7 ", " 9 "));
    let second = place.run(&["example.com", "other"]);
    let mut said = String::new();
    first.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(first.wait().unwrap().success());
    match second.status {
        3 => assert!(second.err.contains("another load or update of this zone is under way"), "{second:?}"),
        status => assert_eq!(status, 0, "the first one ended in time: {second:?}"),
    }
}
