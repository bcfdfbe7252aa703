//! Who may use a verb that changes something.
//!
//! Root always may, and so may the REST door, whose verbs the bus policy lists. Where polkit is on the bus or could be started, it is asked about everybody else, in the operating
//! system's own language; where it is not, or does not answer, members of the group `tenon` may. The bus policy keeps
//! strangers from most verbs before they arrive here; this is the second lock.

mod senders;

use std::time::Duration;

use rustix::process::geteuid;
use tenon_bus::server::Error;
use tenon_wire::NameRef;
use tracing::warn;
use zbus::Connection;
use zbus::fdo::ConnectionCredentials;
use zbus::message::{Flags, Header};
use zbus_polkit::policykit1::{AuthorityProxy, CheckAuthorizationFlags, Subject};

use crate::messages;
use crate::users::Users;

/// The group whose members may use writing verbs.
const GROUP: &str = "tenon";
/// The user that tenon-cfgmgr runs as.
const CFGMGR_USER: &str = "tenon-cfgmgr";
/// The user of the REST door, which asks for its accounts after it has looked at what they may. Which verbs it can call at
/// all is said by the bus policy.
const DOOR_USER: &str = "tenon-cmdctl";
const POLKIT: &str = "org.freedesktop.PolicyKit1";
/// How long polkit may take; it may be asking a person for a password.
const POLKIT_LIMIT: Duration = Duration::from_secs(120);

/// What a verb does, as polkit knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Edit, commit or revert settings.
    ConfigCommit,
    /// Load, change or remove zones.
    ZoneEdit,
    /// Have zones brought from their primaries, or told to their secondaries.
    ZoneTransfer,
    /// Have a service do something now.
    ServiceControl,
    /// Add, replace or remove TSIG keys.
    KeyEdit,
}

impl Action {
    /// The polkit action.
    pub fn id(self) -> &'static str {
        match self {
            Self::ConfigCommit => "org.tenon.config.commit",
            Self::ZoneEdit => "org.tenon.zone.edit",
            Self::ZoneTransfer => "org.tenon.zone.transfer",
            Self::ServiceControl => "org.tenon.service.control",
            Self::KeyEdit => "org.tenon.keys",
        }
    }

    /// The same done to one zone.
    pub fn of(self, zone: NameRef<'_>) -> Verb<'static> {
        let zone = zone.to_lowercase().to_string();
        // As people write it in polkit's rules.
        let zone = zone.strip_suffix('.').filter(|zone| !zone.is_empty()).unwrap_or(&zone);
        Verb { action: self, zone: Some(zone.to_owned()), services: &[] }
    }
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verb<'a> {
    action: Action,
    /// The one zone that it is done to: polkit's rules see it as `action.lookup("zone")`.
    zone: Option<String>,
    /// Users of services that need it for their work.
    services: &'a [&'a str],
}

impl<'a> Verb<'a> {
    /// Services running as these users need it for their work, and may.
    #[must_use]
    pub fn or_by(self, services: &'a [&'a str]) -> Self {
        Self { services, ..self }
    }
}

impl From<Action> for Verb<'_> {
    fn from(action: Action) -> Self {
        Self { action, zone: None, services: &[] }
    }
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The user's number.
    pub uid: u32,
    /// The user's name, or the number where there is none.
    pub name: String,
}

/// Says who sent a message, as the bus vouches for it.
pub async fn caller(connection: &Connection, header: &Header<'_>) -> Result<Caller, Error> {
    let credentials = senders::credentials(connection, header).await?;
    known(&credentials, &Users::of_this_host())
}

/// Lets the sender of a message use a verb, or answers [`Error::AccessDenied`] with what would help.
pub async fn authorise(
    connection: &Connection,
    header: &Header<'_>,
    verb: impl Into<Verb<'_>>,
) -> Result<Caller, Error> {
    let verb = verb.into();
    let action = verb.action;
    let credentials = senders::credentials(connection, header).await?;
    let users = Users::of_this_host();
    let caller = known(&credentials, &users)?;
    let mut services = verb.services.iter().chain([&DOOR_USER]);
    if caller.uid == 0 || services.any(|service| users.uid(service) == Some(caller.uid)) {
        return Ok(caller);
    }
    let allowed = match ask_polkit(connection, header, &verb).await {
        Some(answer) => answer,
        None => in_group(&credentials, caller.uid, &users),
    };
    if allowed {
        return Ok(caller);
    }
    warn!(
        message_id = messages::DENIED,
        caller = %caller.name,
        action = action.id(),
        "user {} was refused {}", caller.name, action.id()
    );
    Err(Error::AccessDenied(format!(
        "user {} may not do this ({}): be root, or in group {GROUP}, or have polkit allow it",
        caller.name,
        action.id()
    )))
}

/// Lets root and tenon-cfgmgr use a verb that is meant for the latter, and a daemon's own user.
pub(crate) async fn authorise_cfgmgr(connection: &Connection, header: &Header<'_>) -> Result<(), Error> {
    let caller = caller(connection, header).await?;
    let cfgmgr = Users::of_this_host().uid(CFGMGR_USER);
    if caller.uid == 0 || Some(caller.uid) == cfgmgr || caller.uid == geteuid().as_raw() {
        return Ok(());
    }
    Err(Error::AccessDenied(format!("only root and {CFGMGR_USER} may do this; use `bindctl config`")))
}

fn known(credentials: &ConnectionCredentials, users: &Users) -> Result<Caller, Error> {
    let uid = credentials
        .unix_user_id()
        .ok_or_else(|| Error::AccessDenied("the bus does not know the caller's user".into()))?;
    let name = users.name(uid).map_or_else(|| uid.to_string(), str::to_owned);
    Ok(Caller { uid, name })
}

/// Not every bus sends the caller's groups along; then the files say.
fn in_group(credentials: &ConnectionCredentials, uid: u32, users: &Users) -> bool {
    match (credentials.unix_group_ids(), users.gid(GROUP)) {
        (Some(groups), Some(group)) => groups.contains(&group),
        _ => users.is_member(uid, GROUP),
    }
}

/// polkit's answer; `None` when there is no polkit that answers.
async fn ask_polkit(connection: &Connection, header: &Header<'_>, verb: &Verb<'_>) -> Option<bool> {
    let bus = tenon_bus::server::bus(connection.clone());
    if !bus.is_present(POLKIT).await.ok()? && !bus.is_activatable(POLKIT).await.ok()? {
        return None;
    }
    let subject = Subject::new_for_message_header(header).ok()?;
    let flags = if header.primary().flags().contains(Flags::ALLOW_INTERACTIVE_AUTH) {
        CheckAuthorizationFlags::ALLOW_USER_INTERACTION
    } else {
        CheckAuthorizationFlags::empty()
    };
    let authority = AuthorityProxy::new(connection).await.ok()?;
    let details = verb.zone.iter().map(|zone| ("zone", zone.as_str())).collect();
    let question = authority.check_authorization(&subject, verb.action.id(), &details, flags, "");
    match tokio::time::timeout(POLKIT_LIMIT, question).await {
        Ok(Ok(result)) => Some(result.is_authorized),
        Ok(Err(error)) => {
            warn!("polkit does not answer ({error}); going by group {GROUP}");
            None
        }
        // Nobody typed the password.
        Err(_) => Some(false),
    }
}
