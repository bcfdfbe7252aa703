//! `logging`: names components that there are.

use tenon_service::logging::{EVERY, LoggingSettings};

use super::{VIRTUAL_MODULES, Whole, module_of};

/// Each entry is for a component that logs.
pub(super) fn fits(whole: &Whole<'_>) -> Result<(), String> {
    let logs = |component: &&String| VIRTUAL_MODULES.iter().all(|module| module.component != **component);
    let known: Vec<&String> = whole.tree.keys().filter(logs).collect();
    for (index, logger) in module_of::<LoggingSettings>(whole.tree).loggers.into_iter().enumerate() {
        if logger.component != EVERY && !known.contains(&&logger.component) {
            let known: Vec<&str> = known.iter().map(|name| name.as_str()).collect();
            return Err(format!(
                "logging/loggers/{index}/component: there is no component \"{}\" that logs; there are {}, and * for all",
                logger.component,
                known.join(", ")
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tenon_tsig::KeyRing;

    #[test]
    fn components_must_be_there_and_log() {
        let fits = |component: &str| {
            let tree = json!({"auth": {}, "zonec": {}, "tsig_keys": {}, "logging": {"loggers": [{"component": component}]}});
            fits(&Whole { tree: tree.as_object().unwrap(), secrets: &KeyRing::default() })
        };
        assert_eq!((fits("auth"), fits("*")), (Ok(()), Ok(())));
        for nobody in ["aut", "tsig_keys", "logging"] {
            let reason = fits(nobody).unwrap_err();
            assert!(reason.starts_with("logging/loggers/0/component: there is no"), "{reason}");
            assert!(reason.contains("there are auth, zonec, and * for all"), "{reason}");
        }
    }
}
