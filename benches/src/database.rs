//! Direct access to the server's database, and temporary databases.

use std::path::PathBuf;
use std::time::Duration;

use courtside::db::{Db, DbOptions};
use entity::Uuid;
use sea_orm::{ConnectionTrait, Database, Statement};

use crate::report::log;
use crate::{Failure, process};

/// Opens and migrates a database.
pub(crate) async fn open(url: &str) -> Result<Db, Failure> {
    let db = Db::connect(&DbOptions {
        url: url.to_owned(),
        connections: 4,
    })
    .await?;
    db.migrate().await?;
    Ok(db)
}

/// The single number that a query returns.
pub(crate) async fn count(db: &Db, sql: &str) -> Result<i64, Failure> {
    let connection = db.read();
    let row = connection
        .query_one_raw(Statement::from_string(
            connection.get_database_backend(),
            sql,
        ))
        .await?;
    Ok(row.ok_or("a count without a row")?.try_get_by_index(0)?)
}

/// Name of the kind of database.
pub(crate) fn name(db: &Db) -> &'static str {
    if db.is_postgres() {
        "PostgreSQL"
    } else {
        "SQLite"
    }
}

/// The PostgreSQL process that is the parent of all backends, if it runs on this machine.
pub(crate) async fn postmaster(db: &Db) -> Result<Option<u32>, Failure> {
    if !db.is_postgres() {
        return Ok(None);
    }
    let own = u32::try_from(count(db, "select pg_backend_pid()::bigint").await?)?;
    Ok(process::parent(own).ok())
}

/// Sets a parameter for all sessions of a PostgreSQL cluster, or resets it.
///
/// # Errors
/// When the role may not do that.
pub(crate) async fn set_on_cluster(
    db: &Db,
    parameter: &str,
    value: Option<&str>,
) -> Result<(), Failure> {
    let change = match value {
        Some(value) => format!("alter system set {parameter} = '{value}'"),
        None => format!("alter system reset {parameter}"),
    };
    db.write_one().execute_unprepared(&change).await?;
    db.write_one()
        .execute_unprepared("select pg_reload_conf()")
        .await?;
    tokio::time::sleep(RELOAD).await;
    Ok(())
}

/// Sessions read changed parameters between two statements, soon after the reload.
const RELOAD: Duration = Duration::from_millis(200);

/// A delay of all commits of a PostgreSQL cluster, as a slower disk would cause.
pub(crate) struct CommitDelay {
    is_set: bool,
}

impl CommitDelay {
    /// Delays each flush by so many microseconds, also when no other transaction is about to
    /// commit.
    ///
    /// # Errors
    /// When the role may not do that, or the database is SQLite.
    pub(crate) async fn set(db: &Db, microseconds: Option<u32>) -> Result<Self, Failure> {
        if let Some(microseconds) = microseconds {
            if !db.is_postgres() {
                return Err("only PostgreSQL can delay commits".into());
            }
            set_on_cluster(db, "commit_siblings", Some("0")).await?;
            set_on_cluster(db, "commit_delay", Some(&microseconds.to_string())).await?;
        }
        Ok(Self {
            is_set: microseconds.is_some(),
        })
    }

    /// # Errors
    /// When the database fails.
    pub(crate) async fn reset(self, db: &Db) -> Result<(), Failure> {
        if self.is_set {
            set_on_cluster(db, "commit_delay", None).await?;
            set_on_cluster(db, "commit_siblings", None).await?;
        }
        Ok(())
    }
}

/// Counts pairs of active bookings of one coach, or of one client, that overlap: always 0. `scope`
/// is a condition on `a`, which restricts one side of each pair to the bookings of a measurement.
pub(crate) async fn overlaps(db: &Db, scope: &str) -> Result<i64, Failure> {
    const ACTIVE: &str =
        "('INITIATED', 'SCHEDULED', 'PAYMENT_PENDING', 'PAYMENT_FAILED', 'CONFIRMED')";
    let pairs = |whose: &str, same_time: &str| {
        format!(
            "select count(*) from booking a join booking b on a.{whose} = b.{whose} and a.id <> b.id and {same_time} \
             where a.conflict is null and b.conflict is null and a.status in {ACTIVE} and b.status in {ACTIVE} and {scope}"
        )
    };
    let of_coaches = pairs(
        "coach_id",
        "a.seat_group <> b.seat_group and a.busy_from < b.busy_until and b.busy_from < a.busy_until",
    );
    let of_clients = pairs(
        "client_id",
        "a.starts_at < b.ends_at and b.starts_at < a.ends_at",
    );
    Ok(count(db, &of_coaches).await? + count(db, &of_clients).await?)
}

/// A temporary database.
pub(crate) struct Scratch {
    pub(crate) url: String,
    place: Place,
}

enum Place {
    Folder(PathBuf),
    /// The name of the database, and an address at which it can be dropped.
    Cluster {
        name: String,
        admin_url: String,
    },
}

impl Scratch {
    /// A SQLite file in a new folder.
    pub(crate) fn sqlite() -> Result<Self, Failure> {
        let folder =
            std::env::temp_dir().join(format!("courtside-bench-{}", Uuid::new_v4().simple()));
        std::fs::create_dir(&folder)?;
        let url = format!("sqlite://{}", folder.join("bench.db").display());
        Ok(Self {
            url,
            place: Place::Folder(folder),
        })
    }

    /// A new database in the cluster behind `admin_url`, which must end in the name of an existing
    /// one.
    pub(crate) async fn postgres(admin_url: &str) -> Result<Self, Failure> {
        let name = format!("bench_{}", Uuid::new_v4().simple());
        let (server, _) = admin_url
            .rsplit_once('/')
            .ok_or("the address of a database ends in its name")?;
        let url = format!("{server}/{name}");
        Database::connect(admin_url)
            .await?
            .execute_unprepared(&format!("create database {name}"))
            .await?;
        Ok(Self {
            url,
            place: Place::Cluster {
                name,
                admin_url: admin_url.to_owned(),
            },
        })
    }

    /// Deletes it; PostgreSQL closes connections that still use it.
    pub(crate) async fn remove(self) -> Result<(), Failure> {
        match self.place {
            Place::Folder(folder) => std::fs::remove_dir_all(folder)?,
            Place::Cluster { name, admin_url } => {
                let drop = format!("drop database {name} with (force)");
                if let Err(error) = Database::connect(&admin_url)
                    .await?
                    .execute_unprepared(&drop)
                    .await
                {
                    log(&format!("bench: {name} could not be dropped: {error}\n"));
                }
            }
        }
        Ok(())
    }
}
