//! Commands of bindctl, each a process of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

mod common;

use common::Bench;
use serde_json::{Value, json};

#[test]
fn settings_are_shown_edited_committed_and_remembered() {
    let bench = Bench::with_cfgmgr();
    let shown = bench.run(&["config", "show"]);
    assert!(shown.out.contains("cfgmgr/keep_generations        100\n"), "{}", shown.out);
    assert_eq!(bench.run(&["--json", "config", "show", "cfgmgr/keep_generations"]).json(), json!(100));

    let set = bench.run(&["config", "set", "cfgmgr/keep_generations", "7"]);
    assert_eq!(set.status, 0, "{}", set.err);
    assert!(set.out.contains("bindctl config commit"), "{}", set.out);
    let diff = bench.run(&["config", "diff"]).out;
    assert_eq!(diff, "OPTION                   NOW  THEN\ncfgmgr/keep_generations  100  7\n");
    let diff = bench.run(&["--json", "config", "diff"]).json();
    assert_eq!(diff, json!({"changes": [{"path": "cfgmgr/keep_generations", "now": 100, "then": 7}]}));
    assert_eq!(
        bench.run(&["--json", "config", "show", "--candidate", "cfgmgr/keep_generations"]).json(),
        json!(7)
    );

    let commit = bench.run(&["--json", "config", "commit", "-m", "fewer"]);
    let verdict = json!({"component": "cfgmgr", "said": "accepted", "asked": "service", "effect": "applied", "notes": []});
    assert_eq!(commit.json(), json!({"generation": 1, "notes": [], "verdicts": [verdict]}));
    let history = bench.run(&["config", "history"]).out;
    assert!(history.contains("fewer") && history.starts_with("GENERATION"), "{history}");
    assert!(bench.run(&["config", "commit"]).out.contains("nothing to commit"));
    assert_eq!(bench.run(&["config", "unset", "cfgmgr/keep_generations"]).status, 0);
    assert_eq!(bench.run(&["config", "revert"]).out, "nothing to commit\n");
}

#[test]
fn generations_are_compared_rolled_back_and_confirmed() {
    let bench = Bench::with_cfgmgr();
    for keep in ["7", "8"] {
        bench.run(&["config", "set", "cfgmgr/keep_generations", keep]);
        assert_eq!(bench.run(&["config", "commit"]).status, 0);
    }
    let expected = "OPTION                   NOW  THEN\ncfgmgr/keep_generations  7    8\n";
    assert_eq!(bench.run(&["config", "diff", "1", "2"]).out, expected);
    assert_eq!(bench.run(&["config", "diff", "1"]).out, expected);
    assert_eq!(bench.run(&["config", "diff", "2", "2"]).out, "generations 2 and 2 have the same settings\n");
    let rolled = bench.run(&["config", "rollback", "1"]);
    let said = "COMPONENT  VERDICT   NOW\ncfgmgr     accepted  in force\ngeneration 3 is in force\n";
    assert_eq!((rolled.status, rolled.out.as_str()), (0, said), "{}", rolled.err);
    let none = bench.run(&["config", "diff", "77"]);
    assert!(none.status == 1 && none.err.contains("`bindctl config history`"), "{}", none.err);

    assert!(bench.run(&["config", "confirm"]).err.contains("no commit waits"));
    bench.run(&["config", "set", "cfgmgr/keep_generations", "9"]);
    let waits = bench.run(&["config", "commit", "--confirm", "600"]);
    assert!(waits.out.contains("taken back in 600 s") && waits.out.contains("bindctl config confirm"));
    let status = bench.run(&["status"]).out;
    assert!(status.contains("generation 4 is taken back at"), "{status}");
    bench.run(&["config", "set", "cfgmgr/keep_generations", "10"]);
    let refused = bench.run(&["config", "commit"]);
    assert!(refused.status == 1 && refused.err.contains("bindctl config rollback 3"), "{}", refused.err);
    assert_eq!(bench.run(&["config", "confirm"]).out, "generation 4 stays in force\n");
    assert_eq!(bench.run(&["config", "commit", "--confirm", "90000"]).status, 2);
}

#[test]
fn how_much_is_logged_is_changed_while_it_runs() {
    let bench = Bench::with_cfgmgr();
    let shown = bench.run(&["log", "level"]).out;
    assert_eq!(shown, "SERVICE            LOGS\norg.tenon.Cfgmgr1  info\n");
    let set = bench.run(&["--json", "log", "level", "cfgmgr", "debug"]).json();
    assert_eq!(set["levels"][0]["level"], "debug");
    assert_eq!(bench.run(&["--json", "log", "level"]).json()["levels"][0]["level"], "debug");
    assert_eq!(bench.run(&["log", "level", "cfgmgr", "loud"]).status, 2);
    assert_eq!(bench.run(&["log", "level", "auth"]).status, 3);
}

