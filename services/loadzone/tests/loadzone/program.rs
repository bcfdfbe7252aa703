//! The program as its users meet it: files in, exit status, messages, and what the store holds then.

use crate::place::{Place, ZONE};
use tenon_datasrc::DataSource;

#[test]
fn a_zone_is_loaded_and_the_same_again_is_not_written() {
    let place = Place::new();
    place.write("zone", ZONE);
    let first = place.run(&["example.com", "zone"]);
    assert_eq!(first.status, 0, "{first:?}");
    assert!(first.out.starts_with("example.com. loaded serial 7: 5 records in 4 RRsets, "), "{}", first.out);
    let stored = place.entry("example.com").unwrap();
    assert_eq!((stored.serial, stored.records, stored.rrsets), (7, 5, 4));
    let again = place.run(&["Example.COM.", "zone"]);
    assert_eq!((again.status, place.entry("example.com").unwrap().version), (0, stored.version));
    assert!(again.out.starts_with("example.com. unchanged serial 7"), "{}", again.out);
    let forced = place.run(&["--force", "example.com", "zone"]);
    assert_eq!(forced.status, 0);
    assert!(place.entry("example.com").unwrap().version > stored.version);
}

#[test]
fn json_has_the_figures() {
    let place = Place::new();
    place.write("zone", ZONE);
    let run = place.run(&["--json", "example.com", "zone"]);
    let said: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(said["exit_status"], 0);
    let zone = &said["zones"][0];
    assert_eq!((zone["zone"].as_str(), zone["outcome"].as_str()), (Some("example.com."), Some("loaded")));
    assert_eq!(
        (zone["serial"].as_u64(), zone["records"].as_u64(), zone["rrsets"].as_u64()),
        (Some(7), Some(5), Some(4))
    );
    assert!(zone["commit_ms"].as_f64().unwrap() > 0.0 && zone["seconds"].as_f64().unwrap() > 0.0);
    place.write("zone", "bad\n");
    let run = place.run(&["--json", "example.com", "zone"]);
    let said: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    let finding = &said["zones"][0]["findings"][0];
    assert_eq!((finding["severity"].as_str(), finding["line"].as_u64()), (Some("error"), Some(1)));
    assert_eq!(run.status, 1);
}

#[test]
fn a_mistake_is_shown_in_its_line_and_nothing_is_stored() {
    let place = Place::new();
    place.write("zone", &format!("{ZONE}www 60 A 192.0.2.256\n\tMX 10\n"));
    let run = place.run(&["example.com", "zone"]);
    assert_eq!(run.status, 1);
    let shown = "zone:6:10: error: A: this is not an IPv4 address\n      6 | www 60 A 192.0.2.256\n        |          ^^^^^^^^^^^\n";
    assert!(run.err.contains(shown), "{}", run.err);
    assert!(run.err.contains("zone:7:7: error: MX: a domain name is missing\n"), "{}", run.err);
    assert!(run.err.contains("example.com. refused: 2 errors; the store is as it was"), "{}", run.err);
    assert_eq!(place.entry("example.com"), None);
}

#[test]
fn an_error_in_line_500000_is_told_with_its_line() {
    let place = Place::new();
    place.write("good", ZONE);
    assert_eq!(place.run(&["example.com", "good"]).status, 0);
    let mut text = ZONE.replace(" 7 ", " 8 ");
    for number in 6..500_000 {
        text += &format!("h{number} 60 A 192.0.2.1\n");
    }
    text += "broken 60 AAAA 2001:db8::g\n";
    text += &"last 60 A 192.0.2.2\n".repeat(1000);
    place.write("zone", &text);
    let run = place.run(&["example.com", "zone"]);
    assert_eq!(run.status, 1);
    assert!(run.err.contains("zone:500000:16: error: AAAA: this is not an IPv6 address\n"), "{}", run.err);
    assert!(run.err.contains(" 500000 | broken 60 AAAA 2001:db8::g\n"), "{}", run.err);
    assert_eq!(place.entry("example.com").unwrap().serial, 7);
}

#[test]
fn what_records_do_to_each_other_is_told_with_file_and_line() {
    let place = Place::new();
    place.write("part", "ns A 192.0.2.1\nns CNAME elsewhere.example.\n");
    place.write(
        "zone",
        "$TTL 60\n@ SOA ns admin 1 2 3 4 5\n@ NS ns\n$INCLUDE part\nout.example.org. A 192.0.2.1\n",
    );
    let run = place.run(&["example.com", "zone"]);
    assert_eq!(run.status, 1);
    assert!(
        run.err.contains("zone:5: error: out.example.org. is not in the zone example.com."),
        "{}",
        run.err
    );
    place.write("zone", "$TTL 60\n@ SOA ns admin 1 2 3 4 5\n@ NS ns\n$INCLUDE part\n");
    let run = place.run(&["example.com", "zone"]);
    assert!(run.err.contains("part:2: error: ns.example.com. CNAME: beside A data"), "{}", run.err);
    assert!(run.err.contains("      2 | ns CNAME elsewhere.example.\n"), "{}", run.err);
    place.write("zone", "$TTL 60\nns A 192.0.2.1\n");
    let run = place.run(&["example.com", "zone"]);
    assert_eq!(run.status, 1);
    assert!(run.err.contains("the zone has no SOA record"), "{}", run.err);
}

