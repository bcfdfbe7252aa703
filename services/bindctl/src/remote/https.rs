//! The REST door of another machine, as a client.

use std::fmt;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tenon_bus::{BusError, RelayedCall, RelayedReply};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider};

use super::credentials;
use crate::command_line::ServerOptions;
use crate::failure::Failure;

/// Certificates that vouch for others on Debian and on Fedora; the first that is there is taken.
const SYSTEM_CERTIFICATES: [&str; 2] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];
/// How long one request may take: more than the door gives itself.
const LIMIT: Duration = Duration::from_secs(150);
/// The same for what may be large.
const LONG: Duration = Duration::from_secs(3600);
/// Most octets of an answer that is read into memory.
const ANSWER: u64 = 64 << 20;

/// The door.
pub(crate) struct Door {
    url: String,
    /// Absent where a certificate says who we are.
    authorization: Option<String>,
    agent: ureq::Agent,
}

/// What was answered: the status and the body, a problem document where it failed.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Door({})", self.url)
    }
}

impl Door {
    /// The door at a URL, with what lets us in; asks for a password when nothing else is given.
    pub(super) fn new(url: &str, options: &ServerOptions) -> Result<Self, Failure> {
        let url = url.trim_end_matches('/').to_owned();
        if !url.starts_with("https://") {
            return Err(Failure::refused(
                format!("{url}: not a URL that begins with https://"),
                "a server is such as https://ns1.example:8951",
            ));
        }
        let roots = match &options.certificate {
            Some(path) => certificates(path)?,
            None => system_certificates()?,
        };
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .client_cert(credentials::identity(options)?)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let config = ureq::Agent::config_builder()
            .tls_config(tls)
            .https_only(true)
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(Duration::from_secs(30)))
            .build();
        Ok(Self { url, authorization: credentials::authorization(options)?, agent: config.into() })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Makes a bus call there.
    pub(super) fn call(&self, call: &RelayedCall) -> Result<RelayedReply, BusError> {
        let body = serde_json::to_vec(call).map_err(|error| BusError::Malformed(error.to_string()))?;
        let request = self
            .agent
            .post(format!("{}/v1/call", self.url))
            .config()
            .timeout_global(Some(LIMIT))
            .build()
            .header("content-type", "application/json");
        let sent = self.authorized(request).send(&body[..]).map_err(|error| self.unreachable(&error))?;
        let Sent { status, body } = read(sent).map_err(|error| self.unreachable(&error))?;
        if status == 200 {
            return serde_json::from_value(body).map_err(|error| BusError::Malformed(error.to_string()));
        }
        Err(of_problem(&body, &self.url))
    }

    /// Sends a file to a page.
    pub(super) fn send(&self, method: &str, page: &str, file: File) -> Result<Sent, Failure> {
        let url = format!("{}{page}", self.url);
        let request = if method == "PUT" { self.agent.put(url) } else { self.agent.post(url) };
        let request = request.config().timeout_global(Some(LONG)).build();
        let request = request.header("content-type", "application/octet-stream");
        let sent = self.authorized(request).send(file).and_then(read);
        sent.map_err(|error| self.unreachable(&error).into())
    }

    /// Removes what stands at a page.
    pub(super) fn delete(&self, page: &str) -> Result<Sent, Failure> {
        let request = self.agent.delete(format!("{}{page}", self.url));
        let request = request.config().timeout_global(Some(LIMIT)).build();
        let sent = self.authorized(request).call().and_then(read);
        sent.map_err(|error| self.unreachable(&error).into())
    }

    /// Writes a page into a file that is not there yet.
    pub(super) fn fetch(&self, page: &str, to: &Path) -> Result<(), Failure> {
        let request = self.agent.get(format!("{}{page}", self.url));
        let request = request.config().timeout_global(Some(LONG)).build();
        let answer = self.authorized(request).call();
        let mut answer = answer.map_err(|error| Failure::from(self.unreachable(&error)))?;
        if answer.status() != 200 {
            let sent = read(answer).map_err(|error| Failure::from(self.unreachable(&error)))?;
            return Err(of_problem(&sent.body, &self.url).into());
        }
        let failed = |error: &dyn fmt::Display| Failure::Refused(format!("{}: {error}", to.display()), None);
        let mut file = crate::backup::create(to).map_err(|error| failed(&error))?;
        let mut body = answer.body_mut().with_config().limit(u64::MAX).reader();
        std::io::copy(&mut body, &mut file).map_err(|error| failed(&error))?;
        file.sync_all().map_err(|error| failed(&error))
    }

    fn authorized<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        match &self.authorization {
            Some(authorization) => request.header("authorization", authorization),
            None => request,
        }
    }

    fn unreachable(&self, error: &dyn fmt::Display) -> BusError {
        BusError::NoReply(format!("{} cannot be talked to: {error}", self.url))
    }
}

impl Sent {
    /// The body where it was done; why not otherwise.
    pub(crate) fn done(self) -> Result<Value, Failure> {
        if self.status < 300 { Ok(self.body) } else { Err(of_problem(&self.body, "the server").into()) }
    }
}

fn read(mut answer: ureq::http::Response<ureq::Body>) -> Result<Sent, ureq::Error> {
    let status = answer.status().as_u16();
    let text = answer.body_mut().with_config().limit(ANSWER).read_to_vec()?;
    Ok(Sent { status, body: serde_json::from_slice(&text).unwrap_or(Value::Null) })
}

/// The error that a problem document tells of: that of the service where one answered it.
fn of_problem(problem: &Value, url: &str) -> BusError {
    let text = |key: &str| problem.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (error, mut detail, kind) = (text("error"), text("detail"), text("type"));
    if let Some(errors) = problem.get("errors").and_then(Value::as_array) {
        let more: Vec<&str> = errors.iter().filter_map(Value::as_str).collect();
        detail = if more.is_empty() { detail } else { more.join("\n  ") };
    }
    if !error.is_empty() {
        return BusError::named(&error, detail);
    }
    match kind.rsplit(':').next().unwrap_or_default() {
        "ServiceMissing" => BusError::ServiceUnknown(detail),
        "NoBus" => BusError::NoReply(format!("{url} has no bus right now: {detail}")),
        "NoReply" | "TimedOut" => BusError::NoReply(detail),
        "NoAccount" | "NotAdmitted" | "OutOfScope" | "NotListed" | "AccessDenied" | "Limited" => {
            BusError::AccessDenied(format!("{url}: {detail}"))
        }
        "" => BusError::Malformed(format!("{url} is no door of Tenon, or of another version")),
        _ => BusError::Rejected(detail),
    }
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, Failure> {
    let failed = |what: String| {
        Failure::refused(
            format!("{}: {what}", path.display()),
            "--certificate names the server's certificate, or one that vouches for it, in PEM",
        )
    };
    let text = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    let mut found = Vec::new();
    for item in ureq::tls::parse_pem(&text) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| failed(error.to_string()))? {
            found.push(certificate);
        }
    }
    if found.is_empty() { Err(failed("no certificate in it".to_owned())) } else { Ok(found) }
}

fn system_certificates() -> Result<Vec<Certificate<'static>>, Failure> {
    let path = SYSTEM_CERTIFICATES.iter().map(Path::new).find(|path| path.exists());
    let path = path.ok_or_else(|| {
        Failure::refused("this machine knows no certificates to trust", "--certificate FILE names one")
    })?;
    certificates(path)
}
