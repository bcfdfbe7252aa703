//! What was found wrong or doubtful in a zone, from reading to checking, with a bound on how much of it is kept.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::Serialize;
use tenon_datasrc::master;

/// Findings of one severity that are kept; the others are counted.
const KEPT: u64 = 20;
/// Longest part of a line that is shown.
const EXCERPT: usize = 160;

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The zone cannot be loaded.
    Error,
    /// It can, but its author may have meant something else.
    Warning,
}

/// One thing wrong or doubtful.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The file, when it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line in it, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The octet in that line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// What is wrong, why, and what to do.
    pub reason: String,
    /// The line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
    /// Start and length of the place in the excerpt, in characters.
    #[serde(skip)]
    pub mark: Option<(usize, usize)>,
}

impl Finding {
    /// One about no line in particular.
    #[must_use]
    pub fn general(severity: Severity, reason: String) -> Self {
        Self { severity, file: None, line: None, column: None, reason, excerpt: None, mark: None }
    }

    /// One about a line of a file.
    #[must_use]
    pub fn at(severity: Severity, file: &Path, line: u32, reason: String) -> Self {
        let general = Self::general(severity, reason);
        Self { file: Some(file.display().to_string()), line: Some(line), ..general }
    }
}

impl From<master::Problem> for Finding {
    fn from(problem: master::Problem) -> Self {
        let severity = match problem.severity {
            master::Severity::Error => Severity::Error,
            master::Severity::Warning => Severity::Warning,
        };
        let mark = problem.mark;
        Self {
            severity,
            file: Some(problem.path.display().to_string()),
            line: (problem.line > 0).then_some(problem.line),
            column: mark.as_ref().map(|mark| mark.column),
            reason: problem.reason.to_string(),
            mark: mark.as_ref().map(|mark| (mark.start, mark.length)),
            excerpt: mark.map(|mark| mark.excerpt),
        }
    }
}

/// The findings of one zone.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Findings {
    /// Errors in all.
    pub errors: u64,
    /// Warnings in all.
    pub warnings: u64,
    kept: Vec<Finding>,
}

impl Findings {
    /// Counts a finding, and keeps it if few of its severity came before.
    pub fn add(&mut self, finding: Finding) {
        let count = match finding.severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        *count += 1;
        if *count <= KEPT {
            self.kept.push(finding);
        }
    }

    /// Adds what another part of the work found.
    pub fn merge(&mut self, other: Self) {
        let (errors, warnings) = (self.errors + other.errors, self.warnings + other.warnings);
        other.kept.into_iter().for_each(|finding| self.add(finding));
        (self.errors, self.warnings) = (errors, warnings);
    }

    /// True when a finding of that severity would still be kept, so that its place is worth looking up.
    #[must_use]
    pub fn has_room(&self, severity: Severity) -> bool {
        match severity {
            Severity::Error => self.errors < KEPT,
            Severity::Warning => self.warnings < KEPT,
        }
    }

    /// What was kept, in the order of files and lines, each with its line.
    #[must_use]
    pub fn into_sorted(mut self) -> Vec<Finding> {
        self.kept.sort_by(|a, b| (a.severity, &a.file, a.line).cmp(&(b.severity, &b.file, b.line)));
        add_excerpts(&mut self.kept);
        self.kept
    }
}

/// Reads each file once for the lines that are wanted of it.
fn add_excerpts(findings: &mut [Finding]) {
    let mut files: Vec<String> = findings
        .iter()
        .filter(|finding| finding.excerpt.is_none())
        .filter_map(|finding| finding.file.clone())
        .collect();
    files.sort_unstable();
    files.dedup();
    for file in files {
        let mut wanted: Vec<&mut Finding> = findings
            .iter_mut()
            .filter(|finding| finding.excerpt.is_none() && finding.line.is_some())
            .filter(|finding| finding.file.as_ref() == Some(&file))
            .collect();
        wanted.sort_by_key(|finding| finding.line);
        // A line that cannot be read again is not shown; the finding is.
        let _ = read_lines(Path::new(&file), &mut wanted);
    }
}

fn read_lines(path: &Path, wanted: &mut [&mut Finding]) -> std::io::Result<()> {
    if !path.is_file() {
        return Ok(());
    }
    let mut input = BufReader::with_capacity(1 << 18, File::open(path)?);
    let (mut number, mut line) = (0, Vec::new());
    for finding in wanted {
        while finding.line.is_some_and(|line| number < line) {
            line.clear();
            input.by_ref().take(EXCERPT as u64).read_until(b'\n', &mut line)?;
            if !line.ends_with(b"\n") {
                input.skip_until(b'\n')?;
            }
            number += 1;
        }
        let shown = |&octet: &u8| match octet {
            b'\t' => ' ',
            0x20..0x7f => octet as char,
            _ => char::REPLACEMENT_CHARACTER,
        };
        finding.excerpt = Some(line.trim_ascii_end().iter().map(shown).collect());
    }
    Ok(())
}
