//! What every data source must do, written against the trait, and run for each engine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

#[path = "../common/mod.rs"]
mod common;

mod change;
mod following;
mod journal;
mod versions;
mod zones;

use tenon_datasrc::DataSource;
use tenon_datasrc::sqlite::{Access, SqliteSource};

type Make<'a> = &'a dyn Fn() -> Box<dyn DataSource>;
type Check = fn(Make<'_>);

/// Runs every check on sources that `make` opens; each call must give another handle on one and the same empty store
/// until the next call of `renew`.
fn conformance(renew: &mut dyn FnMut(), make: Make<'_>) {
    let checks: &[(&str, Check)] = &[
        ("an empty store has nothing", zones::nothing),
        ("what was put comes back", versions::round_trip),
        ("a writer reads back what it wrote", versions::written_back),
        ("a zone of many pages comes back", versions::many_pages),
        ("names can be looked up one by one", zones::names),
        ("zones are listed in order, page by page", zones::listing),
        ("wrong RRsets are refused", versions::refusals),
        ("a version that was not committed never was", versions::abandoned),
        ("a commit replaces all of a zone", versions::replacement),
        ("a commit that does not wait is visible", versions::unsynced),
        ("a reader is not disturbed, or told", versions::reader_and_commit),
        ("one writer a zone", versions::one_writer),
        ("a removed zone is gone", zones::removal),
        ("every commit can be seen in the counter", zones::counter),
        ("the journal tells how to get there", journal::journal),
        ("the journal ends where serials do not grow", journal::journal_breaks),
        ("changed names lead from version to version", journal::changes),
        ("a change leaves the rest as it is", change::change),
        ("whoever reads a version is not disturbed by changes", change::leased),
        ("changes refuse what writers refuse", change::refused_changes),
        ("a version can be read while it is written", following::followed),
        ("who follows a version that is given up is told", following::followed_in_vain),
    ];
    for (what, check) in checks {
        println!("checking: {what}");
        renew();
        check(make);
    }
}

#[test]
fn sqlite_conforms() {
    let directory = tempfile::tempdir().unwrap();
    let number = std::cell::Cell::new(0);
    let path = || directory.path().join(format!("zones{}.sqlite", number.get()));
    conformance(&mut || number.set(number.get() + 1), &|| {
        Box::new(SqliteSource::open(&path(), Access::Create).unwrap())
    });
}
