//! The server as a process of its own, on sockets that the test holds as PID 1 would, mostly without any bus.

// Helpers of tests fail like tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeSet;
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::TcpStream;
use std::process::Command;

use common::zones::{image, publish, zone};
use common::{Answer, House, PATIENCE, ask, client, question, until};
use tenon_image::Manifest;

const NOERROR: u8 = 0;
const REFUSED: u8 = 5;

#[test]
fn without_zones_and_bus_it_is_ready_and_refuses() {
    let house = House::new(2);
    let _server = house.start_ready();
    assert_eq!(ask(&client(), house.address, "www.example.").rcode, REFUSED);
}

#[test]
fn a_manifest_that_comes_later_is_found_without_a_bus() {
    let house = House::new(2);
    let _server = house.start_ready();
    let client = client();
    for generation in 1..4 {
        let address = [192, 0, 2, u8::try_from(generation).unwrap()];
        publish(&house.images(), generation, "example.", address);
        until("the new address is answered", || {
            let answer = ask(&client, house.address, "www.example.");
            answer.rcode == NOERROR && answer.address == address
        });
    }
}

#[test]
fn a_manifest_that_breaks_or_goes_changes_nothing() {
    let house = House::new(1);
    let images = house.images();
    publish(&images, 1, "example.", [192, 0, 2, 1]);
    let _server = house.start_ready();
    let client = client();
    let good = ask(&client, house.address, "www.example.");
    assert_eq!((good.rcode, good.address), (NOERROR, [192, 0, 2, 1]));
    std::fs::write(images.join("MANIFEST.new"), "tenon-manifest 1\n").unwrap();
    std::fs::rename(images.join("MANIFEST.new"), images.join("MANIFEST")).unwrap();
    // Whatever it makes of that, a sound one is taken up afterwards, and nothing else was ever answered.
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(ask(&client, house.address, "www.example."), good);
    std::fs::remove_file(images.join("MANIFEST")).unwrap();
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(ask(&client, house.address, "www.example."), good);
    publish(&images, 2, "example.", [192, 0, 2, 2]);
    until("the new address is answered", || {
        ask(&client, house.address, "www.example.").address == [192, 0, 2, 2]
    });
}

#[test]
fn nothing_is_lost_when_it_is_killed_and_started_again() {
    let house = House::new(2);
    publish(&house.images(), 1, "example.", [192, 0, 2, 1]);
    let server = house.start_ready();
    let clients: Vec<_> = (0..8).map(|_| client()).collect();
    // One socket has room for all of them, should the kernel give it all.
    let per_client = 40_u16;
    let send = |from: u16, to: u16| {
        for number in from..to {
            for client in &clients {
                client.send_to(&question(number, "www.example.", 1), house.address).unwrap();
            }
        }
    };
    send(0, 20);
    // What was sent before is answered before the kill or after it, but not lost while it lies in the sockets.
    for client in &clients {
        let mut message = [0; 512];
        for _ in 0..20 {
            client.recv(&mut message).unwrap();
        }
    }
    server.kill();
    send(20, per_client);
    let mut stream = TcpStream::connect(house.address).expect("the listener is still open");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let query = question(9, "www.example.", 1);
    stream.write_all(&u16::try_from(query.len()).unwrap().to_be_bytes()).unwrap();
    stream.write_all(&query).unwrap();

    let _server = house.start();
    for client in &clients {
        let mut missing: BTreeSet<u16> = (20..per_client).collect();
        while !missing.is_empty() {
            let mut message = [0; 512];
            let length = client.recv(&mut message).expect("nothing lost");
            let answer = Answer::read(&message[..length]);
            assert_eq!((answer.rcode, answer.address), (NOERROR, [192, 0, 2, 1]));
            assert!(missing.remove(&answer.number));
        }
    }
    let mut prefix = [0; 2];
    stream.read_exact(&mut prefix).expect("the waiting connection is served");
}

