//! The steps of a commit, so that tests can end a process before each of them.

use std::io;
use std::sync::Arc;

/// A step, named by what is about to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Step {
    /// All owners have accepted.
    KeepPromise,
    // The generation's own file, and the link that names it.
    WriteFile,
    SyncFile,
    NameFile,
    SyncGenerations,
    /// SQLite alone: rows of the generation, and the transaction that makes it the committed one.
    WriteRows,
    CommitRows,
    MakeLink,
    NameLink,
    SyncDirectory,
    /// The generation is committed, whatever dies.
    WriteListen,
    GiveKeys,
    /// Before the first owner is told, and after each.
    TellOwners,
    OwnerTold,
    DropEdits,
    // Around the commit of a key: the note of what it was, its secret, and that the note is not needed any more.
    NoteKey,
    KeepKey,
    EndKeyChange,
}

impl Step {
    /// Those of changing a key around the commit's, in their order.
    pub const OF_KEYS: [Self; 3] = [Self::NoteKey, Self::KeepKey, Self::EndKeyChange];

    /// All steps of a commit in their order.
    pub const ALL: [Self; 15] = [
        Self::KeepPromise,
        Self::WriteFile,
        Self::SyncFile,
        Self::NameFile,
        Self::SyncGenerations,
        Self::WriteRows,
        Self::CommitRows,
        Self::MakeLink,
        Self::NameLink,
        Self::SyncDirectory,
        Self::WriteListen,
        Self::GiveKeys,
        Self::TellOwners,
        Self::OwnerTold,
        Self::DropEdits,
    ];
}

/// Is asked before each step whether it may be taken.
#[derive(Clone)]
pub struct Steps(Arc<dyn Fn(Step) -> io::Result<()> + Send + Sync>);

impl Steps {
    /// Asks this.
    pub fn asking(may: impl Fn(Step) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self(Arc::new(may))
    }

    /// Fails with what the one who is asked says.
    pub(crate) fn before(&self, step: Step) -> io::Result<()> {
        (self.0)(step)
    }
}

impl Default for Steps {
    /// Every step may be taken.
    fn default() -> Self {
        Self::asking(|_| Ok(()))
    }
}

impl std::fmt::Debug for Steps {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Steps")
    }
}
