//! Syntax and validation rules, ours and async-graphql's.

use async_graphql::Name;
use async_graphql::parser::parse_query;
use async_graphql::parser::types::ExecutableDocument;

use super::super::Limits;
use super::super::parse::parse;
use super::super::store::DocumentRequest;
use super::{STOCK_INTROSPECTION, assert_rejected, open_policy, prepare, prepare_with};

#[tokio::test]
async fn the_analysis_names_what_is_asked_for() {
    let prepared = prepare(
        "query Q {a:me{name} ...f} fragment f on Query{people{age} friend{me{name}} b:me{age}}",
    )
    .await;
    let analysis = &prepared.expect("valid").document.analysis;
    assert_eq!(analysis.name.as_deref(), Some("Q"));
    assert_eq!(analysis.root_fields, ["me", "people", "friend"]);
    let coordinates: Vec<_> = analysis.coordinates.iter().map(String::as_str).collect();
    assert_eq!(
        coordinates,
        [
            "Person.age",
            "Person.name",
            "Query.friend",
            "Query.me",
            "Query.people"
        ]
    );
    assert_eq!(
        (
            analysis.measure.fields,
            analysis.measure.depth,
            analysis.measure.aliases
        ),
        (9, 3, 2)
    );
}

#[tokio::test]
async fn rules_that_the_library_lacks_are_kept() {
    for (query, message) in [
        (
            "{friend{a:me{name}} friend{a:me{name:age}}}",
            "\"name\" and \"age\" are different fields",
        ),
        (
            "{a:me{name} ...f} fragment f on Query{a:friend{me{name}}}",
            "different fields",
        ),
        (
            "{people(first:1){name} ... on Query{people(first:2){name}}}",
            "differing arguments",
        ),
        (
            "subscription{count(to:1) person{name}}",
            "only one top level field",
        ),
        (
            "subscription{...f} fragment f on Events{count(to:1) b:count(to:1)}",
            "only one top level field",
        ),
        ("subscription{__typename}", "introspection top level field"),
        (
            "subscription{count(to:1)@skip(if:true)}",
            "must not be skipped",
        ),
        (
            "{people(tags:{a:1,a:2}){name}}",
            "only one input field named \"a\"",
        ),
        (
            "{people(first:\"1\"){name}}",
            "Argument \"first\" has an invalid value: Expected a value of type \"Int\", found \"1\".",
        ),
        ("{people(tags:[1]){name}}", "Argument \"tags[0]\""),
        (
            "{at(id:\"x\"){name}}",
            "Argument \"id\" has an invalid value",
        ),
        (
            "{me@include(if:1){name}}",
            "Argument \"if\" has an invalid value",
        ),
        (
            "query($a:Boolean){me@include(if:$a){name}}",
            "of type \"Boolean\" used in position expecting type \"Boolean!\"",
        ),
        (
            "query($a:String){people(first:$a){name}}",
            "of type \"String\" used in position expecting type \"Int\"",
        ),
        (
            "query($a:[String]){people(tags:$a){name}}",
            "of type \"[String]\" used in position expecting type \"[String!]\"",
        ),
        (
            "query($a:String){people(tags:[$a]){name}}",
            "Argument \"tags[0]\"",
        ),
        (
            "query($a:Int=\"x\"){people(first:$a){name}}",
            "Variable \"$a\" has an invalid default",
        ),
        ("{me@include{name}}", "needs an argument \"if\""),
        ("{__typename@aa@aa}", "Unknown directive \"@aa\""),
        (
            "{__typename@skip(if:true)@skip(if:false)}",
            "only be used once",
        ),
        ("{__typename(a:1)}", "takes no arguments"),
        ("{__typename{a}}", "must not have a selection"),
        (
            "query($a:Int@skip(if:true)){people(first:$a){name}}",
            "may not be used on a variable",
        ),
        ("query @aa {me{name}}", "Unknown directive \"@aa\""),
    ] {
        assert_rejected(prepare(query).await, "GRAPHQL_VALIDATION_FAILED", message);
    }
    prepare("{friend{me{name}} friend{me{age}} ...f} fragment f on Query{friend{me{name}}}")
        .await
        .expect("fields that merge");
    let fitting = "query($a:[String!]!,$b:String=\"x\",$c:Boolean=true){people(tags:$a){name} b:people(tags:[$b])@skip(if:$c){name}}";
    assert_rejected(
        prepare(fitting).await,
        "BAD_USER_INPUT",
        "\"$a\" of required type",
    );
}

