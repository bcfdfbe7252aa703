//! Who may read and who may write: root, an ordinary user, and one whom polkit lets.
//!
//! Needs root, to be somebody else; an ordinary user's run says that it is skipped.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

mod common;

use std::collections::HashMap;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::Bench;
use tenon_bus::names;

/// Says yes or no to whatever it is asked, as polkit does.
struct FakePolkit {
    allow: Arc<AtomicBool>,
}

#[zbus::interface(name = "org.freedesktop.PolicyKit1.Authority")]
impl FakePolkit {
    #[allow(clippy::unused_self, clippy::needless_pass_by_value)] // the shape of the interface
    fn check_authorization(
        &self,
        _subject: (String, HashMap<String, zbus::OwnedVariant>),
        action: String,
        _details: HashMap<String, String>,
        _flags: u32,
        _cancellation: String,
    ) -> ((bool, bool, HashMap<String, String>),) {
        assert_eq!(action, "org.tenon.config.commit");
        ((self.allow.load(Ordering::Relaxed), false, HashMap::new()),)
    }
}

/// Calls cfgmgr as the user nobody.
async fn as_nobody(bench: &Bench, method: &str, arguments: &[&str]) -> Output {
    let mut command = tokio::process::Command::new("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "busctl"])
        .arg(format!("--address={}", bench.daemon.address()))
        .args(["call", names::CFGMGR, names::CFGMGR_PATH, names::CFGMGR_INTERFACE, method])
        .args(arguments);
    command.output().await.unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn an_ordinary_user_reads_and_writes_only_when_polkit_lets() {
    if std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) != 0 {
        println!("skipped: only root can be somebody else");
        return;
    }
    let bench = Bench::new().await;
    let _cfgmgr = bench.start_cfgmgr().await;
    let set = ["ss", "auth/workers", "8"];

    let read = as_nobody(&bench, "Get", &["sb", "auth/workers", "false"]).await;
    assert!(read.status.success(), "{}", said(&read));
    let refused = as_nobody(&bench, "Set", &set).await;
    assert!(
        !refused.status.success() && said(&refused).contains("org.tenon.config.commit"),
        "{}",
        said(&refused)
    );
    let refused = as_nobody(&bench, "Commit", &["s", ""]).await;
    assert!(!refused.status.success(), "{}", said(&refused));

    let allow = Arc::new(AtomicBool::new(false));
    let _polkit = zbus::connection::Builder::address(bench.daemon.address().as_str())
        .serve_at("/org/freedesktop/PolicyKit1/Authority", FakePolkit { allow: allow.clone() })
        .name("org.freedesktop.PolicyKit1")
        .build()
        .await
        .unwrap();
    assert!(!as_nobody(&bench, "Set", &set).await.status.success());
    allow.store(true, Ordering::Relaxed);
    let allowed = as_nobody(&bench, "Set", &set).await;
    assert!(allowed.status.success(), "{}", said(&allowed));
    let committed = as_nobody(&bench, "Commit", &["s", "by nobody"]).await;
    assert!(committed.status.success(), "{}", said(&committed));
    let history = bench.cfgmgr.history(0, 1).await.unwrap();
    assert_eq!((history[0].author.as_str(), history[0].comment.as_str()), ("nobody", "by nobody"));
}

#[tokio::test]
async fn candidates_are_each_users_own() {
    if std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) != 0 {
        println!("skipped: only root can be somebody else");
        return;
    }
    let bench = Bench::new().await;
    let _cfgmgr = bench.start_cfgmgr().await;
    bench.cfgmgr.set("auth/workers", &serde_json::json!(8)).await.unwrap();
    let diff = as_nobody(&bench, "Diff", &[]).await;
    assert_eq!(String::from_utf8_lossy(&diff.stdout), "a(sss) 0\n");
}

#[tokio::test]
async fn two_users_who_edit_the_same_option_are_in_conflict_and_others_are_not() {
    if std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) != 0 {
        println!("skipped: only root can be somebody else");
        return;
    }
    let bench = Bench::new().await;
    let _cfgmgr = bench.start_cfgmgr().await;
    let _polkit = zbus::connection::Builder::address(bench.daemon.address().as_str())
        .serve_at(
            "/org/freedesktop/PolicyKit1/Authority",
            FakePolkit { allow: Arc::new(AtomicBool::new(true)) },
        )
        .name("org.freedesktop.PolicyKit1")
        .build()
        .await
        .unwrap();
    let done = async |method, arguments: &[&str]| {
        let output = as_nobody(&bench, method, arguments).await;
        assert!(output.status.success(), "{method}: {}", said(&output));
    };
    // Both look at the same generation, and edit one option each and one together.
    bench.cfgmgr.set("auth/workers", &serde_json::json!(8)).await.unwrap();
    bench.cfgmgr.set("auth/udp_sockets", &serde_json::json!(2)).await.unwrap();
    done("Set", &["ss", "auth/workers", "9"]).await;
    done("Set", &["ss", "cfgmgr/keep_generations", "50"]).await;
    bench.cfgmgr.commit("root's").await.unwrap();

    let refused = as_nobody(&bench, "Commit", &["s", "nobody's"]).await;
    assert!(
        !refused.status.success() && said(&refused).contains("auth/workers changed since"),
        "{}",
        said(&refused)
    );
    let kept = as_nobody(&bench, "Diff", &[]).await;
    let kept = String::from_utf8_lossy(&kept.stdout).into_owned();
    assert!(kept.contains("auth/workers") && kept.contains("\"8\" \"9\""), "both values, theirs now: {kept}");
    // Having seen it, nobody wants it all the same.
    done("Set", &["ss", "auth/workers", "9"]).await;
    done("Commit", &["s", "nobody's"]).await;
    let get = async |path: &str| bench.cfgmgr.get(path, false).await.unwrap();
    assert_eq!(get("auth/workers").await, 9);
    assert_eq!((get("auth/udp_sockets").await, get("cfgmgr/keep_generations").await), (2.into(), 50.into()));
    let authors: Vec<String> =
        bench.cfgmgr.history(0, 2).await.unwrap().into_iter().map(|entry| entry.author).collect();
    assert_eq!(authors, ["nobody", "root"]);
}
