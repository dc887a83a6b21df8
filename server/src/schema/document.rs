//! One type as a document of its own, with every type that it refers to.

use super::{Type, find};
use serde_json::{Map, Value};

/// The dialect of every schema here.
pub(super) const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// A JSON Schema that needs nothing else.
pub(crate) fn document(of: &Type) -> Value {
    let mut definitions = Map::new();
    gather(&of.schema, &mut definitions);
    let mut document = Map::new();
    document.insert("$schema".to_owned(), DIALECT.into());
    document.insert("title".to_owned(), of.name.as_str().into());
    document.extend(of.schema.as_object().cloned().unwrap_or_default());
    if !definitions.is_empty() {
        definitions.sort_keys();
        document.insert("$defs".to_owned(), Value::Object(definitions));
    }
    Value::Object(document)
}

/// Puts every type that is referred to into `found`, and what those refer to.
fn gather(value: &Value, found: &mut Map<String, Value>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(target) if name == "$ref" => {
                        let Some(target) = target.strip_prefix("#/$defs/").and_then(find) else { continue };
                        if !found.contains_key(&target.name) {
                            found.insert(target.name.clone(), target.schema.clone());
                            gather(&target.schema, found);
                        }
                    }
                    member => gather(member, found),
                }
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| gather(element, found)),
        _ => {}
    }
}