#[test]
fn a_report_has_what_is_needed_and_says_what_cannot_be_had() {
    let mut bench = Bench::with_cfgmgr();
    let report = bench.run(&["report"]);
    assert_eq!(report.status, 0, "{}", report.err);
    for part in
        ["== machine", "tenon 0.", "== status", "== settings", "keep_generations", "== zones", "== journal"]
    {
        assert!(report.out.contains(part), "{part}: {}", report.out);
    }
    bench.run(&["config", "set", "cfgmgr/keep_generations", "7"]);
    bench.run(&["config", "commit", "-m", "fewer"]);
    let report = bench.run(&["--json", "report"]).json();
    assert!(report["history"][0].as_str().unwrap().ends_with("fewer"), "{}", report["history"]);
    assert_eq!(report["statistics"]["cfgmgr"]["commits"], 1);
    bench.bus.stop().unwrap();
    let report = bench.run(&["--json", "report"]);
    assert_eq!(report.status, 0, "{}", report.err);
    assert_eq!(report.json()["settings"]["settings"]["cfgmgr"]["keep_generations"], 7);
}

#[test]
fn refusals_have_status_1_and_say_what_to_do() {
    let bench = Bench::with_cfgmgr();
    for (arguments, what) in [
        (
            ["config", "set", "cfgmgr/keep_generations", "1"],
            "cfgmgr/keep_generations: 1 is below the minimum, 2",
        ),
        (["config", "set", "cfgmgr/keep_generations", "many"], "\"many\" is not of type integer"),
        (["config", "set", "nobody/option", "1"], "there is no component \"nobody\""),
        (["config", "set", "cfgmgr/nope", "1"], "`bindctl config show` lists all options"),
    ] {
        let refused = bench.run(&arguments);
        assert_eq!(refused.status, 1, "{arguments:?}: {}", refused.err);
        assert!(refused.err.contains(what), "{arguments:?}: {}", refused.err);
        assert_eq!(refused.out, "");
    }
    let refused = bench.run(&["--json", "config", "set", "nobody/option", "1"]);
    let error: Value = serde_json::from_str(&refused.err).unwrap();
    assert!(error["error"].as_str().unwrap().contains("nobody"));
    assert_eq!(bench.run(&["config", "st"]).status, 2);
}

#[test]
fn counters_are_shown_by_component() {
    let bench = Bench::with_cfgmgr();
    bench.run(&["config", "set", "cfgmgr/keep_generations", "7"]);
    bench.run(&["config", "commit"]);
    let stats = bench.run(&["--json", "stats", "show", "cfgmgr"]).json();
    assert_eq!(stats["cfgmgr"]["counters"]["commits"]["value"], json!(1));
    assert_eq!(stats["cfgmgr"]["counters"]["commits"]["kind"], json!("counter"));
    assert!(bench.run(&["stats", "show"]).out.contains("Commits that are in force."));
    let absent = bench.run(&["stats", "show", "auth"]);
    assert_eq!(absent.status, 3);
    assert!(absent.err.contains("auth is not on the bus"), "{}", absent.err);
}

#[test]
fn status_tells_what_is_missing_and_what_that_costs() {
    let bench = Bench::with_cfgmgr();
    let status = bench.run(&["status"]);
    assert_eq!(status.status, 0, "{}", status.err);
    for part in ["no auth instance is on the bus", "tenon-zonec is not on the bus", "settings  the defaults"]
    {
        assert!(status.out.contains(part), "{part}: {}", status.out);
    }
    assert!(!status.out.contains("tenon-cfgmgr is not"), "{}", status.out);
    let status = bench.run(&["status", "--json"]).json();
    assert_eq!(status["bus_reachable"], json!(true));
    assert_eq!(status["names"], json!(["org.tenon.Cfgmgr1"]));
    assert_eq!(status["cfgmgr"]["generation"], json!(0));
}

#[test]
fn without_a_bus_status_shows_what_files_tell() {
    let mut bench = Bench::with_cfgmgr();
    bench.run(&["config", "set", "cfgmgr/keep_generations", "7"]);
    bench.run(&["config", "commit"]);
    bench.bus.stop().unwrap();
    let status = bench.run(&["status"]);
    assert_eq!(status.status, 3);
    assert!(
        status.out.contains("cannot be reached") && status.out.contains("generation 1"),
        "{}",
        status.out
    );
    assert!(status.err.contains("systemctl status dbus.socket"), "{}", status.err);
    assert_eq!(bench.run(&["zone", "list"]).status, 3);
    assert_eq!(bench.run(&["status", "--json"]).json()["committed_generation"], json!(1));
}

