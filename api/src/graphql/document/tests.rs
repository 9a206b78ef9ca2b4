//! Documents against a small schema: what is refused before the library sees it, and what the library's rules say of the rest.

use std::time::Instant;

use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{
    EmptyMutation, Name, Object, Schema, ServerError, SimpleObject, Subscription, Value, Variables, parser::parse_query,
};
use futures_util::stream::{self, Stream};

use super::parse::parse;
use super::store::{Asked, Documents, Policy, Prepared};
use super::{AllowList, Limits};
use crate::graphql::engine::{Engine, Exposure, Validate};

#[derive(SimpleObject)]
struct Person {
    name: String,
    age: i32,
}

struct Query;

#[Object]
impl Query {
    async fn me(&self) -> Option<Person> {
        None
    }

    async fn people(&self, first: Option<i32>, last: Option<i32>, tags: Option<Vec<String>>) -> Vec<Person> {
        let _ = (first, last, tags);
        Vec::new()
    }

    async fn friend(&self) -> Self {
        Self
    }

    async fn at(&self, id: uuid::Uuid) -> Option<Person> {
        let _ = id;
        None
    }
}

struct Events;

#[Subscription]
impl Events {
    async fn count(&self, to: i32) -> impl Stream<Item = i32> {
        stream::iter(0..to)
    }

    async fn person(&self) -> impl Stream<Item = Person> {
        stream::empty()
    }
}

type Toy = Engine<Schema<Query, EmptyMutation, Events>>;

fn toy() -> Toy {
    let exposure = Exposure { introspection: true, suggestions: false };
    Engine::new(|| Schema::build(Query, EmptyMutation, Events), exposure, |types| types.check_scalar::<uuid::Uuid>())
}

fn open() -> Policy {
    Policy { introspection: true, ..Policy::default() }
}

async fn prepare_with(
    policy: Policy,
    asked: Asked,
    variables: serde_json::Value,
) -> Result<Prepared, Vec<ServerError>> {
    let engine = toy();
    Documents::new(policy, engine.types()).prepare(asked, Variables::from_json(variables), &engine).await
}

async fn prepare(query: &str) -> Result<Prepared, Vec<ServerError>> {
    let asked = Asked { query: Some(query.into()), ..Asked::default() };
    prepare_with(open(), asked, serde_json::json!({})).await
}

fn code(errors: &[ServerError]) -> String {
    let code = errors[0].extensions.as_ref().and_then(|extensions| extensions.get("code"));
    code.map_or_else(String::new, |code| code.to_string().trim_matches('"').to_owned())
}

#[track_caller]
fn assert_refused(result: Result<Prepared, Vec<ServerError>>, expected: &str, message: &str) {
    let errors = result.expect_err(expected);
    assert_eq!(code(&errors), expected, "{errors:?}");
    assert!(errors[0].message.contains(message), "{errors:?}");
}

/// `levels` fragments, each of which spreads the next `width` times.
fn bomb(levels: usize, width: usize, end: &str) -> String {
    let mut text = "{...f0}".to_owned();
    for level in 0..levels {
        text += &format!("fragment f{level} on Query{{{}}}", format!("...f{}", level + 1).repeat(width));
    }
    text + &format!("fragment f{levels} on Query{{{end}}}")
}

#[tokio::test]
async fn a_fan_out_of_fragments_is_refused_at_the_speed_of_its_text() {
    let text = bomb(60, 3, "me{name}");
    assert!((2_000..4_000).contains(&text.len()), "{}", text.len());
    let documents = Documents::new(open(), toy().types());
    let engine = toy();
    let start = Instant::now();
    for _ in 0..100 {
        let asked = Asked { query: Some(text.clone()), ..Asked::default() };
        assert_refused(documents.prepare(asked, Variables::default(), &engine).await, "QUERY_TOO_DEEP", "levels");
    }
    // Expanded, this is 3^60 fields. The bound is generous to a slow machine and still 24 orders of magnitude too short for a walk.
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    assert_refused(prepare(&bomb(12, 2, "me{name}")).await, "QUERY_TOO_MANY_FIELDS", "more than 500 fields");
    assert_refused(
        prepare(&bomb(12, 2, "...nowhere")).await,
        "GRAPHQL_VALIDATION_FAILED",
        "Unknown fragment \"nowhere\"",
    );
    let unused = format!("{{me{{name}}}}{}", bomb(12, 2, "me{name}").trim_start_matches("{...f0}"));
    assert_refused(prepare(&unused).await, "QUERY_TOO_MANY_FIELDS", "more than 500 fields");
}

