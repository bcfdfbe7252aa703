//! `bindctl key`: the key ring, through tenon-cfgmgr.

use std::io::Read as _;
use std::path::Path;

use serde_json::json;
use tenon_bus::{BusError, Cfgmgr1, ListedKey};
use tenon_tsig::{Algorithm, Key};
use tenon_wire::Name;
use zeroize::Zeroizing;

use crate::command_line::KeyCommand;
use crate::failure::Failure;
use crate::output::{Output, cell, date};
use crate::session::Session;

/// Most octets of a file with a secret.
const FILE_MAX: u64 = 4096;

pub(crate) async fn run(session: &mut Session, command: KeyCommand) -> Result<(), Failure> {
    if !matches!(command, KeyCommand::List) {
        session.only_here(
            "keys are added and removed",
            "their secrets do not pass through tenon-cmdctl, the one process that strangers reach",
        )?;
    }
    let cfgmgr = Cfgmgr1::new(&session.bus().await?);
    let output = session.output;
    match command {
        KeyCommand::Add { name, algorithm, secret_file, generate: _ } => {
            add(output, &cfgmgr, &name, &algorithm, secret_file.as_deref()).await
        }
        KeyCommand::Remove { name } => {
            let outcome = cfgmgr.remove_key(&name).await.map_err(refused)?;
            if output.json {
                return Ok(output.document(&json!({"name": name, "generation": outcome.generation}))?);
            }
            Ok(output
                .line(&format!("key {name} is removed; generation {} is in force", outcome.generation))?)
        }
        KeyCommand::List => list(output, &cfgmgr.keys().await?),
    }
}

async fn add(
    output: Output,
    cfgmgr: &Cfgmgr1,
    name: &str,
    algorithm: &str,
    secret_file: Option<&Path>,
) -> Result<(), Failure> {
    let wrong = |what: String| Failure::Refused(what, None);
    let key_name: Name =
        name.parse().map_err(|error| wrong(format!("{name:?} is no name of a key: {error}")))?;
    let algorithm: Algorithm =
        algorithm.parse().map_err(|error: tenon_tsig::UnknownAlgorithm| wrong(error.to_string()))?;
    let key = match secret_file {
        Some(path) => Key::from_base64(key_name, algorithm, &read(path)?),
        None => Key::new(key_name, algorithm, &random(algorithm.secret_octets())?),
    };
    let key = key.map_err(|error| wrong(error.to_string()))?;
    let (name, secret) = (key.name().to_string(), key.secret_base64());
    let outcome = cfgmgr.put_key(&name, &algorithm.to_string(), &secret).await.map_err(refused)?;
    let is_new = secret_file.is_none();
    if output.json {
        return Ok(output.document(&json!({
            "name": name,
            "algorithm": algorithm.to_string(),
            "generation": outcome.generation,
            "notes": outcome.notes,
            "secret": is_new.then_some(secret.as_str()),
        }))?);
    }
    output.line(&format!("key {name} is kept; generation {} is in force", outcome.generation))?;
    for note in outcome.notes {
        output.line(&format!("note: {note}"))?;
    }
    if is_new {
        output.line("for the other end; the secret is shown only now:")?;
        for line in lines(&key) {
            output.line(&format!("  {line}"))?;
        }
    }
    Ok(())
}

/// The key as other servers and tools write it.
fn lines(key: &Key) -> [String; 4] {
    let (secret, algorithm) = (key.secret_base64(), key.algorithm());
    let (name, base) = (key.name().to_string(), algorithm.base_name());
    let plain = name.trim_end_matches('.');
    let secret = secret.as_str();
    [
        format!("BIND, nsupdate -k:  key \"{plain}\" {{ algorithm {algorithm}; secret \"{secret}\"; }};"),
        format!("Knot (key:):        - {{ id: {name}, algorithm: {base}, secret: {secret} }}"),
        format!("NSD:                key: name: \"{plain}\" algorithm: {base} secret: \"{secret}\""),
        format!("dig, kdig:          -y {algorithm}:{name}:{secret}"),
    ]
}

fn read(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::with_capacity(FILE_MAX as usize));
    let read = if path == Path::new("-") {
        std::io::stdin().take(FILE_MAX).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(FILE_MAX).read_to_string(&mut text))
    };
    read.map_err(|error| {
        Failure::refused(
            format!("{}: {error}", path.display()),
            "a file with the secret in base64 and nothing else is wanted",
        )
    })?;
    Ok(text)
}

fn random(octets: usize) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut secret = Zeroizing::new(vec![0; octets]);
    let got = rustix::rand::getrandom(&mut **secret, rustix::rand::GetRandomFlags::empty());
    match got {
        Ok(length) if length == octets => Ok(secret),
        Ok(_) => Err(Failure::Refused("the system gave too few random octets".to_owned(), None)),
        Err(error) => Err(Failure::Refused(format!("no random octets: {error}"), None)),
    }
}

fn list(output: Output, keys: &[ListedKey]) -> Result<(), Failure> {
    if output.json {
        return Ok(output.document(&json!({"keys": keys}))?);
    }
    if keys.is_empty() {
        return Ok(output.line("no keys; `bindctl key add NAME` adds one")?);
    }
    let row = |key: &ListedKey| {
        vec![cell(&key.name), cell(&key.algorithm), cell(date(key.set_usec)), cell(key.used_by.join(" "))]
    };
    Ok(output.table(&["KEY", "ALGORITHM", "SINCE", "NAMED BY"], keys.iter().map(row).collect())?)
}

/// A rejected change of the key ring is no edit that could be mended.
fn refused(error: BusError) -> Failure {
    match error {
        BusError::Rejected(reason) => Failure::refused(
            reason,
            "nothing changed; `bindctl key list` shows keys and the settings that name them",
        ),
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_servers_are_told_in_their_language() {
        let algorithm: Algorithm = "hmac-sha256-128".parse().unwrap();
        let key = Key::from_base64("K.example".parse().unwrap(), algorithm, "c2VjcmV0").unwrap();
        let lines = lines(&key);
        assert!(lines[0].ends_with(r#"key "k.example" { algorithm hmac-sha256-128; secret "c2VjcmV0"; };"#));
        assert!(lines[1].ends_with("- { id: k.example., algorithm: hmac-sha256, secret: c2VjcmV0 }"));
        assert!(lines[3].ends_with("-y hmac-sha256-128:k.example.:c2VjcmV0"));
        assert_eq!(random(32).unwrap().len(), 32);
    }
}