#[test]
fn told_to_stop_it_answers_what_it_was_sent_and_ends_well() {
    let house = House::new(1);
    publish(&house.images(), 1, "example.", [192, 0, 2, 1]);
    let server = house.start_ready();
    let mut stream = TcpStream::connect(house.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let query = question(9, "www.example.", 1);
    let mut framed = u16::try_from(query.len()).unwrap().to_be_bytes().to_vec();
    framed.extend(&query);
    stream.write_all(&framed).unwrap();
    let mut reply = [0; 2];
    stream.read_exact(&mut reply).unwrap();
    let mut rest = vec![0; usize::from(u16::from_be_bytes(reply))];
    stream.read_exact(&mut rest).unwrap();
    stream.write_all(&framed).unwrap();
    assert!(server.terminate().success());
    stream.read_exact(&mut reply).expect("the second query is answered, too");
    stream.read_exact(&mut rest).unwrap();
    assert_eq!(stream.read(&mut reply).unwrap(), 0, "then the connection is closed");
}

#[test]
fn a_damaged_body_is_found_and_the_previous_image_served() {
    let house = House::new(1);
    let images = house.images();
    let old = image(&images, "example.", 1, [192, 0, 2, 1]);
    let new = image(&images, "example.", 2, [192, 0, 2, 2]);
    // The address stands in the body, once; a start checks header and directory alone.
    let path = images.join(&new.name);
    let octets = std::fs::read(&path).unwrap();
    let place = octets.windows(4).position(|octets| octets == [192, 0, 2, 2]).unwrap();
    let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(place as u64 + 3)).unwrap();
    file.write_all(&[99]).unwrap();
    drop(file);
    let zones = vec![zone("example.", 2, new, Some((1, old)))];
    Manifest { generation: 2, zones }.write(&images).unwrap();

    let _server = house.start_ready();
    let client = client();
    until("the previous image is answered from", || {
        ask(&client, house.address, "www.example.").address == [192, 0, 2, 1]
    });
    // Loading the zone again mends it.
    publish(&images, 3, "example.", [192, 0, 2, 3]);
    until("the new image is answered from", || {
        ask(&client, house.address, "www.example.").address == [192, 0, 2, 3]
    });
}

#[test]
fn a_missing_image_costs_its_own_zone_only() {
    let house = House::new(1);
    let images = house.images();
    let sound = image(&images, "example.", 1, [192, 0, 2, 1]);
    let missing = image(&images, "missing.", 1, [192, 0, 2, 9]);
    std::fs::remove_file(images.join(&missing.name)).unwrap();
    let zones = vec![zone("example.", 1, sound, None), zone("missing.", 1, missing, None)];
    Manifest { generation: 1, zones }.write(&images).unwrap();
    let _server = house.start_ready();
    let client = client();
    assert_eq!(ask(&client, house.address, "www.example.").rcode, NOERROR);
    assert_eq!(ask(&client, house.address, "www.missing.").rcode, 2, "SERVFAIL");
}

#[test]
fn committed_settings_are_in_force_from_the_start() {
    let house = House::new(1);
    publish(&house.images(), 1, "example.", [192, 0, 2, 1]);
    let generations = house.config().join("generations");
    std::fs::create_dir(&generations).unwrap();
    let stored = serde_json::json!({
        "generation": 3, "committed_usec": 1, "author": "root", "comment": "",
        "settings": {"auth": {"udp_payload_size": 700}},
    });
    std::fs::write(generations.join("00000003.json"), stored.to_string()).unwrap();
    std::os::unix::fs::symlink("generations/00000003.json", house.config().join("current")).unwrap();
    let _server = house.start_ready();
    let mut query = question(1, "www.example.", 1);
    query[11] = 1;
    query.extend([0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 0]);
    let client = client();
    client.send_to(&query, house.address).unwrap();
    let mut message = [0; 512];
    let length = client.recv(&mut message).unwrap();
    // The OPT record comes last: the size stands behind its type.
    assert_eq!(message[length - 11..length - 6], [0, 0, 41, 2, 188], "700 octets");
}

#[test]
fn broken_queries_harm_nobody_else() {
    let house = House::new(1);
    publish(&house.images(), 1, "example.", [192, 0, 2, 1]);
    let _server = house.start_ready();
    let sender = client();
    sender.set_nonblocking(true).unwrap();
    let model = question(1, "www.example.", 1);
    let mut state = 1_u64;
    let mut random = || {
        // Knuth's generator: the same queries in each run.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap()
    };
    let sound = client();
    for number in 0..20_000 {
        let mut query = model.clone();
        for _ in 0..=random() % 4 {
            let place = random() % query.len();
            query[place] = u8::try_from(random() % 256).unwrap();
        }
        query.truncate(1 + random() % query.len());
        query.resize(query.len() + random() % 20, u8::try_from(random() % 256).unwrap());
        sender.send_to(&query, house.address).unwrap();
        // Answers are not of interest, but must not pile up.
        while sender.recv(&mut [0; 4096]).is_ok() {}
        // Now and then, so that the broken ones never fill the socket's queue.
        if number % 100 == 0 {
            let answer = ask(&sound, house.address, "www.example.");
            assert_eq!((answer.rcode, answer.address), (NOERROR, [192, 0, 2, 1]));
        }
    }
}

#[test]
fn without_sockets_it_says_what_to_do() {
    let scratch = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tenon-auth"))
        .arg("--images")
        .arg(scratch.path())
        .env_remove("LISTEN_FDS")
        .output()
        .unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("start its socket units"), "{text}");
}

#[test]
fn the_schema_names_every_option() {
    let output = Command::new(env!("CARGO_BIN_EXE_tenon-auth")).arg("--print-schema").output().unwrap();
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let options = schema["properties"].as_object().unwrap();
    assert!(options.contains_key("listen_on") && options.contains_key("tcp_clients"));
    for (option, about) in options {
        assert!(about["description"].is_string(), "{option} has no prose");
    }
}
