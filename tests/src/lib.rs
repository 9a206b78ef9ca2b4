//! The whole application under test: real HTTP over a loopback socket, a database of its own, a
//! stopped clock.
//!
//! A test is an `async fn(app: &TestApp)`. [`both!`] makes two tests of it, one for each database:
//!
//! ```ignore
//! both![a_client_books];
//!
//! async fn a_client_books(app: &TestApp) {
//!     let answer = app.client("maria").gql("{ viewer { user { displayName } } }", json!({})).await;
//!     assert_eq!(answer.at("/viewer/user/displayName"), "Maria Santos");
//! }
//! ```

#![expect(
    clippy::disallowed_methods,
    reason = "tests are callers from outside: they send requests and read the environment"
)]

mod actors;
mod answer;
mod app;
pub mod cal_com;
pub mod clerk;
mod cluster;
mod db;
mod demo;
mod live;
pub mod process;
mod scratch;
mod socket;
mod sse;
mod statements;

use std::time::Duration;

pub use actors::{Actor, Gql, key};
pub use answer::Answer;
pub use app::{START, Setup, TestApp, at};
pub use cluster::OwnCluster;
pub use db::{On, TestDb, run};
pub use demo::Offer;
pub use live::{Live, LiveMessage};
pub use scratch::Scratch;
pub use socket::{Frame, Socket};
pub use statements::Statements;

/// How long anything that must happen may take before the test gives up on it. Nothing waits this
/// long for something that does happen.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The value of a future that must end.
///
/// # Panics
/// When it does not end in [`PATIENCE`].
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within {PATIENCE:?}"),
    }
}

/// Waits until a condition holds, looking again and again.
///
/// # Panics
/// When it does not hold within [`PATIENCE`].
pub async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    soon(what, async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// Makes of each named `async fn(&TestApp)` beside it a test on SQLite and one on PostgreSQL, with
/// the demo data.
#[macro_export]
macro_rules! both {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                $crate::run($crate::On::Sqlite, |app| Box::pin(super::$name(app))).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                $crate::run($crate::On::Postgres, |app| Box::pin(super::$name(app))).await;
            }
        }
    )+};
}

/// As [`both!`] for an `async fn(On)` that starts what it needs by itself.
#[macro_export]
macro_rules! both_bare {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name($crate::On::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if $crate::On::Postgres.is_here() {
                    super::$name($crate::On::Postgres).await;
                }
            }
        }
    )+};
}
