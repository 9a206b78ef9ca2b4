//! What the database itself holds, whoever writes to it.

mod guard;
mod migration;
mod plan;
