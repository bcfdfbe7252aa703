//! `bindctl readers`: who may read what names zones and peers.
//!
//! The switch is two files of the administrator's: a bus policy ([`policy`]), and a line for systemd-tmpfiles that closes the
//! state directory to all but root and the services' own group.

mod policy;

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use tenon_service::readers;

use crate::command_line::ReadersCommand;
use crate::failure::Failure;
use crate::session::Session;

/// Keeps the state directory closed over restarts of the machine.
const TMPFILES: &str = "/etc/tmpfiles.d/tenon-readers.conf";
/// The group of all services' users.
const SERVICES_GROUP: &str = "tenon-services";
const GROUPS: &str = "/etc/group";

pub(crate) async fn run(session: &mut Session, command: ReadersCommand) -> Result<(), Failure> {
    session.only_here(
        "who may read is shown and changed",
        "it is about the users of that machine; accounts have scopes: `bindctl account scopes`",
    )?;
    match command {
        ReadersCommand::Show => {}
        ReadersCommand::Restrict { group } => {
            if let Some(group) = &group {
                check(group)?;
            }
            let mode = format!("z {} 0750 root {SERVICES_GROUP}\n", session.state.display());
            // Files first: whoever is kept from the bus only must not find them open.
            put(TMPFILES, &mode)?;
            tmpfiles(&["--create", TMPFILES])?;
            put(readers::POLICY, &policy::text(group.as_deref()))?;
            session.bus().await?.reload_policy().await?;
        }
        ReadersCommand::Everybody => {
            for file in [readers::POLICY, TMPFILES] {
                remove(file)?;
            }
            open(&session.state)?;
            session.bus().await?.reload_policy().await?;
        }
    }
    show(session)
}

fn show(session: &Session) -> Result<(), Failure> {
    let (restricted, group) = (readers::are_restricted(), readers::group());
    let open = fs::metadata(&session.state).is_ok_and(|state| state.permissions().mode() & 0o007 != 0);
    if session.output.json {
        return Ok(session
            .output
            .document(&json!({"restricted": restricted, "group": group, "files_are_closed": !open}))?);
    }
    session.output.line(&format!("what names zones and peers is read by {}", audience(group.as_deref())))?;
    if restricted && open {
        return Err(Failure::refused(
            format!("everybody can read files in {}", session.state.display()),
            format!("`systemd-tmpfiles --create {TMPFILES}` closes it"),
        ));
    }
    Ok(())
}

/// Who may read, in words.
pub(crate) fn audience(group: Option<&str>) -> String {
    match group {
        _ if !readers::are_restricted() => "everybody".to_owned(),
        Some(group) => format!("root and the groups tenon and {group}"),
        None => "root and the group tenon".to_owned(),
    }
}

/// A group that is not there would keep its members out without a word.
fn check(group: &str) -> Result<(), Failure> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let groups = fs::read_to_string(GROUPS)?;
    if group.chars().all(plain) && groups.lines().any(|line| line.split(':').next() == Some(group)) {
        return Ok(());
    }
    Err(Failure::refused(
        format!("there is no group {group} in {GROUPS}"),
        format!("`groupadd {group}` makes it, `usermod -aG {group} USER` puts somebody into it"),
    ))
}

fn put(file: &str, text: &str) -> Result<(), Failure> {
    let written = Path::new(file).parent().map_or(Ok(()), fs::create_dir_all);
    // Beside it first: a bus that reads its policy meanwhile sees the one or the other.
    let beside = format!("{file}.new");
    written
        .and_then(|()| fs::write(&beside, text))
        .and_then(|()| fs::set_permissions(&beside, fs::Permissions::from_mode(0o644)))
        .and_then(|()| fs::rename(&beside, file))
        .map_err(|error| cannot(&format!("write {file}"), &error))
}

fn remove(file: &str) -> Result<(), Failure> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(cannot(&format!("remove {file}"), &error)),
        _ => Ok(()),
    }
}

fn open(state: &Path) -> Result<(), Failure> {
    std::os::unix::fs::chown(state, Some(0), Some(0))
        .and_then(|()| fs::set_permissions(state, fs::Permissions::from_mode(0o755)))
        .map_err(|error| cannot(&format!("open {}", state.display()), &error))
}

fn tmpfiles(arguments: &[&str]) -> Result<(), Failure> {
    let outcome = Command::new("systemd-tmpfiles").args(arguments).status();
    match outcome {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::refused(
            format!("systemd-tmpfiles {}: {status}", arguments.join(" ")),
            format!("is the group {SERVICES_GROUP} there? `systemd-sysusers` makes it"),
        )),
        Err(error) => Err(cannot("run systemd-tmpfiles", &error)),
    }
}

fn cannot(what: &str, error: &std::io::Error) -> Failure {
    let next = match error.kind() {
        ErrorKind::PermissionDenied => "this is root's: use sudo",
        _ => "mend that and repeat the command",
    };
    Failure::refused(format!("cannot {what}: {error}"), next)
}
