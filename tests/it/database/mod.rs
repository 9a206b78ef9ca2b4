//! The database itself: constraints, migrations and query plans.

mod guard;
mod migration;
mod plan;