#[tokio::test]
async fn fragments_that_spread_themselves_are_refused() {
    for query in
        ["{...a} fragment a on Query{...a}", "{...a} fragment a on Query{...b} fragment b on Query{friend{...a}}"]
    {
        assert_refused(prepare(query).await, "GRAPHQL_VALIDATION_FAILED", "within itself");
    }
    assert_refused(prepare("{me{name}} fragment a on Query{...a}").await, "GRAPHQL_VALIDATION_FAILED", "within itself");
}

#[tokio::test]
async fn nesting_of_any_kind_is_refused_before_anything_recurses() {
    for (open, close, wrap) in [
        ("friend{", "}", ("{", "}")),
        ("...{", "}", ("{", "}")),
        ("[", "]", ("{people(tags:", "){name}}")),
        ("{a:", "}", ("{people(tags:", "){name}}")),
        ("[", "]", ("query($a:", "){me{name}}")),
    ] {
        let inner = if open == "[" {
            "Int"
        } else if open.starts_with("{a") {
            "1"
        } else {
            "me{name}"
        };
        let text = format!("{}{}{inner}{}{}", wrap.0, open.repeat(600), close.repeat(600), wrap.1);
        assert_refused(prepare(&text).await, "QUERY_TOO_DEEP", "nests brackets");
        let endless = format!("{}{}", wrap.0, open.repeat(60_000));
        assert_refused(prepare(&endless).await, "QUERY_TOO_DEEP", "nests brackets");
    }
    let deep = |levels: usize| format!("{{{}me{{name}}{}}}", "friend{".repeat(levels - 2), "}".repeat(levels - 2));
    prepare(&deep(15)).await.expect("15 levels of fields are allowed");
    assert_refused(prepare(&deep(16)).await, "QUERY_TOO_DEEP", "more than 15 levels of fields");
}

#[tokio::test]
async fn every_limit_lets_through_what_it_allows_and_no_more() {
    let aliases = |count: usize| format!("{{{}}}", (0..count).map(|n| format!("a{n}:me{{name}} ")).collect::<String>());
    prepare(&aliases(30)).await.expect("30 aliases");
    assert_refused(prepare(&aliases(31)).await, "QUERY_TOO_MANY_ALIASES", "30 aliases");
    let fields = |sets: usize| format!("{{{}}}", "...{me{name age}friend{me{name}}}".repeat(sets));
    prepare(&fields(83)).await.expect("498 fields");
    assert_refused(prepare(&fields(84)).await, "QUERY_TOO_MANY_FIELDS", "500 fields");
    let repeated = |times: usize| format!("{{{}}}", "__typename ".repeat(times));
    prepare(&repeated(10)).await.expect("10 times the same");
    assert_refused(prepare(&repeated(11)).await, "QUERY_TOO_MANY_DUPLICATE_FIELDS", "__typename");
    let directives = |count: usize| format!("{{{}}}", "...@include(if:true){me{name}}".repeat(count));
    prepare(&directives(20)).await.expect("20 directives");
    assert_refused(prepare(&directives(21)).await, "QUERY_TOO_MANY_DIRECTIVES", "20 directives");
    assert_refused(
        prepare(&format!("{{me{}{{name}}}}", "@a".repeat(21))).await,
        "QUERY_TOO_MANY_DIRECTIVES",
        "20 directives",
    );
    assert_refused(prepare(&"a ".repeat(2_001)).await, "GRAPHQL_PARSE_FAILED", "Unexpected Name \"a\"");
    assert_refused(prepare(&format!("{{{}}}", "a ".repeat(2_000))).await, "QUERY_TOO_MANY_TOKENS", "2000 tokens");
    assert_refused(prepare("query A{me{name}} query B{me{name}}").await, "QUERY_TOO_MANY_OPERATIONS", "1 operation");
}

