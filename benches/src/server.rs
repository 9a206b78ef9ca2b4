//! Starts servers as child processes.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use crate::Failure;
use crate::http::Target;

/// Longer than any start, migrations included.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// Between two attempts to reach a starting server; the error of a measured start.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// A running server. Dropping it kills it.
pub(crate) struct Server {
    child: Child,
    pub(crate) target: Target,
    /// Time from spawn to the first answer.
    pub(crate) started_in: Duration,
}

/// Program, arguments and environment of a server.
pub(crate) struct Launch {
    pub(crate) binary: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
}

impl Launch {
    /// Courtside on a database, without demo data and without a rate limit on bookings.
    pub(crate) fn courtside(binary: &Path, database_url: &str) -> Self {
        let settings = [
            ("DATABASE_URL", database_url),
            ("DEMO_DATA", "false"),
            ("RATE_LIMIT_BOOKINGS_PER_MINUTE", "0"),
            ("LOG_LEVEL", "warn"),
            ("LOG_FORMAT", "json"),
        ];
        Self {
            binary: binary.to_owned(),
            arguments: vec!["serve".to_owned()],
            environment: settings
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        }
    }

    /// The hand-written limit, which is a subcommand of this program.
    ///
    /// # Errors
    /// When the path of this program is not known.
    pub(crate) fn limit<const N: usize>(arguments: [(&str, String); N]) -> Result<Self, Failure> {
        Ok(Self {
            binary: std::env::current_exe()?,
            arguments: ["limit".to_owned()]
                .into_iter()
                .chain(arguments.map(|(name, value)| format!("{name}={value}")))
                .collect(),
            environment: Vec::new(),
        })
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it on a free port and waits until it answers.
    pub(crate) async fn start(&self) -> Result<Server, Failure> {
        let address = free_address()?;
        let log = std::env::temp_dir().join(format!("courtside-bench-{}.log", address.port()));
        let began = Instant::now();
        let child = Command::new(&self.binary)
            .args(&self.arguments)
            .envs(self.environment.iter().cloned())
            .env("LISTEN", address.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log)?)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("cannot run {}: {error}", self.binary.display()))?;
        let mut server = Server {
            child,
            target: Target(address),
            started_in: Duration::ZERO,
        };
        while !matches!(server.target.get("/healthz").await, Ok((200, _))) {
            if let Some(status) = server.child.try_wait()? {
                return Err(format!("the server ended ({status}); see {}", log.display()).into());
            }
            if began.elapsed() > START_TIMEOUT {
                return Err(format!("the server does not answer; see {}", log.display()).into());
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        server.started_in = began.elapsed();
        Ok(server)
    }
}

impl Server {
    pub(crate) fn pid(&self) -> u32 {
        self.child
            .id()
            .expect("it has not been waited for: only `kill` and `stop` do, and they take it")
    }

    /// Sends SIGKILL and waits for the end of the process.
    pub(crate) async fn kill(mut self) -> Result<(), Failure> {
        Ok(self.child.kill().await?)
    }

    /// Sends SIGTERM and waits for the end of the process.
    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        Command::new("kill")
            .arg(self.pid().to_string())
            .status()
            .await?;
        self.child.wait().await?;
        Ok(())
    }
}

/// A loopback address with a port that is free at the moment.
fn free_address() -> Result<SocketAddr, Failure> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
