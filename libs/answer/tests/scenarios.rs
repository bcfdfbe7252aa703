//! Conversations as text, one file a topic: see docs/scenarios.md.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod scenario;
mod support;

use scenario::Scenario;

/// Runs one file; every question that is answered otherwise is told, not only the first.
fn run(text: &str, least: usize) {
    let outcome = Scenario::read(text).run();
    assert!(outcome.wrong.is_empty(), "{} wrong:\n\n{}", outcome.wrong.len(), outcome.wrong.join("\n"));
    assert!(outcome.asked >= least, "only {} questions were found", outcome.asked);
}

/// A test for each file, with the number of questions that it has at least.
macro_rules! scenarios {
    ($($name:ident $least:literal,)*) => {
        $(#[test] fn $name() { run(include_str!(concat!("scenarios/", stringify!($name), ".txt")), $least); })*

        #[test]
        fn every_file_is_run() {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scenarios");
            let mut files: Vec<String> = std::fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            files.sort();
            let mut known = vec![$(concat!(stringify!($name), ".txt")),*];
            known.sort_unstable();
            assert_eq!(files, known);
        }
    };
}

scenarios! {
    additional 25,
    aliases 14,
    chains 7,
    cookies 11,
    delegations 15,
    dname 20,
    edns 11,
    half_signed 12,
    names 11,
    negative 14,
    nsec 16,
    nsec3 15,
    qtypes 16,
    root 5,
    truncation 7,
    wildcards 29,
    zone_options 9,
}

#[test]
fn a_wrong_answer_is_found() {
    const ZONE: &str = ".zone example.\n@ 300 SOA ns a 1 2 3 4 5\n@ 300 NS ns\nns 300 A 192.0.2.1\n";
    let wrong = |block: &str| Scenario::read(&format!("{ZONE}{block}")).run().wrong.len();
    assert_eq!(wrong(".ask ns.example. A\nNOERROR AA\n> ns.example. 300 A 192.0.2.1\n"), 0);
    for block in [
        ".ask ns.example. A\nNXDOMAIN AA\n> ns.example. 300 A 192.0.2.1\n",
        ".ask ns.example. A\nNOERROR\n> ns.example. 300 A 192.0.2.1\n",
        ".ask ns.example. A\nNOERROR AA\n> ns.example. 301 A 192.0.2.1\n",
        ".ask ns.example. A\nNOERROR AA\n> ns.example. 300 A 192.0.2.2\n",
        ".ask ns.example. A\nNOERROR AA\n> Ns.example. 300 A 192.0.2.1\n",
        ".ask ns.example. A\nNOERROR AA\n~ ns.example. 300 A 192.0.2.1\n",
        ".ask ns.example. A\nNOERROR AA\n",
        ".ask ns.example. A\nNOERROR AA\n> ns.example. 300 A 192.0.2.1\n> ns.example. 300 A 192.0.2.1\n",
        ".ask ns.example. A\nNOERROR AA\n> ns.example. 300 A 192.0.2.1\nede 20\n",
    ] {
        assert_eq!(wrong(block), 1, "{block}");
    }
}

/// The ledger of RFCs claims nothing that no test of that name shows.
#[test]
fn ledger() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let ledger = std::fs::read_to_string(format!("{root}/docs/rfcs.md")).unwrap();
    let mut rows = 0;
    for line in ledger.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, rfc, _, _, status, test, _, _] = cells[..] else { continue };
        match status {
            "no" => assert_eq!(test, "", "{line}"),
            "yes" | "partly" => {
                let (file, name) = test.trim_matches('`').split_once("::").expect(line);
                let (path, wanted) = match file {
                    "scenarios" => (format!("libs/answer/tests/scenarios/{name}.txt"), ".ask ".to_owned()),
                    _ if file.contains('/') => (file.to_owned(), format!("fn {name}(")),
                    _ => (format!("libs/answer/tests/{file}.rs"), format!("fn {name}(")),
                };
                let text = std::fs::read_to_string(format!("{root}/{path}")).expect(line);
                assert!(text.contains(&wanted), "{line}");
            }
            _ => assert!(rfc == "RFC" || rfc == "---", "status {status}: {line}"),
        }
        rows += 1;
    }
    assert!(rows > 60, "only {rows} rows");
}
