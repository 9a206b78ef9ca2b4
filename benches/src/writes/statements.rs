//! Counts SQL statements with PostgreSQL's extension `pg_stat_statements`.

use courtside::db::Db;
use sea_orm::{ConnectionTrait, Statement};

use crate::report::log;
use crate::{Failure, database};

/// Statements that open and close transactions are not counted.
const CALLS: &str = "\
    select query, calls from pg_stat_statements s join pg_database d on d.oid = s.dbid \
    where d.datname = current_database() and query !~* '^(begin|commit|rollback|start transaction)' \
    order by calls desc";
const SHOWN: usize = 24;

/// Prepares for counting; false when the cluster was started without the extension.
pub(super) async fn available(db: &Db) -> Result<bool, Failure> {
    if !db.is_postgres() {
        return Ok(false);
    }
    let loaded = "select count(*) from pg_settings where name = 'pg_stat_statements.track'";
    if database::count(db, loaded).await? == 0 {
        return Ok(false);
    }
    db.write_one()
        .execute_unprepared("create extension if not exists pg_stat_statements")
        .await?;
    Ok(true)
}

/// Starts counting from zero.
pub(super) async fn start(db: &Db) -> Result<(), Failure> {
    database::set_on_cluster(db, "pg_stat_statements.track", Some("top")).await?;
    db.write_one()
        .execute_unprepared("select pg_stat_statements_reset()")
        .await?;
    Ok(())
}

/// Stops counting; returns how many statements there were for each booking, and lists the most
/// frequent ones on standard error.
pub(super) async fn stop(db: &Db, server: &str, bookings: usize) -> Result<f64, Failure> {
    database::set_on_cluster(db, "pg_stat_statements.track", None).await?;
    let connection = db.write_one();
    let statement = Statement::from_string(connection.get_database_backend(), CALLS);
    let mut total = 0.0;
    log(&format!("{server}: statements for each booking\n"));
    for (place, row) in connection
        .query_all_raw(statement)
        .await?
        .iter()
        .enumerate()
    {
        let (query, calls): (String, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        let each = calls as f64 / bookings.max(1) as f64;
        total += each;
        if place < SHOWN {
            let query: String = query.split_whitespace().collect::<Vec<_>>().join(" ");
            let query: String = query.chars().take(110).collect();
            log(&format!("  {each:6.2}  {query}\n"));
        }
    }
    Ok(total)
}
