//! DNS cookies (RFC 7873) of one server, shown to another.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use domain::base::Message;
use domain::base::opt::Cookie;

/// The secret that the servers of a [`crate::World`] share, in hex.
pub const SECRET: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";

/// Code of the COOKIE option.
const COOKIE: [u8; 2] = [0, 10];

/// Sends a cookie (of the client alone, or with a server's) and gives the response code and the cookie that comes back.
#[must_use]
pub fn exchange(server: SocketAddr, zone: &[u8], cookie: &[u8]) -> (u16, Vec<u8>) {
    let mut query = vec![1, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    query.extend_from_slice(zone);
    query.extend([0, 6, 0, 1, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, cookie.len() as u8 + 4]);
    query.extend(COOKIE);
    query.extend([0, cookie.len() as u8]);
    query.extend_from_slice(cookie);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket.send_to(&query, server).unwrap();
    let mut room = [0; 4096];
    let length = socket.recv(&mut room).unwrap();
    let message = Message::from_octets(&room[..length]).unwrap();
    let opt = message.opt().expect("an OPT record");
    let cookie: Cookie = opt.opt().first().expect("a cookie");
    let mut octets = cookie.client().as_ref().to_vec();
    octets.extend_from_slice(cookie.server().map_or(&[][..], AsRef::as_ref));
    (opt.rcode(message.header()).to_int(), octets)
}
