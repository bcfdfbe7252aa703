//! Counters: one set per worker, on cache lines of its own, summed when somebody asks.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use tenon_answer::{Facts, cookie::Presented};
use tenon_netmgr::{Network, Transport};
use tenon_service::{CounterDefinition, CounterKind};
use tenon_wire::RrType;

use crate::top_clients::TopClients;

/// A number with one writer, so that counting is a plain load and store.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add_one(&self) {
        self.add(1);
    }

    pub(crate) fn add(&self, amount: u64) {
        self.0.store(self.get().wrapping_add(amount), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! worker_counters {
    ($($field:ident: $meaning:literal;)*) => {
        /// What one worker counts about queries and answers.
        #[derive(Debug, Default)]
        #[repr(align(128))]
        pub struct WorkerCounters {
            $(pub(crate) $field: Count,)*
            /// Who asks most.
            pub(crate) top_clients: TopClients,
        }

        /// Definitions in the order of [`WorkerCounters::values`].
        const WORKER: &[CounterDefinition] = &[
            $(CounterDefinition { name: stringify!($field), kind: CounterKind::Counter, text: $meaning },)*
        ];

        impl WorkerCounters {
            fn values(&self) -> impl Iterator<Item = u64> {
                [$(self.$field.get(),)*].into_iter()
            }
        }
    };
}

worker_counters! {
    queries_udp: "Messages that came as datagrams.";
    queries_tcp: "Messages that came over TCP as such.";
    queries_tls: "Messages that came over TLS.";
    queries_https: "Messages that came over HTTPS.";
    queries_quic: "Messages that came over QUIC.";
    opcode_query: "Messages with opcode QUERY.";
    opcode_notify: "Messages with opcode NOTIFY.";
    opcode_update: "Messages with opcode UPDATE.";
    opcode_other: "Messages with any other opcode.";
    edns: "Queries with EDNS.";
    dnssec_ok: "Queries that ask for DNSSEC records.";
    cookies_client: "Queries of clients that speak of cookies and have none of this server yet.";
    cookies_valid: "Queries with a good cookie of this server.";
    cookies_invalid: "Queries with a cookie that is too old or not this server's.";
    qtype_a: "Queries for A.";
    qtype_aaaa: "Queries for AAAA.";
    qtype_ns: "Queries for NS.";
    qtype_soa: "Queries for SOA.";
    qtype_mx: "Queries for MX.";
    qtype_txt: "Queries for TXT.";
    qtype_ds: "Queries for DS.";
    qtype_dnskey: "Queries for DNSKEY.";
    qtype_other: "Queries for other types.";
    answers: "Answers given.";
    dropped: "Messages that got no answer because they deserve none.";
    failed: "Messages that got no answer because they tripped an error in this program.";
    truncated: "Answers that were cut short and have the client ask again over TCP.";
    authoritative: "Answers from a zone that is served.";
    referrals: "Answers that refer to the servers of a delegated zone.";
    rcode_noerror: "Answers with code NOERROR.";
    rcode_formerr: "Answers with code FORMERR.";
    rcode_servfail: "Answers with code SERVFAIL.";
    rcode_nxdomain: "Answers with code NXDOMAIN.";
    rcode_notimp: "Answers with code NOTIMP.";
    rcode_refused: "Answers with code REFUSED.";
    rcode_notauth: "Answers with code NOTAUTH.";
    rcode_badvers: "Answers with code BADVERS.";
    rcode_badcookie: "Answers with code BADCOOKIE.";
    rcode_other: "Answers with any other code.";
    transfer_requests: "Requests for a zone transfer.";
    handed_over: "Zone transfers and updates that were for tenon-xfrout and tenon-ddns; their answers are not counted here.";
    unavailable: "Zone transfers and updates answered SERVFAIL because tenon-xfrout or tenon-ddns did not answer.";
    notify_queued: "Notices of a new zone version that were queued for tenon-zonemgr.";
    notify_refused: "Notices of a new zone version from somebody who may not send any.";
    tsig: "Messages signed with a key that is known here, and well (TSIG).";
    badsig: "Messages with a signature (TSIG) that was not taken: answered NOTAUTH, or FORMERR when it was malformed.";
    query_refused: "Queries of clients that query_acl does not accept.";
    notify_limited: "Notices of a new zone version that got no answer because too many came within a second.";
    notify_lost: "Notices of a new zone version that got no answer because they could not be queued.";
}

impl WorkerCounters {
    /// Counts a message and what became of it.
    pub(crate) fn count(&self, transport: Transport, facts: &Facts, answered: bool) {
        self.count_arrival(transport);
        if !answered {
            return self.dropped.add_one();
        }
        self.answers.add_one();
        self.rcode(facts.rcode).add_one();
        self.count_facts(facts);
    }

    /// Counts a request that another service answers.
    pub(crate) fn count_handed_over(&self, transport: Transport, facts: &Facts) {
        self.count_arrival(transport);
        self.handed_over.add_one();
        self.count_facts(facts);
    }

    /// Counts a request handed over to a service that did not answer.
    pub(crate) fn count_unavailable(&self) {
        self.unavailable.add_one();
        self.answers.add_one();
        self.rcode_servfail.add_one();
    }

    fn count_arrival(&self, transport: Transport) {
        match transport {
            Transport::Udp => self.queries_udp.add_one(),
            Transport::Tcp => self.queries_tcp.add_one(),
            Transport::Tls => self.queries_tls.add_one(),
            Transport::Https => self.queries_https.add_one(),
            Transport::Quic => self.queries_quic.add_one(),
        }
    }

    fn count_facts(&self, facts: &Facts) {
        match facts.opcode {
            0 => self.count_query(facts),
            4 => self.opcode_notify.add_one(),
            5 => self.opcode_update.add_one(),
            _ => self.opcode_other.add_one(),
        }
        for (holds, count) in [
            (facts.edns, &self.edns),
            (facts.dnssec_ok, &self.dnssec_ok),
            (facts.cookie == Some(Presented::Client), &self.cookies_client),
            (facts.cookie == Some(Presented::Valid), &self.cookies_valid),
            (facts.cookie == Some(Presented::Invalid), &self.cookies_invalid),
            (facts.truncated, &self.truncated),
            (facts.authoritative, &self.authoritative),
            (facts.referral, &self.referrals),
            (facts.qtype.is_some_and(is_transfer), &self.transfer_requests),
        ] {
            if holds {
                count.add_one();
            }
        }
    }

    fn count_query(&self, facts: &Facts) {
        self.opcode_query.add_one();
        if let Some(qtype) = facts.qtype {
            match qtype.0 {
                1 => &self.qtype_a,
                2 => &self.qtype_ns,
                6 => &self.qtype_soa,
                15 => &self.qtype_mx,
                16 => &self.qtype_txt,
                28 => &self.qtype_aaaa,
                43 => &self.qtype_ds,
                48 => &self.qtype_dnskey,
                _ => &self.qtype_other,
            }
            .add_one();
        }
    }

    const fn rcode(&self, rcode: u16) -> &Count {
        match rcode {
            0 => &self.rcode_noerror,
            1 => &self.rcode_formerr,
            2 => &self.rcode_servfail,
            3 => &self.rcode_nxdomain,
            4 => &self.rcode_notimp,
            5 => &self.rcode_refused,
            9 => &self.rcode_notauth,
            16 => &self.rcode_badvers,
            23 => &self.rcode_badcookie,
            _ => &self.rcode_other,
        }
    }

    /// Counts a message that tripped an error in this program.
    pub(crate) fn count_failed(&self) {
        self.failed.add_one();
    }
}

const fn is_transfer(qtype: RrType) -> bool {
    matches!(qtype, RrType::AXFR | RrType::IXFR)
}

/// What is counted outside of the workers.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct ZoneFigures {
    /// Generation of the manifest being answered from.
    pub manifest_generation: u64,
    /// Zones being answered.
    pub zones: u64,
    /// Zones answered from a previous image.
    pub zones_previous: u64,
    /// Zones without a usable image.
    pub zones_faulty: u64,
    /// Secondary zones that are expired.
    pub zones_expired: u64,
    /// Secondary zones that were never transferred.
    pub zones_unloaded: u64,
    /// Catalogs published since the start.
    pub catalogs: u64,
    /// Image files found damaged by the idle pass since the start.
    pub images_damaged: u64,
    /// Times that the idle pass has read all new images through.
    pub inspections: u64,
}

const fn gauge(name: &'static str, text: &'static str) -> CounterDefinition {
    CounterDefinition { name, kind: CounterKind::Gauge, text }
}

const fn counter(name: &'static str, text: &'static str) -> CounterDefinition {
    CounterDefinition { name, kind: CounterKind::Counter, text }
}

const ZONES: &[CounterDefinition] = &[
    gauge("manifest_generation", "Generation of the manifest that is being answered from."),
    gauge("zones", "Zones being answered."),
    gauge(
        "zones_previous",
        "Zones answered from their previous image, because the current one is of no use.",
    ),
    gauge("zones_faulty", "Zones without a usable image, answered SERVFAIL."),
    gauge("zones_expired", "Secondary zones not refreshed in time, answered SERVFAIL."),
    gauge("zones_unloaded", "Secondary zones never transferred, answered SERVFAIL."),
    counter("catalogs", "Times that a new set of zones was taken up."),
    counter("images_damaged", "Image files that reading them through found damaged."),
    counter("inspections", "Times that all newly mapped images were read through."),
];

impl ZoneFigures {
    const fn values(self) -> [u64; 9] {
        let Self { manifest_generation, zones, zones_previous, zones_faulty, .. } = self;
        let Self { zones_expired, zones_unloaded, catalogs, images_damaged, inspections, .. } = self;
        [
            manifest_generation,
            zones,
            zones_previous,
            zones_faulty,
            zones_expired,
            zones_unloaded,
            catalogs,
            images_damaged,
            inspections,
        ]
    }
}

/// Definitions of the network's counters.
static NETWORK: LazyLock<Vec<CounterDefinition>> = LazyLock::new(|| {
    let definition = |info: &tenon_netmgr::CounterInfo| CounterDefinition {
        name: info.name,
        kind: match info.kind {
            tenon_netmgr::CounterKind::Counter => CounterKind::Counter,
            tenon_netmgr::CounterKind::Gauge => CounterKind::Gauge,
        },
        text: info.meaning,
    };
    Network::counter_info().map(definition).collect()
});

/// All counters of the instance: those of queries summed over the workers, those of zones, those of sockets.
pub fn gather<'a>(
    workers: impl Iterator<Item = &'a WorkerCounters>,
    zones: ZoneFigures,
    network: &Network,
) -> Vec<(&'static CounterDefinition, u64)> {
    let mut sums = vec![0_u64; WORKER.len()];
    for worker in workers {
        for (sum, value) in sums.iter_mut().zip(worker.values()) {
            *sum = sum.wrapping_add(value);
        }
    }
    let queries = WORKER.iter().zip(sums);
    let zones = ZONES.iter().zip(zones.values());
    queries.chain(zones).chain(NETWORK.iter().zip(network.counters())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_query_is_counted_under_all_its_properties() {
        let counters = WorkerCounters::default();
        let facts = Facts { rcode: 3, edns: true, authoritative: true, ..Facts::default() };
        counters.count(Transport::Udp, &facts, true);
        counters.count(Transport::Tcp, &Facts::default(), false);
        counters.count_failed();
        let set = WORKER.iter().zip(counters.values()).filter(|(_, value)| *value > 0);
        let set: Vec<_> = set.map(|(definition, value)| (definition.name, value)).collect();
        let names =
            "queries_udp queries_tcp opcode_query edns answers dropped failed authoritative rcode_nxdomain";
        assert_eq!(set, names.split(' ').map(|name| (name, 1)).collect::<Vec<_>>());
    }

    #[test]
    fn names_are_unique() {
        let all = WORKER.iter().chain(ZONES).chain(NETWORK.iter());
        let names: Vec<_> = all.map(|definition| definition.name).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }
}
