//! Zones as text: blocks that begin with `.zone ORIGIN [DENIAL]`, as in scenarios (docs/scenarios.md).

/// Name, denial and text of each zone.
#[must_use]
pub fn read(text: &str) -> Vec<(String, String, String)> {
    let mut zones: Vec<(String, String, String)> = Vec::new();
    for line in text.lines() {
        if let Some(words) = line.strip_prefix(".zone ") {
            let (origin, denial) = words.split_once(' ').unwrap_or((words, ""));
            zones.push((origin.to_owned(), denial.to_owned(), String::new()));
        } else if let Some((_, _, text)) = zones.last_mut() {
            text.push_str(line);
            text.push('\n');
        } else {
            assert!(line.is_empty() || line.starts_with(';'), "outside of a zone: {line}");
        }
    }
    zones
}
