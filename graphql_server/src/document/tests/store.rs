//! Looking documents up, persisting and caching them.

use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{Name, Request, ServerError, Value, Variables, value};
use futures_util::StreamExt;

use super::super::store::{DocumentRequest, Documents, Policy};
use super::super::{AllowList, Limits};
use super::{TestEngine, assert_rejected, engine, open_policy, prepare, prepare_with};
use crate::engine::Validate;

#[tokio::test]
async fn operations_are_selected_by_name() {
    let two = "query A{me{name}} query B{friend{me{name}}}";
    let several = || Policy {
        limits: Limits {
            operations: 2,
            ..Limits::default()
        },
        ..open_policy()
    };
    let named = |query: &str, name: Option<&str>| DocumentRequest {
        query: Some(query.into()),
        operation_name: name.map(Into::into),
        ..DocumentRequest::default()
    };
    let b = prepare_with(several(), named(two, Some("B")), serde_json::json!({}))
        .await
        .expect("B is there");
    assert_eq!(b.document.analysis.root_fields, ["friend"]);
    for (query, name) in [(two, None), (two, Some("C")), ("{me{name}}", Some("A"))] {
        let result = prepare_with(several(), named(query, name), serde_json::json!({})).await;
        assert_rejected(result, "OPERATION_RESOLUTION_FAILURE", "");
    }
    assert_rejected(
        prepare_with(
            several(),
            named("{me{name}} {me{name}}", None),
            serde_json::json!({}),
        )
        .await,
        "GRAPHQL_VALIDATION_FAILED",
        "anonymous",
    );
}

#[tokio::test]
async fn persisted_queries_are_stored_once_they_are_valid() {
    let engine = engine();
    let documents = Documents::new(
        Policy {
            persisted_queries: true,
            ..open_policy()
        },
        engine.types(),
    );
    let ask = async |query: Option<&str>, hash: &str| {
        let request = DocumentRequest {
            query: query.map(Into::into),
            hash: Some(hash.into()),
            ..DocumentRequest::default()
        };
        documents
            .prepare(request, Variables::default(), &engine)
            .await
    };
    let hash = |text: &str| super::super::allow_list::sha256(text).to_string();
    let (good, bad) = ("{me{name}}", "{nothing}");
    assert_rejected(
        ask(None, &hash(good)).await,
        "PERSISTED_QUERY_NOT_FOUND",
        "PersistedQueryNotFound",
    );
    assert_rejected(
        ask(Some(good), &hash(bad)).await,
        "PERSISTED_QUERY_HASH_MISMATCH",
        "not the SHA-256",
    );
    assert_rejected(
        ask(Some(bad), &hash(bad)).await,
        "GRAPHQL_VALIDATION_FAILED",
        "nothing",
    );
    assert_rejected(ask(None, &hash(bad)).await, "PERSISTED_QUERY_NOT_FOUND", "");
    ask(Some(good), &hash(good)).await.expect("stored");
    ask(None, &hash(good).to_uppercase()).await.expect("found");
    let off = DocumentRequest {
        hash: Some(hash(good)),
        ..DocumentRequest::default()
    };
    assert_rejected(
        prepare_with(open_policy(), off, serde_json::json!({})).await,
        "PERSISTED_QUERY_NOT_SUPPORTED",
        "",
    );
}

#[tokio::test]
async fn with_a_manifest_only_its_documents_run() {
    let policy = || Policy {
        allow_list: Some(
            AllowList::from_manifest(br#"{"who":"{me{name}}"}"#).expect("a good manifest"),
        ),
        persisted_queries: true,
        ..open_policy()
    };
    let hash = super::super::allow_list::sha256("{me{name}}").to_string();
    for request in [
        DocumentRequest {
            id: Some("who".into()),
            ..DocumentRequest::default()
        },
        DocumentRequest {
            hash: Some(hash.clone()),
            ..DocumentRequest::default()
        },
        DocumentRequest {
            query: Some("{me{name}}".into()),
            ..DocumentRequest::default()
        },
        DocumentRequest {
            query: Some("{me{name}}".into()),
            hash: Some(hash.clone()),
            ..DocumentRequest::default()
        },
    ] {
        prepare_with(policy(), request.clone(), serde_json::json!({}))
            .await
            .expect("a trusted document");
    }
    for request in [
        DocumentRequest {
            id: Some("what".into()),
            ..DocumentRequest::default()
        },
        DocumentRequest {
            query: Some("{me{age}}".into()),
            ..DocumentRequest::default()
        },
        DocumentRequest {
            query: Some("{me{age}}".into()),
            id: Some("who".into()),
            ..DocumentRequest::default()
        },
        DocumentRequest {
            query: Some("{me{age}}".into()),
            hash: Some(hash),
            ..DocumentRequest::default()
        },
    ] {
        assert_rejected(
            prepare_with(policy(), request.clone(), serde_json::json!({})).await,
            "DOCUMENT_NOT_ALLOWED",
            "",
        );
    }
}

#[tokio::test]
async fn a_document_is_validated_once() {
    struct Counting(TestEngine, std::sync::atomic::AtomicUsize);
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
    let schema = Counting(engine(), 0.into());
    let documents = Documents::new(open_policy(), schema.0.types());
    for n in 1..=3 {
        let request = DocumentRequest {
            query: Some("query($n:Int){people(first:$n){name}}".into()),
            ..DocumentRequest::default()
        };
        let variables = Variables::from_json(serde_json::json!({ "n": n }));
        assert_eq!(
            documents
                .prepare(request, variables, &schema)
                .await
                .expect("valid")
                .cost,
            n
        );
    }
    assert_eq!(schema.1.into_inner(), 1);
}

#[tokio::test]
async fn a_subscription_through_a_fragment_still_streams() {
    // Executed as it is, async-graphql would return an empty stream.
    let prepared = prepare("subscription{...f} fragment f on Events{count(to:2)}")
        .await
        .expect("valid");
    let (document, _) = prepared.document.executable();
    let mut request = Request::new("");
    request.set_parsed_query(document);
    let events: Vec<Value> = engine()
        .stream(request)
        .map(|response| response.data)
        .collect()
        .await;
    assert_eq!(events, [value!({"count": 0}), value!({"count": 1})]);
}