#[tokio::test]
async fn page_sizes_are_checked_wherever_they_come_from() {
    prepare("{people(first:100){name}}").await.expect("a page of 100");
    for query in [
        "{people(first:0){name}}",
        "{people(last:101){name}}",
        "{people(first:-1){name}}",
        "query($n:Int=500){people(first:$n){name}}",
    ] {
        assert_refused(prepare(query).await, "BAD_USER_INPUT", "from 1 to 100");
    }
    let asked = Asked { query: Some("query($n:Int){people(first:$n){name}}".into()), ..Asked::default() };
    for (n, allowed) in [(1, true), (100, true), (0, false), (101, false)] {
        let result = prepare_with(open(), asked.clone(), serde_json::json!({"n": n})).await;
        assert_eq!(result.is_ok(), allowed, "{n}");
    }
}

#[tokio::test]
async fn cost_follows_the_page_sizes_and_is_limited() {
    assert_eq!(prepare("{me{name}}").await.expect("cheap").cost, 1);
    assert_eq!(prepare("{people{name}}").await.expect("an assumed page").cost, 20);
    assert_eq!(
        prepare("{friend{people(first:7){name}} ...a} fragment a on Query{me{name}}").await.expect("a page").cost,
        9
    );
    let policy = Policy { limits: Limits { cost: 19, ..Limits::default() }, ..open() };
    let asked = Asked { query: Some("{people{name}}".into()), ..Asked::default() };
    assert_refused(prepare_with(policy, asked, serde_json::json!({})).await, "QUERY_TOO_COSTLY", "20 points");
}

/// What graphql-js 16 prints for `getIntrospectionQuery()`, with every option that servers may be asked for.
const STOCK_INTROSPECTION: &str = "query IntrospectionQuery { __schema { description queryType { name kind } mutationType { name kind }
    subscriptionType { name kind } types { ...FullType } directives { name description isRepeatable locations args { ...InputValue } } } }
    fragment FullType on __Type { kind name description specifiedByURL fields(includeDeprecated: true) { name description
    args { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason } inputFields { ...InputValue }
    interfaces { ...TypeRef } enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
    possibleTypes { ...TypeRef } }
    fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue }
    fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name
    ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } } } }";

#[tokio::test]
async fn introspection_passes_where_it_is_on_unless_it_goes_in_circles() {
    let stock = prepare(STOCK_INTROSPECTION).await.expect("the stock query");
    assert!(stock.document.analysis.introspects);
    assert_eq!(stock.document.analysis.measure.depth, 0);
    let asked = Asked { query: Some(STOCK_INTROSPECTION.into()), ..Asked::default() };
    assert_refused(
        prepare_with(Policy::default(), asked, serde_json::json!({})).await,
        "INTROSPECTION_DISABLED",
        "not available",
    );
    let circular = "{__schema{types{fields{type{fields{type{fields{type{fields{name}}}}}}}}}}";
    assert_refused(prepare(circular).await, "QUERY_TOO_DEEP", "introspection lists");
    let hidden = "{...f} fragment f on Query{__schema{types{...t}}} fragment t on __Type{fields{type{fields{type{...u}}}}} fragment u on __Type{fields{name}}";
    assert_refused(prepare(hidden).await, "QUERY_TOO_DEEP", "introspection lists");
}

