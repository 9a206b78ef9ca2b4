//! Who may what: every field has a rule, and every root field is tried by everyone, on their own
//! things, on others', and on none.

mod matrix;
mod rest;
mod value;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use courtside::graphql::{rules, schema};
use serde_json::Value;

/// The schema, as introspection returns it.
pub(crate) static SCHEMA: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let query = "{ __schema { types { kind name isOneOf
        fields(includeDeprecated: true) { name type { ...T } args { name defaultValue type { ...T } } }
        inputFields { name defaultValue type { ...T } } enumValues { name } possibleTypes { name } } } }
        fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime needs nothing");
    // A thread of its own: a test that asks first may be inside a runtime already.
    std::thread::spawn(move || {
        let answer = runtime.block_on(schema::builder().finish().execute(query));
        let mut answer = answer.data.into_json().expect("an answer is JSON");
        match answer["__schema"]["types"].take() {
            Value::Array(types) => types,
            other => panic!("no types in {other}"),
        }
    })
    .join()
    .expect("introspection does not panic")
});

/// A type of the schema.
pub(crate) fn type_named(name: &str) -> &'static Value {
    SCHEMA
        .iter()
        .find(|ty| ty["name"] == name)
        .unwrap_or_else(|| panic!("no type {name}"))
}

/// The members of a thing of the schema.
pub(crate) fn members(
    thing: &'static Value,
    kind: &str,
) -> impl Iterator<Item = &'static Value> + use<> {
    thing[kind].as_array().into_iter().flatten()
}

pub(crate) fn name(thing: &Value) -> &str {
    thing["name"]
        .as_str()
        .expect("everything in a schema has a name")
}

/// `Type.field` of every field that can be selected.
fn coordinates() -> BTreeSet<String> {
    let selectable = SCHEMA
        .iter()
        .filter(|ty| ty["kind"] == "OBJECT" || ty["kind"] == "INTERFACE");
    let ours = selectable.filter(|ty| !name(ty).starts_with("__"));
    ours.flat_map(|ty| members(ty, "fields").map(|field| format!("{}.{}", name(ty), name(field))))
        .collect()
}

#[test]
fn every_field_has_a_rule() {
    let without: Vec<_> = coordinates()
        .into_iter()
        .filter(|coordinate| rules::rule(coordinate).is_none())
        .collect();
    assert!(
        without.is_empty(),
        "nobody may ask for these, as nobody has said who may: {without:#?}"
    );
}

#[test]
fn every_rule_belongs_to_a_field() {
    let (fields, mut seen) = (coordinates(), BTreeSet::new());
    for (owner, _, names) in rules::RULES {
        if *names == rules::EVERY {
            let exist = fields
                .iter()
                .any(|field| field.starts_with(&format!("{owner}.")));
            assert!(exist, "there is no {owner}");
            let others = rules::RULES.iter().filter(|(other, ..)| other == owner);
            assert_eq!(
                others.count(),
                1,
                "{owner} has a rule for all fields and others"
            );
            continue;
        }
        for field in names.split_whitespace() {
            let coordinate = format!("{owner}.{field}");
            assert!(fields.contains(&coordinate), "there is no {coordinate}");
            assert!(
                seen.insert(coordinate.clone()),
                "{coordinate} has two rules"
            );
        }
    }
}
