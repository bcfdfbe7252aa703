//! A collection as OpenMetrics text, which Prometheus reads.
//!
//! `tenon_<component>_<counter>`, each instance of auth with its number in the label `instance`, and `tenon_up` for every
//! process on the bus: 1 when it told its counters, 0 when it did not. `tenon_auth_zone_<counter>` is what was counted of the
//! zone in the label `zone`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use tenon_bus::{CounterKind, names};

use crate::snapshot::{Counter, Snapshot};
use crate::times::Histogram;
use crate::zones::COUNTERS;

/// The content type of [`text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A collection as text.
pub fn text(snapshot: Arc<Snapshot>) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Exposition(snapshot)));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Exposition(Arc<Snapshot>);

impl Collector for Exposition {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.presence(&mut encoder)?;
        // The text wants all samples of a name together.
        let mut families: BTreeMap<(&str, &str), Vec<(&str, &Counter)>> = BTreeMap::new();
        for instance in &self.0.instances {
            for (name, counter) in &instance.counters {
                let samples = families.entry((&instance.component, name)).or_default();
                samples.push((&instance.bus_name, counter));
            }
        }
        for ((component, name), samples) in families {
            let Some((_, first)) = samples.first() else { continue };
            // The ending of what only grows is added by the format.
            let plain = name.strip_suffix("_total").unwrap_or(name);
            let kind = match first.kind {
                CounterKind::Counter => MetricType::Counter,
                CounterKind::Gauge => MetricType::Gauge,
            };
            let full = format!("tenon_{component}_{plain}");
            let mut family = encoder.encode_descriptor(&full, &first.text, None, kind)?;
            for (bus_name, counter) in &samples {
                sample(&mut family, bus_name, first.kind, counter.value)?;
            }
        }
        self.times(&mut encoder)?;
        self.zones(&mut encoder)
    }
}

impl Exposition {
    fn times(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        if self.0.times.values().all(Vec::is_empty) {
            return Ok(());
        }
        let help = "Time from the receipt of a batch of messages to its replies.";
        let name = "tenon_auth_answer_seconds";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (bus_name, histograms) in &self.0.times {
            for times in histograms {
                let instance = number(bus_name).unwrap_or_default();
                let labels = [("instance", instance), ("transport", times.transport.clone())];
                let Histogram { buckets, count, sum } = times.into();
                family.encode_family(&labels)?.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
            }
        }
        Ok(())
    }

    fn zones(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let zones = &self.0.zones.counters;
        if zones.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = zones.keys().map(|name| name.to_string().to_ascii_lowercase()).collect();
        for (place, (counter, text)) in COUNTERS.iter().enumerate() {
            let full = format!("tenon_auth_zone_{counter}");
            let mut family = encoder.encode_descriptor(&full, text, None, MetricType::Counter)?;
            for (zone, instances) in names.iter().zip(zones.values()) {
                for (bus_name, values) in instances {
                    let labels = [("instance", number(bus_name).unwrap_or_default()), ("zone", zone.clone())];
                    let value = values.get(place).copied().unwrap_or_default();
                    encode_value(&mut family.encode_family(&labels)?, CounterKind::Counter, value)?;
                }
            }
        }
        Ok(())
    }

    fn presence(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Whether a process on the bus told its counters.";
        let mut family = encoder.encode_descriptor("tenon_up", help, None, MetricType::Gauge)?;
        let told = self.0.instances.iter().map(|told| (&told.component, &told.bus_name, 1_u64));
        let silent = self.0.silent.iter().map(|silent| (&silent.component, &silent.bus_name, 0_u64));
        for (component, bus_name, up) in told.chain(silent) {
            let mut labels = vec![("component", component.clone())];
            labels.extend(number(bus_name).map(|number| ("instance", number)));
            family.encode_family(&labels)?.encode_gauge(&up)?;
        }
        Ok(())
    }
}

fn sample(family: &mut MetricEncoder<'_>, bus_name: &str, kind: CounterKind, value: u64) -> fmt::Result {
    let Some(number) = number(bus_name) else { return encode_value(family, kind, value) };
    encode_value(&mut family.encode_family(&[("instance", number)])?, kind, value)
}

