//! What the OPT record of a response says, as far as the query asked for it.

use tenon_image::{Catalog, Expiries};
use tenon_wire::message::edns::{OPTION_HEAD, option};
use tenon_wire::message::{Edns, Question};
use tenon_wire::{Class, RrType};

use crate::cookie::{self, Presented};
use crate::extended_error::ExtendedError;
use crate::records::Failure;
use crate::{AnswerSettings, Asker, Scratch, Transport};

/// Octets of a zone's version: labels of its name, kind of version, serial (RFC 9660 section 2).
const ZONE_VERSION: usize = 6;
/// The version is the serial of the SOA record.
const SOA_SERIAL: u8 = 0;
/// Octets of what a secondary may know of a zone's expiry (RFC 7314 section 2).
const EXPIRE: usize = 4;

/// Options for one response.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options<'s> {
    nsid: Option<&'s [u8]>,
    keepalive: Option<[u8; 2]>,
    cookie: Option<[u8; 24]>,
    /// The client wants to know how long its TCP connection may be idle.
    pub(crate) asks_for_keepalive: bool,
    asks_for_version: bool,
    asks_for_expiry: bool,
    expiries: Option<&'s Expiries>,
    /// The client pads its messages on a way that nobody can look into, and so wants the response padded.
    pub(crate) is_padded: bool,
    /// What the client's cookie came to.
    pub(crate) presented: Option<Presented>,
    /// An option does not have a form that it may have: FORMERR.
    pub(crate) is_malformed: bool,
}

/// What is told of the zone that answered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ZoneOptions {
    version: Option<[u8; ZONE_VERSION]>,
    expire: Option<[u8; EXPIRE]>,
}

impl<'s> Options<'s> {
    /// Looks at the options of a query; of several with one code the first counts.
    pub(crate) fn asked(settings: &'s AnswerSettings, asker: &Asker, edns: Option<&Edns<'_>>) -> Self {
        let mut options = Self::default();
        let Some(edns) = edns else { return options };
        for (code, data) in edns.options() {
            match code {
                option::NSID if !settings.nsid.is_empty() => {
                    options.nsid = Some(settings.nsid.as_bytes());
                }
                // RFC 7828 section 3.3.2.
                option::KEEPALIVE if asker.transport == Transport::Tcp => {
                    options.asks_for_keepalive = true;
                    let time = settings.tcp_keepalive;
                    options.keepalive = (time > 0).then(|| time.to_be_bytes());
                }
                option::COOKIE if options.cookie.is_none() => options.cookie(settings, asker, data),
                option::ZONE_VERSION => {
                    options.asks_for_version = true;
                    options.is_malformed |= !data.is_empty();
                }
                option::EXPIRE => {
                    options.asks_for_expiry = true;
                    options.expiries = Some(&settings.expiries);
                }
                option::PADDING => options.is_padded = asker.encrypted,
                _ => {}
            }
        }
        options
    }

    fn cookie(&mut self, settings: &AnswerSettings, asker: &Asker, data: &[u8]) {
        let Some(secrets) = &settings.cookie_secrets else { return };
        match cookie::examine(secrets, asker, data) {
            Some((presented, both)) => {
                self.presented = Some(presented);
                self.cookie = Some(both);
            }
            None => self.is_malformed = true,
        }
    }

    /// Octets to be kept for them.
    pub(crate) fn room(&self) -> usize {
        let room = |length: Option<usize>| length.map_or(0, |length| OPTION_HEAD + length);
        room(self.nsid.map(<[u8]>::len))
            + room(self.keepalive.map(|time| time.len()))
            + room(self.cookie.map(|both| both.len()))
            + room(self.asks_for_version.then_some(ZONE_VERSION))
            + room(self.asks_for_expiry.then_some(EXPIRE))
    }

    /// What is told of the zone that a question is for, if the query asked for it.
    pub(crate) fn of_zone(
        &self,
        catalog: &Catalog,
        question: &Question<'_>,
        scratch: &mut Scratch,
    ) -> ZoneOptions {
        if !(self.asks_for_version || self.asks_for_expiry) || question.class != Class::IN {
            return ZoneOptions::default();
        }
        self.find(catalog, question, scratch).unwrap_or_default()
    }

    fn find(
        &self,
        catalog: &Catalog,
        question: &Question<'_>,
        scratch: &mut Scratch,
    ) -> Result<ZoneOptions, Failure> {
        scratch.other.set(question.name);
        let zone = catalog.find(&scratch.other, question.rrtype == RrType::DS);
        let Some(zone) = zone.filter(|zone| zone.is_usable()) else { return Ok(ZoneOptions::default()) };
        let soa = zone.apex()?.rrset(RrType::SOA)?.ok_or(Failure::Fault)?;
        let numbers = soa.rdatas().iter().next().and_then(<[u8]>::last_chunk::<20>).ok_or(Failure::Fault)?;
        let [s, e, r, i, _, _, _, _, _, _, _, _, x, p, y, z, ..] = *numbers;
        let left = || match self.expiries {
            Some(expiries) if !zone.is_primary() => {
                expiries.left(&scratch.other, zone.labels()).map(u32::to_be_bytes)
            }
            _ => Some([x, p, y, z]),
        };
        let asks_for_expiry = self.asks_for_expiry && question.rrtype == RrType::SOA;
        Ok(ZoneOptions {
            version: self.asks_for_version.then_some([zone.labels() as u8, SOA_SERIAL, s, e, r, i]),
            expire: if asks_for_expiry { left() } else { None },
        })
    }

    /// All of them, as code and data.
    pub(crate) fn all<'o>(
        &'o self,
        zone: &'o ZoneOptions,
        error: Option<ExtendedError>,
    ) -> impl Iterator<Item = (u16, &'o [u8])> {
        let options = [
            self.nsid.map(|nsid| (option::NSID, nsid)),
            self.cookie.as_ref().map(|both| (option::COOKIE, both.as_slice())),
            self.keepalive.as_ref().map(|time| (option::KEEPALIVE, time.as_slice())),
            zone.version.as_ref().map(|version| (option::ZONE_VERSION, version.as_slice())),
            zone.expire.as_ref().map(|expire| (option::EXPIRE, expire.as_slice())),
            error.map(ExtendedError::option),
        ];
        options.into_iter().flatten()
    }
}
