//! Record types: codes and mnemonics (IANA "Resource Record (RR) TYPEs", RFC 3597 for the rest).

use std::fmt;
use std::str::FromStr;

/// A record type or query type, as its 16-bit code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RrType(pub u16);

/// The text is neither a known mnemonic nor `TYPEn` with n up to 65535.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("unknown record type")]
pub struct UnknownRrType;

macro_rules! types {
    ($($name:ident = $code:literal $text:literal,)*) => {
        impl RrType {
            $(#[doc = concat!("Type ", $text, ".")] pub const $name: Self = Self($code);)*
        }
        /// Every type with a mnemonic, in the order of its code.
        const MNEMONICS: &[(u16, &str)] = &[$(($code, $text),)*];
    };
}

types! {
    A = 1 "A", NS = 2 "NS", MD = 3 "MD", MF = 4 "MF", CNAME = 5 "CNAME", SOA = 6 "SOA", MB = 7 "MB", MG = 8 "MG",
    MR = 9 "MR", NULL = 10 "NULL", WKS = 11 "WKS", PTR = 12 "PTR", HINFO = 13 "HINFO", MINFO = 14 "MINFO",
    MX = 15 "MX", TXT = 16 "TXT", RP = 17 "RP", AFSDB = 18 "AFSDB", X25 = 19 "X25", ISDN = 20 "ISDN", RT = 21 "RT",
    NSAP = 22 "NSAP", NSAP_PTR = 23 "NSAP-PTR", SIG = 24 "SIG", KEY = 25 "KEY", PX = 26 "PX", GPOS = 27 "GPOS",
    AAAA = 28 "AAAA", LOC = 29 "LOC", NXT = 30 "NXT", EID = 31 "EID", NIMLOC = 32 "NIMLOC", SRV = 33 "SRV",
    ATMA = 34 "ATMA", NAPTR = 35 "NAPTR", KX = 36 "KX", CERT = 37 "CERT", A6 = 38 "A6", DNAME = 39 "DNAME",
    SINK = 40 "SINK", OPT = 41 "OPT", APL = 42 "APL", DS = 43 "DS", SSHFP = 44 "SSHFP", IPSECKEY = 45 "IPSECKEY",
    RRSIG = 46 "RRSIG", NSEC = 47 "NSEC", DNSKEY = 48 "DNSKEY", DHCID = 49 "DHCID", NSEC3 = 50 "NSEC3",
    NSEC3PARAM = 51 "NSEC3PARAM", TLSA = 52 "TLSA", SMIMEA = 53 "SMIMEA", HIP = 55 "HIP", NINFO = 56 "NINFO",
    RKEY = 57 "RKEY", TALINK = 58 "TALINK", CDS = 59 "CDS", CDNSKEY = 60 "CDNSKEY", OPENPGPKEY = 61 "OPENPGPKEY",
    CSYNC = 62 "CSYNC", ZONEMD = 63 "ZONEMD", SVCB = 64 "SVCB", HTTPS = 65 "HTTPS", DSYNC = 66 "DSYNC",
    HHIT = 67 "HHIT", BRID = 68 "BRID",
    SPF = 99 "SPF", NID = 104 "NID", L32 = 105 "L32", L64 = 106 "L64", LP = 107 "LP", EUI48 = 108 "EUI48",
    EUI64 = 109 "EUI64", NXNAME = 128 "NXNAME", TKEY = 249 "TKEY", TSIG = 250 "TSIG", IXFR = 251 "IXFR",
    AXFR = 252 "AXFR", MAILB = 253 "MAILB", MAILA = 254 "MAILA", ANY = 255 "ANY", URI = 256 "URI", CAA = 257 "CAA",
    AVC = 258 "AVC", DOA = 259 "DOA", AMTRELAY = 260 "AMTRELAY", RESINFO = 261 "RESINFO", WALLET = 262 "WALLET", CLA = 263 "CLA",
    TA = 32768 "TA", DLV = 32769 "DLV",
}

impl RrType {
    /// True for query and meta types, which never name data of a zone (RFC 6895 section 3.1).
    #[must_use]
    pub const fn is_meta(self) -> bool {
        self.0 == 0 || self.0 == Self::OPT.0 || (self.0 >= 128 && self.0 <= 255)
    }
}

impl fmt::Display for RrType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match MNEMONICS.binary_search_by_key(&self.0, |&(code, _)| code) {
            Ok(at) => f.write_str(MNEMONICS.get(at).map_or("", |&(_, text)| text)),
            Err(_) => write!(f, "TYPE{}", self.0),
        }
    }
}

impl FromStr for RrType {
    type Err = UnknownRrType;

    fn from_str(text: &str) -> Result<Self, UnknownRrType> {
        if let Some(&(code, _)) = MNEMONICS.iter().find(|(_, name)| name.eq_ignore_ascii_case(text)) {
            return Ok(Self(code));
        }
        let digits = text.get(..4).filter(|p| p.eq_ignore_ascii_case("TYPE")).and_then(|_| text.get(4..));
        match digits {
            Some(d) if !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()) => {
                d.parse().map(Self).map_err(|_| UnknownRrType)
            }
            _ => Err(UnknownRrType),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_binary_search_works() {
        assert!(MNEMONICS.windows(2).all(|w| w[0].0 < w[1].0));
    }

    #[test]
    fn text_round_trip() {
        for &(code, text) in MNEMONICS {
            assert_eq!(text.parse(), Ok(RrType(code)));
            assert_eq!(RrType(code).to_string(), text);
        }
        assert_eq!("type65280".parse(), Ok(RrType(65280)));
        assert_eq!(RrType(65280).to_string(), "TYPE65280");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "TYPE", "TYPE65536", "TYPE+1", "BOGUS", "TYP€1"] {
            assert_eq!(text.parse::<RrType>(), Err(UnknownRrType), "{text}");
        }
    }
}