#[tokio::test]
async fn the_analysis_names_what_is_asked_for() {
    let prepared =
        prepare("query Q {a:me{name} ...f} fragment f on Query{people{age} friend{me{name}} b:me{age}}").await;
    let analysis = &prepared.expect("valid").document.analysis;
    assert_eq!(analysis.name.as_deref(), Some("Q"));
    assert_eq!(analysis.root_fields, ["me", "people", "friend"]);
    let coordinates: Vec<_> = analysis.coordinates.iter().map(String::as_str).collect();
    assert_eq!(coordinates, ["Person.age", "Person.name", "Query.friend", "Query.me", "Query.people"]);
    assert_eq!((analysis.measure.fields, analysis.measure.depth, analysis.measure.aliases), (9, 3, 2));
}

#[tokio::test]
async fn rules_that_the_library_lacks_are_kept() {
    for (query, message) in [
        ("{friend{a:me{name}} friend{a:me{name:age}}}", "\"name\" and \"age\" are different fields"),
        ("{a:me{name} ...f} fragment f on Query{a:friend{me{name}}}", "different fields"),
        ("{people(first:1){name} ... on Query{people(first:2){name}}}", "differing arguments"),
        ("subscription{count(to:1) person{name}}", "only one top level field"),
        ("subscription{...f} fragment f on Events{count(to:1) b:count(to:1)}", "only one top level field"),
        ("subscription{__typename}", "introspection top level field"),
        ("subscription{count(to:1)@skip(if:true)}", "must not be skipped"),
        ("{people(tags:{a:1,a:2}){name}}", "only one input field named \"a\""),
        (
            "{people(first:\"1\"){name}}",
            "Argument \"first\" has an invalid value: Expected a value of type \"Int\", found \"1\".",
        ),
        ("{people(tags:[1]){name}}", "Argument \"tags[0]\""),
        ("{at(id:\"x\"){name}}", "Argument \"id\" has an invalid value"),
        ("{me@include(if:1){name}}", "Argument \"if\""),
    ] {
        assert_refused(prepare(query).await, "GRAPHQL_VALIDATION_FAILED", message);
    }
    prepare("{friend{me{name}} friend{me{age}} ...f} fragment f on Query{friend{me{name}}}")
        .await
        .expect("fields that merge");
}

#[tokio::test]
async fn the_library_validates_the_rest_and_suggests_nothing() {
    for (query, message) in [
        ("{mee{name}}", "Unknown field \"mee\" on type \"Query\"."),
        ("{me}", "Field \"me\""),
        ("mutation{a}", "not configured for mutations"),
    ] {
        assert_refused(prepare(query).await, "GRAPHQL_VALIDATION_FAILED", message);
    }
    let errors = prepare("{mee pepole friendd nam}").await.expect_err("four unknown fields");
    assert!(errors.iter().all(|error| !error.message.contains("Did you mean")), "{errors:?}");
    assert!(
        prepare(&format!("{{{}}}", (0..20).map(|n| format!("x{n} ")).collect::<String>()))
            .await
            .expect_err("20 errors")
            .len()
            <= 5
    );
}

#[tokio::test]
async fn variables_are_coerced_before_anything_runs() {
    let query = "query($id:UUID!,$n:Int=3,$t:[String!]){at(id:$id){name} people(first:$n,tags:$t){name}}";
    let asked = Asked { query: Some(query.into()), ..Asked::default() };
    let id = "01890a5d-ac96-774b-bcce-b302099a8057";
    let fine = prepare_with(open(), asked.clone(), serde_json::json!({"id": id, "t": "x", "unknown": 1}))
        .await
        .expect("fitting variables");
    assert_eq!(fine.variables.keys().map(Name::as_str).collect::<Vec<_>>(), ["id", "t"]);
    for (variables, message) in [
        (serde_json::json!({}), "Variable \"$id\" of required type \"UUID!\" was not provided."),
        (serde_json::json!({"id": null}), "Variable \"$id\" of non-null type \"UUID!\" must not be null."),
        (serde_json::json!({"id": "x"}), "Variable \"$id\" has an invalid value"),
        (
            serde_json::json!({"id": id, "n": "3"}),
            "Variable \"$n\" has an invalid value: Expected a value of type \"Int\", found \"3\".",
        ),
        (serde_json::json!({"id": id, "t": ["a", null]}), "Variable \"$t[1]\" has an invalid value"),
    ] {
        assert_refused(prepare_with(open(), asked.clone(), variables).await, "BAD_USER_INPUT", message);
    }
}

