//! How fast answers of another process are passed on: a taker in this process writes messages as fast as it can, a client
//! reads them, and what the one worker between them used of its processor is printed.
//!
//! `cargo run --release -p tenon-netmgr --example relay`
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use tenon_netmgr::{Handle, Handler, InheritedSocket, Network, Settings, Verdict};

/// Octets passed on for each size of message.
const AMOUNT: usize = 1 << 30;

/// Hands everything over to a thread that writes the answer.
struct Giver {
    size: usize,
    /// Processor time of the worker's thread, noted whenever it takes a turn.
    used: Arc<Mutex<Duration>>,
}

impl Handler for Giver {
    fn batch_begins(&mut self) {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        *self.used.lock().unwrap() = Duration::new(now.tv_sec as u64, now.tv_nsec as u32);
    }

    fn answer(&mut self, _: &Handle, _: &[u8], out: &mut [u8]) -> Verdict {
        out[..12].fill(0);
        Verdict::HandOver(12)
    }

    fn hand_over(&mut self, _: &Handle, _: &[u8]) -> Option<UnixStream> {
        let (ours, mut theirs) = UnixStream::pair().ok()?;
        ours.set_nonblocking(true).ok()?;
        let message = [&(self.size as u16).to_be_bytes()[..], &vec![1; self.size]].concat();
        // As xfrout writes: some 64 KiB at a time.
        let some = message.repeat((1 << 16) / message.len() + 1);
        let count = AMOUNT / some.len();
        std::thread::spawn(move || {
            for _ in 0..count {
                theirs.write_all(&some).unwrap();
            }
            theirs.write_all(&[0, 0]).unwrap();
        });
        Some(ours)
    }
}

fn main() {
    for size in [60_000, 16_384, 1_000, 100] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap();
        let socket = InheritedSocket {
            name: "own".into(),
            fd: listener.into(),
            protocol: tenon_netmgr::Protocol::Plain,
            proxied: false,
        };
        let used = Arc::new(Mutex::new(Duration::ZERO));
        let settings = Settings { workers: 1, ..Settings::default() };
        let noted = Arc::clone(&used);
        let network =
            Network::start(vec![socket], &settings, None, move |_| Giver { size, used: Arc::clone(&noted) });
        let network = network.unwrap();
        let mut client = TcpStream::connect(server).unwrap();
        let begun = Instant::now();
        client.write_all(&[0, 12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]).unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        let (mut room, mut octets) = (vec![0; 1 << 18], 0);
        loop {
            match client.read(&mut room).unwrap() {
                0 => break,
                more => octets += more,
            }
        }
        let elapsed = begun.elapsed().as_secs_f64();
        // A tick more, so that the worker notes what it used.
        std::thread::sleep(Duration::from_millis(600));
        let used = used.lock().unwrap().as_secs_f64();
        let mebibytes = octets as f64 / f64::from(1 << 20);
        println!(
            "messages of {size}: {:.0} MiB/s, {:.0} us of the worker's processor a MiB",
            mebibytes / elapsed,
            used * 1e6 / mebibytes
        );
        drop(network);
    }
}
