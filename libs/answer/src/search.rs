//! The search algorithm (RFC 1034 section 4.3.2, RFC 4592, RFC 6672 section 3.2).

use tenon_image::node::kind;
use tenon_image::{Catalog, Lookup, Node, RrsetView, ZoneImage};
use tenon_wire::RrType;
use tenon_wire::message::header::flag;
use tenon_wire::message::{Rcode, ResponseWriter, Section};

use crate::AnswerSettings;
use crate::additional::MAX_ADDRESSED;
use crate::denial::{LateProof, MAX_PROOFS};
use crate::records::{Failure, Names, Owner, Record, Written};
use crate::scratch::Scratch;

/// Aliases followed for one question.
const MAX_CHAIN: usize = 16;

/// DNAMEs that are not written twice.
const MAX_DNAMES: usize = 4;

/// One question being answered.
pub(crate) struct Search<'c, 'w, 'b> {
    pub(crate) catalog: &'c Catalog,
    pub(crate) settings: &'w AnswerSettings,
    pub(crate) writer: &'w mut ResponseWriter<'b>,
    pub(crate) scratch: &'w mut Scratch,
    pub(crate) qtype: RrType,
    pub(crate) dnssec: bool,
    minimal_any: bool,
    /// What is told when the response has to be truncated.
    rcode: Rcode,
    /// Hashes of the names looked up so far.
    seen: [u64; MAX_CHAIN],
    chain: usize,
    /// Proofs written, so that none is written twice.
    pub(crate) proofs: [usize; MAX_PROOFS],
    /// Proofs that wait for the end of the answer section.
    pub(crate) late: [Option<LateProof<'c>>; MAX_PROOFS],
    /// Nodes whose addresses were written.
    pub(crate) addressed: [usize; MAX_ADDRESSED],
    /// Nodes whose DNAME was written, and the place of its target.
    pub(crate) dnames: [(usize, usize); MAX_DNAMES],
}

/// What one name of the chain came to.
pub(crate) enum Step {
    /// The response is complete.
    Done(Rcode),
    /// The name was replaced by that of an alias.
    Follow,
}

impl<'c, 'w, 'b> Search<'c, 'w, 'b> {
    pub(crate) fn new(
        catalog: &'c Catalog,
        settings: &'w AnswerSettings,
        writer: &'w mut ResponseWriter<'b>,
        scratch: &'w mut Scratch,
        qtype: RrType,
        dnssec: bool,
        minimal_any: bool,
    ) -> Self {
        Self {
            catalog,
            settings,
            writer,
            scratch,
            qtype,
            dnssec,
            minimal_any,
            rcode: Rcode::NOERROR,
            seen: [0; MAX_CHAIN],
            chain: 0,
            proofs: [0; MAX_PROOFS],
            late: [None; MAX_PROOFS],
            addressed: [0; MAX_ADDRESSED],
            dnames: [(0, 0); MAX_DNAMES],
        }
    }

    /// Fills the response.
    pub(crate) fn run(mut self) -> Rcode {
        let start = self.writer.mark();
        let outcome = self.chain().and_then(|rcode| self.late_proofs().map(|()| rcode));
        match outcome {
            Ok(rcode) => rcode,
            Err(Failure::Full) => {
                self.writer.set_flags(flag::TC);
                self.rcode
            }
            Err(Failure::Fault) => {
                self.writer.rewind(start);
                self.writer.clear_flags(flag::AA | flag::TC);
                Rcode::SERVFAIL
            }
        }
    }

    fn chain(&mut self) -> Result<Rcode, Failure> {
        loop {
            let Some(zone) = self.catalog.find(&self.scratch.name, self.qtype == RrType::DS) else {
                return Ok(if self.chain == 0 { Rcode::REFUSED } else { Rcode::NOERROR });
            };
            if self.chain == 0 {
                self.scratch.facts.zone = Some(zone.place());
            }
            if !zone.is_usable() {
                // What was found before a broken zone is still right.
                return if self.chain == 0 { Err(Failure::Fault) } else { Ok(Rcode::SERVFAIL) };
            }
            if let Step::Done(rcode) = self.step(zone)? {
                return Ok(rcode);
            }
        }
    }

