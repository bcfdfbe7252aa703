//! Questions asked with `dig`, and what it printed, read.

use crate::Machine;

/// What `dig` printed of one answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// Such as `NOERROR`; empty when there was no answer.
    pub status: String,
    /// Such as `qr aa rd`.
    pub flags: String,
    /// Records of the answer section, fields separated by one blank.
    pub answer: Vec<String>,
    /// Records of the authority section.
    pub authority: Vec<String>,
    /// Records of the additional section, the OPT record not among them.
    pub additional: Vec<String>,
    /// All of it.
    pub text: String,
}

impl Machine {
    /// Runs `dig` inside with the given arguments.
    #[must_use]
    pub fn dig(&self, arguments: &str) -> Answer {
        Answer::read(&self.text(&format!("dig +tries=1 +time=2 +nocookie {arguments}")))
    }
}

impl Answer {
    fn read(text: &str) -> Self {
        let between = |start: &str, end: &str| {
            let rest = text.split_once(start).map_or("", |(_, rest)| rest);
            rest.split_once(end).map_or(rest, |(inner, _)| inner).trim().to_owned()
        };
        let section = |name: &str| {
            let body = between(&format!(";; {name} SECTION:\n"), "\n\n");
            let lines = body.lines().filter(|line| !line.starts_with(';'));
            lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
        };
        Self {
            status: between("status: ", ","),
            flags: between(";; flags: ", ";"),
            answer: section("ANSWER"),
            authority: section("AUTHORITY"),
            additional: section("ADDITIONAL"),
            text: text.to_owned(),
        }
    }

    /// True when the answer is authoritative.
    #[must_use]
    pub fn is_authoritative(&self) -> bool {
        self.flags.split(' ').any(|flag| flag == "aa")
    }
}