#[tokio::test]
async fn operations_are_selected_by_name() {
    let two = "query A{me{name}} query B{friend{me{name}}}";
    let several = || Policy { limits: Limits { operations: 2, ..Limits::default() }, ..open() };
    let named = |query: &str, name: Option<&str>| Asked {
        query: Some(query.into()),
        operation_name: name.map(Into::into),
        ..Asked::default()
    };
    let b = prepare_with(several(), named(two, Some("B")), serde_json::json!({})).await.expect("B is there");
    assert_eq!(b.document.analysis.root_fields, ["friend"]);
    for (query, name) in [(two, None), (two, Some("C")), ("{me{name}}", Some("A"))] {
        let result = prepare_with(several(), named(query, name), serde_json::json!({})).await;
        assert_refused(result, "OPERATION_RESOLUTION_FAILURE", "");
    }
    assert_refused(
        prepare_with(several(), named("{me{name}} {me{name}}", None), serde_json::json!({})).await,
        "GRAPHQL_VALIDATION_FAILED",
        "anonymous",
    );
}

#[tokio::test]
async fn persisted_queries_are_stored_once_they_are_valid() {
    let engine = toy();
    let documents = Documents::new(Policy { persisted_queries: true, ..open() }, engine.types());
    let ask = async |query: Option<&str>, hash: &str| {
        let asked = Asked { query: query.map(Into::into), hash: Some(hash.into()), ..Asked::default() };
        documents.prepare(asked, Variables::default(), &engine).await
    };
    let hash = |text: &str| super::allow_list::sha256(text).to_string();
    let (good, bad) = ("{me{name}}", "{nothing}");
    assert_refused(ask(None, &hash(good)).await, "PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound");
    assert_refused(ask(Some(good), &hash(bad)).await, "PERSISTED_QUERY_HASH_MISMATCH", "not the SHA-256");
    assert_refused(ask(Some(bad), &hash(bad)).await, "GRAPHQL_VALIDATION_FAILED", "nothing");
    assert_refused(ask(None, &hash(bad)).await, "PERSISTED_QUERY_NOT_FOUND", "");
    ask(Some(good), &hash(good)).await.expect("stored");
    ask(None, &hash(good).to_uppercase()).await.expect("found");
    let off = Asked { hash: Some(hash(good)), ..Asked::default() };
    assert_refused(prepare_with(open(), off, serde_json::json!({})).await, "PERSISTED_QUERY_NOT_SUPPORTED", "");
}

