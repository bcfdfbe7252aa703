//! Zones that all four servers serve, and questions to all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tenon_test_signer::Denial;
use tenon_wire::{Name, RrType};

use crate::client::{ask_tcp, ask_udp};
use crate::differences::Difference;
use crate::process::Process;
use crate::reading::Reading;
use crate::report::{Case, Report};
use crate::verdict::{PEERS, Verdict, judge, majority};
use crate::{Question, peers, plain, tenon};

/// Questions whose answers are held at a time.
const BATCH: usize = 20_000;
/// Lines of a server's complaints that are shown.
const COMPLAINTS: usize = 8;
/// How long servers may take to load their zones.
const LOADING: Duration = Duration::from_secs(60);

/// A zone as text and as a file.
#[derive(Clone, Debug)]
pub struct Zone {
    /// Its name.
    pub origin: Name,
    /// Its master file.
    pub text: String,
    /// Where that lies.
    pub file: PathBuf,
    /// The same in words that every server knows.
    pub plain: PathBuf,
    /// It has signatures and proofs.
    pub is_signed: bool,
}

/// Four servers of the same zones.
#[derive(Debug)]
pub struct World {
    name: String,
    zones: BTreeMap<Name, Zone>,
    tenon: Process,
    peers: [Process; 3],
    /// Zones that a peer did not take.
    unserved: [BTreeSet<Name>; 3],
    /// Zones that Tenon did not take.
    refused: BTreeSet<Name>,
    _directory: TempDir,
}

