//! Callers of the API.

use std::sync::LazyLock;

use chrono::TimeDelta;
use courtside::domain::identity::{Identity, LOCAL_ISSUER, TokenVerifier};
use entity::user::{self, Role};
use entity::{Uuid, coach};
use http::header::AUTHORIZATION;
use sea_orm::{ActiveModelTrait, IntoActiveModel};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::app::TestApp;
use crate::live::Live;
use crate::socket::Socket;
use crate::sse;

/// A caller.
#[derive(Clone)]
pub struct Actor<'a> {
    app: &'a TestApp,
    token: Option<String>,
}

/// The text of an operation with its variables.
pub type Gql<'a> = (&'a str, Value);

/// How long a token is valid unless something else is asked for.
const LIFE: TimeDelta = TimeDelta::hours(240);

/// A new idempotency key.
#[must_use]
pub fn key() -> String {
    Uuid::new_v4().to_string()
}

impl TestApp {
    /// Somebody who has not signed in.
    #[must_use]
    pub fn visitor(&self) -> Actor<'_> {
        Actor {
            app: self,
            token: None,
        }
    }

    /// A client: maria, james and aiko are in the demo data.
    #[must_use]
    pub fn client(&self, name: &str) -> Actor<'_> {
        self.signed_in(name, Role::Client)
    }

    /// A coach: nora, marcus, eleanor, jonas, priya, liam and grace are in the demo data.
    #[must_use]
    pub fn coach(&self, name: &str) -> Actor<'_> {
        self.signed_in(name, Role::Coach)
    }

    /// The staff of the demo data.
    #[must_use]
    pub fn admin(&self) -> Actor<'_> {
        self.signed_in("olivia", Role::Admin)
    }

    /// Whoever shows this token.
    #[must_use]
    pub fn bearer(&self, token: &str) -> Actor<'_> {
        Actor {
            app: self,
            token: Some(token.to_owned()),
        }
    }

    fn signed_in(&self, name: &str, role: Role) -> Actor<'_> {
        self.bearer(&self.token(name, role, LIFE))
    }

    /// Somebody with this verified address, by which they are called too.
    #[must_use]
    pub fn person(&self, email: &str, role: Role) -> Actor<'_> {
        let identity = self.identity(email, email.to_owned(), role);
        self.bearer(&self.sign(&identity))
    }

    /// A token of the local issuer that is valid for so long.
    ///
    /// # Panics
    /// When somebody else vouches for callers.
    #[must_use]
    pub fn token(&self, name: &str, role: Role, life: TimeDelta) -> String {
        let email = format!("{name}@courtside.example");
        self.sign(&Identity {
            expires_at: self.now() + life,
            ..self.identity(name, email, role)
        })
    }

    /// What a token of the local issuer says of somebody, unless a test changes it.
    #[must_use]
    pub fn identity(&self, subject: &str, email: String, role: Role) -> Identity {
        Identity {
            issuer: LOCAL_ISSUER.to_owned(),
            subject: subject.to_owned(),
            email: Some(email),
            email_verified: Some(true),
            name: None,
            time_zone: None,
            role: Some(role),
            impersonation: None,
            expires_at: self.now() + LIFE,
        }
    }

    /// A token of the local issuer.
    ///
    /// # Panics
    /// When somebody else vouches for callers.
    #[must_use]
    pub fn sign(&self, identity: &Identity) -> String {
        let TokenVerifier::Local(issuer) = &self.app.tokens else {
            panic!("there is no local issuer here")
        };
        issuer
            .sign(identity, self.now())
            .expect("signing needs nothing but the key")
    }

    /// Puts a person into the database, as if they had signed in before.
    pub async fn enrol(&self, name: &str, role: Role) -> user::Model {
        let now = self.now();
        let row = user::Model {
            id: entity::new_id(),
            issuer: LOCAL_ISSUER.to_owned(),
            subject: name.to_owned(),
            email: Some(format!("{name}@courtside.example")),
            email_verified: true,
            display_name: name.to_owned(),
            time_zone: "UTC".to_owned(),
            role,
            suspended_at: None,
            created_at: now,
            updated_at: now,
        };
        let row = row
            .into_active_model()
            .reset_all()
            .insert(self.db().write_one())
            .await;
        row.expect("nobody has the name yet")
    }

    /// The account of a person of the local issuer.
    pub async fn user(&self, name: &str) -> user::Model {
        let found = user::Entity::find_by_subject(LOCAL_ISSUER, name)
            .one(self.db().read())
            .await;
        found
            .expect("the database answers")
            .unwrap_or_else(|| panic!("nobody is called {name}"))
    }

    /// The profile of a coach.
    pub async fn profile(&self, name: &str) -> coach::Model {
        let user = self.user(name).await;
        let found = coach::Entity::find_by_user(user.id)
            .one(self.db().read())
            .await
            .expect("the database answers");
        found.unwrap_or_else(|| panic!("{name} is no coach"))
    }
}