    fn step(&mut self, zone: &'c ZoneImage) -> Result<Step, Failure> {
        let lookup = zone.find(&self.scratch.name)?;
        let node = lookup.node;
        if node.is(kind::CUT) && !(lookup.exact && self.qtype == RrType::DS) {
            return self.referral(zone, &node, lookup.labels, None);
        }
        self.writer.set_flags(flag::AA);
        if lookup.exact {
            return self.node(zone, &lookup, &node, false);
        }
        if node.is(kind::DNAME) {
            return self.substitute(&lookup);
        }
        match zone.wildcard(&self.scratch.name, &lookup)? {
            // What a delegation by a wildcard means is open (RFC 4592 section 4.2); it is one here, as it is for Knot.
            Some(wildcard) if wildcard.is(kind::CUT) && self.qtype != RrType::DS => {
                if self.chain == 0 {
                    self.writer.clear_flags(flag::AA);
                }
                self.referral(zone, &wildcard, self.scratch.name.labels(), Some(&lookup))
            }
            Some(wildcard) => self.node(zone, &lookup, &wildcard, true),
            None => {
                self.rcode = Rcode::NXDOMAIN;
                self.start_of_authority(zone)?;
                if self.dnssec {
                    self.deny_name(zone, &lookup)?;
                }
                Ok(Step::Done(Rcode::NXDOMAIN))
            }
        }
    }

    /// The name exists, by itself or by a wildcard.
    fn node(
        &mut self,
        zone: &'c ZoneImage,
        lookup: &Lookup<'c>,
        node: &Node<'c>,
        wild: bool,
    ) -> Result<Step, Failure> {
        let found = match self.qtype {
            RrType::ANY => self.any(node, wild)?,
            RrType::RRSIG => self.all_signatures(node)?,
            // The alias that led here says what the question is after.
            RrType::DNAME if !wild && self.has_dname(node)? => return Ok(Step::Done(Rcode::NOERROR)),
            qtype => match node.rrset(qtype)? {
                Some(rrset) => Some((self.answer(&rrset)?, rrset)),
                // NSEC may stand beside a CNAME (RFC 4035 section 2.5), so its absence says something of the name itself.
                None if node.is(kind::CNAME) && qtype != RrType::NSEC => {
                    return self.alias(zone, lookup, node, wild);
                }
                None => None,
            },
        };
        let Some((written, rrset)) = found else {
            self.start_of_authority(zone)?;
            if self.dnssec {
                self.deny_type(zone, lookup, node, wild)?;
            }
            return Ok(Step::Done(Rcode::NOERROR));
        };
        if wild && self.dnssec {
            self.deny_closer(zone, lookup)?;
        }
        self.late_proofs()?;
        self.courtesies(zone, &rrset, written)?;
        Ok(Step::Done(Rcode::NOERROR))
    }

    /// An alias; the search goes on at its target.
    fn alias(
        &mut self,
        zone: &'c ZoneImage,
        lookup: &Lookup<'c>,
        node: &Node<'c>,
        wild: bool,
    ) -> Result<Step, Failure> {
        let cname = node.rrset(RrType::CNAME)?.ok_or(Failure::Fault)?;
        let written = self.answer(&cname)?;
        if wild && self.dnssec {
            self.deny_closer(zone, lookup)?;
        }
        self.follow_cname(&cname, written)
    }

    /// Everything at the name; over UDP one RRset will do (RFC 8482 section 4.1).
    fn any(&mut self, node: &Node<'c>, wild: bool) -> Result<Option<(Written, RrsetView<'c>)>, Failure> {
        let mut last = None;
        for rrset in node.rrsets() {
            let rrset = rrset?;
            if rrset.records > 0 && !(rrset.rrtype == RrType::DNAME && !wild && self.has_dname(node)?) {
                last = Some((self.answer(&rrset)?, rrset));
                if self.minimal_any {
                    break;
                }
            }
        }
        Ok(last)
    }

    /// The signatures at the name; over UDP those of one RRset will do, as with ANY.
    fn all_signatures(&mut self, node: &Node<'c>) -> Result<Option<(Written, RrsetView<'c>)>, Failure> {
        let mut last = None;
        for rrset in node.rrsets() {
            let rrset = rrset?.signatures_only();
            if rrset.signatures > 0 {
                let owner = Owner::Suffix(self.scratch.name.labels());
                let record =
                    Record { owner, rrset: &rrset, ttl: rrset.ttl, signed: true, section: Section::Answer };
                last = Some((self.write(&record)?, rrset));
                if self.minimal_any {
                    break;
                }
            }
        }
        Ok(last)
    }

    /// Writes an RRset of the name that is looked up.
    #[inline]
    fn answer(&mut self, rrset: &RrsetView<'_>) -> Result<Written, Failure> {
        let owner = Owner::Suffix(self.scratch.name.labels());
        self.write(&Record { owner, rrset, ttl: rrset.ttl, signed: self.dnssec, section: Section::Answer })
    }

