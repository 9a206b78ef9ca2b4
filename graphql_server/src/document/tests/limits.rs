//! The limits of documents.

use async_graphql::Variables;

use super::super::Limits;
use super::super::store::{DocumentRequest, Documents, Policy};
use super::{STOCK_INTROSPECTION, assert_rejected, engine, open_policy, prepare, prepare_with};

/// `levels` fragments, each of which spreads the next `width` times.
fn bomb(levels: usize, width: usize, end: &str) -> String {
    let mut text = "{...f0}".to_owned();
    for level in 0..levels {
        text += &format!(
            "fragment f{level} on Query{{{}}}",
            format!("...f{}", level + 1).repeat(width)
        );
    }
    text + &format!("fragment f{levels} on Query{{{end}}}")
}

#[tokio::test]
async fn a_fan_out_of_fragments_is_refused_at_the_speed_of_its_text() {
    let text = bomb(60, 3, "me{name}");
    assert!((2_000..4_000).contains(&text.len()), "{}", text.len());
    let documents = Documents::new(open_policy(), engine().types());
    let engine = engine();
    // Expanded, this is 3^60 fields: a walk over them would not end.
    for _ in 0..100 {
        let request = DocumentRequest {
            query: Some(text.clone()),
            ..DocumentRequest::default()
        };
        assert_rejected(
            documents
                .prepare(request, Variables::default(), &engine)
                .await,
            "QUERY_TOO_DEEP",
            "levels",
        );
    }
    assert_rejected(
        prepare(&bomb(12, 2, "me{name}")).await,
        "QUERY_TOO_MANY_FIELDS",
        "more than 500 fields",
    );
    assert_rejected(
        prepare(&bomb(12, 2, "...nowhere")).await,
        "GRAPHQL_VALIDATION_FAILED",
        "Unknown fragment \"nowhere\"",
    );
    let unused = format!(
        "{{me{{name}}}}{}",
        bomb(12, 2, "me{name}").trim_start_matches("{...f0}")
    );
    assert_rejected(
        prepare(&unused).await,
        "QUERY_TOO_MANY_FIELDS",
        "more than 500 fields",
    );
}

#[tokio::test]
async fn fragments_that_spread_themselves_are_refused() {
    for query in [
        "{...a} fragment a on Query{...a}",
        "{...a} fragment a on Query{...b} fragment b on Query{friend{...a}}",
    ] {
        assert_rejected(
            prepare(query).await,
            "GRAPHQL_VALIDATION_FAILED",
            "within itself",
        );
    }
    assert_rejected(
        prepare("{me{name}} fragment a on Query{...a}").await,
        "GRAPHQL_VALIDATION_FAILED",
        "within itself",
    );
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
        let text = format!(
            "{}{}{inner}{}{}",
            wrap.0,
            open.repeat(600),
            close.repeat(600),
            wrap.1
        );
        assert_rejected(prepare(&text).await, "QUERY_TOO_DEEP", "nests brackets");
        let endless = format!("{}{}", wrap.0, open.repeat(60_000));
        assert_rejected(prepare(&endless).await, "QUERY_TOO_DEEP", "nests brackets");
    }
    let deep = |levels: usize| {
        format!(
            "{{{}me{{name}}{}}}",
            "friend{".repeat(levels - 2),
            "}".repeat(levels - 2)
        )
    };
    prepare(&deep(15))
        .await
        .expect("15 levels of fields are allowed");
    assert_rejected(
        prepare(&deep(16)).await,
        "QUERY_TOO_DEEP",
        "more than 15 levels of fields",
    );
}

