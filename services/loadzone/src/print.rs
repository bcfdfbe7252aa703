//! Results for people.

use std::fmt::Write;

use crate::findings::{Finding, Severity};
use crate::outcome::{Outcome, ZoneResult};

/// What is wrong with a zone, as compilers print it. Warnings only when they are wanted.
#[must_use]
pub fn findings(result: &ZoneResult, with_warnings: bool) -> String {
    let mut text = String::new();
    let wanted = |finding: &&Finding| with_warnings || finding.severity == Severity::Error;
    for finding in result.findings.iter().filter(wanted) {
        let _ = write_finding(&mut text, &result.zone, finding);
    }
    let shown =
        |severity| result.findings.iter().filter(|finding| finding.severity == severity).count() as u64;
    let more_errors = result.errors - shown(Severity::Error);
    let more_warnings = result.warnings - shown(Severity::Warning);
    if more_errors > 0 {
        let _ = writeln!(text, "{}: {} more errors", result.zone, number(more_errors));
    }
    if more_warnings > 0 && with_warnings {
        let _ = writeln!(text, "{}: {} more warnings", result.zone, number(more_warnings));
    }
    text
}

/// `file:line:column: severity: reason`, and below it the line with the place underlined.
fn write_finding(text: &mut String, zone: &str, finding: &Finding) -> std::fmt::Result {
    let severity = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    match &finding.file {
        Some(file) => write!(text, "{file}:")?,
        None => write!(text, "{zone}:")?,
    }
    if let Some(line) = finding.line {
        write!(text, "{line}:")?;
    }
    if let Some(column) = finding.column {
        write!(text, "{column}:")?;
    }
    writeln!(text, " {severity}: {}", finding.reason)?;
    let (Some(line), Some(excerpt)) =
        (finding.line, finding.excerpt.as_ref().filter(|line| !line.is_empty()))
    else {
        return Ok(());
    };
    writeln!(text, "{line:>7} | {excerpt}")?;
    if let Some((start, length)) = finding.mark {
        writeln!(text, "        | {:start$}{}", "", "^".repeat(length))?;
    }
    Ok(())
}

/// One line that says what became of a zone.
#[must_use]
pub fn summary(result: &ZoneResult) -> String {
    let ZoneResult { zone, seconds, .. } = result;
    let serial = result.serial.map_or_else(String::new, |serial| format!(" serial {serial}"));
    let size = || {
        let rate = (result.records as f64 / seconds.max(1e-6)).round() as u64;
        let records = number(result.records);
        let rrsets =
            if result.rrsets > 0 { format!(" in {} RRsets", number(result.rrsets)) } else { String::new() };
        format!("{records} records{rrsets}, {seconds:.2} s, {} records/s", number(rate))
    };
    match result.outcome {
        Outcome::Loaded => format!("{zone} loaded{serial}: {}", size()),
        Outcome::Unchanged => {
            format!("{zone} unchanged{serial}: the store has the same records; nothing was written")
        }
        Outcome::Checked => format!("{zone} good{serial}: {}", size()),
        Outcome::Removed => format!("{zone} removed"),
        Outcome::Absent => format!("{zone} was not in the store"),
        Outcome::Refused => {
            format!("{zone} refused: {} errors; the store is as it was", number(result.errors))
        }
        Outcome::Busy => format!("{zone} not loaded: another load or update of it is under way"),
        Outcome::Failed => format!("{zone} failed; the store is as it was"),
        Outcome::Conflict => format!("{zone} is not what was to be replaced; the store is as it was"),
        Outcome::Interrupted => format!("{zone} interrupted; the store is as it was"),
    }
}

/// One line for many zones.
#[must_use]
pub fn total(results: &[ZoneResult], seconds: f64) -> String {
    let of = |outcome| results.iter().filter(|result| result.outcome == outcome).count();
    let kinds = [
        (Outcome::Loaded, "loaded"),
        (Outcome::Unchanged, "unchanged"),
        (Outcome::Checked, "good"),
        (Outcome::Removed, "removed"),
        (Outcome::Absent, "not in the store"),
        (Outcome::Refused, "refused"),
        (Outcome::Busy, "busy"),
        (Outcome::Failed, "failed"),
        (Outcome::Interrupted, "interrupted"),
    ];
    let counts = kinds.iter().map(|&(outcome, word)| (of(outcome), word)).filter(|&(count, _)| count > 0);
    let counts: Vec<String> =
        counts.map(|(count, word)| format!("{} {word}", number(count as u64))).collect();
    let records = results.iter().filter(|result| result.is_good()).map(|result| result.records).sum();
    format!(
        "{} zones: {}; {} records, {seconds:.2} s",
        number(results.len() as u64),
        counts.join(", "),
        number(records)
    )
}

/// A number with its thousands apart.
fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn findings_look_like_a_compilers() {
        let mut result = ZoneResult::new("example.com.".to_owned(), Outcome::Refused);
        let at =
            Finding::at(Severity::Error, Path::new("/z"), 7, "A: this is not an IPv4 address".to_owned());
        result.findings = vec![Finding {
            column: Some(7),
            excerpt: Some("www A 1.2.3".to_owned()),
            mark: Some((6, 5)),
            ..at
        }];
        result.errors = 3;
        assert_eq!(
            findings(&result, true),
            "/z:7:7: error: A: this is not an IPv4 address\n      7 | www A 1.2.3\n        |       ^^^^^\nexample.com.: 2 more errors\n"
        );
    }

    #[test]
    fn numbers_are_easy_to_read() {
        for (value, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (2_950_007, "2,950,007")] {
            assert_eq!(number(value), text);
        }
    }
}
