//! The bus face of access lists: `org.tenon.Explain1`, which tries a list dry.

use tenon_acl::{AccessList, RequestText, Trace};
use tenon_bus::server::Error;

/// The lists of a service: the one of a name that guards a zone ("" where zones do not matter), with the path of its
/// option below the component.
pub type AccessLists = Box<dyn Fn(&str, &str) -> Option<(AccessList, String)> + Send + Sync>;

/// Action, whether it matched, and a line for each term.
type Rule = (String, bool, Vec<String>);

/// The face.
pub struct ExplainFace {
    component: &'static str,
    /// Names of the lists, for who asks for another.
    names: &'static [&'static str],
    lists: AccessLists,
}

impl ExplainFace {
    /// The face of a component's lists.
    #[must_use]
    pub fn new(component: &'static str, names: &'static [&'static str], lists: AccessLists) -> Self {
        Self { component, names, lists }
    }
}

#[zbus::interface(name = "org.tenon.Explain1", introspection_docs = false)]
impl ExplainFace {
    #[zbus(out_args("action", "rule", "trace"))]
    #[allow(clippy::too_many_arguments, reason = "the interface has them")]
    fn explain(
        &self,
        list: String,
        zone: String,
        peer: String,
        local: String,
        key: String,
        transport: String,
        tls_name: String,
    ) -> Result<(String, String, Vec<Rule>), Error> {
        let Some((access, path)) = (self.lists)(&list, &zone) else {
            let known = self.names.join(", ");
            return Err(Error::NoSuchOption(format!(
                "{} has no access list {list:?}; it has {known}",
                self.component
            )));
        };
        let request = RequestText { peer, local, key, transport, tls_name };
        let trace: Trace = request
            .with(|request| access.explain(request))
            .map_err(|error| Error::InvalidValue(error.to_string()))?;
        let rules =
            trace.rules.into_iter().map(|rule| (rule.action.as_str().to_owned(), rule.matched, rule.terms));
        let option = format!("{}/{path}", self.component);
        Ok((
            trace.decision.action.as_str().to_owned(),
            trace.decision.named(&option).to_string(),
            rules.collect(),
        ))
    }
}
