//! What stands at which path. Zones are left out where not everybody may know them, since pages have no password.

use std::collections::BTreeMap;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde::Serialize;
use tenon_service::readers;

use crate::collector::Collector;
use crate::openmetrics;
use crate::snapshot::{Snapshot, Sum};
use crate::statistics::{Statistics, count};
use crate::{times, zones};

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=utf-8";
const INDEX: &str = "<!DOCTYPE html>\n<title>Tenon statistics</title>\n<h1>Tenon statistics</h1>\n<ul>\n\
    <li><a href=\"/metrics\">/metrics</a>: OpenMetrics text, for Prometheus\n\
    <li><a href=\"/json\">/json</a>: the same as JSON, instances added up\n</ul>\n";

/// An answer, whole.
pub type Page = Response<Full<Bytes>>;

/// The pages over a collector.
#[derive(Debug)]
pub struct Pages {
    collector: Arc<Collector>,
    statistics: Arc<Statistics>,
}

/// What `/json` holds.
#[derive(Serialize)]
struct Document {
    /// When the collection was over, in microseconds since the epoch.
    taken_usec: u64,
    components: BTreeMap<String, Sum>,
    /// Who was left out and why, one sentence each.
    silent: Vec<String>,
    /// How long auth took to answer, by transport.
    answer_times: BTreeMap<String, times::Document>,
    #[serde(flatten)]
    zones: zones::Document,
}

impl Pages {
    /// Pages that show what `collector` collects.
    pub fn new(collector: Arc<Collector>, statistics: Arc<Statistics>) -> Self {
        Self { collector, statistics }
    }

    /// Answers a request; its body, if it has one, is not read.
    pub async fn answer<B>(&self, request: &Request<B>) -> Page {
        let page = if matches!(*request.method(), Method::GET | Method::HEAD) {
            match request.uri().path() {
                "/" => page(StatusCode::OK, HTML, INDEX.to_owned()),
                "/metrics" => self.collected(openmetrics::CONTENT_TYPE, openmetrics::text).await,
                "/json" => self.collected(JSON, json).await,
                _ => page(StatusCode::NOT_FOUND, TEXT, "there are /, /metrics and /json\n".into()),
            }
        } else {
            let mut refusal = page(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD\n".into());
            refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            refusal
        };
        count(&self.statistics.http_requests);
        if !page.status().is_success() {
            count(&self.statistics.http_requests_failed);
        }
        page
    }

    async fn collected<E: ToString>(
        &self,
        kind: &'static str,
        write: impl Fn(Arc<Snapshot>) -> Result<String, E>,
    ) -> Page {
        let written = match self.collector.collect().await {
            Ok(snapshot) => {
                let snapshot = if readers::are_restricted() { without_zones(&snapshot) } else { snapshot };
                write(snapshot).map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
            }
            Err(error) => Err((StatusCode::SERVICE_UNAVAILABLE, error.to_string())),
        };
        match written {
            Ok(text) => page(StatusCode::OK, kind, text),
            Err((status, reason)) => page(status, TEXT, format!("{reason}\n")),
        }
    }
}

fn without_zones(snapshot: &Snapshot) -> Arc<Snapshot> {
    Arc::new(Snapshot { zones: zones::Zones::default(), ..snapshot.clone() })
}

fn json(snapshot: Arc<Snapshot>) -> Result<String, serde_json::Error> {
    let document = Document {
        taken_usec: snapshot.taken_usec,
        components: snapshot.sums(),
        silent: snapshot.silences(),
        answer_times: times::documents(&snapshot.answer_times()),
        zones: (&snapshot.zones).into(),
    };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn page(status: StatusCode, kind: &'static str, text: String) -> Page {
    let mut page = Response::new(Full::new(Bytes::from(text)));
    *page.status_mut() = status;
    page.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    page.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    page
}
