//! The file of `--list`: a line "ZONE FILE" for each zone.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use tenon_wire::Name;

/// A zone and its master file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Job {
    /// Name of the zone.
    pub zone: Name,
    /// Its master file.
    pub file: PathBuf,
}

/// Makes a job of two words of the command line.
///
/// # Errors
/// What is wrong, for people.
pub fn job(zone: &str, file: &Path) -> Result<Job, String> {
    Ok(Job { zone: zone_name(zone)?, file: standard_input(file) })
}

/// Reads a zone's name; in lower case, so that how it was typed does not change what is stored.
///
/// # Errors
/// What is wrong, for people.
pub fn zone_name(text: &str) -> Result<Name, String> {
    text.parse::<Name>()
        .map(|name| name.as_ref().to_lowercase())
        .map_err(|error| format!("zone name {text:?}: {error}"))
}

/// Reads a list. Blank lines and those that start with `#` are skipped; relative paths start where the list is.
///
/// # Errors
/// The first line that is wrong, for people.
pub fn read(list: &Path) -> Result<Vec<Job>, String> {
    let text = if list == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(list)
    };
    let text = text.map_err(|error| format!("{}: {error}", list.display()))?;
    parse(&text, list)
}

fn parse(text: &str, list: &Path) -> Result<Vec<Job>, String> {
    let directory = list.parent().unwrap_or(Path::new(""));
    let (mut jobs, mut seen) = (Vec::new(), HashSet::new());
    for (index, line) in text.lines().enumerate().map(|(index, line)| (index, line.trim())) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |what: &str| format!("{}:{}: {what}", list.display(), index + 1);
        let (zone, file) =
            line.split_once(char::is_whitespace).ok_or_else(|| wrong("expected: ZONE FILE"))?;
        let zone = zone_name(zone).map_err(|error| wrong(&error))?;
        if !seen.insert(zone.clone()) {
            return Err(wrong(&format!("zone {zone} is listed twice")));
        }
        jobs.push(Job { zone, file: directory.join(file.trim_start()) });
    }
    Ok(jobs)
}

fn standard_input(file: &Path) -> PathBuf {
    if file == Path::new("-") { PathBuf::from("/dev/stdin") } else { file.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read() {
        let jobs = parse("# set\n\nexample.com a.zone\nExample.org.\t/b c.zone \n", Path::new("/lists/one"))
            .unwrap();
        assert_eq!(jobs.len(), 2);
        assert_eq!(
            (jobs[0].zone.to_string().as_str(), jobs[0].file.as_path()),
            ("example.com.", Path::new("/lists/a.zone"))
        );
        assert_eq!(jobs[1].file, Path::new("/b c.zone"));
    }

    #[test]
    fn bad_lines_are_told() {
        for (text, told) in [
            ("example.com\n", "list:1: expected: ZONE FILE"),
            ("\na..b x\n", "list:2: zone name \"a..b\": empty label"),
            ("a x\nA. y\n", "list:2: zone a. is listed twice"),
        ] {
            assert_eq!(parse(text, Path::new("list")), Err(told.to_owned()));
        }
    }
}
