//! SQL dialects: type names that differ between SQLite and PostgreSQL.

use sea_orm_migration::prelude::{DbErr, SchemaManager};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// Type names by placeholder. SQLite's tables are `STRICT`: a value of the wrong type is refused,
/// as in PostgreSQL.
const TYPES: [(&str, &str, &str); 8] = [
    ("{uuid}", "blob", "uuid"),
    ("{instant}", "text", "timestamptz"),
    ("{date}", "text", "date"),
    ("{json}", "text", "jsonb"),
    ("{bytes}", "blob", "bytea"),
    ("{bool}", "integer", "boolean"),
    ("{bigint}", "integer", "bigint"),
    (
        "{serial}",
        "integer primary key autoincrement",
        "bigint generated always as identity primary key",
    ),
];

/// Replaces the placeholders of a template for a database.
pub(crate) fn translate(template: &str, backend: DbBackend) -> String {
    let sqlite = backend == DbBackend::Sqlite;
    let text = TYPES.iter().fold(
        template.to_owned(),
        |text, (placeholder, lite, postgres)| {
            text.replace(placeholder, if sqlite { lite } else { postgres })
        },
    );
    text.replace("{strict}", if sqlite { " strict" } else { "" })
        .replace("{int}", "integer")
        .replace(
            "{active}",
            "'INITIATED', 'SCHEDULED', 'PAYMENT_PENDING', 'PAYMENT_FAILED', 'CONFIRMED'",
        )
}

/// Runs the statements of a template, which are separated by lines that contain only `;;`.
pub(crate) async fn run(manager: &SchemaManager<'_>, template: &str) -> Result<(), DbErr> {
    let sql = translate(template, manager.get_database_backend());
    for statement in sql
        .split("\n;;\n")
        .map(str::trim)
        .filter(|statement| !statement.is_empty())
    {
        manager
            .get_connection()
            .execute_unprepared(statement)
            .await?;
    }
    Ok(())
}
