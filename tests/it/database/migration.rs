//! Migrations run up, down, and up again.

use migration::MigratorTrait;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use tests::{On, TestDb, both_bare};

both_bare![migrations_can_be_reverted];

async fn migrations_can_be_reverted(on: On) {
    let test = TestDb::empty(on).await;
    let db = test.connect().await;
    migration::Migrator::up(db.write_one(), None)
        .await
        .expect("up");
    let made = things(db.write_one()).await;
    assert!(made.iter().any(|name| name == "booking"), "{made:?}");
    assert!(db.is_migrated().await.expect("the database answers"));
    migration::Migrator::down(db.write_one(), None)
        .await
        .expect("down");
    assert_eq!(
        things(db.write_one()).await,
        Vec::<String>::new(),
        "nothing is left behind"
    );
    assert!(!db.is_migrated().await.expect("the database answers"));
    migration::Migrator::up(db.write_one(), None)
        .await
        .expect("up again");
    assert_eq!(things(db.write_one()).await, made);
    test.remove().await;
}

/// Tables, indexes, triggers and functions of ours.
async fn things(db: &DatabaseConnection) -> Vec<String> {
    let sql = match db.get_database_backend() {
        DbBackend::Sqlite => {
            "select name from sqlite_master where name not like 'sqlite_%' and name not like '%seaql%' order by name"
        }
        _ => {
            "select name from (
                select relname::text as name from pg_class where relnamespace = 'public'::regnamespace
                union all select tgname::text from pg_trigger where not tgisinternal
                union all select proname::text from pg_proc p where pronamespace = 'public'::regnamespace
                    and not exists (select 1 from pg_depend d where d.objid = p.oid and d.deptype = 'e')
            ) as things where name not like '%seaql%' order by name"
        }
    };
    let rows = db
        .query_all_raw(Statement::from_string(db.get_database_backend(), sql))
        .await
        .expect("a sound query");
    rows.iter()
        .map(|row| row.try_get("", "name").expect("a name is text"))
        .collect()
}
