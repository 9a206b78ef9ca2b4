//! Arguments made up from the schema: the smallest that are of the right type.

use serde_json::{Map, Value, json};
use tests::key;

use super::{members, name, type_named};

/// Which thing an id is to name, by the noun of the field it is given in: `bookingId` is a
/// `booking`.
pub(crate) type Ids<'a> = &'a dyn Fn(&str) -> String;

/// The arguments of a field, as variables with their declaration and use: `($a: T!)`, `(a: $a)`.
pub(crate) fn arguments(
    field: &'static Value,
    ids: Ids<'_>,
) -> (String, String, Map<String, Value>) {
    let (mut declared, mut used, mut values) = (Vec::new(), Vec::new(), Map::new());
    for argument in members(field, "args") {
        // A lone id says what it is of by the field's own name.
        let noun = if name(argument) == "id" {
            name(field)
        } else {
            name(argument).trim_end_matches("Id")
        };
        let wanted = is_required(argument)
            || (named(&argument["type"]) == "ID" && name(field) == "bookingEvents");
        if !wanted || (name(field) == "bookingEvents" && name(argument) != "bookingId") {
            continue;
        }
        declared.push(format!(
            "${}: {}",
            name(argument),
            written(&argument["type"])
        ));
        used.push(format!("{0}: ${0}", name(argument)));
        values.insert(
            name(argument).to_owned(),
            value(&argument["type"], noun, ids),
        );
    }
    let list = |parts: Vec<String>| {
        if parts.is_empty() {
            String::new()
        } else {
            format!("({})", parts.join(", "))
        }
    };
    (list(declared), list(used), values)
}

fn is_required(argument: &Value) -> bool {
    argument["type"]["kind"] == "NON_NULL" && argument["defaultValue"].is_null()
}

/// The name of a type without what is around it.
pub(crate) fn named(ty: &Value) -> &str {
    ty["name"].as_str().unwrap_or_else(|| named(&ty["ofType"]))
}

/// The type as it is written.
fn written(ty: &Value) -> String {
    match ty["kind"].as_str() {
        Some("NON_NULL") => format!("{}!", written(&ty["ofType"])),
        Some("LIST") => format!("[{}]", written(&ty["ofType"])),
        _ => name(ty).to_owned(),
    }
}

fn value(ty: &Value, noun: &str, ids: Ids<'_>) -> Value {
    match ty["kind"].as_str() {
        Some("NON_NULL") => value(&ty["ofType"], noun, ids),
        Some("LIST") => json!([value(&ty["ofType"], noun.trim_end_matches("Ids"), ids)]),
        Some("ENUM") => members(type_named(name(ty)), "enumValues")
            .next()
            .expect("an enum has values")["name"]
            .clone(),
        Some("INPUT_OBJECT") => object(type_named(name(ty)), ids),
        _ => scalar(name(ty), noun, ids),
    }
}

/// What is required, and every id: whose thing it is, is the question.
fn object(ty: &'static Value, ids: Ids<'_>) -> Value {
    let one_of = ty["isOneOf"] == true;
    let mut object = Map::new();
    for field in members(ty, "inputFields") {
        // A booking need not carry a hold, and may only carry one of the same slot.
        let is_id = named(&field["type"]) == "ID" && name(field) != "holdId";
        if is_required(field) || is_id {
            let of = if name(field) == "id" {
                noun_of(ty)
            } else {
                name(field).trim_end_matches("Id").to_owned()
            };
            object.insert(name(field).to_owned(), value(&field["type"], &of, ids));
        }
        if one_of && !object.is_empty() {
            break;
        }
    }
    Value::Object(object)
}

/// `CoachBy` names a `coach`.
fn noun_of(ty: &Value) -> String {
    let stem = name(ty).trim_end_matches("By").trim_end_matches("Input");
    format!("{}{}", stem[..1].to_lowercase(), &stem[1..])
}

fn scalar(ty: &str, noun: &str, ids: Ids<'_>) -> Value {
    match ty {
        "ID" => json!(ids(noun)),
        "Int" => json!(1),
        "Float" => json!(1.0),
        "Boolean" => json!(true),
        "DateTime" => json!(if noun == "until" {
            "2026-12-09T00:00:00Z"
        } else {
            "2026-12-08T17:00:00Z"
        }),
        "LocalDate" => json!("2026-12-08"),
        "LocalTime" => json!(if noun == "until" { "17:00" } else { "09:00" }),
        "TimeZone" => json!("UTC"),
        "IdempotencyKey" => json!(key()),
        "Decimal" => json!("1.00"),
        "CurrencyCode" => json!("USD"),
        "EmailAddress" => json!("somebody@elsewhere.example"),
        "URL" => json!("https://elsewhere.example/"),
        "EventCursor" => json!("e0"),
        "String" => json!("a-text"),
        other => panic!("make up a value of {other}"),
    }
}
