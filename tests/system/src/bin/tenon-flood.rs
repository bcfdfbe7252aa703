//! Sends queries at a steady rate from several source ports and counts what becomes of each.

use clap::Parser;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use tenon_system_tests::flood::Tally;

/// Longest wait for answers after the last query.
const TAIL: Duration = Duration::from_secs(5);

#[derive(Parser)]
struct Arguments {
    /// Address and port to ask.
    #[arg(long)]
    server: SocketAddr,
    /// Name to ask the address of.
    #[arg(long)]
    name: String,
    /// Queries a second.
    #[arg(long)]
    rate: u32,
    /// Length of the stream.
    #[arg(long)]
    seconds: u32,
    /// Source ports.
    #[arg(long, default_value_t = 8)]
    sockets: usize,
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let query = query(&arguments.name);
    let mut clients = Vec::new();
    for _ in 0..arguments.sockets.max(1) {
        clients.push(Client::new(arguments.server)?);
    }
    let tally = run(&arguments, &query, &mut clients);
    println!("{}", serde_json::to_string(&tally)?);
    Ok(())
}

fn run(arguments: &Arguments, query: &[u8], clients: &mut [Client]) -> Tally {
    let mut tally = Tally::default();
    let (begun, total) = (Instant::now(), u64::from(arguments.rate) * u64::from(arguments.seconds));
    let (mut last_answer, mut ended) = (begun, None);
    loop {
        let due = (begun.elapsed().as_secs_f64() * f64::from(arguments.rate)) as u64;
        while tally.sent < due.min(total) {
            let count = clients.len() as u64;
            clients[(tally.sent % count) as usize].send(query, &mut tally);
        }
        let before = tally.answered;
        clients.iter_mut().for_each(|client| client.receive(query, &mut tally));
        let open = tally.sent - tally.answered;
        if tally.answered > before || open == 0 {
            last_answer = Instant::now();
        }
        tally.longest_silence_ms = tally.longest_silence_ms.max(last_answer.elapsed().as_millis() as u64);
        if tally.sent == total {
            let end = *ended.get_or_insert_with(Instant::now);
            if open == 0 || end.elapsed() > TAIL {
                break;
            }
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    tally.lost = (tally.sent - tally.answered).saturating_sub(tally.refused);
    tally
}

fn query(name: &str) -> Vec<u8> {
    let mut message = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.trim_end_matches('.').split('.') {
        message.push(label.len() as u8);
        message.extend_from_slice(label.as_bytes());
    }
    message.extend_from_slice(&[0, 0, 1, 0, 1]);
    message
}

/// One source port, and which of its IDs wait for an answer.
struct Client {
    socket: UdpSocket,
    open: Vec<bool>,
    next: u16,
}

impl Client {
    fn new(server: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(server), Type::DGRAM, Some(Protocol::UDP))?;
        // After a restart the answers to all that waited come at once; that must not overflow on this side.
        let forced = rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, 16 << 20);
        forced.or_else(|_| socket.set_recv_buffer_size(4 << 20).map_err(|_| rustix::io::Errno::PERM))?;
        socket.connect(&server.into())?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket: socket.into(), open: vec![false; 1 << 16], next: 0 })
    }

    fn send(&mut self, query: &[u8], tally: &mut Tally) {
        let id = self.next;
        self.next = id.wrapping_add(1);
        let mut message = query.to_vec();
        message[..2].copy_from_slice(&id.to_be_bytes());
        tally.sent += 1;
        match self.socket.send(&message) {
            Ok(_) => self.open[usize::from(id)] = true,
            // Told about an earlier datagram; this one was not sent, so it is sent again.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                tally.refused += 1;
                self.open[usize::from(id)] = self.socket.send(&message).is_ok();
            }
            Err(_) => {}
        }
    }

    fn receive(&mut self, query: &[u8], tally: &mut Tally) {
        let mut buffer = [0; 2048];
        loop {
            match self.socket.recv(&mut buffer) {
                Ok(length) => self.count(&buffer[..length], query, tally),
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => tally.refused += 1,
                Err(_) => return,
            }
        }
    }

    fn count(&mut self, answer: &[u8], query: &[u8], tally: &mut Tally) {
        let question = query.len();
        let fits = answer.len() >= question && answer[2] & 0x80 != 0 && answer[12..question] == query[12..];
        let id = if fits { usize::from(u16::from_be_bytes([answer[0], answer[1]])) } else { 0 };
        if !fits || !self.open[id] {
            tally.wrong += 1;
            return;
        }
        self.open[id] = false;
        tally.answered += 1;
        if answer[3] & 15 != 0 {
            tally.wrong += 1;
        }
    }
}
