//! Edits as a person writes them: records as lines of a master file.

use tenon_wire::rdata::{Token, parse_text, parse_ttl, split_line};
use tenon_wire::{Name, RrType};

use crate::transaction::{Refusal, Step};

/// Most edits of one change.
pub const MOST_EDITS: usize = 10_000;

/// Makes steps of edits, each of an action and a text:
///
/// * `add`, `OWNER [TTL] [IN] TYPE DATA`: adds a record;
/// * `set`, the same: the RRset has this record and those of other `set` edits of the same name and type, and no more;
/// * `delete`, `OWNER [TYPE [DATA]]`: deletes a record, an RRset or all records of a name.
///
/// Names are relative to the zone unless they end in a dot; `@` is the zone.
///
/// # Errors
/// The first that makes no sense.
pub fn steps(origin: &Name, edits: &[(String, String)]) -> Result<Vec<Step>, Refusal> {
    if edits.len() > MOST_EDITS {
        return Err(Refusal::malformed(format!("{} edits at once; at most {MOST_EDITS}", edits.len())));
    }
    let mut steps = Vec::with_capacity(edits.len());
    for (action, text) in edits {
        let step = one(origin, action, text)
            .map_err(|reason| Refusal::malformed(format!("{action} {text}: {reason}")))?;
        push(&mut steps, step);
    }
    Ok(steps)
}

/// Adds a step; a `set` joins the one of the same RRset.
fn push(steps: &mut Vec<Step>, step: Step) {
    if let Step::Set { owner, rrtype, rdatas, .. } = &step {
        let same = |there: &&mut Step| matches!(there, Step::Set { owner: other, rrtype: its, .. } if other == owner && its == rrtype);
        if let Some(Step::Set { rdatas: there, .. }) = steps.iter_mut().find(same) {
            there.extend_from_slice(rdatas);
            return;
        }
    }
    steps.push(step);
}

fn one(origin: &Name, action: &str, text: &str) -> Result<Step, String> {
    let words = split_line(text.as_bytes()).map_err(|error| error.to_string())?;
    let (owner, rest) = words.split_first().ok_or("a name is missing")?;
    let owner = name(origin, owner)?;
    if !owner.as_ref().is_at_or_below(origin.as_ref()) {
        return Err(format!("{owner} is not in the zone"));
    }
    let (ttl, rest) = before_type(rest)?;
    let Some((rrtype, data)) = rest.split_first() else {
        return match action {
            "delete" => Ok(Step::DeleteName { owner }),
            _ => Err("a type is missing".to_owned()),
        };
    };
    let rrtype: RrType = word(rrtype)?.parse().map_err(|_| "no type of records is called that".to_owned())?;
    if rrtype.is_meta() {
        return Err(format!("no record has the type {rrtype}"));
    }
    let read = || {
        let mut rdata = Vec::new();
        parse_text(rrtype, data, Some(origin.as_ref()), &mut rdata).map_err(|error| error.to_string())?;
        Ok(rdata)
    };
    match action {
        "delete" if data.is_empty() => Ok(Step::DeleteRrset { owner, rrtype }),
        "delete" => read().map(|rdata| Step::DeleteRecord { owner, rrtype, rdata }),
        "add" => read().map(|rdata| Step::Add { owner, rrtype, ttl, rdata }),
        "set" => read().map(|rdata| Step::Set { owner, rrtype, ttl, rdatas: vec![rdata] }),
        _ => Err("an edit is add, set or delete".to_owned()),
    }
}

/// TTL and class, in either order, each at most once.
fn before_type<'w, 't>(mut rest: &'w [Token<'t>]) -> Result<(Option<u32>, &'w [Token<'t>]), String> {
    let (mut ttl, mut class) = (None, false);
    while let Some((first, behind)) = rest.split_first() {
        let text = word(first)?;
        if !class && text.eq_ignore_ascii_case("IN") {
            class = true;
        } else if ttl.is_none() && text.starts_with(|first: char| first.is_ascii_digit()) {
            ttl = Some(parse_ttl(first.text).ok_or_else(|| format!("{text:?} is no TTL"))?);
        } else {
            break;
        }
        rest = behind;
    }
    Ok((ttl, rest))
}

fn name(origin: &Name, token: &Token<'_>) -> Result<Name, String> {
    let text = word(token)?;
    Name::from_text(text, Some(origin.as_ref())).map_err(|error| format!("{text:?} is no name: {error}"))
}

fn word<'t>(token: &Token<'t>) -> Result<&'t str, String> {
    std::str::from_utf8(token.text).map_err(|_| "not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(action: &str, text: &str) -> Result<Step, String> {
        let origin: Name = "example.".parse().unwrap();
        let edits = [(action.to_owned(), text.to_owned())];
        steps(&origin, &edits).map(|mut steps| steps.remove(0)).map_err(|refusal| refusal.reason)
    }

    #[test]
    fn records_are_read_as_in_master_files() {
        let owner: Name = "www.example.".parse().unwrap();
        let add = |ttl| Step::Add { owner: owner.clone(), rrtype: RrType::A, ttl, rdata: vec![192, 0, 2, 1] };
        assert_eq!(read("add", "www A 192.0.2.1"), Ok(add(None)));
        assert_eq!(read("add", "www.example. 1h IN A 192.0.2.1 ; why"), Ok(add(Some(3600))));
        assert_eq!(read("add", "WWW in 60 a 192.0.2.1"), Ok(add(Some(60))));
        assert_eq!(read("delete", "www"), Ok(Step::DeleteName { owner: owner.clone() }));
        assert_eq!(read("delete", "www TXT"), Ok(Step::DeleteRrset { owner, rrtype: RrType::TXT }));
        let apex = "example.".parse().unwrap();
        let rdatas = vec![b"\x02ns\x07example\x00".to_vec()];
        assert_eq!(
            read("set", "@ NS ns"),
            Ok(Step::Set { owner: apex, rrtype: RrType::NS, ttl: None, rdatas })
        );
    }

    #[test]
    fn several_sets_are_one() {
        let edits: Vec<_> = ["a A 192.0.2.1", "b A 192.0.2.9", "A A 192.0.2.2"]
            .map(|text| ("set".to_owned(), text.to_owned()))
            .into();
        let steps = steps(&"example.".parse().unwrap(), &edits).unwrap();
        assert_eq!(steps.len(), 2);
        assert!(matches!(&steps[0], Step::Set { rdatas, .. } if rdatas.len() == 2));
    }

    #[test]
    fn nonsense_is_told() {
        for (action, text, told) in [
            ("add", "", "a name is missing"),
            ("add", "www", "a type is missing"),
            ("add", "www A", "missing"),
            ("add", "www A 192.0.2", "add www A 192.0.2"),
            ("add", "www 99999999999999 A 192.0.2.1", "is no TTL"),
            ("add", "www FOO x", "no type of records"),
            ("add", "www AXFR", "no record has the type AXFR"),
            ("add", "www.elsewhere. A 192.0.2.1", "is not in the zone"),
            ("put", "www A 192.0.2.1", "add, set or delete"),
            ("add", "a..b A 192.0.2.1", "is no name"),
        ] {
            let found = read(action, text).unwrap_err();
            assert!(found.contains(told), "{text}: {found}");
        }
    }
}
