//! Is the interface that a service shows the one that its XML file promises?

use std::collections::BTreeSet;

use zbus_xml::{Annotation, Arg, Interface, Node};

/// Every difference between the interface in `contract` (an XML file of `dbus-interfaces/`) and the interface of the
/// same name in `live` (what `Introspect` returned), one line each; empty when they agree. Comments do not count.
pub fn differences(contract: &str, live: &str) -> Vec<String> {
    let (contract, live) = match (parse(contract), parse(live)) {
        (Ok(contract), Ok(live)) => (contract, live),
        (contract, live) => return [contract.err(), live.err()].into_iter().flatten().collect(),
    };
    let mut found = Vec::new();
    for promised in contract.interfaces() {
        let name = promised.name();
        match live.interfaces().iter().find(|shown| shown.name() == name) {
            None => found.push(format!("{name}: not shown")),
            Some(shown) => {
                let (promised, shown) = (facts(promised), facts(shown));
                found.extend(promised.difference(&shown).map(|fact| format!("{name}: missing {fact}")));
                found.extend(shown.difference(&promised).map(|fact| format!("{name}: not promised {fact}")));
            }
        }
    }
    found
}

fn parse(text: &str) -> Result<Node<'static>, String> {
    Node::from_reader(text.as_bytes()).map_err(|error| error.to_string())
}

/// One line for each member with all that a caller depends on.
fn facts(interface: &Interface<'_>) -> BTreeSet<String> {
    let methods = interface.methods().map(|method| {
        format!("method {}({}){}", method.name(), arguments(method.args()), notes(method.annotations()))
    });
    let signals =
        interface.signals().map(|signal| format!("signal {}({})", signal.name(), arguments(signal.args())));
    let properties = interface.properties().map(|property| {
        let annotations = notes(property.annotations());
        format!("property {} {} {:?}{annotations}", property.name(), property.ty(), property.access())
    });
    methods.chain(signals).chain(properties).collect()
}

fn arguments(arguments: &[Arg<'_>]) -> String {
    let argument = |argument: &Arg<'_>| {
        let direction = argument.direction().map_or(String::new(), |direction| format!("{direction:?} "));
        format!("{direction}{} {}", argument.ty(), argument.name().unwrap_or("-"))
    };
    arguments.iter().map(argument).collect::<Vec<_>>().join(", ")
}

/// Annotations in order; the default of the one about change signals is left out, as writers of XML do.
fn notes(annotations: &[Annotation<'_>]) -> String {
    let mut notes: Vec<String> = annotations
        .iter()
        .filter(|note| !(note.name().ends_with("EmitsChangedSignal") && note.value() == "true"))
        .map(|note| format!(" {}={}", note.name(), note.value()))
        .collect();
    notes.sort();
    notes.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(members: &str) -> String {
        format!("<node><interface name=\"org.example.A1\">{members}</interface></node>")
    }

    #[test]
    fn comments_and_order_do_not_count_and_types_do() {
        let contract = document(
            r#"<!-- prose --><method name="A"><arg name="x" type="s" direction="in"/></method><property name="P" type="t" access="read"/>"#,
        );
        let same = document(
            r#"<property name="P" type="t" access="read"><annotation name="org.freedesktop.DBus.Property.EmitsChangedSignal" value="true"/></property><method name="A"><arg name="x" type="s" direction="in"/></method>"#,
        );
        assert_eq!(differences(&contract, &same), Vec::<String>::new());
        let other = document(
            r#"<method name="A"><arg name="x" type="u" direction="in"/></method><property name="P" type="t" access="read"/>"#,
        );
        assert_eq!(differences(&contract, &other).len(), 2);
        assert_eq!(differences(&contract, "<node/>"), ["org.example.A1: not shown"]);
    }
}