#[tokio::test]
async fn every_limit_lets_through_what_it_allows_and_no_more() {
    let aliases = |count: usize| {
        format!(
            "{{{}}}",
            (0..count)
                .map(|n| format!("a{n}:me{{name}} "))
                .collect::<String>()
        )
    };
    prepare(&aliases(30)).await.expect("30 aliases");
    assert_rejected(
        prepare(&aliases(31)).await,
        "QUERY_TOO_MANY_ALIASES",
        "30 aliases",
    );
    let fields = |sets: usize| format!("{{{}}}", "...{me{name age}friend{me{name}}}".repeat(sets));
    prepare(&fields(83)).await.expect("498 fields");
    assert_rejected(
        prepare(&fields(84)).await,
        "QUERY_TOO_MANY_FIELDS",
        "500 fields",
    );
    let repeated = |times: usize| format!("{{{}}}", "__typename ".repeat(times));
    prepare(&repeated(10)).await.expect("10 times the same");
    assert_rejected(
        prepare(&repeated(11)).await,
        "QUERY_TOO_MANY_DUPLICATE_FIELDS",
        "__typename",
    );
    let directives =
        |count: usize| format!("{{{}}}", "...@include(if:true){me{name}}".repeat(count));
    prepare(&directives(20)).await.expect("20 directives");
    assert_rejected(
        prepare(&directives(21)).await,
        "QUERY_TOO_MANY_DIRECTIVES",
        "20 directives",
    );
    assert_rejected(
        prepare(&format!("{{me{}{{name}}}}", "@a".repeat(21))).await,
        "QUERY_TOO_MANY_DIRECTIVES",
        "20 directives",
    );
    assert_rejected(
        prepare(&"a ".repeat(2_001)).await,
        "GRAPHQL_PARSE_FAILED",
        "Unexpected Name \"a\"",
    );
    assert_rejected(
        prepare(&format!("{{{}}}", "a ".repeat(2_000))).await,
        "QUERY_TOO_MANY_TOKENS",
        "2000 tokens",
    );
    assert_rejected(
        prepare("query A{me{name}} query B{me{name}}").await,
        "QUERY_TOO_MANY_OPERATIONS",
        "1 operation",
    );
}

#[tokio::test]
async fn page_sizes_are_checked_wherever_they_come_from() {
    prepare("{people(first:100){name}}")
        .await
        .expect("a page of 100");
    for query in [
        "{people(first:0){name}}",
        "{people(last:101){name}}",
        "{people(first:-1){name}}",
        "query($n:Int=500){people(first:$n){name}}",
    ] {
        assert_rejected(prepare(query).await, "BAD_USER_INPUT", "from 1 to 100");
    }
    let request = DocumentRequest {
        query: Some("query($n:Int){people(first:$n){name}}".into()),
        ..DocumentRequest::default()
    };
    for (n, allowed) in [(1, true), (100, true), (0, false), (101, false)] {
        let result =
            prepare_with(open_policy(), request.clone(), serde_json::json!({"n": n})).await;
        assert_eq!(result.is_ok(), allowed, "{n}");
    }
}

#[tokio::test]
async fn cost_follows_the_page_sizes_and_is_limited() {
    assert_eq!(prepare("{me{name}}").await.expect("cheap").cost, 1);
    assert_eq!(
        prepare("{people{name}}")
            .await
            .expect("an assumed page")
            .cost,
        20
    );
    assert_eq!(
        prepare("{friend{people(first:7){name}} ...a} fragment a on Query{me{name}}")
            .await
            .expect("a page")
            .cost,
        9
    );
    let policy = Policy {
        limits: Limits {
            cost: 19,
            ..Limits::default()
        },
        ..open_policy()
    };
    let request = DocumentRequest {
        query: Some("{people{name}}".into()),
        ..DocumentRequest::default()
    };
    assert_rejected(
        prepare_with(policy, request, serde_json::json!({})).await,
        "QUERY_TOO_COSTLY",
        "20 points",
    );
}

#[tokio::test]
async fn introspection_passes_where_it_is_on_unless_it_goes_in_circles() {
    let stock = prepare(STOCK_INTROSPECTION).await.expect("the stock query");
    assert!(stock.document.analysis.introspects);
    assert_eq!(stock.document.analysis.measure.depth, 0);
    let request = DocumentRequest {
        query: Some(STOCK_INTROSPECTION.into()),
        ..DocumentRequest::default()
    };
    assert_rejected(
        prepare_with(Policy::default(), request, serde_json::json!({})).await,
        "INTROSPECTION_DISABLED",
        "not available",
    );
    let circular = "{__schema{types{fields{type{fields{type{fields{type{fields{name}}}}}}}}}}";
    assert_rejected(
        prepare(circular).await,
        "QUERY_TOO_DEEP",
        "introspection lists",
    );
    let hidden = "{...f} fragment f on Query{__schema{types{...t}}} fragment t on __Type{fields{type{fields{type{...u}}}}} fragment u on __Type{fields{name}}";
    assert_rejected(
        prepare(hidden).await,
        "QUERY_TOO_DEEP",
        "introspection lists",
    );
}