#[tokio::test]
async fn with_a_manifest_only_its_documents_run() {
    let policy = || Policy {
        allow_list: Some(AllowList::from_manifest(br#"{"who":"{me{name}}"}"#).expect("a good manifest")),
        persisted_queries: true,
        ..open()
    };
    let hash = super::allow_list::sha256("{me{name}}").to_string();
    for asked in [
        Asked { id: Some("who".into()), ..Asked::default() },
        Asked { hash: Some(hash.clone()), ..Asked::default() },
        Asked { query: Some("{me{name}}".into()), ..Asked::default() },
        Asked { query: Some("{me{name}}".into()), hash: Some(hash.clone()), ..Asked::default() },
    ] {
        prepare_with(policy(), asked.clone(), serde_json::json!({})).await.expect("a trusted document");
    }
    for asked in [
        Asked { id: Some("what".into()), ..Asked::default() },
        Asked { query: Some("{me{age}}".into()), ..Asked::default() },
        Asked { query: Some("{me{age}}".into()), id: Some("who".into()), ..Asked::default() },
        Asked { query: Some("{me{age}}".into()), hash: Some(hash), ..Asked::default() },
    ] {
        assert_refused(prepare_with(policy(), asked.clone(), serde_json::json!({})).await, "DOCUMENT_NOT_ALLOWED", "");
    }
}

#[tokio::test]
async fn a_document_is_validated_once() {
    struct Counting(Toy, std::sync::atomic::AtomicUsize);
    impl Validate for Counting {
        async fn validate(
            &self,
            document: ExecutableDocument,
            operation: Option<Name>,
        ) -> Result<(), Vec<ServerError>> {
            self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            self.0.validate(document, operation).await
        }
    }
    let schema = Counting(toy(), 0.into());
    let documents = Documents::new(open(), schema.0.types());
    for n in 1..=3 {
        let asked = Asked { query: Some("query($n:Int){people(first:$n){name}}".into()), ..Asked::default() };
        let variables = Variables::from_json(serde_json::json!({ "n": n }));
        assert_eq!(documents.prepare(asked, variables, &schema).await.expect("valid").cost, n);
    }
    assert_eq!(schema.1.into_inner(), 1);
}

#[tokio::test]
async fn a_subscription_through_a_fragment_still_streams() {
    // Run as it is written, the library would answer with an empty stream.
    let prepared = prepare("subscription{...f} fragment f on Events{count(to:2)}").await.expect("valid");
    let (document, _) = prepared.document.executable();
    let mut request = async_graphql::Request::new("");
    request.set_parsed_query(document);
    let events: Vec<Value> =
        futures_util::StreamExt::collect(futures_util::StreamExt::map(toy().stream(request), |response| response.data))
            .await;
    assert_eq!(events, [async_graphql::value!({"count": 0}), async_graphql::value!({"count": 1})]);
}

/// The two parsers agree on every text that both take; where they differ, the specification is quoted in `parse.rs`.
#[test]
fn parses_what_the_library_parses() {
    for text in [
        STOCK_INTROSPECTION,
        "query A($a: [Int!]! = [1, 2], $b: In = {x: {y: \"z\"}}) @d(e: $a) { a: b(c: $a, d: [$b, {e: $b}]) @f { ...g @h } }
         fragment g on T @i { ... on U @j { k(l: \"\"\" m \"\"\", n: -1.5e3, o: P, q: null, r: true) } ... @s { t } ... { u } }",
        "mutation { on query mutation fragment true null }",
        "subscription S { a }",
    ] {
        let ours = parse(text, &Limits::default()).unwrap_or_else(|refusal| panic!("{text}: {refusal:?}"));
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
        ("queryA{a}", "Syntax Error: Unexpected Name \"queryA\".", 1, 1),
        ("qry cop { abc }", "Syntax Error: Unexpected Name \"qry\".", 1, 1),
        ("{\n  8f31 }", "Syntax Error: Invalid number, expected digit but got: \"f\".", 2, 4),
        ("{a{}}", "Syntax Error: Expected Name, found \"}\".", 1, 4),
        ("{a()}", "Syntax Error: Expected Name, found \")\".", 1, 4),
        ("query($a:Int=$b){a}", "Syntax Error: Unexpected \"$\".", 1, 14),
        ("fragment on on T{a}", "Syntax Error: Unexpected Name \"on\".", 1, 10),
        ("{a(b:\"\\uD800\")}", "Syntax Error: Invalid character escape sequence.", 1, 6),
        ("type A { b: C }", "Syntax Error: Unexpected Name \"type\".", 1, 1),
    ] {
        let refusal = parse(text, &Limits::default()).expect_err(text);
        assert_eq!(refusal.message, message, "{text}");
        assert_eq!(
            refusal.locations.iter().map(|pos| (pos.line, pos.column)).collect::<Vec<_>>(),
            [(line, column)],
            "{text}"
        );
    }
}
