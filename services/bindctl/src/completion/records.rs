//! Words of records.

use serde_json::Value;

/// Types of records that people type.
pub(super) const TYPES: [&str; 17] = [
    "A", "AAAA", "CAA", "CNAME", "DNAME", "DS", "HTTPS", "LOC", "MX", "NAPTR", "NS", "PTR", "SOA", "SRV",
    "SSHFP", "TLSA", "TXT",
];

/// Types, where a type may come: at first, or after a TTL.
pub(super) fn types_after(before: Option<&&str>) -> Vec<String> {
    let may = before.is_none_or(|word| word.bytes().all(|octet| octet.is_ascii_digit()));
    if may { TYPES.map(str::to_owned).to_vec() } else { Vec::new() }
}

/// The types among these records; all where nobody tells of records.
pub(super) fn types_of(records: &Value) -> Vec<String> {
    match records {
        Value::Array(records) => {
            records.iter().filter_map(|record| text(record, "type")).map(str::to_owned).collect()
        }
        _ => TYPES.map(str::to_owned).to_vec(),
    }
}

/// The data of records of this type that a shell takes for one word as it stands.
pub(super) fn data_of(records: &Value, rrtype: &str) -> Vec<String> {
    let records = records.as_array().into_iter().flatten();
    let of_type =
        records.filter(|record| text(record, "type").is_some_and(|own| own.eq_ignore_ascii_case(rrtype)));
    let is_plain =
        |data: &&str| data.bytes().all(|octet| octet.is_ascii_alphanumeric() || b".:-_/".contains(&octet));
    of_type.filter_map(|record| text(record, "data")).filter(is_plain).map(str::to_owned).collect()
}

fn text<'r>(record: &'r Value, member: &str) -> Option<&'r str> {
    record.get(member)?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn types_come_at_first_or_after_a_ttl_and_data_are_those_that_are_there() {
        assert!(types_after(None).contains(&"AAAA".to_owned()));
        assert!(types_after(Some(&"300")).contains(&"AAAA".to_owned()));
        assert_eq!(types_after(Some(&"A")), [""; 0]);
        let records = json!([{"type": "A", "data": "192.0.2.1"}, {"type": "MX", "data": "10 mail"},
            {"type": "A", "data": "192.0.2.2"}, {"type": "TXT", "data": "\"x\""}]);
        assert_eq!(types_of(&records), ["A", "MX", "A", "TXT"]);
        assert_eq!(types_of(&Value::Null).len(), TYPES.len());
        assert_eq!(data_of(&records, "a"), ["192.0.2.1", "192.0.2.2"]);
        assert_eq!((data_of(&records, "MX"), data_of(&records, "TXT")), (Vec::new(), Vec::new()));
    }
}
