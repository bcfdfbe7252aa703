//! Compiles zone files and answers from them on one loopback port, UDP and TCP: for comparing answers with peers.
//!
//! `cargo run -p tenon-answer --example serve -- LIST DIRECTORY PORT [full]`, LIST with lines "zone path".

mod common;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::Arc;

use tenon_answer::{AnswerSettings, Outcome, Scratch, Transport, respond};
use tenon_image::{Catalog, Manifest};

use common::asker;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [list, directory, port, rest @ ..] = arguments.as_slice() else {
        return Err("usage: serve LIST DIRECTORY PORT [full]".into());
    };
    let directory = Path::new(directory);
    common::compile(Path::new(list), directory)?;
    let manifest = Manifest::read(directory)?.ok_or("no manifest")?;
    let catalog = Arc::new(Catalog::open(directory, &manifest, None, &BTreeSet::new()));
    let settings = AnswerSettings { minimal_responses: rest.is_empty(), ..AnswerSettings::default() };
    let address = format!("127.0.0.1:{port}");
    let listener = TcpListener::bind(&address)?;
    let (shared, options) = (Arc::clone(&catalog), settings.clone());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (catalog, settings) = (Arc::clone(&shared), options.clone());
            std::thread::spawn(move || stream_of(stream, &catalog, &settings));
        }
    });
    let socket = UdpSocket::bind(&address)?;
    let (mut query, mut response, mut scratch) = ([0; 65535], [0; 65535], Scratch::new());
    loop {
        let (length, peer) = socket.recv_from(&mut query)?;
        let outcome = respond(
            &catalog,
            &settings,
            &asker(Transport::Udp),
            &query[..length],
            &mut response,
            &mut scratch,
        );
        if let Outcome::Reply(length) | Outcome::HandOver(length) = outcome {
            socket.send_to(&response[..length], peer)?;
        }
    }
}

fn stream_of(mut stream: TcpStream, catalog: &Catalog, settings: &AnswerSettings) -> std::io::Result<()> {
    let (mut query, mut response, mut scratch) = ([0; 65535], vec![0; 65537], Scratch::new());
    loop {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let query = &mut query[..u16::from_be_bytes(length) as usize];
        stream.read_exact(query)?;
        match respond(catalog, settings, &asker(Transport::Tcp), query, &mut response[2..], &mut scratch) {
            Outcome::Reply(length) | Outcome::HandOver(length) => {
                response[..2].copy_from_slice(&(length as u16).to_be_bytes());
                stream.write_all(&response[..length + 2])?;
            }
            Outcome::Silence => return Ok(()),
        }
    }
}
