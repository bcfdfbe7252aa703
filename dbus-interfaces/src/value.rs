//! JSON to D-Bus variants and back.
//!
//! Integers become `t` (or `x` below zero), fractions `d`, lists `av`, objects `a{sv}`. D-Bus has no null: an option
//! that is null is left out.

use std::collections::HashMap;

use serde_json::{Map, Number, Value};
use zbus::wire::{Signature, StructureBuilder};
use zbus::{Array, Dict, OwnedVariant, Str, Variant};

/// An object's members as an `a{sv}`; members that are null are left out.
pub fn json_to_map(object: &Map<String, Value>) -> HashMap<String, Variant<'static>> {
    object.iter().filter_map(|(key, value)| Some((key.clone(), to_variant(value)?))).collect()
}

/// An `a{sv}` as a JSON object.
pub fn map_to_json(map: &HashMap<String, OwnedVariant>) -> Value {
    Value::Object(map.iter().map(|(key, value)| (key.clone(), to_json(value))).collect())
}

fn to_variant(value: &Value) -> Option<Variant<'static>> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(flag) => Variant::Bool(*flag),
        Value::Number(number) => number_to_variant(number),
        Value::String(text) => Variant::Str(Str::from(text.clone())),
        Value::Array(items) => {
            let mut array = Array::new(&Signature::Variant);
            for item in items.iter().filter_map(to_variant) {
                array.append(Variant::Variant(Box::new(item))).ok()?;
            }
            Variant::Array(array)
        }
        Value::Object(members) => {
            let mut dict = Dict::new(&Signature::Str, &Signature::Variant);
            for (key, member) in json_to_map(members) {
                dict.append(Variant::Str(Str::from(key)), Variant::Variant(Box::new(member))).ok()?;
            }
            Variant::Dict(dict)
        }
    })
}

fn number_to_variant(number: &Number) -> Variant<'static> {
    if let Some(natural) = number.as_u64() {
        Variant::U64(natural)
    } else if let Some(integer) = number.as_i64() {
        Variant::I64(integer)
    } else {
        Variant::F64(number.as_f64().unwrap_or_default())
    }
}

pub(crate) fn to_json(variant: &Variant<'_>) -> Value {
    match variant {
        Variant::U8(number) => (*number).into(),
        Variant::Bool(flag) => (*flag).into(),
        Variant::I16(number) => (*number).into(),
        Variant::U16(number) => (*number).into(),
        Variant::I32(number) => (*number).into(),
        Variant::U32(number) => (*number).into(),
        Variant::I64(number) => (*number).into(),
        Variant::U64(number) => (*number).into(),
        Variant::F64(number) => (*number).into(),
        Variant::Str(text) => text.as_str().into(),
        Variant::Signature(signature) => signature.to_string().into(),
        Variant::ObjectPath(path) => path.as_str().into(),
        Variant::Variant(inner) => to_json(inner),
        Variant::Array(array) => array.inner().iter().map(to_json).collect(),
        Variant::Structure(structure) => structure.fields().iter().map(to_json).collect(),
        Variant::Dict(dict) => {
            Value::Object(dict.iter().map(|(key, value)| (key_text(key), to_json(value))).collect())
        }
        Variant::Fd(_) => Value::Null,
    }
}

/// A value as one of a type; `None` when it is none of that. A null is no value, and descriptors cannot be written.
pub(crate) fn typed(signature: &Signature, value: &Value) -> Option<Variant<'static>> {
    Some(match signature {
        Signature::U8 => Variant::U8(value.as_u64()?.try_into().ok()?),
        Signature::Bool => Variant::Bool(value.as_bool()?),
        Signature::I16 => Variant::I16(value.as_i64()?.try_into().ok()?),
        Signature::U16 => Variant::U16(value.as_u64()?.try_into().ok()?),
        Signature::I32 => Variant::I32(value.as_i64()?.try_into().ok()?),
        Signature::U32 => Variant::U32(value.as_u64()?.try_into().ok()?),
        Signature::I64 => Variant::I64(value.as_i64()?),
        Signature::U64 => Variant::U64(value.as_u64()?),
        Signature::F64 => Variant::F64(value.as_f64()?),
        Signature::Str => Variant::Str(Str::from(value.as_str()?.to_owned())),
        Signature::Variant => Variant::Variant(Box::new(to_variant(value)?)),
        Signature::Array(element) => {
            let mut array = Array::new(element.signature());
            for item in value.as_array()? {
                array.append(typed(element.signature(), item)?).ok()?;
            }
            Variant::Array(array)
        }
        Signature::Dict { key, value: member } => {
            let mut dict = Dict::new(key.signature(), member.signature());
            for (name, item) in value.as_object()? {
                let name = typed(key.signature(), &Value::from(name.as_str()))?;
                dict.append(name, typed(member.signature(), item)?).ok()?;
            }
            Variant::Dict(dict)
        }
        Signature::Structure(fields) => {
            let items = value.as_array()?;
            if items.len() != fields.iter().count() {
                return None;
            }
            let mut structure = StructureBuilder::new();
            for (field, item) in fields.iter().zip(items) {
                structure.push_value(typed(field, item)?);
            }
            Variant::Structure(structure.build().ok()?)
        }
        _ => return None,
    })
}

fn key_text(key: &Variant<'_>) -> String {
    match to_json(key) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(value: &Value) -> Value {
        let map = json_to_map(value.as_object().unwrap());
        let owned = map.into_iter().map(|(key, value)| (key, value.try_into_owned().unwrap())).collect();
        map_to_json(&owned)
    }

    #[test]
    fn settings_survive_the_way_over_the_bus() {
        let settings = serde_json::json!({
            "listen_on": [{"address": "127.0.0.1", "port": 53}, {"address": "::1", "port": 5300}],
            "minimal_responses": true, "below": -3, "large": u64::MAX, "half": 0.5,
            "empty": [], "nothing": {}, "text": "ä",
        });
        assert_eq!(there_and_back(&settings), settings);
    }

    #[test]
    fn null_is_left_out() {
        let settings = serde_json::json!({"a": null, "b": [null, 1]});
        assert_eq!(there_and_back(&settings), serde_json::json!({"b": [1]}));
    }
}
