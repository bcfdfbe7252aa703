//! What lets us in at the REST door of another machine.

use std::fs::File;
use std::io::{IsTerminal, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use data_encoding::BASE64;
use ureq::tls::{ClientCert, PemItem};

use crate::command_line::ServerOptions;
use crate::failure::Failure;

/// The certificate to show, with its key, if one is named.
pub(super) fn identity(options: &ServerOptions) -> Result<Option<ClientCert>, Failure> {
    let Some(path) = &options.identity else { return Ok(None) };
    let failed = |what: String| {
        Failure::refused(
            format!("{}: {what}", path.display()),
            "--identity names a file with your certificate and its key, in PEM",
        )
    };
    let text = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    let (mut chain, mut key) = (Vec::new(), None);
    for item in ureq::tls::parse_pem(&text) {
        match item.map_err(|error| failed(error.to_string()))? {
            PemItem::Certificate(certificate) => chain.push(certificate),
            PemItem::PrivateKey(found) => key = Some(found),
            _ => {}
        }
    }
    match key {
        Some(key) if !chain.is_empty() => Ok(Some(ClientCert::new_with_certs(&chain, key))),
        _ => Err(failed("certificate and key are not both in it".to_owned())),
    }
}

/// What says who we are: a token from a file, or an account with its password; nothing where a certificate does.
pub(super) fn authorization(options: &ServerOptions) -> Result<Option<String>, Failure> {
    let from = |path: &PathBuf| {
        let text = std::fs::read_to_string(path);
        text.map(|text| text.trim().to_owned())
            .map_err(|error| Failure::Refused(format!("{}: {error}", path.display()), None))
    };
    if let Some(path) = &options.token_file {
        return Ok(Some(format!("Bearer {}", from(path)?)));
    }
    if options.account.is_none() && options.identity.is_some() {
        return Ok(None);
    }
    let Some(account) = &options.account else {
        return Err(Failure::refused(
            "who are you there?",
            "--account NAME asks for a password, --token-file FILE reads a token, --identity FILE shows a certificate",
        ));
    };
    let password = match &options.password_file {
        Some(path) => from(path)?,
        None => typed(account)?,
    };
    Ok(Some(format!("Basic {}", BASE64.encode(format!("{account}:{password}").as_bytes()))))
}

/// A password from the terminal, unseen.
fn typed(account: &str) -> Result<String, Failure> {
    let without = || {
        Failure::refused("no terminal to ask for a password on", "--token-file and --password-file read one")
    };
    let mut terminal = File::options().read(true).write(true).open("/dev/tty").map_err(|_| without())?;
    if !terminal.is_terminal() {
        return Err(without());
    }
    let echo = |word: &str| {
        let input = terminal.try_clone().map_or_else(|_| Stdio::null(), Stdio::from);
        // When it cannot be done the password is seen; that is better than not being let in.
        let _ = Command::new("stty").arg(word).stdin(input).status();
    };
    echo("-echo");
    let _ = write!(&terminal, "password of {account}: ");
    let mut line = Vec::new();
    let mut octet = [0];
    while terminal.read(&mut octet)? == 1 && octet != [b'\n'] && line.len() < 1024 {
        line.extend(octet);
    }
    let input = terminal.try_clone().map_or_else(|_| Stdio::null(), Stdio::from);
    let _ = Command::new("stty").arg("echo").stdin(input).status();
    let _ = writeln!(&terminal);
    String::from_utf8(line).map_err(|_| Failure::Refused("the password is no text".to_owned(), None))
}
