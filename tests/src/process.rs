//! The real binary.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::answer::Answer;
use crate::soon;

/// Where the binary is. It is built first: a test run builds only what tests link.
fn binary() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        // target/<profile>/deps/<this test>
        let this = std::env::current_exe().expect("a running program knows where it is");
        let profile = this
            .ancestors()
            .nth(2)
            .expect("tests are built into a target directory")
            .to_owned();
        let name = profile
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or("debug");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = std::process::Command::new(cargo);
        // What cargo tells of the test's own package would make build scripts run again, there and
        // back.
        for (name, _) in std::env::vars_os() {
            let told = name
                .to_str()
                .is_some_and(|name| name.starts_with("CARGO_") && name != "CARGO_HOME");
            if told {
                command.env_remove(name);
            }
        }
        let built = command
            .args(["build", "--quiet", "--workspace", "--bin", "courtside"])
            .args([
                "--profile",
                if name == "debug" { "dev" } else { name },
                "--target-dir",
            ])
            .arg(
                profile
                    .parent()
                    .expect("a profile lies in a target directory"),
            )
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .output()
            .expect("cargo runs the tests");
        assert!(
            built.status.success(),
            "cargo build: {}",
            String::from_utf8_lossy(&built.stderr)
        );
        profile.join("courtside")
    };
    BINARY.get_or_init(build).clone()
}

/// The binary with arguments and settings, and nothing of our own environment.
fn command(arguments: &[&str], settings: &Settings) -> Command {
    let mut command = Command::new(binary());
    command
        .args(arguments)
        .env_clear()
        .envs(settings)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Environment variables.
pub type Settings = BTreeMap<String, String>;

/// Settings by name.
#[must_use]
pub fn settings(settings: &[(&str, &str)]) -> Settings {
    settings
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Runs the binary to its end.
///
/// # Panics
/// When it does not end.
pub async fn courtside(arguments: &[&str], settings: &Settings) -> Output {
    soon("a command", command(arguments, settings).output())
        .await
        .expect("the binary can be started")
}

/// A server in a process of its own.
pub struct Served {
    child: Child,
    /// Where it listens.
    pub address: String,
    log: Arc<Mutex<String>>,
    http: reqwest::Client,
}

impl Served {
    /// Starts `courtside serve` on a free port, and waits until it listens.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(given: &Settings) -> Self {
        let mut all = settings(&[("LISTEN", "127.0.0.1:0"), ("LOG_FORMAT", "json")]);
        all.extend(given.clone());
        let mut child = command(&["serve"], &all)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary can be started");
        let mut lines = BufReader::new(child.stderr.take().expect("asked for above")).lines();
        let log = Arc::new(Mutex::new(String::new()));
        let (found, mut address) = watch::channel(None);
        let kept = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Ok(Value::Object(line)) = serde_json::from_str(&line)
                    && line
                        .get("message")
                        .is_some_and(|message| message == "Listening")
                {
                    found.send_replace(
                        line.get("address")
                            .and_then(Value::as_str)
                            .map(str::to_owned),
                    );
                }
                let mut log = kept.lock().unwrap_or_else(PoisonError::into_inner);
                log.push_str(&line);
                log.push('\n');
            }
        });
        let listening = soon("listening", address.wait_for(Option::is_some))
            .await
            .map(|address| address.clone());
        let address = match listening {
            Ok(address) => address.expect("waited for"),
            Err(_) => panic!(
                "it did not start: {}",
                log.lock().unwrap_or_else(PoisonError::into_inner)
            ),
        };
        Self {
            child,
            address,
            log,
            http: crate::app::http_client(),
        }
    }

    /// What it has said so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// A request to it.
    pub fn request(&self, method: http::Method, path: &str) -> reqwest::RequestBuilder {
        self.http
            .request(method, format!("http://{}{path}", self.address))
    }

    /// Runs an operation; `None` when there is no answer.
    pub async fn gql(&self, token: Option<&str>, query: &str, variables: Value) -> Option<Answer> {
        let body = serde_json::json!({ "query": query, "variables": variables });
        let mut request = self.request(http::Method::POST, "/graphql").json(&body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.ok()?;
        let (status, headers) = (response.status(), response.headers().clone());
        Some(Answer::new(status, headers, &response.text().await.ok()?))
    }

    /// Asks it to stop, and waits for its exit code.
    ///
    /// # Panics
    /// When it does not stop.
    pub async fn terminate(mut self) -> (Option<i32>, String) {
        let pid = self.child.id().expect("it is running").to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().await;
        assert!(
            sent.is_ok_and(|sent| sent.success()),
            "a signal can be sent"
        );
        let status = soon("stopping", self.child.wait())
            .await
            .expect("it is our child");
        (status.code(), self.log())
    }

    /// Ends it without a warning.
    pub async fn kill(mut self) {
        let _ = self.child.kill().await;
    }
}
