//! `bindctl account`: accounts of the REST door, by running `tenon-cmdctl`, which knows their file.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::command_line::AccountCommand;
use crate::failure::Failure;
use crate::output::{cell, date};
use crate::session::Session;

/// The program, as it lies from `bin`.
const PROGRAM: &str = "../libexec/tenon/tenon-cmdctl";

pub(crate) fn run(session: &mut Session, command: AccountCommand) -> Result<(), Failure> {
    let output = session.output;
    session.only_here(
        "accounts are added, removed and listed",
        "who stole a password or token could give himself others, which nobody would revoke",
    )?;
    match command {
        AccountCommand::Add { name, read_only, scope, days, password_stdin } => {
            let mut tool = tool(session);
            tool.arg("--add-account").arg(&name).arg("--days").arg(days.to_string());
            tool.args(scopes(&scope));
            tool.args(read_only.then_some("--read-only"));
            tool.args(password_stdin.then_some("--password-stdin"));
            let password = said(&mut tool)?;
            if output.json {
                let password = (!password_stdin).then_some(password);
                return Ok(output.document(&json!({"name": name, "password": password}))?);
            }
            if !password_stdin {
                output.line(&format!("password of {name}, shown only now: {password}"))?;
            }
            Ok(output.line(
                "the door is open from the next start of tenon.target on, or at once with `systemctl start tenon-cmdctl`",
            )?)
        }
        AccountCommand::Remove { name } => {
            said(tool(session).arg("--remove-account").arg(&name))?;
            done(session, &name, "removed")
        }
        AccountCommand::Scopes { name, scope } => {
            said(tool(session).arg("--set-scopes").arg(&name).args(scopes(&scope)))?;
            done(session, &name, "changed")
        }
        AccountCommand::Revoke { name, token } => {
            said(tool(session).arg("--remove-token").arg(&name).arg(&token))?;
            done(session, &format!("{name}/{token}"), "revoked")
        }
        AccountCommand::Token { name, scope, days } => {
            let mut tool = tool(session);
            tool.arg("--add-token").arg(&name).arg("--days").arg(days.to_string());
            let token = said(tool.args(scopes(&scope)))?;
            if output.json {
                return Ok(output.document(&json!({"name": name, "token": token}))?);
            }
            Ok(output.line(&format!("token of {name}, shown only now: {token}"))?)
        }
        AccountCommand::List => list(session),
    }
}

fn scopes(scopes: &[String]) -> impl Iterator<Item = &str> {
    scopes.iter().flat_map(|scope| ["--scope", scope.as_str()])
}

fn done(session: &Session, name: &str, what: &str) -> Result<(), Failure> {
    if session.output.json {
        return Ok(session.output.document(&json!({"name": name, "done": what}))?);
    }
    Ok(session.output.line(&format!("{name} is {what}"))?)
}

fn list(session: &Session) -> Result<(), Failure> {
    let text = said(tool(session).arg("--list-accounts"))?;
    let listed: Value = serde_json::from_str(&text)
        .map_err(|error| Failure::Refused(format!("tenon-cmdctl: unexpected answer: {error}"), None))?;
    if session.output.json {
        return Ok(session.output.document(&listed)?);
    }
    let accounts = listed.get("accounts").and_then(Value::as_array).cloned().unwrap_or_default();
    if accounts.is_empty() {
        return Ok(session
            .output
            .line("no accounts, and so no REST door; `bindctl account add NAME` adds one")?);
    }
    let words = |value: Option<&Value>| {
        let items = value.and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
    };
    let expiry = |of: &Value| match of.get("expires_usec").and_then(Value::as_u64) {
        Some(0) | None => "never".to_owned(),
        Some(usec) => date(usec),
    };
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut rows = Vec::new();
    for account in accounts {
        let name = text(account.get("name"));
        rows.push(vec![cell(&name), cell(words(account.get("scopes"))), cell(expiry(&account))]);
        for token in account.get("tokens").and_then(Value::as_array).into_iter().flatten() {
            let may = match words(token.get("scopes")) {
                all if all.is_empty() => "as its account".to_owned(),
                some => some,
            };
            rows.push(vec![
                cell(format!("{name}/{}", text(token.get("id")))),
                cell(may),
                cell(expiry(token)),
            ]);
        }
    }
    Ok(session.output.table(&["ACCOUNT/TOKEN", "MAY", "EXPIRES"], rows)?)
}

fn tool(session: &Session) -> Command {
    tool_in(&session.state)
}

fn tool_in(state: &Path) -> Command {
    let own = std::env::current_exe().ok().and_then(|own| Some(own.parent()?.join(PROGRAM)));
    let installed = PathBuf::from("/usr/libexec/tenon/tenon-cmdctl");
    let mut tool = Command::new(own.filter(|path| path.exists()).unwrap_or(installed));
    tool.arg("--state-dir").arg(state.join("cmdctl"));
    tool
}

/// The accounts as `account list` has them in JSON, for completion; null where they cannot be read.
pub(crate) fn listed(state: &Path) -> Value {
    let listed = tool_in(state).arg("--list-accounts").stdin(Stdio::null()).stderr(Stdio::null()).output();
    listed.ok().and_then(|output| serde_json::from_slice(&output.stdout).ok()).unwrap_or_default()
}

/// What the program prints; its complaints go where ours go.
fn said(tool: &mut Command) -> Result<String, Failure> {
    let outcome = tool.stdin(Stdio::inherit()).stderr(Stdio::piped()).output();
    let output = outcome.map_err(|error| {
        Failure::refused(
            format!("cannot run {}: {error}", tool.get_program().display()),
            "is tenon installed whole?",
        )
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let reason = reason.strip_prefix("tenon-cmdctl: ").unwrap_or(&reason).to_owned();
    if reason.contains("ermission denied") {
        return Err(Failure::refused(reason, "accounts are root's: use sudo"));
    }
    Err(Failure::refused(reason, "`bindctl account list` lists all accounts"))
}
