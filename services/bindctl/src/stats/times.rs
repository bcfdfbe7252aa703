//! How long the instances of auth took to answer, added up.

use std::time::Duration;

use serde::Serialize;
use tenon_bus::{AnswerTimes, Auth1, Bus};

use super::auth_is_there;
use crate::failure::Failure;
use crate::output::{Cell, Output, cell};
use crate::session::auth_instances;

/// The times of one transport.
#[derive(Serialize)]
struct Shown<'a> {
    transport: &'a str,
    messages: u64,
    nanoseconds: u64,
    buckets: Vec<Bucket>,
}

/// Messages that took at most so long, and more than the bucket before says.
#[derive(Serialize)]
struct Bucket {
    /// Null in the last one: longer than all before.
    microseconds: Option<u64>,
    messages: u64,
}

/// Shows the transports that something came over.
pub(super) async fn show(output: Output, bus: &Bus) -> Result<(), Failure> {
    let mut told = Vec::new();
    let instances = auth_instances(bus).await?;
    for (_, name) in auth_is_there(&instances)? {
        told.extend(Auth1::new(bus, name).answer_times().await?);
    }
    let mut sums = AnswerTimes::sums(&told);
    if output.json {
        return Ok(output.document(&sums.iter().map(shown).collect::<Vec<_>>())?);
    }
    sums.retain(|times| times.messages() > 0);
    let headers =
        ["TRANSPORT", "MESSAGES", "MEAN", "HALF WITHIN", "90 % WITHIN", "99 % WITHIN", "ALL WITHIN"];
    Ok(output.table(&headers, sums.iter().map(row).collect())?)
}

fn shown(times: &AnswerTimes) -> Shown<'_> {
    let buckets = times.bounded().map(|(microseconds, messages)| Bucket { microseconds, messages });
    Shown {
        transport: &times.transport,
        messages: times.messages(),
        nanoseconds: times.nanoseconds,
        buckets: buckets.collect(),
    }
}

fn row(times: &AnswerTimes) -> Vec<Cell> {
    let mean = times.nanoseconds.checked_div(times.messages()).unwrap_or_default();
    let last = times.bounded().filter_map(|(bound, _)| bound).last().unwrap_or_default();
    let within = |hundredths| match times.within(hundredths) {
        Some(bound) => cell(brief(Duration::from_micros(bound))),
        None => cell(format!("over {}", brief(Duration::from_micros(last)))),
    };
    let mut cells =
        vec![cell(&times.transport), cell(times.messages()), cell(brief(Duration::from_nanos(mean)))];
    cells.extend([50, 90, 99, 100].map(within));
    cells
}

/// A time in its largest unit, rounded to three digits.
fn brief(time: Duration) -> String {
    let nanoseconds = time.as_nanos();
    let (unit, of) = match nanoseconds {
        0..1_000 => return format!("{nanoseconds} ns"),
        1_000..1_000_000 => (1_000, "us"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    let hundredths = nanoseconds.saturating_mul(100) / unit;
    match hundredths {
        0..1_000 => format!("{}.{:02} {of}", hundredths / 100, hundredths % 100),
        1_000..10_000 => format!("{}.{} {of}", hundredths / 100, hundredths % 100 / 10),
        _ => format!("{} {of}", hundredths / 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits() {
        for (nanoseconds, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 us"),
            (12_345, "12.3 us"),
            (131_072_000, "131 ms"),
            (1_048_576_000, "1.04 s"),
            (100_000_000_000, "100 s"),
        ] {
            assert_eq!(brief(Duration::from_nanos(nanoseconds)), text);
        }
    }
}