    #[inline]
    pub(crate) fn write(&mut self, record: &Record<'_>) -> Result<Written, Failure> {
        let names = Names { name: &self.scratch.name, places: &self.scratch.places };
        record.write(self.writer, names)
    }

    /// The SOA of a negative answer, with the TTL that the answer may be kept for (RFC 2308 section 3).
    fn start_of_authority(&mut self, zone: &ZoneImage) -> Result<(), Failure> {
        self.late_proofs()?;
        let soa = zone.apex()?.rrset(RrType::SOA)?.ok_or(Failure::Fault)?;
        let minimum = soa.rdatas().iter().next().and_then(<[u8]>::last_chunk).ok_or(Failure::Fault)?;
        let ttl = soa.ttl.min(u32::from_be_bytes(*minimum));
        let owner = Owner::Suffix(zone.labels());
        self.write(&Record { owner, rrset: &soa, ttl, signed: self.dnssec, section: Section::Authority })?;
        Ok(())
    }

    /// A delegation: its name servers, their addresses, and whether it is signed (RFC 4035 section 3.1.4); by a wildcard
    /// also that nothing is closer.
    fn referral(
        &mut self,
        zone: &'c ZoneImage,
        cut: &Node<'c>,
        labels: usize,
        wild: Option<&Lookup<'c>>,
    ) -> Result<Step, Failure> {
        self.late_proofs()?;
        let servers = cut.rrset(RrType::NS)?.ok_or(Failure::Fault)?;
        let (owner, section) = (Owner::Suffix(labels), Section::Authority);
        let written =
            self.write(&Record { owner, rrset: &servers, ttl: servers.ttl, signed: false, section })?;
        self.scratch.facts.referral = self.chain == 0;
        if self.dnssec {
            let ds = self.signers(zone, cut)?;
            if let Some(ds) = &ds {
                self.write(&Record { owner, rrset: ds, ttl: ds.ttl, signed: true, section })?;
            }
            match (ds, wild) {
                (Some(_), None) => {}
                (None, None) => self.deny_signature(zone, cut, labels)?,
                (Some(_), Some(encloser)) => {
                    self.deny_closer(zone, encloser)?;
                    self.late_proofs()?;
                }
                (None, Some(encloser)) => self.deny_type(zone, encloser, cut, true)?,
            }
        }
        self.addresses(zone, &servers, written, owner)?;
        Ok(Step::Done(Rcode::NOERROR))
    }

    /// The DS records of a delegation; none where the zone is not signed, as nobody could check them.
    fn signers(&self, zone: &'c ZoneImage, cut: &Node<'c>) -> Result<Option<RrsetView<'c>>, Failure> {
        let Some(ds) = cut.rrset(RrType::DS)? else { return Ok(None) };
        let signed =
            ds.signatures > 0 || zone.apex()?.rrset(RrType::SOA)?.is_some_and(|soa| soa.signatures > 0);
        Ok(signed.then_some(ds))
    }

    /// What is not needed but welcome: addresses of names in the answer, and unless responses are to be minimal the
    /// zone's name servers.
    fn courtesies(
        &mut self,
        zone: &'c ZoneImage,
        rrset: &RrsetView<'c>,
        written: Written,
    ) -> Result<(), Failure> {
        let labels = self.scratch.name.labels();
        let own_servers = rrset.rrtype == RrType::NS && labels == zone.labels();
        let mut servers = None;
        if !self.settings.minimal_responses
            && !own_servers
            && let Some(ns) = zone.apex()?.rrset(RrType::NS)?
        {
            let (owner, section) = (Owner::Suffix(zone.labels()), Section::Authority);
            match self.write(&Record { owner, rrset: &ns, ttl: ns.ttl, signed: self.dnssec, section }) {
                Ok(written) => servers = Some((ns, written)),
                Err(Failure::Full) => return Ok(()),
                Err(fault) => return Err(fault),
            }
        }
        // An answer to ANY has more than one type that may lead to addresses; the peers add none.
        if self.qtype != RrType::ANY {
            self.addresses(zone, rrset, written, Owner::Suffix(labels))?;
        }
        match servers {
            Some((ns, written)) => self.addresses(zone, &ns, written, Owner::Suffix(zone.labels())),
            None => Ok(()),
        }
    }

    pub(crate) fn was_seen(&self, hash: u64) -> bool {
        self.seen.iter().take(self.chain).any(|&seen| seen == hash)
    }

    /// Notes that the name is looked up; false when the chain is too long or comes back to itself.
    pub(crate) fn may_follow(&mut self, hash: u64) -> bool {
        let known = self.was_seen(hash);
        let Some(place) = self.seen.get_mut(self.chain) else { return false };
        *place = hash;
        self.chain += 1;
        !known
    }
}
