//! The checked-in schema and the documented settings match the code. `UPDATE=1 cargo test` rewrites
//! them.

use std::path::Path;

use courtside::{config, graphql};
use serde_json::Value;

#[test]
fn the_contract_is_the_schema() {
    same("schema.graphql", &graphql::sdl());
}

#[test]
fn the_settings_are_documented() {
    same("docs/ENVIRONMENT.md", &config::env_doc());
    same(".env.example", &config::env_example());
}

fn same(path: &str, expected: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    if std::env::var("UPDATE").as_deref() == Ok("1") {
        std::fs::create_dir_all(file.parent().expect("it lies in the workspace"))
            .expect("the workspace is writable");
        std::fs::write(&file, expected).expect("the workspace is writable");
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    let line = found
        .lines()
        .zip(expected.lines())
        .position(|(found, expected)| found != expected);
    let line = line.unwrap_or_else(|| found.lines().count().min(expected.lines().count())) + 1;
    assert!(
        found == expected,
        "{path} differs from the code at line {line}; `UPDATE=1 cargo test schema` writes it anew"
    );
}

const EVERYTHING: &str = "{ __schema { types {
    kind name description specifiedByURL
    fields(includeDeprecated: true) { name description isDeprecated deprecationReason args { name description } }
    inputFields { name description }
    enumValues(includeDeprecated: true) { name description }
} } }";

#[tokio::test]
async fn everything_is_described() {
    let schema = graphql::schema::builder().finish();
    let answer = schema
        .execute(EVERYTHING)
        .await
        .data
        .into_json()
        .expect("an answer is JSON");
    let types = answer["__schema"]["types"]
        .as_array()
        .expect("a schema has types");
    let mut silent = Vec::new();
    for ty in types
        .iter()
        .filter(|ty| !name(ty).starts_with("__") && name(ty) != "ID")
    {
        if is_silent(ty) {
            silent.push(name(ty).to_owned());
        }
        for member in members(ty, "fields")
            .chain(members(ty, "inputFields"))
            .chain(members(ty, "enumValues"))
        {
            if is_silent(member) {
                silent.push(format!("{}.{}", name(ty), name(member)));
            }
            let arguments = members(member, "args").filter(|argument| is_silent(argument));
            silent.extend(
                arguments
                    .map(|argument| format!("{}.{}({}:)", name(ty), name(member), name(argument))),
            );
        }
    }
    assert!(silent.is_empty(), "without a description: {silent:#?}");
}

#[tokio::test]
async fn scalars_of_our_own_say_where_they_are_specified() {
    let schema = graphql::schema::builder().finish();
    let answer = schema
        .execute(EVERYTHING)
        .await
        .data
        .into_json()
        .expect("an answer is JSON");
    let types = answer["__schema"]["types"]
        .as_array()
        .expect("a schema has types");
    let built_in = ["Boolean", "Float", "ID", "Int", "String"];
    let ours = types
        .iter()
        .filter(|ty| ty["kind"] == "SCALAR" && !built_in.contains(&name(ty)));
    let silent: Vec<_> = ours
        .filter(|ty| ty["specifiedByURL"].is_null())
        .map(name)
        .collect();
    assert!(silent.is_empty(), "without @specifiedBy: {silent:?}");
}

fn name(thing: &Value) -> &str {
    thing["name"]
        .as_str()
        .expect("everything in a schema has a name")
}

fn is_silent(thing: &Value) -> bool {
    thing["description"]
        .as_str()
        .is_none_or(|text| text.trim().is_empty())
}

fn members<'a>(thing: &'a Value, kind: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    thing[kind].as_array().into_iter().flatten()
}