impl World {
    /// Serves zones given as name, denial (see docs/scenarios.md) and text.
    #[must_use]
    pub fn new(name: &str, zones: &[(String, String, String)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut served = Vec::new();
        for (number, (origin, denial, text)) in zones.iter().enumerate() {
            let text = Denial::read(denial).sign(origin, text);
            let text = format!("$ORIGIN {origin}\n{text}");
            let origin: Name = origin.parse().unwrap();
            let file = directory.path().join(format!("{number}.zone"));
            std::fs::write(&file, &text).unwrap();
            let plain = directory.path().join(format!("{number}.plain"));
            std::fs::write(&plain, plain::zone(&origin, &text)).unwrap();
            served.push(Zone { origin, text, file, plain, is_signed: !denial.is_empty() });
        }
        let peers = peers::start(&served, directory.path());
        let (tenon, said) = tenon::start(&served, directory.path());
        let mut world = Self {
            name: name.to_owned(),
            zones: served.into_iter().map(|zone| (zone.origin.clone(), zone)).collect(),
            tenon,
            peers,
            unserved: Default::default(),
            refused: BTreeSet::new(),
            _directory: directory,
        };
        world.find_unserved();
        if !world.refused().is_empty() {
            println!("{name}: tenon-loadzone refused zones that two peers serve:\n{said}");
        }
        world
    }

    /// The zones, with their texts.
    pub fn zones(&self) -> impl Iterator<Item = &Zone> {
        self.zones.values()
    }

    /// Where Tenon and Knot, NSD and BIND answer.
    #[must_use]
    pub fn addresses(&self) -> (SocketAddr, [SocketAddr; 3]) {
        (self.tenon.address, self.peers.each_ref().map(|peer| peer.address))
    }

    /// Zones that Tenon's loader refused, but at least two peers serve.
    #[must_use]
    pub fn refused(&self) -> BTreeSet<&Name> {
        self.refused.iter().filter(|zone| self.peers_with(zone) >= 2).collect()
    }

    /// Zones that Tenon serves and at most one peer.
    #[must_use]
    pub fn taken(&self) -> BTreeSet<&Name> {
        self.zones.keys().filter(|zone| !self.refused.contains(*zone) && self.peers_with(zone) < 2).collect()
    }

    fn peers_with(&self, zone: &Name) -> usize {
        self.unserved.iter().filter(|unserved| !unserved.contains(zone)).count()
    }

    /// Waits until all servers answer, and finds out which zones each of them took.
    fn find_unserved(&mut self) {
        let questions: Vec<Question> = self
            .zones
            .keys()
            .map(|name| Question { name: name.clone(), rrtype: RrType::SOA, edns: None })
            .collect();
        let missing = |process: &mut Process| {
            let began = Instant::now();
            let mut before = usize::MAX;
            loop {
                process.must_run();
                let missing: BTreeSet<Name> = ask_udp(process.address, &questions)
                    .into_iter()
                    .zip(&questions)
                    .filter(|(answer, _)| !answer.as_deref().is_some_and(is_served))
                    .map(|(_, question)| question.name.clone())
                    .collect();
                if missing.is_empty() || missing.len() == before && missing.len() < questions.len() {
                    return missing;
                }
                assert!(began.elapsed() < LOADING, "{} does not answer:\n{}", process.name, process.said());
                before = missing.len();
                std::thread::sleep(Duration::from_millis(500));
            }
        };
        for (process, unserved) in self.peers.iter_mut().zip(&mut self.unserved) {
            *unserved = missing(process);
        }
        self.refused = missing(&mut self.tenon);
        for (process, unserved) in self.peers.iter().zip(&self.unserved) {
            if !unserved.is_empty() {
                let zones: Vec<String> = unserved.iter().map(ToString::to_string).collect();
                println!("{}: {} did not take {}", self.name, process.name, zones.join(" "));
                let said = process.said();
                let complaints = said.lines().filter(|line| line.contains("error") || line.contains("fail"));
                complaints.take(COMPLAINTS).for_each(|line| println!("  {line}"));
            }
        }
    }

    /// Asks all four, over UDP and, where somebody truncates and of every `nth` question, over TCP; tells the report.
    pub fn ask(&mut self, questions: &[Question], nth: usize, report: &mut Report) {
        for batch in questions.chunks(BATCH) {
            let truncated = self.ask_all(batch, false, report);
            let again: Vec<Question> = batch
                .iter()
                .enumerate()
                .filter(|(index, _)| truncated.contains(index) || index % nth == 0)
                .map(|(_, question)| question.clone())
                .collect();
            self.ask_all(&again, true, report);
        }
        self.tenon.must_run();
        self.peers.iter_mut().for_each(Process::must_run);
    }

    /// Gives the places of questions whose answers somebody truncated.
    fn ask_all(&self, questions: &[Question], tcp: bool, report: &mut Report) -> BTreeSet<usize> {
        let ask = if tcp { ask_tcp } else { ask_udp };
        let readings = std::thread::scope(|scope| {
            let servers = self.peers.iter().chain([&self.tenon]);
            let threads: Vec<_> = servers
                .map(|process| {
                    let address = process.address;
                    scope.spawn(move || {
                        ask(address, questions)
                            .into_iter()
                            .map(|answer| Reading::of(&answer?))
                            .collect::<Vec<Option<Reading>>>()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        let mut truncated = BTreeSet::new();
        for (index, question) in questions.iter().enumerate() {
            let mut four: Vec<Option<Reading>> =
                readings.iter().map(|answers| answers[index].clone()).collect();
            if !tcp && four.iter().flatten().any(Reading::is_truncated) {
                truncated.insert(index);
                report.truncated(four[3].as_ref().is_some_and(Reading::is_truncated));
                continue;
            }
            four.iter_mut().flatten().for_each(Reading::leave_courtesies_out);
            self.judge(question, tcp, four, report);
        }
        truncated
    }

    fn judge(&self, question: &Question, tcp: bool, four: Vec<Option<Reading>>, report: &mut Report) {
        let zone = self.zone_of(&question.name, question.rrtype);
        if zone.is_some_and(|zone| self.refused.contains(&zone.origin)) {
            return;
        }
        let [knot, nsd, bind, tenon] = &four[..] else { return };
        let mut peers = [knot.as_ref(), nsd.as_ref(), bind.as_ref()];
        for (peer, unserved) in peers.iter_mut().zip(&self.unserved) {
            if zone.is_some_and(|zone| unserved.contains(&zone.origin)) {
                *peer = None;
            }
        }
        let verdict = judge(tenon.as_ref(), peers);
        let known = match (verdict, tenon, majority(peers)) {
            (Verdict::Alone, Some(tenon), Some(majority)) => {
                let zone_of = |name: &Name, rrtype| self.zone_of(name, rrtype).map(|zone| &zone.origin);
                Difference { question, tenon, peers, majority, zone_of: &zone_of }.row()
            }
            _ => None,
        };
        let describe = || self.describe(question, tcp, tenon.as_ref(), peers, zone);
        let shape = || {
            let shapes = peers
                .into_iter()
                .chain([tenon.as_ref()])
                .map(|reading| reading.map_or_else(|| "-".into(), Reading::shape));
            format!("{} {}", question.rrtype, shapes.collect::<Vec<_>>().join(" | "))
        };
        report.note(&Case { verdict, known, shape: &shape, describe: &describe });
    }

    /// The zone that a question is for.
    fn zone_of(&self, name: &Name, rrtype: RrType) -> Option<&Zone> {
        let parent = name.as_ref().parent().filter(|_| rrtype == RrType::DS);
        parent.and_then(|parent| self.zone_at(&parent.to_name())).or_else(|| self.zone_at(name))
    }

    /// The most specific zone that is served for a name.
    fn zone_at(&self, name: &Name) -> Option<&Zone> {
        std::iter::successors(Some(name.as_ref()), |name| name.parent())
            .find_map(|name| self.zones.get(&name.to_name()))
    }

    fn describe(
        &self,
        question: &Question,
        tcp: bool,
        tenon: Option<&Reading>,
        peers: [Option<&Reading>; 3],
        zone: Option<&Zone>,
    ) -> String {
        let mut text = format!("{} {question}{}\n", self.name, if tcp { " tcp" } else { "" });
        let names = PEERS.iter().chain(&["tenon"]);
        for (name, reading) in names.zip(peers.into_iter().chain([tenon])) {
            match reading {
                Some(reading) => _ = write!(text, " {name}\n{reading}"),
                None => _ = writeln!(text, " {name}: nothing"),
            }
        }
        if let Some(zone) = zone.filter(|zone| zone.text.len() < 3000) {
            let _ = writeln!(text, " zone\n{}", zone.text);
        }
        text
    }
}

/// True for an authoritative answer with an SOA record.
fn is_served(answer: &[u8]) -> bool {
    Reading::of(answer).is_some_and(|reading| {
        reading.rcode == 0
            && reading.flags.contains(&"AA")
            && reading.answer.iter().any(|line| line.rrtype == "SOA")
    })
}
