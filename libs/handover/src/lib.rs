//! Hands requests over from the process that holds the sockets to the one that answers them.
//!
//! This page is the contract. The *door* is a listening UNIX stream socket that belongs to PID 1; the *giver* is
//! tenon-auth, the *taker* the service behind the door (tenon-xfrout, tenon-zonemgr).
//!
//! 1. **One connection, one request.** The giver connects, sends one [`Request`] with one send that does not block, and
//!    sends nothing more. A taker that is not running is started by the connection; what nobody accepted yet waits in
//!    the door and outlives the taker.
//! 2. **What was read already**: the whole message as it came, without its two-octet length. Messages that the same
//!    client pipelined behind it stay with the giver and are answered by it, in whatever order they are ready
//!    (RFC 7766 section 6.2.1.1, RFC 5936 section 4.1).
//! 3. **The answer** comes back on the same connection as messages with two-octet lengths (RFC 1035 section 4.2.2), each
//!    one whole DNS message, in order. [`END`], a length of zero, ends it. The giver passes messages on one by one and
//!    puts other answers between them, never inside one.
//! 4. **A taker that dies** leaves an end of file without [`END`]. If no message of this answer was passed on, the giver
//!    answers SERVFAIL; if one was, it closes the client's connection, which tells the client that the answer is not
//!    whole. A message that came in part is never passed on.
//! 5. **A client that goes** makes the giver close the connection; the taker sees an error at its next write and ends.
//! 6. **A client that reads slowly** makes the giver stop reading, and so the taker stop writing: the kernel's buffer
//!    of the connection and one message in the giver are all that waits.
//! 7. **Who owns what**: the client's connection, its place in the quota and its timeouts stay with the giver; while an
//!    answer is on its way the connection counts as busy, not idle. How many answers are made at once is the taker's
//!    quota. How many the giver waits for is bounded on its side, for each connection and for each worker.
//! 8. **Trust**: only the giver's user may connect (`SocketUser=`, `SocketMode=0600`). The addresses in a request are
//!    what the giver saw; access lists rest on them.
//! 9. **A notice** ([`Kind::Notify`]) has no answer: when the send has succeeded the giver may say that it was taken.

mod door;
mod reply;
mod request;

pub use door::{Door, HandOverError};
pub use reply::{BlockingReply, END, Reply, ShortReply};
pub use request::{Kind, MAX_FRAME, MAX_MESSAGE, ReceiveError, Request, Transport, receive, receive_at_once};
