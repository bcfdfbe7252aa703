//! Calls that go a part of their way as JSON: from a program that is not on the bus to one that is, which makes them.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde::de::{DeserializeSeed, Deserializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zbus::Connection;
use zbus::proxy::{CacheProperties, MethodFlags, Proxy};
use zbus::wire::serialized::Context;
use zbus::wire::{
    DynamicDeserialize, DynamicType, LE, OwnedStructure, Signature, Structure, StructureBuilder, to_bytes,
    to_bytes_for_signature,
};

use crate::BusError;
use crate::value::{to_json, typed};

/// A call of a method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelayedCall {
    /// The bus name, such as `org.tenon.Zonec1`.
    pub destination: String,
    /// The object.
    pub path: String,
    /// The interface.
    pub interface: String,
    /// The method.
    pub member: String,
    /// Types of the arguments as D-Bus writes them, such as `su`; empty for none.
    pub signature: String,
    /// The arguments, one for each type.
    pub arguments: Vec<Value>,
}

/// What it returned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RelayedReply {
    /// Types of the values.
    pub signature: String,
    /// The values, one for each type.
    pub values: Vec<Value>,
}

/// What a relayed call comes to.
pub type Replying<'a> = Pin<Box<dyn Future<Output = Result<RelayedReply, BusError>> + Send + 'a>>;

/// A way to the bus of a machine that this program is not on.
pub trait Relay: fmt::Debug + Send + Sync {
    /// Makes a call there.
    fn call(&self, call: RelayedCall) -> Replying<'_>;
}

impl RelayedCall {
    /// A call with a body as the bus would take it.
    pub(crate) fn new<B>(
        destination: &str,
        path: &str,
        interface: &str,
        member: &str,
        body: &B,
    ) -> Result<Self, BusError>
    where
        B: Serialize + DynamicType,
    {
        let (signature, arguments) = taken_apart(body)?;
        Ok(Self {
            destination: destination.to_owned(),
            path: path.to_owned(),
            interface: interface.to_owned(),
            member: member.to_owned(),
            signature,
            arguments,
        })
    }

    /// Makes the call on a bus. `start`: the service is started if it does not run.
    pub(crate) async fn make(
        &self,
        connection: &Connection,
        limit: Duration,
        start: bool,
    ) -> Result<RelayedReply, BusError> {
        let proxy: Proxy<'_> = zbus::proxy::Builder::new(connection)
            .destination(self.destination.as_str())
            .path(self.path.as_str())
            .interface(self.interface.as_str())
            .cache_properties(CacheProperties::No)
            .build()
            .await?;
        let flags = if start { MethodFlags::ALLOW_INTERACTIVE_AUTH } else { MethodFlags::NO_AUTO_START };
        let member = zbus::names::MemberName::try_from(self.member.as_str())
            .map_err(|error| BusError::InvalidValue(error.to_string()))?;
        let body = put_together(&self.signature, &self.arguments)?;
        let call = async {
            match &body {
                Some(body) => proxy.call_with_flags::<_, _, AnyBody>(member, flags, body).await,
                None => proxy.call_with_flags::<_, _, AnyBody>(member, flags, &()).await,
            }
        };
        let reply = tokio::time::timeout(limit, call).await.map_err(|_| {
            BusError::NoReply(format!(
                "{} did not answer {} within {} s",
                self.destination,
                self.member,
                limit.as_secs()
            ))
        })??;
        let Some(AnyBody { signature, fields }) = reply else {
            return Err(BusError::Malformed("no reply".to_owned()));
        };
        let values = fields.iter().flat_map(|fields| fields.0.fields()).map(to_json).collect();
        Ok(RelayedReply { signature: bare(&signature), values })
    }
}

/// A body of whatever types, or none.
struct AnyBody {
    signature: Signature,
    fields: Option<OwnedStructure>,
}

/// Reads a body of these types.
struct AnySeed {
    signature: Signature,
    fields: Option<<OwnedStructure as DynamicDeserialize<'static>>::Deserializer>,
}

impl DynamicType for AnyBody {
    fn signature(&self) -> Signature {
        self.signature.clone()
    }
}

impl DynamicDeserialize<'_> for AnyBody {
    type Deserializer = AnySeed;

    fn deserializer_for_signature(signature: &Signature) -> zbus::Result<AnySeed> {
        let fields = match signature {
            Signature::Unit => None,
            some => Some(OwnedStructure::deserializer_for_signature(some)?),
        };
        Ok(AnySeed { signature: signature.clone(), fields })
    }
}

impl DynamicType for AnySeed {
    fn signature(&self) -> Signature {
        self.fields.as_ref().map_or(Signature::Unit, DynamicType::signature)
    }
}

