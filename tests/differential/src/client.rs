//! Asks many questions of one server, with some always under way.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use crate::Question;

/// Questions under way over UDP: what every server's receive buffer holds.
const WINDOW: usize = 48;
/// Questions written to a connection before answers are read.
const PIPELINE: usize = 16;
/// A question nobody answered within this time is asked again.
const WAIT: Duration = Duration::from_millis(1500);
/// How often.
const TRIES: usize = 4;

/// The answers in the order of the questions; none where there was none after several tries.
#[must_use]
pub fn ask_udp(server: SocketAddr, questions: &[Question]) -> Vec<Option<Vec<u8>>> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server).unwrap();
    socket.set_read_timeout(Some(WAIT)).unwrap();
    let mut answers = vec![None; questions.len()];
    let (mut next, mut tries) = (0, 0);
    let mut waiting: HashMap<u16, usize> = HashMap::new();
    let mut buffer = [0; 65535];
    loop {
        while next < questions.len() && waiting.len() < WINDOW {
            let id = next as u16;
            let _ = socket.send(&questions[next].message(id));
            waiting.insert(id, next);
            next += 1;
        }
        if waiting.is_empty() {
            return answers;
        }
        match socket.recv(&mut buffer) {
            Ok(length) if length >= 12 => {
                let id = u16::from_be_bytes([buffer[0], buffer[1]]);
                if let Some(index) = waiting.remove(&id) {
                    answers[index] = Some(buffer[..length].to_vec());
                    tries = 0;
                }
            }
            Ok(_) => {}
            Err(_) if tries < TRIES => {
                tries += 1;
                for (&id, &index) in &waiting {
                    let _ = socket.send(&questions[index].message(id));
                }
            }
            Err(_) => waiting.clear(),
        }
    }
}

/// The same over one TCP connection, several at a time.
#[must_use]
pub fn ask_tcp(server: SocketAddr, questions: &[Question]) -> Vec<Option<Vec<u8>>> {
    let mut answers = vec![None; questions.len()];
    let mut stream = None;
    for (chunk, start) in questions.chunks(PIPELINE).zip((0..).step_by(PIPELINE)) {
        for _ in 0..TRIES {
            let connection = stream.get_or_insert_with(|| connect(server));
            match exchange(connection, chunk) {
                Ok(received) => {
                    for (offset, answer) in received {
                        if let Some(place) = answers.get_mut(start + offset) {
                            *place = Some(answer);
                        }
                    }
                    break;
                }
                // Servers may close a connection when it suits them.
                Err(_) => stream = None,
            }
        }
    }
    answers
}

fn connect(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(WAIT)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn exchange(stream: &mut TcpStream, questions: &[Question]) -> std::io::Result<Vec<(usize, Vec<u8>)>> {
    let mut octets = Vec::new();
    for (index, question) in questions.iter().enumerate() {
        let message = question.message(index as u16);
        octets.extend_from_slice(&(message.len() as u16).to_be_bytes());
        octets.extend_from_slice(&message);
    }
    stream.write_all(&octets)?;
    let mut received = Vec::new();
    for _ in questions {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut message)?;
        let id = message.first_chunk().ok_or(ErrorKind::InvalidData)?;
        received.push((usize::from(u16::from_be_bytes(*id)), message));
    }
    Ok(received)
}
