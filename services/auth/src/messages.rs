//! Events that an operator may meet, each with an entry in the journal catalog.

/// A new manifest is being answered from.
pub const CATALOG_TAKEN: &str = "7b1f0c9ad0b34ee2a3c50de1f2f4a201";
/// There is no manifest, so that there are no zones.
pub const NO_MANIFEST: &str = "7b1f0c9ad0b34ee2a3c50de1f2f4a202";
/// The manifest cannot be used; the catalog of before goes on being answered.
pub const MANIFEST_BROKEN: &str = "7b1f0c9ad0b34ee2a3c50de1f2f4a203";
/// A zone is not served from the image that the manifest names.
pub const ZONE_NOT_CURRENT: &str = "7b1f0c9ad0b34ee2a3c50de1f2f4a204";
/// The idle pass found a damaged image.
pub const IMAGE_DAMAGED: &str = "7b1f0c9ad0b34ee2a3c50de1f2f4a205";
/// Queries are answered on these sockets.
pub const ANSWERING: &str = "7b1f0c9ad0b34ee2a3c50de1f2f4a206";
/// No socket was passed on, or one that is of no use.
pub const SOCKETS_UNUSABLE: &str = "7b1f0c9ad0b34ee2a3c50de1f2f4a207";
/// A query tripped an error in this program; it got no answer, the others do.
pub const QUERY_FAILED: &str = "7b1f0c9ad0b34ee2a3c50de1f2f4a208";
/// A zone transfer or an update was answered SERVFAIL because no service took it.
pub const REQUEST_NOT_TAKEN: &str = "7b1f0c9ad0b34ee2a3c50de1f2f4a209";
/// A zone transfer ended before it was whole.
pub const TRANSFER_BROKEN: &str = "7b1f0c9ad0b34ee2a3c50de1f2f4a20a";
/// A notice got no answer because tenon-zonemgr did not take it.
pub const NOTICE_NOT_TAKEN: &str = "7b1f0c9ad0b34ee2a3c50de1f2f4a20b";
/// Clients over TLS are shown a certificate that is new here.
pub const CERTIFICATE_TAKEN: &str = "7b1f0c9ad0b34ee2a3c50de1f2f4a20d";
/// The certificate for TLS or its key cannot be used.
pub const CERTIFICATE_UNUSABLE: &str = "7b1f0c9ad0b34ee2a3c50de1f2f4a20e";
/// The certificate for TLS ends soon.
pub const CERTIFICATE_ENDS: &str = "7b1f0c9ad0b34ee2a3c50de1f2f4a20f";
/// The certificate for TLS has ended.
pub const CERTIFICATE_ENDED: &str = "7b1f0c9ad0b34ee2a3c50de1f2f4a210";
/// A notice was refused by the access list.
pub const NOTICE_REFUSED: &str = "7b1f0c9ad0b34ee2a3c50de1f2f4a20c";
/// A signature was not taken.
pub const BAD_SIGNATURE: &str = "7b1f0c9ad0b34ee2a3c50de1f2f4a211";
/// A query was refused by the access list.
pub const QUERY_REFUSED: &str = "7b1f0c9ad0b34ee2a3c50de1f2f4a212";
/// A query, when all are to be logged.
pub const QUERY: &str = "7b1f0c9ad0b34ee2a3c50de1f2f4a2d1";
/// dnstap is being read.
pub const TAP_CONNECTED: &str = "7b1f0c9ad0b34ee2a3c50de1f2f4a2d2";
/// dnstap was turned off, or goes elsewhere.
pub const TAP_ENDED: &str = "7b1f0c9ad0b34ee2a3c50de1f2f4a2d4";
/// Nobody reads dnstap.
pub const TAP_BROKEN: &str = "7b1f0c9ad0b34ee2a3c50de1f2f4a2d3";
/// The file of cookie secrets cannot be used.
pub const COOKIE_SECRETS_UNUSABLE: &str = "7b1f0c9ad0b34ee2a3c50de1f2f4a2c1";