/// The type of the one argument of a mutation, as the schema has it.
fn input_type(mutation: &str) -> String {
    static SDL: LazyLock<String> = LazyLock::new(courtside::graphql::sdl);
    let mutations = SDL
        .split("type Mutation {")
        .nth(1)
        .expect("there are mutations");
    let field = mutations
        .split(&format!("\n\t{mutation}("))
        .nth(1)
        .unwrap_or_else(|| panic!("no {mutation}"));
    let input = field
        .split("input: ")
        .nth(1)
        .expect("a mutation takes one input");
    input
        .chars()
        .take_while(|letter| letter.is_alphanumeric())
        .collect()
}

impl<'a> Actor<'a> {
    /// What they show.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Runs an operation over HTTP.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn gql(&self, query: &str, variables: Value) -> Answer {
        self.post(json!({ "query": query, "variables": variables }))
            .await
    }

    /// Posts a body to the endpoint.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn post(&self, body: Value) -> Answer {
        let mut request = self.app.http.post(self.app.url("/graphql")).json(&body);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let response = request.send().await.expect("it serves");
        let (status, headers) = (response.status(), response.headers().clone());
        Answer::new(
            status,
            headers,
            &response.text().await.expect("the answer arrives whole"),
        )
    }

    /// Runs a mutation of one `input`, asking for `fields` of its payload besides the user errors.
    pub async fn mutate(&self, name: &str, input: Value, fields: &str) -> Answer {
        let input_type = input_type(name);
        let query = format!(
            "mutation($input: {input_type}!) {{ {name}(input: $input) {{ {fields} userErrors {{ code message field }} }} }}"
        );
        self.gql(&query, json!({ "input": input })).await
    }

    /// Any request to a path.
    pub fn request(&self, method: http::Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.app.http.request(method, self.app.url(path));
        match &self.token {
            Some(token) => request.header(AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        }
    }

    /// Follows a subscription over a WebSocket of its own.
    pub async fn subscribe(&self, query: &str, variables: Value) -> Live {
        let mut socket = self.socket().await;
        socket.subscribe("1", query, variables).await;
        Live::over_socket(socket)
    }

    /// A WebSocket on which they have signed in.
    ///
    /// # Panics
    /// When it is not acknowledged.
    pub async fn socket(&self) -> Socket {
        let mut socket = Socket::connect(&format!("ws://{}/graphql/ws", self.app.address)).await;
        let payload = self
            .token
            .as_ref()
            .map(|token| json!({ "authorization": format!("Bearer {token}") }));
        socket.init(payload).await;
        socket
    }

    /// Follows a subscription as server-sent events.
    ///
    /// # Panics
    /// When there is no event stream.
    pub async fn stream(&self, query: &str, variables: Value) -> Live {
        let request = self.request(http::Method::POST, "/graphql/stream");
        let body = json!({ "query": query, "variables": variables });
        let response = request
            .header("accept", "text/event-stream")
            .json(&body)
            .send()
            .await
            .expect("it serves");
        assert_eq!(response.status(), 200, "{:?}", response.text().await);
        Live::over_events(sse::Events::new(response))
    }
}