impl<'de> DeserializeSeed<'de> for AnySeed {
    type Value = AnyBody;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<AnyBody, D::Error> {
        let Self { signature, fields } = self;
        let fields = match fields {
            Some(seed) => Some(seed.deserialize(deserializer)?),
            None => {
                <() as Deserialize<'_>>::deserialize(deserializer)?;
                None
            }
        };
        Ok(AnyBody { signature, fields })
    }
}

impl RelayedReply {
    /// The values as the caller on the bus would have them.
    pub(crate) fn read<R>(&self) -> Result<R, BusError>
    where
        R: for<'d> DynamicDeserialize<'d>,
    {
        let context = Context::new(LE, 0);
        let signature = parsed(&self.signature)?;
        let octets = match put_together(&self.signature, &self.values)? {
            None => to_bytes(context, &()),
            // One value stands for itself, several are a structure.
            Some(structure) => to_bytes_for_signature(context, structure.signature().clone(), &structure),
        };
        let octets = octets.map_err(malformed)?;
        octets.deserialize_for_dynamic_signature(signature).map(|(read, _)| read).map_err(malformed)
    }
}

/// Types and values of a body.
fn taken_apart<B: Serialize + DynamicType>(body: &B) -> Result<(String, Vec<Value>), BusError> {
    let signature = body.signature();
    if signature == Signature::Unit {
        return Ok((String::new(), Vec::new()));
    }
    let octets = to_bytes(Context::new(LE, 0), body).map_err(malformed)?;
    let (fields, _) =
        octets.deserialize_for_dynamic_signature::<_, Structure<'_>>(signature.clone()).map_err(malformed)?;
    Ok((bare(&signature), fields.fields().iter().map(to_json).collect()))
}

/// A body of types and values; none when there are none.
fn put_together(signature: &str, values: &[Value]) -> Result<Option<Structure<'static>>, BusError> {
    let types = match parsed(signature)? {
        Signature::Unit => Vec::new(),
        Signature::Structure(fields) => fields.iter().cloned().collect(),
        one => vec![one],
    };
    if types.len() != values.len() {
        return Err(BusError::InvalidValue(format!("{} values for the types \"{signature}\"", values.len())));
    }
    if types.is_empty() {
        return Ok(None);
    }
    let mut structure = StructureBuilder::new();
    for (signature, value) in types.iter().zip(values) {
        let value = typed(signature, value)
            .ok_or_else(|| BusError::InvalidValue(format!("{value} is not of the type \"{signature}\"")))?;
        structure.push_value(value);
    }
    structure.build().map(Some).map_err(malformed)
}

fn parsed(signature: &str) -> Result<Signature, BusError> {
    if signature.is_empty() {
        return Ok(Signature::Unit);
    }
    signature.try_into().map_err(|_| BusError::InvalidValue(format!("\"{signature}\" are no types of D-Bus")))
}

/// As it stands in a message: without parentheses around all.
fn bare(signature: &Signature) -> String {
    match signature {
        Signature::Unit => String::new(),
        Signature::Structure(fields) => fields.iter().map(Signature::to_string).collect(),
        one => one.to_string(),
    }
}

fn malformed(error: zbus::Error) -> BusError {
    BusError::Malformed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::HashMap;

    #[test]
    fn bodies_go_there_and_back() {
        let edits = vec![("a/b".to_owned(), "1".to_owned())];
        let call =
            RelayedCall::new("org.x", "/x", "org.x", "Y", &("", 7_u64, edits, "because", 5_u32)).unwrap();
        assert_eq!(call.signature, "sta(ss)su");
        assert_eq!(call.arguments, [json!(""), json!(7), json!([["a/b", "1"]]), json!("because"), json!(5)]);
        let reply = RelayedReply { signature: call.signature, values: call.arguments };
        let read: (String, u64, Vec<(String, String)>, String, u32) = reply.read().unwrap();
        assert_eq!((read.1, read.2.len(), read.4), (7, 1, 5));
    }

    #[test]
    fn one_value_stands_for_itself_and_variants_keep_their_meaning() {
        let one = RelayedReply { signature: "as".into(), values: vec![json!(["a", "b"])] };
        assert_eq!(one.read::<Vec<String>>().unwrap(), ["a", "b"]);
        let none = RelayedReply { signature: String::new(), values: Vec::new() };
        none.read::<()>().unwrap();
        let map = RelayedReply {
            signature: "a{sv}".into(),
            values: vec![json!({"serial": 5, "files": ["x"], "state": "ready", "pair": {"a": 1}})],
        };
        let read: HashMap<String, zbus::OwnedVariant> = map.read().unwrap();
        assert_eq!(crate::value::map_to_json(&read), map.values[0]);
        for wrong in
            [("u", json!("x")), ("u", json!(-1)), ("s", json!(1)), ("(", json!(1)), ("as", json!([1]))]
        {
            let reply = RelayedReply { signature: wrong.0.into(), values: vec![wrong.1] };
            assert!(reply.read::<u32>().is_err(), "{reply:?}");
        }
    }
}
