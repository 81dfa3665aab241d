//! The items of other crates in rustdoc's JSON of one crate.
//!
//! The form of that JSON changes from version to version. This reads the small part of it that has
//! stayed: the index of the crate's public items; in each, at any depth, objects with the `id` of
//! the item that they name; and for these ids the crate and the path.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::Error;

/// An item of another crate that the public API names.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Foreign {
    /// The crate that defines it.
    pub(super) crate_name: String,
    /// Its path there.
    pub(super) path: String,
    /// The item that names it.
    pub(super) place: String,
}

/// Std's crates. `std_detect` and the like are seen through them alone.
const STD: [&str; 3] = ["alloc", "core", "std"];

/// The items that a public item names, or an impl of one of its types.
pub(super) fn foreign_items(json: &Value) -> Result<BTreeSet<Foreign>, Error> {
    let table = |key: &str| {
        let table = json.get(key).and_then(Value::as_object);
        table.ok_or_else(|| format!("rustdoc wrote JSON without the table {key:?}"))
    };
    let (index, paths, crates) = (table("index")?, table("paths")?, table("external_crates")?);
    let names: BTreeMap<&str, &str> = crates
        .iter()
        .filter_map(|(id, known)| Some((id.as_str(), known.get("name")?.as_str()?)))
        .collect();
    let mut found = BTreeSet::new();
    for item in index.values().filter(|item| is_ours(item) && is_written(item)) {
        let mut ids = BTreeSet::new();
        named_ids(item.get("inner").unwrap_or(&Value::Null), &mut ids);
        for id in ids {
            let Some(foreign) = paths.get(&id).and_then(|known| foreign(known, &names)) else {
                continue;
            };
            let (crate_name, path) = foreign;
            if !STD.contains(&crate_name) {
                let place = place(item, index, paths);
                found.insert(Foreign { crate_name: crate_name.to_owned(), path, place });
            }
        }
    }
    if index.values().filter(|item| is_ours(item)).count() < 2 {
        return Err("rustdoc wrote JSON with no public item".into());
    }
    Ok(found)
}

fn is_ours(item: &Value) -> bool {
    item.get("crate_id").and_then(Value::as_u64) == Some(0)
}

/// Returns whether somebody wrote the item: the compiler adds impls (`Send`), and so do other
/// crates for all types.
fn is_written(item: &Value) -> bool {
    let Some(implementation) = item.get("inner").and_then(|inner| inner.get("impl")) else {
        return true;
    };
    let is_synthetic = implementation.get("is_synthetic").and_then(Value::as_bool) == Some(true);
    let is_blanket = implementation.get("blanket_impl").is_some_and(|blanket| !blanket.is_null());
    !is_synthetic && !is_blanket
}

/// Collects all ids that a value names as types, traits or re-exports.
fn named_ids(value: &Value, ids: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            ids.extend(fields.get("id").filter(|id| !id.is_null()).map(ToString::to_string));
            fields.values().for_each(|field| named_ids(field, ids));
        }
        Value::Array(values) => values.iter().for_each(|value| named_ids(value, ids)),
        _ => {}
    }
}

/// The crate and the path of an item that is not ours.
fn foreign<'a>(known: &Value, names: &BTreeMap<&str, &'a str>) -> Option<(&'a str, String)> {
    let crate_id = known.get("crate_id")?.as_u64().filter(|id| *id != 0)?;
    let crate_name = names.get(crate_id.to_string().as_str())?;
    let path: Vec<&str> = known.get("path")?.as_array()?.iter().filter_map(Value::as_str).collect();
    Some((crate_name, path.join("::")))
}

/// Returns the text to look for in the source: the name of an item with its line, or the target of
/// an impl.
fn place(item: &Value, index: &Map<String, Value>, paths: &Map<String, Value>) -> String {
    let name = item.get("name").and_then(Value::as_str).map(str::to_owned);
    let name = name.unwrap_or_else(|| {
        let mut ids = BTreeSet::new();
        let implementation = item.get("inner").and_then(|inner| inner.get("impl"));
        named_ids(implementation.and_then(|of| of.get("for")).unwrap_or(&Value::Null), &mut ids);
        let known = |id: &String| {
            let path = paths.get(id)?.get("path")?.as_array()?.last()?.as_str()?;
            index.contains_key(id).then(|| path.to_owned())
        };
        ids.iter()
            .find_map(known)
            .map_or_else(|| "a use".to_owned(), |of| format!("an impl of {of}"))
    });
    let span = item.get("span");
    let file = span.and_then(|span| span.get("filename")).and_then(Value::as_str);
    let line = span.and_then(|span| span.get("begin")).and_then(|begin| begin.get(0));
    match (file, line) {
        (Some(file), Some(line)) => format!("{name} ({file}:{line})"),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A crate with a function that takes `item`, and an impl, beside types of two other crates.
    fn documented(parameter: &Value, implementation: &Value) -> Value {
        json!({
            "index": {
                "0": {"crate_id": 0, "name": "ours", "inner": {"module": {"items": [1, 2]}}},
                "1": {"crate_id": 0, "name": "take", "span": {"filename": "src/lib.rs", "begin": [7, 1]},
                      "inner": {"function": {"sig": {"inputs": [["it", parameter]]}}}},
                "2": {"crate_id": 0, "name": null, "inner": {"impl": implementation}},
                "3": {"crate_id": 9, "name": "theirs", "inner": {"function": {"id": 11}}},
            },
            "paths": {
                "10": {"crate_id": 1, "path": ["core", "option", "Option"]},
                "11": {"crate_id": 9, "path": ["bytes", "bytes", "Bytes"]},
                "12": {"crate_id": 0, "path": ["ours", "Type"]},
            },
            "external_crates": {"1": {"name": "core"}, "9": {"name": "bytes"}},
        })
    }

    fn named(id: u32, argument: &Value) -> Value {
        let arguments = json!({"angle_bracketed": {"args": [{"type": argument}]}});
        json!({"resolved_path": {"path": "Name", "id": id, "args": arguments}})
    }

    #[test]
    fn a_type_is_found_at_any_depth() {
        let json = documented(&named(10, &named(11, &Value::Null)), &Value::Null);
        let found: Vec<Foreign> = foreign_items(&json).unwrap().into_iter().collect();
        let expected = Foreign {
            crate_name: "bytes".to_owned(),
            path: "bytes::bytes::Bytes".to_owned(),
            place: "take (src/lib.rs:7)".to_owned(),
        };
        assert_eq!(found, [expected]);
    }

    #[test]
    fn own_types_and_those_of_std_are_not_foreign() {
        let json = documented(&named(10, &named(12, &Value::Null)), &Value::Null);
        assert!(foreign_items(&json).unwrap().is_empty());
    }

    #[test]
    fn an_impl_counts_if_somebody_wrote_it() {
        let written = json!({"is_synthetic": false, "blanket_impl": null, "trait": {"id": 11}});
        let synthetic = json!({"is_synthetic": true, "blanket_impl": null, "trait": {"id": 11}});
        let blanket =
            json!({"is_synthetic": false, "blanket_impl": {"generic": "T"}, "trait": {"id": 11}});
        let nothing = named(10, &Value::Null);
        let count =
            |implementation| foreign_items(&documented(&nothing, implementation)).unwrap().len();
        assert_eq!((count(&written), count(&synthetic), count(&blanket)), (1, 0, 0));
    }

    #[test]
    fn another_form_of_json_is_an_error() {
        for json in [json!({}), json!({"index": {}, "paths": {}, "external_crates": {}})] {
            assert!(foreign_items(&json).is_err(), "{json}");
        }
    }
}
