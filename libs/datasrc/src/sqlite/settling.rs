//! Puts steps into the journal of a zone and takes the oldest ones out of it.

use rusqlite::OptionalExtension;

use super::JournalLimits;
use super::step::{Differences, Outcome, Step};
use super::store::WriteError;
use super::transaction::Transaction;

/// A journal grows beyond its limits by this part of them before it is brought back: not every step pays for that.
const LEEWAY: u64 = 16;

impl Outcome {
    /// Makes a step the last one of the zone's journal, or ends the journal, and drops the steps that are beyond the limits.
    pub(super) fn settle(
        &self,
        transaction: &Transaction<'_>,
        step: &Step,
        limits: JournalLimits,
    ) -> Result<(), WriteError> {
        match self {
            Self::Same => {}
            Self::Recorded(differences) => {
                let end = append(transaction, step, differences)?;
                if end.number > limits.steps || end.records > limits.records {
                    drop_beyond(transaction, step.zone_id, end, limits)?;
                }
            }
            Self::NotRecorded => {
                drop_all(transaction, step.zone_id)?;
                drop_written(transaction, step)?;
            }
        }
        Ok(())
    }
}

/// The end of a journal: number of the last step, and the records in all up to there.
#[derive(Clone, Copy, Default)]
struct End {
    number: u64,
    records: u64,
}

/// Ends the journal of a zone.
pub(super) fn drop_all(transaction: &Transaction<'_>, zone_id: i64) -> rusqlite::Result<()> {
    drop_up_to(transaction, zone_id, i64::MAX as u64)
}

fn append(transaction: &Transaction<'_>, step: &Step, differences: &Differences) -> rusqlite::Result<End> {
    let End { number, records } = last(transaction, step.zone_id)?.unwrap_or_default();
    let end = End { number: number + 1, records: records + differences.records };
    let (deleted, added) = differences.few.as_ref().map(|(deleted, added)| (deleted, added)).unzip();
    transaction
        .prepare_cached(
            "INSERT INTO journal_steps (zone_id, version, from_serial, to_serial, records, version_before, number,
                 records_so_far, deleted, added)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute((
            step.zone_id,
            step.version,
            step.from_serial,
            step.to_serial,
            differences.records,
            step.version_before,
            end.number,
            end.records,
            deleted,
            added,
        ))?;
    if differences.few.is_none() {
        transaction.prepare_cached("DELETE FROM loose_steps WHERE version = ?1")?.execute([step.version])?;
    }
    Ok(end)
}

fn last(transaction: &Transaction<'_>, zone_id: i64) -> rusqlite::Result<Option<End>> {
    transaction
        .prepare_cached(
            "SELECT number, records_so_far FROM journal_steps WHERE zone_id = ?1 ORDER BY version DESC LIMIT 1",
        )?
        .query_row([zone_id], |row| Ok(End { number: row.get(0)?, records: row.get(1)? }))
        .optional()
}

/// Has what was written of a step cleared.
fn drop_written(transaction: &Transaction<'_>, step: &Step) -> rusqlite::Result<usize> {
    transaction
        .prepare_cached(
            "INSERT INTO loose_steps (version, state)
             SELECT ?1, 'dropped' WHERE EXISTS (SELECT 1 FROM journal WHERE version = ?1)
             ON CONFLICT (version) DO UPDATE SET state = 'dropped'",
        )?
        .execute([step.version])
}

/// Drops the oldest steps until the rest is within the limits, once it is well beyond; costs what is dropped, not what there is.
fn drop_beyond(
    transaction: &Transaction<'_>,
    zone_id: i64,
    end: End,
    limits: JournalLimits,
) -> rusqlite::Result<()> {
    let mut oldest = transaction.prepare_cached(
        "SELECT version, number, records_so_far - records FROM journal_steps WHERE zone_id = ?1 ORDER BY version",
    )?;
    let is_within = |number: u64, records_before: u64, leeway: u64| {
        end.number.saturating_sub(number) < limits.steps.saturating_add(limits.steps / leeway)
            && end.records.saturating_sub(records_before)
                <= limits.records.saturating_add(limits.records / leeway)
    };
    let (mut rows, mut beyond) = (oldest.query([zone_id])?, None);
    while let Some(row) = rows.next()? {
        let (version, number, records_before): (u64, u64, u64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let leeway = if beyond.is_none() { LEEWAY } else { u64::MAX };
        if is_within(number, records_before, leeway) {
            break;
        }
        beyond = Some(version);
    }
    drop(rows);
    beyond.map_or(Ok(()), |beyond| drop_up_to(transaction, zone_id, beyond))
}

/// Drops the steps up to a version; what pages they have is cleared later.
fn drop_up_to(transaction: &Transaction<'_>, zone_id: i64, version: u64) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO loose_steps (version, state)
             SELECT version, 'dropped' FROM journal_steps
             WHERE zone_id = ?1 AND version <= ?2 AND deleted IS NULL",
        )?
        .execute((zone_id, version))?;
    transaction
        .prepare_cached("DELETE FROM journal_steps WHERE zone_id = ?1 AND version <= ?2")?
        .execute((zone_id, version))?;
    Ok(())
}
