//! Where zones live: the data source trait, SQLite, the journal, master files.