#[test]
fn a_service_that_does_not_run_has_status_3() {
    let bench = Bench::new();
    for arguments in [["config", "show"], ["zone", "list"]] {
        let absent = bench.run(&arguments);
        assert_eq!(absent.status, 3, "{}", absent.err);
        assert!(absent.err.contains("systemctl start tenon.target"), "{}", absent.err);
    }
}

#[test]
fn commands_come_from_standard_input_until_one_fails() {
    let bench = Bench::with_cfgmgr();
    let done = bench.script(
        "# a comment\n\nconfig set cfgmgr/keep_generations 9\n--json config show --candidate 'cfgmgr/keep_generations'\n",
    );
    assert_eq!(done.status, 0, "{}", done.err);
    assert!(done.out.ends_with("\n9\n"), "{}", done.out);
    let stopped = bench.script("config set nobody/x 1\nconfig revert\n");
    assert_eq!(stopped.status, 1);
    assert_eq!(bench.script("exit\nnonsense\n").status, 0);
    assert_eq!(bench.run(&["--json", "config", "diff"]).json()["changes"][0]["then"], json!(9));
}

#[test]
fn a_closed_pipe_is_success() {
    let bench = Bench::with_cfgmgr();
    let mut process = bench.command(&["config", "show"]).spawn().unwrap();
    drop(process.stdout.take());
    let outcome = bench.finish(process);
    assert_eq!((outcome.status, outcome.err.as_str()), (0, ""));
}

#[test]
fn pages_and_completions_are_generated() {
    let bench = Bench::new();
    for (what, part) in [
        ("man", ".SH \"EXIT STATUS\""),
        ("bash", "_bindctl"),
        ("zsh", "#compdef bindctl"),
        ("fish", "complete -c bindctl"),
    ] {
        let made = bench.run(&["--generate", what]);
        assert_eq!(made.status, 0);
        assert!(made.out.contains(part), "{what}: {}", made.out);
    }
}

#[test]
fn elements_of_lists_are_added_and_removed() {
    let bench = Bench::with_cfgmgr();
    let loggers = || bench.run(&["--json", "config", "show", "--candidate", "logging/loggers"]).json();
    let entry = |component: &str| json!({"component": component, "severity": "debug"});
    for component in ["cfgmgr", "*"] {
        let added = bench.run(&["config", "add", "logging/loggers", &entry(component).to_string()]);
        assert_eq!(added.status, 0, "{}", added.err);
        assert!(added.out.contains("bindctl config commit"), "{}", added.out);
    }
    assert_eq!(loggers(), json!([entry("cfgmgr"), entry("*")]));
    // What has to be said is named.
    let lacking = bench.run(&["config", "add", "logging/loggers"]);
    assert!(lacking.status == 1 && lacking.err.contains("\"component\" is missing"), "{}", lacking.err);
    for wrong in [
        &["config", "add", "cfgmgr/keep_generations", "7"][..],
        &["config", "add", "logging", "{}"],
        &["config", "remove", "cfgmgr/keep_generations"],
        &["config", "remove", "logging/loggers", "auth"],
        &["config", "remove", "logging/loggers/7"],
    ] {
        let refused = bench.run(wrong);
        assert_eq!(refused.status, 1, "{wrong:?}: {}", refused.out);
    }
    assert_eq!(loggers(), json!([entry("cfgmgr"), entry("*")]), "what was refused changed nothing");
    bench.run(&["config", "set", "logging/loggers[1]/severity", "err"]);
    assert_eq!(loggers()[1]["severity"], "err");
    assert_eq!(bench.run(&["config", "remove", "logging/loggers", "cfgmgr"]).status, 0);
    assert_eq!(bench.run(&["config", "remove", "logging/loggers/0"]).status, 0);
    assert_eq!(loggers(), json!([]));
}

