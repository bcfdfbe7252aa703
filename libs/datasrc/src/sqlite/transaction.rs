//! A transaction whose beginning and end stay prepared: small ones are mostly that.

use std::ops::Deref;

use rusqlite::Connection;

/// Rolled back when dropped.
#[derive(Debug)]
pub(super) struct Transaction<'c> {
    connection: &'c Connection,
    is_committed: bool,
}

impl<'c> Transaction<'c> {
    /// Sees one state of the store from its first statement on.
    pub(super) fn read(connection: &'c mut Connection) -> rusqlite::Result<Self> {
        Self::begin(connection, "BEGIN")
    }

    /// Nobody else writes until it ends.
    pub(super) fn write(connection: &'c mut Connection) -> rusqlite::Result<Self> {
        Self::begin(connection, "BEGIN IMMEDIATE")
    }

    fn begin(connection: &'c Connection, sql: &str) -> rusqlite::Result<Self> {
        connection.prepare_cached(sql)?.execute([])?;
        Ok(Self { connection, is_committed: false })
    }

    pub(super) fn commit(mut self) -> rusqlite::Result<()> {
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        self.is_committed = true;
        Ok(())
    }
}

impl Deref for Transaction<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        // Some errors have rolled it back already. What cannot be rolled back ends with the connection.
        if !self.is_committed && !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }
}
