//! Documents against a small schema: what is rejected before async-graphql sees it, and what its
//! validation rejects.

use async_graphql::{
    EmptyMutation, Object, Schema, ServerError, SimpleObject, Subscription, Variables,
};
use futures_util::stream::{self, Stream};

use super::store::{DocumentRequest, Documents, Policy, PreparedDocument};
use crate::engine::{Engine, EngineOptions};

mod limits;
mod rules;
mod store;

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

    async fn people(
        &self,
        first: Option<i32>,
        last: Option<i32>,
        tags: Option<Vec<String>>,
    ) -> Vec<Person> {
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

type TestEngine = Engine<Schema<Query, EmptyMutation, Events>>;

fn engine() -> TestEngine {
    let options = EngineOptions {
        introspection: true,
        suggestions: false,
    };
    Engine::new(
        || Schema::build(Query, EmptyMutation, Events),
        options,
        |types| types.check_scalar::<uuid::Uuid>(),
    )
}

fn open_policy() -> Policy {
    Policy {
        introspection: true,
        ..Policy::default()
    }
}

async fn prepare_with(
    policy: Policy,
    request: DocumentRequest,
    variables: serde_json::Value,
) -> Result<PreparedDocument, Vec<ServerError>> {
    let engine = engine();
    Documents::new(policy, engine.types())
        .prepare(request, Variables::from_json(variables), &engine)
        .await
}

async fn prepare(query: &str) -> Result<PreparedDocument, Vec<ServerError>> {
    let request = DocumentRequest {
        query: Some(query.into()),
        ..DocumentRequest::default()
    };
    prepare_with(open_policy(), request, serde_json::json!({})).await
}

fn code(errors: &[ServerError]) -> String {
    let code = errors[0]
        .extensions
        .as_ref()
        .and_then(|extensions| extensions.get("code"));
    code.map_or_else(String::new, |code| {
        code.to_string().trim_matches('"').to_owned()
    })
}

#[track_caller]
fn assert_rejected(
    result: Result<PreparedDocument, Vec<ServerError>>,
    expected: &str,
    message: &str,
) {
    let errors = result.expect_err(expected);
    assert_eq!(code(&errors), expected, "{errors:?}");
    assert!(errors[0].message.contains(message), "{errors:?}");
}

/// The output of graphql-js 16's `getIntrospectionQuery()` with all options.
const STOCK_INTROSPECTION: &str = "query IntrospectionQuery { __schema { description queryType { name kind } mutationType { name kind }
    subscriptionType { name kind } types { ...FullType } directives { name description isRepeatable locations args { ...InputValue } } } }
    fragment FullType on __Type { kind name description specifiedByURL fields(includeDeprecated: true) { name description
    args { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason } inputFields { ...InputValue }
    interfaces { ...TypeRef } enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
    possibleTypes { ...TypeRef } }
    fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue }
    fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name
    ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } } } }";
