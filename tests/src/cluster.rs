//! A PostgreSQL server of this test process alone: made on first use, gone when the process is,
//! however it ends.

use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement,
};

use crate::scratch;

/// The server that tests share.
pub(crate) struct Cluster {
    directory: PathBuf,
    /// The server stops when this is closed, which the system sees to when the process ends.
    _leash: ChildStdin,
}

/// No data is worth keeping, so no write waits for a disk.
const SETTINGS: [&str; 13] = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "autovacuum=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_wal_size=8GB",
    "checkpoint_timeout=1h",
    "max_connections=400",
    "shared_buffers=128MB",
    "listen_addresses=",
    "log_min_messages=fatal",
    "timezone=UTC",
];

/// Runs the server until its standard input is closed, then stops it hard and takes its files away.
const LEASHED: &str = r#"
trap '' HUP INT TERM
directory=$1; shift
"$@" >>"$directory/server.log" 2>&1 </dev/null &
server=$!
cat >/dev/null
kill -QUIT "$server" 2>/dev/null
wait "$server"
[ -n "$KEEP" ] || rm -rf "$directory"
"#;

/// A server of one test alone, which may go away and come back.
pub struct OwnCluster {
    cluster: Cluster,
    /// The server that was started again; it goes away before the files do.
    again: Option<ChildStdin>,
}

impl OwnCluster {
    /// A running server; `None` where PostgreSQL is not installed.
    ///
    /// # Panics
    /// As for the server that tests share.
    #[must_use]
    pub fn start() -> Option<Self> {
        // An acknowledged commit survives: the server is killed, the machine is not.
        let cluster = start("outage", &["synchronous_commit=on", "shared_buffers=32MB"])?;
        Some(Self {
            cluster,
            again: None,
        })
    }

    /// The URL of one of its databases.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        self.cluster.url(database)
    }

    /// Makes an empty database.
    pub async fn create(&self, database: &str) {
        self.cluster
            .administer(&format!("create database {database} template template0"))
            .await;
    }

    /// The one number that a statement returns.
    pub async fn count(&self, database: &str, statement: &str) -> i64 {
        let connection = self.cluster.connect(database).await;
        let row = connection
            .query_one_raw(Statement::from_string(DbBackend::Postgres, statement))
            .await;
        let row = row
            .unwrap_or_else(|error| panic!("{statement}: {error}"))
            .expect("a count has a row");
        let _ = connection.close().await;
        row.try_get_by_index(0).expect("a number")
    }

    /// Stops it hard: every connection is cut.
    ///
    /// # Panics
    /// When it does not run.
    pub fn stop(&mut self) {
        let file = self.cluster.directory.join("data/postmaster.pid");
        let text = std::fs::read_to_string(&file).expect("a running server has this file");
        let pid = text.lines().next().expect("the first line is its number");
        let sent = Command::new("kill").args(["-QUIT", pid]).status();
        assert!(
            sent.is_ok_and(|sent| sent.success()),
            "a signal can be sent"
        );
        self.again = None;
        let began = Instant::now();
        while Path::new("/proc").join(pid).exists() && began.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Starts it on the files that it left, and waits until it listens.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&mut self) {
        // It was stopped hard, and has not taken this file along.
        let _ = std::fs::remove_file(self.cluster.directory.join("data/postmaster.pid"));
        let postgres = program("postgres").expect("it ran a moment ago");
        self.again = Some(leash(
            &self.cluster.directory,
            &postgres,
            &["synchronous_commit=on"],
            true,
        ));
        wait_until_it_listens(&self.cluster.directory);
    }
}

impl Drop for OwnCluster {
    fn drop(&mut self) {
        // In this order: the first leash takes the files away.
        if self.again.is_some() {
            self.stop();
        }
    }
}

impl Cluster {
    /// The server of this process; `None` where PostgreSQL is not installed, which is printed once.
    ///
    /// # Panics
    /// When it is installed and cannot be started, or is not installed and
    /// `COURTSIDE_REQUIRE_POSTGRES=1` asks for it.
    pub(crate) fn find() -> Option<&'static Self> {
        static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
        CLUSTER.get_or_init(|| start("postgres", &[])).as_ref()
    }

    /// The URL of one of its databases.
    pub(crate) fn url(&self, database: &str) -> String {
        let host = self
            .directory
            .to_str()
            .expect("the directory has a plain name")
            .replace('/', "%2F");
        format!("postgres://postgres@{host}/{database}")
    }

    /// Runs statements that concern whole databases.
    pub(crate) async fn administer(&self, statement: &str) {
        let connection = self.connect("postgres").await;
        connection
            .execute_unprepared(statement)
            .await
            .unwrap_or_else(|error| panic!("{statement}: {error}"));
        let _ = connection.close().await;
    }

    async fn connect(&self, database: &str) -> DatabaseConnection {
        let mut options = ConnectOptions::new(self.url(database));
        options.max_connections(1).sqlx_logging(false);
        Database::connect(options)
            .await
            .expect("the test server answers")
    }
}