#[tokio::test]
async fn the_library_validates_the_rest_and_suggests_nothing() {
    for (query, message) in [
        ("{mee{name}}", "Unknown field \"mee\" on type \"Query\"."),
        ("{me}", "Field \"me\""),
        ("mutation{a}", "not configured for mutations"),
    ] {
        assert_rejected(prepare(query).await, "GRAPHQL_VALIDATION_FAILED", message);
    }
    let errors = prepare("{mee pepole friendd nam}")
        .await
        .expect_err("four unknown fields");
    assert!(
        errors
            .iter()
            .all(|error| !error.message.contains("Did you mean")),
        "{errors:?}"
    );
    assert!(
        prepare(&format!(
            "{{{}}}",
            (0..20).map(|n| format!("x{n} ")).collect::<String>()
        ))
        .await
        .expect_err("20 errors")
        .len()
            <= 5
    );
}

#[tokio::test]
async fn variables_are_coerced_before_anything_runs() {
    let query =
        "query($id:UUID!,$n:Int=3,$t:[String!]){at(id:$id){name} people(first:$n,tags:$t){name}}";
    let request = DocumentRequest {
        query: Some(query.into()),
        ..DocumentRequest::default()
    };
    let id = "01890a5d-ac96-774b-bcce-b302099a8057";
    let fine = prepare_with(
        open_policy(),
        request.clone(),
        serde_json::json!({"id": id, "t": "x", "unknown": 1}),
    )
    .await
    .expect("fitting variables");
    assert_eq!(
        fine.variables.keys().map(Name::as_str).collect::<Vec<_>>(),
        ["id", "t"]
    );
    for (variables, message) in [
        (
            serde_json::json!({}),
            "Variable \"$id\" of required type \"UUID!\" was not provided.",
        ),
        (
            serde_json::json!({"id": null}),
            "Variable \"$id\" of non-null type \"UUID!\" must not be null.",
        ),
        (
            serde_json::json!({"id": "x"}),
            "Variable \"$id\" has an invalid value",
        ),
        (
            serde_json::json!({"id": id, "n": "3"}),
            "Variable \"$n\" has an invalid value: Expected a value of type \"Int\", found \"3\".",
        ),
        (
            serde_json::json!({"id": id, "t": ["a", null]}),
            "Variable \"$t[1]\" has an invalid value",
        ),
    ] {
        assert_rejected(
            prepare_with(open_policy(), request.clone(), variables).await,
            "BAD_USER_INPUT",
            message,
        );
    }
}

/// Both parsers return the same document for every text that both accept. `parse.rs` says where
/// they differ.
#[test]
fn parses_what_the_library_parses() {
    for text in [
        STOCK_INTROSPECTION,
        "query A($a: [Int!]! = [1, 2], $b: In = {x: {y: \"z\"}}) @d(e: $a) { a: b(c: $a, d: [$b, {e: $b}]) @f { ...g @h } }
         fragment g on T @i { ... on U @j { k(l: \"\"\" m \"\"\", n: -1.5e3, o: P, q: null, r: true) } ... @s { t } ... { u } }",
        "mutation { on query mutation fragment true null }",
        "subscription S { a }",
    ] {
        let ours = parse(text, &Limits::default()).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        let theirs = parse_query(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let as_json = |document: ExecutableDocument| serde_json::to_value(document).expect("a tree");
        assert_eq!(as_json(ours), as_json(theirs), "{text}");
    }
}

#[test]
fn syntax_errors_say_what_was_found_and_where() {
    for (text, message, line, column) in [
        ("", "Syntax Error: Unexpected <EOF>.", 1, 1),
        ("{", "Syntax Error: Expected Name, found <EOF>.", 1, 2),
        ("{a", "Syntax Error: Expected Name, found <EOF>.", 1, 3),
        (
            "queryA{a}",
            "Syntax Error: Unexpected Name \"queryA\".",
            1,
            1,
        ),
        (
            "qry cop { abc }",
            "Syntax Error: Unexpected Name \"qry\".",
            1,
            1,
        ),
        (
            "{\n  8f31 }",
            "Syntax Error: Invalid number, expected digit but got: \"f\".",
            2,
            4,
        ),
        ("{a{}}", "Syntax Error: Expected Name, found \"}\".", 1, 4),
        ("{a()}", "Syntax Error: Expected Name, found \")\".", 1, 4),
        (
            "query($a:Int=$b){a}",
            "Syntax Error: Unexpected \"$\".",
            1,
            14,
        ),
        (
            "fragment on on T{a}",
            "Syntax Error: Unexpected Name \"on\".",
            1,
            10,
        ),
        (
            "{a(b:\"\\uD800\")}",
            "Syntax Error: Invalid character escape sequence.",
            1,
            6,
        ),
        (
            "type A { b: C }",
            "Syntax Error: Unexpected Name \"type\".",
            1,
            1,
        ),
    ] {
        let error = parse(text, &Limits::default()).expect_err(text);
        assert_eq!(error.message, message, "{text}");
        assert_eq!(
            error
                .locations
                .iter()
                .map(|pos| (pos.line, pos.column))
                .collect::<Vec<_>>(),
            [(line, column)],
            "{text}"
        );
    }
}