fn encode_value(encoder: &mut MetricEncoder<'_>, kind: CounterKind, value: u64) -> fmt::Result {
    match kind {
        CounterKind::Counter => encoder.encode_counter::<NoLabelSet, _, u64>(&value, None),
        CounterKind::Gauge => encoder.encode_gauge(&value),
    }
}

/// The number of an instance; `None` for components that have but one.
fn number(bus_name: &str) -> Option<String> {
    names::auth_instance(bus_name).map(|number| number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Silent;
    use crate::snapshot::tests::instance;

    #[test]
    fn times_are_a_histogram() {
        let times = [("org.tenon.Auth1.Instance2".to_owned(), crate::times::tests::udp())].into();
        let text = text(Arc::new(Snapshot { times, ..Snapshot::default() })).unwrap();
        let expected = "\
# TYPE tenon_auth_answer_seconds histogram
tenon_auth_answer_seconds_sum{instance=\"2\",transport=\"udp\"} 0.0000305
tenon_auth_answer_seconds_count{instance=\"2\",transport=\"udp\"} 8
tenon_auth_answer_seconds_bucket{le=\"0.000001\",instance=\"2\",transport=\"udp\"} 1
tenon_auth_answer_seconds_bucket{le=\"0.000002\",instance=\"2\",transport=\"udp\"} 1
tenon_auth_answer_seconds_bucket{le=\"0.000004\",instance=\"2\",transport=\"udp\"} 6
tenon_auth_answer_seconds_bucket{le=\"+Inf\",instance=\"2\",transport=\"udp\"} 8
";
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn zones_stand_in_a_label() {
        let told = crate::zones::tests::told(&[("b.", 2), ("a\\\".b.", 3)], 0);
        let zones = crate::zones::Zones::new(vec![("org.tenon.Auth1.Instance2".to_owned(), told)], 9);
        let text = text(Arc::new(Snapshot { zones, ..Snapshot::default() })).unwrap();
        let expected = "\
# TYPE tenon_auth_zone_queries counter
tenon_auth_zone_queries_total{instance=\"2\",zone=\"b.\"} 2
tenon_auth_zone_queries_total{instance=\"2\",zone=\"a\\\\\\\".b.\"} 3
# HELP tenon_auth_zone_noerror ";
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn instances_stand_beside_each_other_and_counters_end_in_total() {
        let mut zonec = instance("org.tenon.Zonec1", 3, &[("zones", 2)]);
        for counter in zonec.counters.values_mut() {
            counter.kind = CounterKind::Gauge;
        }
        let snapshot = Snapshot {
            instances: vec![
                instance("org.tenon.Auth1.Instance1", 7, &[("queries", 5), ("truncated", 1)]),
                instance("org.tenon.Auth1.Instance2", 9, &[("queries", 6)]),
                zonec,
            ],
            silent: vec![Silent {
                bus_name: "org.tenon.Auth1.Instance3".into(),
                component: "auth".into(),
                reason: "no reply".into(),
            }],
            ..Snapshot::default()
        };
        let expected = "\
# HELP tenon_up Whether a process on the bus told its counters.
# TYPE tenon_up gauge
tenon_up{component=\"auth\",instance=\"1\"} 1
tenon_up{component=\"auth\",instance=\"2\"} 1
tenon_up{component=\"zonec\"} 1
tenon_up{component=\"auth\",instance=\"3\"} 0
# HELP tenon_auth_queries Counts queries.
# TYPE tenon_auth_queries counter
tenon_auth_queries_total{instance=\"1\"} 5
tenon_auth_queries_total{instance=\"2\"} 6
# HELP tenon_auth_truncated Counts truncated.
# TYPE tenon_auth_truncated counter
tenon_auth_truncated_total{instance=\"1\"} 1
# HELP tenon_zonec_zones Counts zones.
# TYPE tenon_zonec_zones gauge
tenon_zonec_zones 2
# EOF
";
        assert_eq!(text(Arc::new(snapshot)).unwrap(), expected);
    }
}
