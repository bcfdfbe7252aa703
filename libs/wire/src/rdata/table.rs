//! The table: every record type in use as a list of fields.

use super::error::RdataError;
use super::field::Field::{self, *};
use crate::RrType;

/// What is known of one record type.
pub(super) struct Layout {
    /// Its fields in wire and text order.
    pub(super) fields: &'static [Field],
    /// Senders may compress its names: the types of RFC 1035 only (RFC 3597 section 4).
    pub(super) compressible: bool,
    /// Its names are in lower case in canonical form (RFC 4034 section 6.2 as amended by RFC 6840 section 5.1).
    pub(super) lowercase: bool,
    /// Rules that span fields.
    pub(super) check: fn(&[u8]) -> Result<(), RdataError>,
}

impl Layout {
    const fn new(fields: &'static [Field]) -> Self {
        Self { fields, compressible: false, lowercase: false, check: nothing_more }
    }

    /// A type of RFC 1035: names compressible, and in lower case in canonical form.
    const fn classic(fields: &'static [Field]) -> Self {
        Self { compressible: true, lowercase: true, ..Self::new(fields) }
    }

    /// A later type that RFC 4034 section 6.2 lists: names in lower case in canonical form, never compressed.
    const fn lowercased(fields: &'static [Field]) -> Self {
        Self { lowercase: true, ..Self::new(fields) }
    }

    const fn checked(self, check: fn(&[u8]) -> Result<(), RdataError>) -> Self {
        Self { check, ..self }
    }
}

macro_rules! layouts {
    ($($($rrtype:ident)|+ => $layout:expr,)*) => {
        /// The layout of a type; none for types that are opaque (RFC 3597).
        #[inline]
        pub(super) fn layout(rrtype: RrType) -> Option<&'static Layout> {
            match rrtype {
                $($(RrType::$rrtype)|+ => {
                    static LAYOUT: Layout = $layout;
                    Some(&LAYOUT)
                })*
                _ => None,
            }
        }
    };
}

layouts! {
    A => Layout::new(&[Ip4]),
    NS | MD | MF | CNAME | MB | MG | MR | PTR => Layout::classic(&[Name]),
    SOA => Layout::classic(&[Name, Name, U32, Ttl, Ttl, Ttl, Ttl]),
    NULL => Layout::new(&[Opaque]),
    WKS => Layout::new(&[Ip4, Services]),
    HINFO => Layout::new(&[String, String]),
    MINFO => Layout::classic(&[Name, Name]),
    MX => Layout::classic(&[U16, Name]),
    TXT | SPF | NINFO | AVC | RESINFO | WALLET | CLA => Layout::new(&[Strings]),
    RP => Layout::lowercased(&[Name, Name]),
    AFSDB | RT | KX => Layout::lowercased(&[U16, Name]),
    X25 => Layout::new(&[String]),
    ISDN => Layout::new(&[String, OptionalString]),
    NSAP => Layout::new(&[Nsap]),
    NSAP_PTR => Layout::new(&[Name]),
    SIG | RRSIG => Layout::lowercased(&[Type, Algorithm, U8, U32, Time, Time, U16, Name, Base64]),
    KEY => Layout::new(&[U16, U8, Algorithm, OptionalBase64]),
    DNSKEY | CDNSKEY => Layout::new(&[U16, U8, Algorithm, Base64]),
    PX => Layout::lowercased(&[U16, Name, Name]),
    GPOS => Layout::new(&[String, String, String]),
    AAAA => Layout::new(&[Ip6]),
    LOC => Layout::new(&[Loc]),
    SRV => Layout::lowercased(&[U16, U16, U16, Name]),
    NAPTR => Layout::lowercased(&[U16, U16, String, String, String, Name]),
    CERT => Layout::new(&[CertificateType, U16, Algorithm, Base64]),
    DNAME => Layout::lowercased(&[Name]),
    APL => Layout::new(&[Apl]),
    DS | CDS | TA | DLV => Layout::new(&[U16, Algorithm, U8, Hex]).checked(digest_length),
    SSHFP => Layout::new(&[U8, U8, Hex]),
    IPSECKEY => Layout::new(&[U8, Gateway, OptionalBase64]),
    NSEC => Layout::new(&[Name, Bitmap]),
    DHCID | OPENPGPKEY | HHIT | BRID => Layout::new(&[Base64]),
    NSEC3 => Layout::new(&[U8, U8, U16, Salt, Hash, OptionalBitmap]),
    NSEC3PARAM => Layout::new(&[U8, U8, U16, Salt]),
    TLSA | SMIMEA => Layout::new(&[U8, U8, U8, Hex]),
    HIP => Layout::new(&[HostIdentity, Names]),
    TALINK => Layout::new(&[Name, Name]),
    CSYNC => Layout::new(&[U32, U16, OptionalBitmap]),
    ZONEMD => Layout::new(&[U32, U8, U8, Hex]).checked(zone_digest_length),
    SVCB | HTTPS => Layout::new(&[U16, Name, SvcParams]),
    DSYNC => Layout::new(&[Type, Scheme, U16, Name]),
    NID | L64 => Layout::new(&[U16, Locator64]),
    L32 => Layout::new(&[U16, Ip4]),
    LP => Layout::new(&[U16, Name]),
    EUI48 => Layout::new(&[Eui48]),
    EUI64 => Layout::new(&[Eui64]),
    URI => Layout::new(&[U16, U16, LongString]).checked(uri_target),
    CAA => Layout::new(&[U8, Tag, LongString]),
    AMTRELAY => Layout::new(&[U8, Relay]),
}

fn nothing_more(_: &[u8]) -> Result<(), RdataError> {
    Ok(())
}

/// Digests of known kinds have known lengths (RFC 4034 section 5.1.4, RFC 4509, RFC 6605).
fn digest_length(rdata: &[u8]) -> Result<(), RdataError> {
    let expected = match rdata.get(3) {
        Some(1) => 20,
        Some(2) => 32,
        Some(4) => 48,
        _ => return Ok(()),
    };
    if rdata.len() == 4 + expected {
        Ok(())
    } else {
        Err(RdataError::Malformed("digest has the wrong length for its type"))
    }
}

/// RFC 8976 sections 2.2.3 and 2.2.4.
fn zone_digest_length(rdata: &[u8]) -> Result<(), RdataError> {
    let fits = match rdata.get(5) {
        Some(1) => rdata.len() == 6 + 48,
        Some(2) => rdata.len() == 6 + 64,
        _ => rdata.len() >= 6 + 12,
    };
    if fits {
        Ok(())
    } else {
        Err(RdataError::Malformed("zone digest has the wrong length for its hash algorithm"))
    }
}

/// RFC 7553 section 4.4: the target is not empty.
fn uri_target(rdata: &[u8]) -> Result<(), RdataError> {
    if rdata.len() > 4 { Ok(()) } else { Err(RdataError::Malformed("URI target is empty")) }
}