#[test]
fn a_file_of_commands_is_run_until_one_fails_and_says_what_is_done() {
    let bench = Bench::with_cfgmgr();
    let file = bench.bus.directory().join("script");
    let name = file.to_str().unwrap();
    let text = "# larger\n!echo here we go\nconfig go cfgmgr\nconfig set keep_generations 7\n!verbose on\nconfig commit\n\
                config set /cfgmgr/nothing 1\nconfig revert\n";
    std::fs::write(&file, text).unwrap();
    let shown = bench.run(&["execute", "file", name, "show"]);
    assert!(
        shown.out.starts_with("!echo here we go\nconfig go cfgmgr\n") && shown.status == 0,
        "{}",
        shown.out
    );
    assert_eq!(bench.run(&["config", "history", "--json"]).json()["generations"], json!([]), "only shown");
    let run = bench.run(&["execute", "file", name]);
    assert_eq!(run.status, 1, "{}", run.err);
    assert!(run.out.starts_with("here we go\n"), "{}", run.out);
    assert!(run.out.contains("accepted  in force\ngeneration 1 is in force\n"), "{}", run.out);
    let place = format!("bindctl: {name}, line 7: ");
    assert!(run.err.starts_with(&place) && run.err.contains("3 commands before it are done"), "{}", run.err);
    let now = bench.run(&["config", "show_json", "cfgmgr/keep_generations"]);
    assert_eq!(now.out, "7\n");
    // One that is named by a line of another is a loop, sooner or later.
    std::fs::write(&file, format!("execute file {name}\n")).unwrap();
    assert!(bench.run(&["execute", "file", name]).err.contains("runs no other script"));
    std::fs::write(&file, "!frobnicate\n").unwrap();
    assert!(bench.run(&["execute", "file", name]).err.contains("no directive !frobnicate"));
    assert_eq!(bench.run(&["execute", "file", "/nowhere"]).status, 1);
}

#[test]
fn in_the_shell_paths_begin_where_one_went() {
    let bench = Bench::with_cfgmgr();
    let said = bench.script(
        "config go logging\nconfig add loggers '{\"component\": \"cfgmgr\"}'\nconfig go loggers/0\n\
         config set severity debug\nconfig go ..\nconfig show --candidate 0/severity\nconfig show /cfgmgr/keep_generations\n",
    );
    assert_eq!(said.status, 0, "{}", said.err);
    assert!(said.out.contains("logging/loggers/0/severity  \"debug\""), "{}", said.out);
    assert!(said.out.contains("cfgmgr/keep_generations  "), "{}", said.out);
    assert!(bench.script("config go cfgmgr/keep_generations\n").err.contains("nothing is below it"));
    assert!(bench.run(&["config", "go", "auth"]).err.contains("is for the shell"));
}

#[test]
fn commands_of_bind_10_modules_are_understood() {
    let bench = Bench::with_cfgmgr();
    let ours = bench.run(&["--json", "stats", "show", "cfgmgr"]).json();
    let theirs = bench.run(&["--json", "Stats", "show", "owner=Cfgmgr"]).json();
    assert_eq!(ours["cfgmgr"]["instances"], theirs["cfgmgr"]["instances"]);
    let stop = bench.run(&["Auth", "shutdown"]);
    assert!(stop.status == 1 && stop.err.contains("systemctl stop tenon.target"), "{}", stop.err);
    let asked = bench.script("Xfrin retransfer zone_name=example.com\n");
    assert!(asked.status == 3 && asked.err.contains("Zonemgr1"), "{}", asked.err);
}

#[test]
fn an_option_is_described_with_its_default_its_range_and_an_example() {
    let bench = Bench::with_cfgmgr();
    let said = bench.run(&["config", "describe", "cfgmgr/keep_generations"]).out;
    for part in ["integer", "2 to 100000", "default", "100", "bindctl config set cfgmgr/keep_generations 100"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    let list = bench.run(&["config", "describe", "logging/loggers"]).out;
    assert!(
        list.contains("logging/loggers/0/severity") && list.contains("bindctl config add logging/loggers"),
        "{list}"
    );
    let all = bench.run(&["config", "describe", "cfgmgr"]).out;
    assert!(all.contains("cfgmgr/keep_generations"), "{all}");
    let json = bench.run(&["--json", "config", "describe", "logging/loggers/0/severity"]).json();
    assert_eq!(json["path"], "logging/loggers/0/severity");
    assert_eq!(bench.run(&["config", "describe", "cfgmgr/nothing"]).status, 1);
}

#[test]
fn the_ready_script_leaves_edits_to_be_committed() {
    let bench = Bench::with_cfgmgr();
    let shown = bench.run(&["execute", "init_authoritative_server", "show"]);
    assert!(shown.status == 0 && shown.out.contains("\nconfig set /auth/listen_on "), "{}", shown.out);
    assert_eq!(bench.run(&["--json", "config", "diff"]).json(), json!({"changes": []}), "only shown");
    let run = bench.run(&["execute", "init_authoritative_server"]);
    // The bench has no auth, whose option this is: the whole of it is in the tests of whole systems.
    assert!(run.err.starts_with("bindctl: init_authoritative_server, line "), "{}", run.err);
}
