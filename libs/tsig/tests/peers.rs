//! dig and kdig sign, and believe what we sign: each algorithm, one message and many.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use tenon_tsig::{Algorithm, Examined, Key, KeyRing, examine, now};

const SECRET: &str = "dGhlIHNlY3JldCBvZiBhIGtleSB0aGF0IGlzIGxvbmcgZW5vdWdo";
const SOA: &[u8] =
    b"\x07example\x00\x00\x06\x00\x01\x00\x00\x0e\x10\x00\x16\x00\x00\x00\x00\x00\x01\x00\x00\x00\x02\
    \x00\x00\x00\x03\x00\x00\x00\x04\x00\x00\x00\x05";
const TXT: &[u8] = b"\x07example\x00\x00\x10\x00\x01\x00\x00\x0e\x10\x00\x03\x02hi";

fn key(algorithm: Algorithm, secret: &str) -> Key {
    Key::from_base64("key.example.".parse().unwrap(), algorithm, secret).unwrap()
}

/// A server of one zone on a port of its own, for as long as the process lives.
struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(key: Key) -> Self {
        let (udp, tcp, address) = both_sockets();
        let ring: KeyRing = [key].into_iter().collect();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (also, all) = (ring.clone(), seen.clone());
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((length, from)) = udp.recv_from(&mut buffer) {
                for answer in answers(&buffer[..length], &also, &all) {
                    udp.send_to(&answer, from).unwrap();
                }
            }
        });
        let all = seen.clone();
        thread::spawn(move || {
            for stream in tcp.incoming() {
                // A client that does not like the first message goes before the last one.
                let _ = serve(stream.unwrap(), &ring, &all);
            }
        });
        Self { address, seen }
    }

    fn ask(&self, program: &str, key: &str, more: &[&str]) -> String {
        let port = self.address.port().to_string();
        let once = if program == "dig" { "+tries=1" } else { "+retry=0" };
        let run = Command::new(program)
            .args(["@127.0.0.1", "-p", &port, "-y", key, "+time=20", once])
            .args(more)
            .output()
            .unwrap();
        String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr)
    }

    /// What was made of the requests since this was asked last.
    fn seen(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

/// A datagram socket and a listener with the same port; one that is free for the first may be taken for the second.
fn both_sockets() -> (UdpSocket, TcpListener, SocketAddr) {
    for _ in 0..100 {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = udp.local_addr().unwrap();
        if let Ok(tcp) = TcpListener::bind(address) {
            return (udp, tcp, address);
        }
    }
    panic!("no port is free for both");
}

fn serve(mut stream: TcpStream, ring: &KeyRing, seen: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut request = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut request)?;
    for answer in answers(&request, ring, seen) {
        stream.write_all(&(answer.len() as u16).to_be_bytes())?;
        stream.write_all(&answer)?;
    }
    // The client closes when it has enough.
    stream.read(&mut length).map(drop)
}

/// An SOA; for AXFR three messages of it.
fn answers(request: &[u8], ring: &KeyRing, seen: &Mutex<Vec<String>>) -> Vec<Vec<u8>> {
    let mut session = match examine(request, ring, now()) {
        Examined::Signed(session) => session,
        Examined::Refused(refusal) => {
            seen.lock().unwrap().push(refusal.reason().to_string());
            return refusal.answer(request).into_iter().collect();
        }
        Examined::Unsigned => return Vec::new(),
    };
    seen.lock().unwrap().push(format!("signed with {}", session.key()));
    let question = &request[12..12 + 13];
    let records: &[&[u8]] = if question[10] == 252 { &[SOA, TXT, SOA] } else { &[SOA] };
    let message = |record: &&[u8]| {
        let mut message =
            [&request[..2], b"\x84\x00\x00\x01\x00\x01\x00\x00\x00\x00", question, record].concat();
        session.sign(&mut message, now()).unwrap();
        message
    };
    records.iter().map(message).collect()
}

#[test]
fn every_algorithm_with_dig_and_kdig_for_one_message_and_for_many() {
    for algorithm in Algorithm::ALL {
        let server = Server::start(key(algorithm, SECRET));
        let spec = format!("{algorithm}:key.example.:{SECRET}");
        for program in ["dig", "kdig"] {
            let whole = server.ask(program, &spec, &["example", "SOA", "+norec", "+noedns"]);
            assert!(whole.contains("NOERROR") && is_believed(&whole), "{program} {algorithm}: {whole}");
            let zone = server.ask(program, &spec, &["example", "AXFR"]);
            assert_eq!(zone.matches("\tSOA\t").count(), 2, "{program} {algorithm}: {zone}");
            assert!(zone.contains("\"hi\"") && is_believed(&zone), "{program} {algorithm}: {zone}");
            assert_eq!(server.seen(), ["signed with key.example."; 2], "{program} {algorithm}");
        }
    }
}

fn is_believed(output: &str) -> bool {
    !["verify", "failed", "ERROR", "WARNING"].iter().any(|word| output.replace("NOERROR", "").contains(word))
}

#[test]
fn dig_cuts_codes_and_believes_cut_ones() {
    for algorithm in ["hmac-sha256-128", "hmac-sha1-80", "hmac-sha512-256", "hmac-md5-80"] {
        let server = Server::start(key(algorithm.parse().unwrap(), SECRET));
        let spec = format!("{algorithm}:key.example.:{SECRET}");
        let zone = server.ask("dig", &spec, &["example", "AXFR"]);
        assert!(zone.matches("\tSOA\t").count() == 2 && is_believed(&zone), "{algorithm}: {zone}");
    }
    let server = Server::start(key(Algorithm::HMAC_SHA256, SECRET));
    let refused =
        server.ask("dig", &format!("hmac-sha256-128:key.example.:{SECRET}"), &["example", "SOA", "+noedns"]);
    assert_eq!(server.seen(), ["the signature is cut to 16 octets; the key asks for 32"]);
    assert!(refused.contains("NOTAUTH") && refused.contains("BADTRUNC"), "{refused}");
}

#[test]
fn dig_reads_why_it_was_refused() {
    let server = Server::start(key(Algorithm::HMAC_SHA256, SECRET));
    for (spec, error) in [
        (format!("hmac-sha256:key.example.:AAAA{SECRET}"), "BADSIG"),
        (format!("hmac-sha256:other.example.:{SECRET}"), "BADKEY"),
        (format!("hmac-sha512:key.example.:{SECRET}"), "BADKEY"),
    ] {
        let refused = server.ask("dig", &spec, &["example", "SOA", "+noedns"]);
        assert!(refused.contains("NOTAUTH") && refused.contains(error), "{error}: {refused}");
    }
}
