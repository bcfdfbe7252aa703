//! Messages of the REST door; each has an entry in `units/tenon.catalog`.

/// HTTPS is answered on an address.
pub const LISTENING: &str = "9d27e61b40c84a3f8f15c2d7ab60e501";
/// An address cannot be listened on.
pub const NOT_LISTENING: &str = "9d27e61b40c84a3f8f15c2d7ab60e502";
/// A certificate is in use.
pub const CERTIFICATE: &str = "9d27e61b40c84a3f8f15c2d7ab60e503";
/// Certificate or key cannot be used.
pub const CERTIFICATE_BROKEN: &str = "9d27e61b40c84a3f8f15c2d7ab60e504";
/// The file that vouches for certificates of clients cannot be used.
pub const CLIENT_AUTHORITY_BROKEN: &str = "9d27e61b40c84a3f8f15c2d7ab60e509";
/// The accounts cannot be read.
pub const ACCOUNTS_BROKEN: &str = "9d27e61b40c84a3f8f15c2d7ab60e505";
/// Somebody did not know the password or token.
pub const NOT_ADMITTED: &str = "9d27e61b40c84a3f8f15c2d7ab60e506";
/// Too many wrong passwords: further ones are not looked at for a while.
pub const LIMITED: &str = "9d27e61b40c84a3f8f15c2d7ab60e507";
/// Somebody changed something, or was refused to.
pub const AUDIT: &str = "9d27e61b40c84a3f8f15c2d7ab60e508";
