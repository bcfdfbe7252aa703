//! Addresses and networks.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Most prefixes in one term; a list of this length costs a few microseconds to look through.
const PREFIXES_MAX: usize = 4096;

/// An address, or all addresses that share its first bits: `192.0.2.1`, `192.0.2.0/24`, `2001:db8::/32`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Prefix {
    address: IpAddr,
    /// Bits that count: at most 32 for IPv4, 128 for IPv6.
    length: u8,
}

/// Why a text is not a prefix.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PrefixError {
    /// Neither an address nor an address with a length.
    #[error("{0} is neither an address (192.0.2.1) nor a network (192.0.2.0/24, 2001:db8::/32)")]
    Malformed(String),
    /// The length does not fit the address family.
    #[error("{text}: the length after the slash is at most {most}")]
    Length {
        /// What was written.
        text: String,
        /// Bits of an address of this family.
        most: u8,
    },
    /// Bits behind the length are set, so either the address or the length is not what was meant.
    #[error("{text} has bits set behind its length: write {network}, or the address alone")]
    HostBits {
        /// What was written.
        text: String,
        /// The network that it lies in.
        network: Prefix,
    },
    /// An IPv4 address in IPv6 clothes never arrives as such.
    #[error("{0}: write the IPv4 address itself")]
    Mapped(String),
}

impl Prefix {
    /// The prefix of an address alone.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        Self { address, length: bits(address) }
    }

    /// The network of `length` bits that an address lies in; lengths beyond the family's are cut to it.
    #[must_use]
    pub fn network(address: IpAddr, length: u8) -> Self {
        let length = length.min(bits(address));
        Self { address: masked(address, length), length }
    }

    /// Whether an address lies in it. An IPv4 address mapped into IPv6 counts as the IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && masked(address, self.length) == self.address
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let malformed = || PrefixError::Malformed(text.to_owned());
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| malformed())?;
        if matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some()) {
            return Err(PrefixError::Mapped(text.to_owned()));
        }
        let most = bits(address);
        let length = match length {
            None => most,
            Some(digits) if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                return Err(malformed());
            }
            Some(digits) => digits
                .parse()
                .ok()
                .filter(|length| *length <= most)
                .ok_or_else(|| PrefixError::Length { text: text.to_owned(), most })?,
        };
        let network = Self::network(address, length);
        if network.address != address {
            return Err(PrefixError::HostBits { text: text.to_owned(), network });
        }
        Ok(network)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.length == bits(self.address) {
            self.address.fmt(out)
        } else {
            write!(out, "{}/{}", self.address, self.length)
        }
    }
}

/// One or more prefixes; written as one text or as a list of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prefixes(Vec<Prefix>);

impl Prefixes {
    /// Whether an address lies in one of them.
    #[must_use]
    pub fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|prefix| prefix.contains(address))
    }
}

impl fmt::Display for Prefixes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.0.iter().map(Prefix::to_string).collect();
        out.write_str(&texts.join(", "))
    }
}

impl FromIterator<Prefix> for Prefixes {
    fn from_iter<I: IntoIterator<Item = Prefix>>(prefixes: I) -> Self {
        Self(prefixes.into_iter().collect())
    }
}

impl Serialize for Prefixes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Prefix::to_string))
    }
}

impl<'de> Deserialize<'de> for Prefixes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = OneOrMany::deserialize(deserializer)?.into_vec();
        if texts.is_empty() {
            return Err(de::Error::custom(
                "an empty list matches nobody; leave the term out to match everybody",
            ));
        }
        texts.iter().map(|text| text.parse().map_err(de::Error::custom)).collect()
    }
}

impl JsonSchema for Prefixes {
    fn schema_name() -> Cow<'static, str> {
        "Prefixes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "array"],
            "items": {"type": "string", "maxLength": 64},
            "minItems": 1,
            "maxItems": PREFIXES_MAX,
        })
    }
}

/// A value that may be written alone or in a list.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a text or a list of texts is wanted here")]
pub(crate) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(crate) fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

const fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// The address with all bits behind the first `length` cleared.
fn masked(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32u32.saturating_sub(length.into())).unwrap_or(0);
            IpAddr::V4((address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128u32.saturating_sub(length.into())).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prefix(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    #[test]
    fn the_edges_of_networks() {
        for (network, inside, outside) in [
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("128.0.0.0/1", "255.255.255.255", "127.255.255.255"),
            ("2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::"),
            ("::1", "::1", "::2"),
            ("0.0.0.0/0", "255.0.0.1", "::1"),
            ("::/0", "2001:db8::1", "127.0.0.1"),
            ("192.0.2.0/24", "::ffff:192.0.2.9", "::ffff:192.0.3.9"),
        ] {
            assert!(prefix(network).contains(inside.parse().unwrap()), "{inside} in {network}");
            assert!(!prefix(network).contains(outside.parse().unwrap()), "{outside} not in {network}");
        }
    }

    #[test]
    fn what_is_no_network_says_why() {
        let refusal = |text: &str| text.parse::<Prefix>().unwrap_err().to_string();
        assert!(refusal("192.0.2.0/33").contains("at most 32"));
        assert!(refusal("::/129").contains("at most 128"));
        assert!(refusal("192.0.2.1/24").contains("write 192.0.2.0/24"));
        assert!(refusal("::ffff:192.0.2.1").contains("IPv4 address itself"));
        for text in
            ["", "192.0.2", "192.0.2.0/", "192.0.2.0/+8", "192.0.2.0/8/8", "example.com", "192.0.2.0/ 8"]
        {
            assert!(matches!(text.parse::<Prefix>(), Err(PrefixError::Malformed(_))), "{text:?}");
        }
        assert!(refusal("10.0.0.0/999999999999").contains("at most 32"));
    }

    proptest! {
        #[test]
        fn bits_before_the_length_decide(address: u128, other: u128, length in 0u8..=128) {
            let (address, other) = (Ipv6Addr::from_bits(address), Ipv6Addr::from_bits(other));
            prop_assume!(address.to_ipv4_mapped().is_none() && other.to_ipv4_mapped().is_none());
            let network = Prefix::network(address.into(), length);
            let same = (address.to_bits() ^ other.to_bits()).leading_zeros() >= length.into();
            prop_assert_eq!(network.contains(other.into()), same);
            prop_assume!(!matches!(network.address, IpAddr::V6(a) if a.to_ipv4_mapped().is_some()));
            prop_assert_eq!(network.to_string().parse(), Ok(network));
        }
    }
}
