//! The zone as a whole: what its records do to each other.

use std::sync::atomic::{AtomicBool, Ordering};

use tenon_datasrc::bulk::{Mended, Rrsets, SortedRecords, StoredRecord};
use tenon_wire::RrType;
use tenon_zone::{Problem, Severity as ZoneSeverity, ZoneChecker};

use crate::findings::{Finding, Findings, Severity};

/// RRsets between two looks at whether to go on.
const LOOK_EVERY: u64 = 1024;

/// What a check found, and what it saw.
#[derive(Debug, Default)]
pub struct Checked {
    /// What is wrong or doubtful.
    pub findings: Findings,
    /// RRsets seen.
    pub rrsets: u64,
    /// Records seen, duplicates not counted.
    pub records: u64,
}

/// Checks a whole zone; sets `hopeless` when it has an error, and gives up when `stop` says so.
pub fn check(records: &SortedRecords, hopeless: &AtomicBool, stop: &dyn Fn() -> bool) -> Checked {
    let mut findings = Findings::default();
    let mut checker = ZoneChecker::new(records.origin());
    let mut rrsets = Rrsets::new(records);
    while let Some((rrset, mended)) = rrsets.next_rrset() {
        checker.rrset(rrset, &mut |problem| add(&mut findings, records, &problem));
        note_mended(&mut findings, records, &mended);
        if rrsets.rrsets.is_multiple_of(LOOK_EVERY) {
            if stop() {
                return Checked { findings, rrsets: rrsets.rrsets, records: rrsets.count };
            }
            hopeless.fetch_or(findings.errors > 0, Ordering::Relaxed);
        }
    }
    checker.finish(&mut |problem| add(&mut findings, records, &problem));
    hopeless.fetch_or(findings.errors > 0, Ordering::Relaxed);
    Checked { findings, rrsets: rrsets.rrsets, records: rrsets.count }
}

fn add(findings: &mut Findings, records: &SortedRecords, problem: &Problem) {
    let severity = match problem.severity() {
        ZoneSeverity::Error => Severity::Error,
        ZoneSeverity::Warning => Severity::Warning,
    };
    let place =
        findings.has_room(severity).then(|| records.find(problem.owner.as_ref(), problem.rrtype)).flatten();
    findings.add(finding(severity, records, place.as_ref(), problem.to_string()));
}

fn note_mended(findings: &mut Findings, records: &SortedRecords, mended: &Mended<'_>) {
    let StoredRecord { owner, rrtype, .. } = mended.first;
    if let Some(record) = &mended.duplicate {
        let reason = format!("{owner} {rrtype}: this record is there already; the second one is dropped");
        findings.add(finding(Severity::Warning, records, Some(record), reason));
    }
    if let Some(record) = &mended.other_ttl {
        let reason = format!(
            "{owner} {rrtype}: TTL {} where another record of the set has {}; the lowest one holds for all (RFC 2181 section 5.2)",
            record.ttl, mended.first.ttl
        );
        findings.add(finding(Severity::Warning, records, Some(record), reason));
    }
}

fn finding(
    severity: Severity,
    records: &SortedRecords,
    place: Option<&StoredRecord<'_>>,
    reason: String,
) -> Finding {
    let file = place.and_then(|record| Some((records.files.get(record.file as usize)?, record.line)));
    match file {
        Some((file, line)) => Finding::at(severity, file, line, reason),
        None => Finding::general(severity, reason),
    }
}

/// Serial of the zone's SOA record, if it has one.
#[must_use]
pub fn serial(records: &SortedRecords) -> Option<u32> {
    let record = records.find(records.origin(), Some(RrType::SOA))?;
    let numbers = record.rdata.last_chunk::<20>().filter(|_| record.rrtype == RrType::SOA)?;
    numbers.first_chunk().map(|serial| u32::from_be_bytes(*serial))
}