#[test]
fn duplicates_and_differing_ttls_are_mended_with_a_warning() {
    let place = Place::new();
    place.write("zone", &format!("{ZONE}www 60 A 192.0.2.80\nwww 30 A 192.0.2.81\nWWW 60 A 192.0.2.80\n"));
    let run = place.run(&["example.com", "zone"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(
        run.err.contains("zone:8: warning: www.example.com. A: this record is there already"),
        "{}",
        run.err
    );
    assert!(
        run.err
            .contains("zone:7: warning: www.example.com. A: TTL 30 where another record of the set has 60"),
        "{}",
        run.err
    );
    assert_eq!(place.entry("example.com").unwrap().records, 7);
    let ttl = place.read("example.com").into_iter().find(|line| line.starts_with("www.")).unwrap();
    assert_eq!(ttl, "www.example.com. 30 A 192.0.2.80 | 192.0.2.81");
    let quiet = place.run(&["--quiet", "--force", "example.com", "zone"]);
    assert_eq!((quiet.status, quiet.out.as_str(), quiet.err.as_str()), (0, "", ""));
}

#[test]
fn serials_that_stay_are_warned_about_and_those_that_go_back_refused() {
    let place = Place::new();
    place.write("zone", ZONE);
    assert_eq!(place.run(&["example.com", "zone"]).status, 0);
    place.write("zone", &format!("{ZONE}new 60 A 192.0.2.9\n"));
    let run = place.run(&["example.com", "zone"]);
    assert_eq!(run.status, 0);
    assert!(run.err.contains("warning: example.com. changed but its serial is still 7"), "{}", run.err);
    assert_eq!(place.entry("example.com").unwrap().records, 6);
    place.write("zone", &ZONE.replace(" 7 ", " 6 "));
    let run = place.run(&["example.com", "zone"]);
    assert_eq!((run.status, place.entry("example.com").unwrap().serial), (1, 7));
    assert!(run.err.contains("serial 6 comes before serial 7"), "{}", run.err);
    assert_eq!(place.run(&["--force", "example.com", "zone"]).status, 0);
    assert_eq!(place.entry("example.com").unwrap().serial, 6);
}

#[test]
fn checking_touches_no_store() {
    let place = Place::new();
    place.write("zone", ZONE);
    let run = place.run(&["--check", "example.com", "zone"]);
    assert_eq!(run.status, 0);
    assert!(run.out.starts_with("example.com. good serial 7: 5 records in 4 RRsets"), "{}", run.out);
    assert!(!place.path("zones.sqlite").exists());
    place.write("zone", "broken");
    assert_eq!(place.run(&["--check", "example.com", "zone"]).status, 1);
}

#[test]
fn many_zones_load_and_a_bad_one_stops_no_other() {
    let place = Place::new();
    let mut list = "# a set\n".to_owned();
    for number in 0..300 {
        place.write(&format!("z{number}"), if number == 150 { "bad\n" } else { ZONE });
        list += &format!("z{number}.example z{number}\n");
    }
    place.write("list", &list);
    let run = place.run(&["--list", "list"]);
    assert_eq!(run.status, 1);
    assert!(run.err.contains("z150:1:"), "{}", run.err);
    assert!(run.out.starts_with("300 zones: 299 loaded, 1 refused; 1,495 records"), "{}", run.out);
    assert_eq!(place.source().zones(None, 1000).unwrap().len(), 299);
    place.write("list", "a z0\nb\n");
    let run = place.run(&["--list", "list"]);
    assert_eq!((run.status, run.err.contains("list:2: expected: ZONE FILE")), (2, true), "{}", run.err);
}

#[test]
fn zones_are_removed() {
    let place = Place::new();
    place.write("zone", ZONE);
    for zone in ["a.example", "b.example"] {
        assert_eq!(place.run(&[zone, "zone"]).status, 0);
    }
    let run = place.run(&["--remove", "a.example", "nowhere.example"]);
    assert_eq!(run.status, 0);
    assert!(run.out.contains("a.example. removed\nnowhere.example. was not in the store\n"), "{}", run.out);
    assert_eq!((place.entry("a.example"), place.entry("b.example").is_some()), (None, true));
}

#[test]
fn files_that_are_no_zones_are_told_for_what_they_are() {
    let place = Place::new();
    place.write("empty", "");
    place.write("loop", "$INCLUDE loop\n");
    std::fs::write(place.path("binary"), [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]).unwrap();
    for (file, told) in [
        ("nowhere", "nowhere: error: cannot be read: No such file"),
        (".", ".: error: cannot be read: Is a directory"),
        ("empty", "the zone has no SOA record"),
        ("loop", "loop:1:10: error: loop includes itself"),
        ("binary", "binary:1: error: this is not a text file"),
    ] {
        let run = place.run(&["example.com", file]);
        assert_eq!(run.status, 1, "{file}");
        assert!(run.err.contains(told), "{file}: {}", run.err);
    }
    assert_eq!(place.entry("example.com"), None);
}

#[test]
fn a_zone_comes_from_standard_input_too() {
    let place = Place::new();
    place.write("part", "included 60 A 192.0.2.1\n");
    let run = place.run_with_input(&["example.com", "-"], &format!("{ZONE}$INCLUDE part\n"));
    assert_eq!((run.status, place.entry("example.com").unwrap().serial), (0, 7), "{run:?}");
}

#[test]
fn a_store_that_is_none_is_told() {
    let place = Place::new();
    place.write("zone", ZONE);
    place.write(
        "zones.sqlite",
        "this is no database, though it is long enough to be one".repeat(100).as_str(),
    );
    let run = place.run(&["--json", "example.com", "zone"]);
    assert_eq!(run.status, 3, "{run:?}");
    assert!(run.err.contains("zones.sqlite") && run.out.contains("\"exit_status\":3"), "{run:?}");
    let run = place.run(&["--store", "no/such/directory/zones.sqlite", "example.com", "zone"]);
    assert_eq!(run.status, 3, "{run:?}");
}

#[test]
fn usage_is_told_with_status_2() {
    let place = Place::new();
    for words in [&[][..], &["example.com"], &["--list"], &["a..b", "zone"]] {
        assert_eq!(place.run(words).status, 2, "{words:?}");
    }
}

#[test]
fn without_a_bus_a_note_is_given_and_waiting_says_so() {
    let place = Place::new();
    place.write("zone", ZONE);
    let run = place.run_telling(&["example.com", "zone"]);
    assert_eq!(run.status, 0);
    assert!(run.err.contains("note: nobody could be told over the bus"), "{}", run.err);
    let run = place.run_telling(&["--wait", "1", "example.com", "zone"]);
    assert_eq!(run.status, 4);
    assert!(run.err.contains("--wait: without the bus"), "{}", run.err);
}

#[test]
fn manual_and_completions_come_from_the_definition() {
    let place = Place::new();
    let manual = place.run(&["--generate", "man"]);
    assert!(
        manual.status == 0 && manual.out.contains(".TH tenon\\-loadzone")
            || manual.out.contains(".TH tenon-loadzone"),
        "{}",
        manual.out
    );
    assert!(manual.out.contains("Exit status"), "{}", manual.out);
    for shell in ["bash", "zsh", "fish"] {
        let run = place.run(&["--generate", shell]);
        assert!(run.status == 0 && run.out.contains("no-signal"), "{shell}");
    }
}

#[test]
fn zones_follow_the_files_of_a_directory_and_those_that_settings_name() {
    let place = Place::new();
    let zone = |name: &str| ZONE.replace("example.com", name);
    for (file, name) in
        [("master/a.test.zone", "a.test"), ("master/b.test.zone", "b.test"), ("elsewhere", "b.test")]
    {
        std::fs::create_dir_all(place.path("master")).unwrap();
        place.write(file, &zone(name));
    }
    place.write("elsewhere", &zone("b.test").replace(" 7 ", " 9 "));
    std::fs::create_dir(place.path("config")).unwrap();
    let file = place.path("elsewhere");
    let committed = |sources: serde_json::Value| {
        let generation = serde_json::json!({"generation": 1, "committed_usec": 1, "author": "", "comment": "",
            "settings": {"data_sources": sources}});
        place.write("config/current", &generation.to_string());
    };
    let follow = || place.run(&["--directory", "master", "--config-dir", "config"]);
    let serial = |name: &str| place.entry(name).map(|entry| entry.serial);

    committed(serde_json::json!({"master_directory": false}));
    assert_eq!((follow().status, serial("a.test")), (0, None));
    committed(serde_json::json!({"master_files": [{"zone": "B.test", "file": file}]}));
    assert_eq!((follow().status, serial("a.test"), serial("b.test")), (0, Some(7), Some(9)));
    assert_eq!(follow().out, "", "nothing changed");
    std::fs::remove_file(&file).unwrap();
    let gone = follow();
    assert!(gone.status == 1 && gone.err.contains("elsewhere"), "{gone:?}");
    assert_eq!(serial("b.test"), Some(9));
    committed(serde_json::json!({"master_files": [{"zone": "b.test", "file": "relative"}]}));
    let refused = follow();
    assert!(refused.status == 2 && refused.err.contains("data_sources/master_files/0/file"), "{refused:?}");
}
