//! `tenon-auth`: answers queries from mapped zone images.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use tenon_auth::{AuthSettings, CookieFile, Instance, Places, sockets};
use tenon_service::{CommonOptions, committed, log};

/// Answer DNS queries from compiled zone images, on sockets that the service manager passes on
#[derive(Parser)]
#[command(name = "tenon-auth", version)]
struct CommandLine {
    #[command(flatten)]
    common: CommonOptions,
    /// Number of this instance; its bus name ends in it
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    instance: u32,
    /// Directory of the zone images and their manifest
    #[arg(long, value_name = "DIRECTORY", default_value = "/var/lib/tenon/images")]
    images: PathBuf,
    /// File that says how long secondary zones may still be answered
    #[arg(long, value_name = "FILE", default_value = "/var/lib/tenon/zonemgr/EXPIRIES")]
    expiries: PathBuf,
    /// Directory of the sockets of the services that take transfers and notices
    #[arg(long, value_name = "DIRECTORY", default_value = "/run/tenon")]
    doors: PathBuf,
    /// Secrets of DNS cookies, one of 32 hexadecimal digits a line, the one in use first; without it one is made up
    #[arg(long, value_name = "FILE", default_value = "/var/lib/tenon/auth/cookie-secrets")]
    cookie_secrets: PathBuf,
    /// Directory of the certificate for TLS and its key: certificate.pem and key.pem
    #[arg(long, value_name = "DIRECTORY", default_value = "/var/lib/tenon/auth")]
    tls: PathBuf,
}

fn main() -> ExitCode {
    // Before anything else: it takes the descriptors and the environment that tells of them.
    let sockets = sockets::inherited();
    let options = CommandLine::parse();
    if let Some(status) = options.common.answer::<AuthSettings>() {
        return status;
    }
    log::start("tenon-auth");
    let sockets = match sockets {
        Ok(sockets) if !sockets.is_empty() => sockets,
        Ok(_) => return sockets::unusable("none was passed on; start its socket units"),
        Err(error) => return sockets::unusable(&error.to_string()),
    };
    let committed = committed::read::<AuthSettings>(&options.common.config_dir);
    let cookies = match CookieFile::new(&options.cookie_secrets) {
        Ok(cookies) => cookies,
        Err(error) => return sockets::unusable(&format!("no random numbers: {error}")),
    };
    let keys = options.common.keys_dir.clone();
    let CommandLine { images, expiries, doors, tls, .. } = options;
    let places = Places { images, expiries, doors, tls, keys };
    let instance = match Instance::start(options.instance, &places, cookies, sockets, &committed.settings) {
        Ok(instance) => instance,
        Err(error) => return sockets::unusable(&error.to_string()),
    };
    let status = Arc::clone(&instance).run(committed);
    instance.stop();
    status
}
