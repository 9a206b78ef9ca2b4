//! Renames a table, kinds of jobs and kinds of stored facts.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, Statement, Value};
use serde_json::{Map, Value as Json};

use crate::dialect;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261130_000008_names"
    }
}

/// Kinds of jobs, old and new.
const JOBS: [(&str, &str); 3] = [
    ("see_to_request", "run_scheduler_request"),
    ("align_booking", "push_booking"),
    ("project_delivery", "process_delivery"),
];

/// Kinds of facts, old and new. The last one is a prefix: an address follows.
const FACTS: [(&str, &str); 10] = [
    ("BOOKING_CREATED", "CREATED"),
    ("BOOKING_REQUESTED", "REQUESTED"),
    ("BOOKING_RESCHEDULED", "MOVED"),
    ("BOOKING_CANCELLED", "CANCELED"),
    ("BOOKING_REJECTED", "DECLINED"),
    ("BOOKING_PAYMENT_INITIATED", "PAYMENT_STARTED"),
    ("BOOKING_PAID", "PAID"),
    ("MEETING_STARTED", "STARTED"),
    ("MEETING_ENDED", "ENDED"),
    ("BOOKING_NO_SHOW_UPDATED", "ABSENT"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        rename_table(manager, "mirror", "sync_state").await?;
        rename_jobs(manager, |(old, new)| (old, new)).await?;
        rename_facts(manager, |(old, new)| (old, new), as_text).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        rename_facts(manager, |(old, new)| (new, old), as_number).await?;
        rename_jobs(manager, |(old, new)| (new, old)).await?;
        rename_table(manager, "sync_state", "mirror").await
    }
}

/// A pair of names, in the direction of the migration.
type Pair = (&'static str, &'static str);

async fn rename_table(manager: &SchemaManager<'_>, old: &str, new: &str) -> Result<(), DbErr> {
    let template = format!(
        "drop index {old}_coach\n;;\nalter table {old} rename to {new}\n;;\n\
         create index {new}_coach on {new} (coach_id, subject)"
    );
    dialect::run(manager, &template).await
}

async fn rename_jobs(
    manager: &SchemaManager<'_>,
    direction: impl Fn(Pair) -> Pair,
) -> Result<(), DbErr> {
    for pair in JOBS {
        let (old, new) = direction(pair);
        let template = format!(
            "update job set kind = '{new}', dedupe_key = replace(dedupe_key, '{old}:', '{new}:') \
             where kind = '{old}'"
        );
        dialect::run(manager, &template).await?;
    }
    Ok(())
}

/// Renames the kinds of facts, which are the keys of one JSON object per uid. Ids of event types
/// and accounts become text, as not every scheduler uses numbers.
async fn rename_facts(
    manager: &SchemaManager<'_>,
    direction: impl Fn(Pair) -> Pair,
    id: fn(Json) -> Json,
) -> Result<(), DbErr> {
    let db = manager.get_connection();
    let backend = manager.get_database_backend();
    let all = "select provider, uid, seat, cast(facts as text) as facts from provider_booking";
    let update = dialect::translate(
        "update provider_booking set facts = cast($1 as {json}) where provider = $2 and uid = $3 and seat = $4",
        backend,
    );
    for row in db
        .query_all_raw(Statement::from_string(backend, all))
        .await?
    {
        let text = |column: &str| row.try_get::<String>("", column);
        let facts: Map<String, Json> = serde_json::from_str(&text("facts")?)
            .map_err(|error| DbErr::Json(error.to_string()))?;
        let facts: Map<String, Json> = facts
            .into_iter()
            .map(|(kind, fact)| (renamed(&kind, &direction), with_ids(fact, id)))
            .collect();
        let values = [
            Json::Object(facts).to_string(),
            text("provider")?,
            text("uid")?,
            text("seat")?,
        ];
        let values = values.map(Value::from);
        db.execute_raw(Statement::from_sql_and_values(backend, &update, values))
            .await?;
    }
    Ok(())
}

/// Converts the ids in a fact.
fn with_ids(mut fact: Json, id: fn(Json) -> Json) -> Json {
    for object in ["offer", "organizer"] {
        if let Some(known) = fact.get_mut(object).and_then(|object| object.get_mut("id")) {
            *known = id(known.take());
        }
    }
    fact
}

fn as_text(id: Json) -> Json {
    id.as_i64().map_or(id, |number| number.to_string().into())
}

fn as_number(id: Json) -> Json {
    match id.as_str().and_then(|text| text.parse::<i64>().ok()) {
        Some(number) => number.into(),
        None => id,
    }
}

/// Renames a kind, which may have an address after a colon.
fn renamed(kind: &str, direction: impl Fn(Pair) -> Pair) -> String {
    let (name, rest) = kind
        .split_once(':')
        .map_or((kind, None), |(name, rest)| (name, Some(rest)));
    let new = FACTS
        .into_iter()
        .map(direction)
        .find_map(|(old, new)| (old == name).then_some(new))
        .unwrap_or(name);
    rest.map_or_else(|| new.to_owned(), |rest| format!("{new}:{rest}"))
}
