//! How answers look: tables with colour on a terminal, aligned text elsewhere, JSON when asked for.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, SystemTime};

use comfy_table::{Attribute, Cell as TableCell, Color, ContentArrangement, Table};
use serde::Serialize;

/// The narrowest terminal that tables are fitted into, in columns; on narrower ones the terminal breaks the lines.
const NARROWEST: u16 = 40;

/// Where and how to write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// Whether JSON was asked for.
    pub(crate) json: bool,
    terminal: bool,
    colour: bool,
}

/// How something is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Good,
    Bad,
    Faint,
}

/// One cell of a table.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

/// A cell without a tone.
pub(crate) fn cell(text: impl ToString) -> Cell {
    Cell { text: text.to_string(), tone: Tone::Plain }
}

/// A cell with a tone.
pub(crate) fn toned(text: impl ToString, tone: Tone) -> Cell {
    Cell { text: text.to_string(), tone }
}

impl Output {
    /// Finds out where standard output goes. `NO_COLOR` (set to anything) keeps colours away.
    pub(crate) fn new(json: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { json, terminal, colour }
    }

    /// Writes one JSON document.
    pub(crate) fn document(self, document: &impl Serialize) -> io::Result<()> {
        let mut text = serde_json::to_string_pretty(document)?;
        text.push('\n');
        io::stdout().write_all(text.as_bytes())
    }

    /// Writes one line for people.
    pub(crate) fn line(self, text: &str) -> io::Result<()> {
        writeln!(io::stdout(), "{text}")
    }

    /// Writes a heading over what follows.
    pub(crate) fn heading(self, text: &str) -> io::Result<()> {
        if self.colour { self.line(&format!("\x1b[1m{text}\x1b[0m")) } else { self.line(text) }
    }

    /// Writes a line that something is wrong.
    pub(crate) fn problem(self, text: &str) -> io::Result<()> {
        if self.colour { self.line(&format!("\x1b[31m{text}\x1b[0m")) } else { self.line(text) }
    }

    /// Writes a table.
    pub(crate) fn table(self, headers: &[&str], rows: Vec<Vec<Cell>>) -> io::Result<()> {
        if self.terminal {
            return self.line(&self.drawn(headers, rows));
        }
        let headers = headers.iter().map(|header| (*header).to_owned()).collect();
        let texts = rows.into_iter().map(|row| row.into_iter().map(|cell| cell.text).collect());
        let lines: Vec<Vec<String>> = std::iter::once(headers).chain(texts).collect();
        io::stdout().write_all(aligned(&lines).as_bytes())
    }

    fn drawn(self, headers: &[&str], rows: Vec<Vec<Cell>>) -> String {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        // Serial lines and the like are terminals that do not know their width.
        if table.width().is_some_and(|width| width >= NARROWEST) {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        }
        table.set_header(headers.iter().map(|header| self.drawn_cell(toned(header, Tone::Plain), true)));
        for row in rows {
            table.add_row(row.into_iter().map(|cell| self.drawn_cell(cell, false)).collect::<Vec<_>>());
        }
        table.to_string()
    }

    fn drawn_cell(self, cell: Cell, bold: bool) -> TableCell {
        let drawn = TableCell::new(cell.text);
        if !self.colour {
            return drawn;
        }
        let drawn = if bold { drawn.add_attribute(Attribute::Bold) } else { drawn };
        match cell.tone {
            Tone::Plain => drawn,
            Tone::Good => drawn.fg(Color::Green),
            Tone::Bad => drawn.fg(Color::Red),
            Tone::Faint => drawn.add_attribute(Attribute::Dim),
        }
    }
}

/// Columns with two spaces between them, nothing behind the last.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|text| text.chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let padded = row.iter().zip(&widths).map(|(word, width)| format!("{word:width$}"));
        let line = padded.collect::<Vec<_>>().join("  ");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A time as date and hour, UTC; `-` for 0.
pub(crate) fn date(usec: u64) -> String {
    if usec == 0 {
        return "-".into();
    }
    let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_micros(usec));
    time.map_or_else(|| "-".into(), |time| humantime::format_rfc3339_seconds(time).to_string())
}

/// How long ago a time was; `-` for 0.
pub(crate) fn ago(usec: u64) -> String {
    let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_micros(usec));
    match time.and_then(|time| SystemTime::now().duration_since(time).ok()) {
        Some(passed) if usec > 0 => {
            // The two largest units are enough for people.
            let text = humantime::format_duration(Duration::from_secs(passed.as_secs())).to_string();
            text.split(' ').take(2).collect::<Vec<_>>().join(" ")
        }
        _ => "-".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_with_their_text() {
        let rows = [["A", "LONGER", "C"], ["wide one", "x", ""]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(aligned(&rows), "A         LONGER  C\nwide one  x\n");
        assert_eq!(aligned(&[]), "");
    }

    #[test]
    fn times_for_people() {
        assert_eq!(date(1_700_000_000_000_000), "2023-11-14T22:13:20Z");
        assert_eq!((date(0), ago(0)), ("-".into(), "-".into()));
    }
}
