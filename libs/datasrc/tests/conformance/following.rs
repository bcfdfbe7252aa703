//! Versions that are read while they are written.

use std::ops::ControlFlow;

use tenon_datasrc::Error;

use crate::Make;
use crate::common::{apex, current, hosts, name, store};

pub(crate) fn followed(make: Make<'_>) {
    let (source, other, origin) = (make(), make(), name("example."));
    store(&*source, &origin, &hosts(&origin, 1, 10)).unwrap();
    assert_eq!(other.coming(origin.as_ref()).unwrap(), None);
    let rrsets = hosts(&origin, 2, 40_000);
    let mut left = rrsets.iter();
    let mut writer = source.begin(origin.as_ref()).unwrap();
    left.by_ref().take(10_000).for_each(|rrset| writer.put(rrset.as_ref()).unwrap());
    let coming = other.coming(name("EXAMPLE.").as_ref()).unwrap().unwrap();
    let (mut writer, mut waits, mut committed) = (Some(writer), 0, None);
    let mut wait = || {
        waits += 1;
        left.by_ref().take(10_000).for_each(|rrset| writer.as_mut().unwrap().put(rrset.as_ref()).unwrap());
        if left.len() == 0
            && let Some(writer) = writer.take()
        {
            committed = Some(writer.commit().unwrap());
        }
        ControlFlow::Continue(())
    };
    let mut found = Vec::new();
    let followed = other.follow(&coming, &mut wait, &mut |rrset| {
        found.push(rrset.to_rrset());
        ControlFlow::Continue(())
    });
    let followed = followed.unwrap();
    assert!(waits >= 3);
    assert_eq!(followed, committed);
    assert_eq!(followed.unwrap().version, coming.version);
    assert_eq!(found, rrsets);
    assert_eq!(other.coming(origin.as_ref()).unwrap(), None);
}

pub(crate) fn followed_in_vain(make: Make<'_>) {
    let (source, other, origin) = (make(), make(), name("example."));
    let first = store(&*source, &origin, &apex(&origin, 1)).unwrap();
    let begin = || {
        let mut writer = source.begin(origin.as_ref()).unwrap();
        hosts(&origin, 2, 20_000).iter().for_each(|rrset| writer.put(rrset.as_ref()).unwrap());
        (writer, other.coming(origin.as_ref()).unwrap().unwrap())
    };
    let mut visit = |_: tenon_zone::RrsetRef<'_>| ControlFlow::Continue(());
    let (writer, coming) = begin();
    assert_eq!(other.follow(&coming, &mut || ControlFlow::Break(()), &mut visit).unwrap(), None);
    let mut writer = Some(writer);
    let mut give_up = || {
        writer = None;
        ControlFlow::Continue(())
    };
    let outcome = other.follow(&coming, &mut give_up, &mut visit);
    assert!(matches!(outcome, Err(Error::VersionGone { .. })), "{outcome:?}");
    // Committed, and replaced before it was looked at again.
    let (writer, coming) = begin();
    let mut writer = Some(writer);
    let mut replace = || {
        if let Some(writer) = writer.take() {
            writer.commit().unwrap();
            store(&*source, &origin, &apex(&origin, 3)).unwrap();
            source.clear_leftovers().unwrap();
        }
        ControlFlow::Continue(())
    };
    let outcome = other.follow(&coming, &mut replace, &mut visit);
    assert!(matches!(outcome, Err(Error::VersionGone { .. })), "{outcome:?}");
    assert_ne!(current(&*source, origin.as_ref()), first);
    source.clear_leftovers().unwrap();
    assert_eq!(source.clear_leftovers().unwrap(), 0);
}