fn start(name: &str, more: &[&str]) -> Option<Cluster> {
    let Some((initdb, postgres)) = program("initdb").zip(program("postgres")) else {
        let text = "PostgreSQL is not installed: neither PATH nor /usr/lib/postgresql/*/bin has `initdb` and `postgres`; \
                    tests ran on SQLite only";
        // Past the capture of the test runner, which shows nothing of tests that pass.
        let _ = writeln!(std::io::stderr(), "\n*** {text}\n");
        assert!(
            std::env::var("COURTSIDE_REQUIRE_POSTGRES").as_deref() != Ok("1"),
            "{text}"
        );
        return None;
    };
    let directory = scratch::server_directory(name);
    std::fs::create_dir_all(&directory).expect("a directory for temporary files can be written to");
    let owner = owner();
    if let Some((user, group)) = owner {
        chown(&directory, Some(user), Some(group)).expect("root may give a directory away");
    }
    std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o700))
        .expect("our own directory");
    let data = directory.join("data");
    let made = command(&initdb, &directory)
        .args([
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "--pgdata",
        ])
        .arg(&data)
        .output()
        .expect("initdb was found a moment ago");
    assert!(
        made.status.success(),
        "initdb: {}",
        String::from_utf8_lossy(&made.stderr)
    );

    let leash = leash(&directory, &postgres, more, false);
    wait_until_it_listens(&directory);
    Some(Cluster {
        directory,
        _leash: leash,
    })
}

/// A program of PostgreSQL, which refuses to run as root.
fn command(program: &Path, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(directory);
    if let Some((user, group)) = owner() {
        command.uid(user).gid(group);
    }
    command
}

/// Runs the server until the returned pipe is closed; with `keeps` its files outlive it.
fn leash(directory: &Path, postgres: &Path, more: &[&str], keeps: bool) -> ChildStdin {
    let mut leashed = command(Path::new("/bin/sh"), directory);
    leashed.env("KEEP", if keeps { "1" } else { "" });
    leashed
        .args(["-c", LEASHED, "sh"])
        .arg(directory)
        .arg(postgres);
    leashed
        .arg("-D")
        .arg(directory.join("data"))
        .arg("-k")
        .arg(directory);
    for setting in SETTINGS.iter().chain(more) {
        leashed.args(["-c", setting]);
    }
    #[expect(
        clippy::zombie_processes,
        reason = "it ends with the leash, at the end of the test process"
    )]
    let mut child = leashed
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("every Unix has /bin/sh");
    child.stdin.take().expect("asked for above")
}

fn wait_until_it_listens(directory: &Path) {
    let begun = Instant::now();
    // The last line of this file says how the server is doing.
    let ready = || {
        let text =
            std::fs::read_to_string(directory.join("data/postmaster.pid")).unwrap_or_default();
        text.lines().any(|line| line.trim() == "ready")
    };
    while !ready() {
        if begun.elapsed() > Duration::from_secs(60) {
            let log = std::fs::read_to_string(directory.join("server.log")).unwrap_or_default();
            panic!("PostgreSQL does not start: {log}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A program of PostgreSQL: on the path, or where Debian keeps it.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|directory| directory.join(name));
    let mut versions: Vec<_> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin").join(name))
        .collect();
    versions.sort();
    on_path
        .chain(versions.into_iter().rev())
        .find(|path| path.is_file())
}

/// Who runs the server: `None` for ourselves; when we are root, the user `postgres` or else
/// `nobody`.
fn owner() -> Option<(u32, u32)> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ourselves = status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))?
        .split_whitespace()
        .nth(1)?;
    if ourselves != "0" {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let find = |name: &str| {
        let mut fields = users
            .lines()
            .find(|line| line.starts_with(&format!("{name}:")))?
            .split(':')
            .skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    find("postgres")
        .or_else(|| find("nobody"))
        .or(Some((65534, 65534)))
}
