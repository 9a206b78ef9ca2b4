//! Migrations run up, down, and up again.

use entity::DateTimeUtc;
use migration::MigratorTrait;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use tests::{On, START, TestDb, both_bare};

both_bare![
    migrations_can_be_reverted,
    jobs_are_moved_to_the_queue_of_their_kind,
    facts_get_the_account_of_their_organizer,
];

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

/// The position of the migration that adds queues.
const JOB_QUEUE: u32 = 9;

async fn jobs_are_moved_to_the_queue_of_their_kind(on: On) {
    let test = TestDb::empty(on).await;
    let db = test.connect().await;
    migration::Migrator::up(db.write_one(), Some(JOB_QUEUE - 1))
        .await
        .expect("up to the one before");
    for kind in ["claim_bookings", "pull_settings"] {
        insert_job(db.write_one(), kind).await;
    }
    for _ in 0..2 {
        migration::Migrator::up(db.write_one(), Some(1))
            .await
            .expect("up");
        let queue = async |kind: &str| {
            let sql = format!("select queue from job where kind = '{kind}'");
            let row = db
                .write_one()
                .query_one_raw(Statement::from_string(
                    db.write_one().get_database_backend(),
                    sql,
                ))
                .await
                .expect("a sound query")
                .expect("it is still there");
            row.try_get::<String>("", "queue").expect("text")
        };
        assert_eq!(queue("claim_bookings").await, "database");
        assert_eq!(queue("pull_settings").await, "calcom");
        migration::Migrator::down(db.write_one(), Some(1))
            .await
            .expect("down");
    }
    test.remove().await;
}

/// The position of the migration that gives facts an account.
const SPEAKER: u32 = 11;

async fn facts_get_the_account_of_their_organizer(on: On) {
    let test = TestDb::empty(on).await;
    let db = test.connect().await;
    migration::Migrator::up(db.write_one(), Some(SPEAKER - 1))
        .await
        .expect("up to the one before");
    let facts = [
        (
            "by-id",
            r#"{"CREATED":{"at":"2026-11-21T01:00:00Z","organizer":{"id":"7","email":"a@x.io"}},
                "MOVED":{"at":"2026-11-22T01:00:00Z","organizer":{"id":"8"}},
                "ABSENT:b@x.io":{"at":"2026-11-23T01:00:00Z"}}"#,
            "8",
        ),
        (
            "by-address",
            r#"{"READ":{"organizer":{"email":"a@x.io"}}}"#,
            "a@x.io",
        ),
        ("unnamed", r#"{"STARTED":{}}"#, ""),
    ];
    for (uid, facts, _) in facts {
        let sql = format!(
            "insert into provider_booking (provider, uid, seat, facts, created_at, updated_at)
             values ('calcom', '{uid}', '', '{facts}', '{START}', '{START}')"
        );
        db.write_one()
            .execute_unprepared(&sql)
            .await
            .expect("a sound row");
    }
    for _ in 0..2 {
        migration::Migrator::up(db.write_one(), Some(1))
            .await
            .expect("up");
        for (uid, _, expected) in facts {
            let sql = format!("select account from provider_booking where uid = '{uid}'");
            let row = db
                .write_one()
                .query_one_raw(Statement::from_string(
                    db.write_one().get_database_backend(),
                    sql,
                ))
                .await
                .expect("a sound query")
                .expect("it is still there");
            let account: String = row.try_get("", "account").expect("text");
            assert_eq!(account, expected, "{uid}");
        }
        migration::Migrator::down(db.write_one(), Some(1))
            .await
            .expect("down");
    }
    test.remove().await;
}

/// A job of a program that knows no queues.
async fn insert_job(db: &DatabaseConnection, kind: &str) {
    let sql = "insert into job
        (id, kind, subject_id, status, run_at, attempts, correlation_id, created_at)
        values ($1, $2, $3, 'WAITING', $4, 0, 'test', $4)";
    let now: DateTimeUtc = START.parse().expect("a literal instant");
    let values = [
        entity::new_id().into(),
        kind.into(),
        entity::new_id().into(),
        now.into(),
    ];
    db.execute_raw(Statement::from_sql_and_values(
        db.get_database_backend(),
        sql,
        values,
    ))
    .await
    .expect("a sound row");
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
