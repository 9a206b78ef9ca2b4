//! The sandbox: `cargo run -p simulators` starts the stand-ins and a Courtside that is wired to
//! them.
//!
//! When everything answers, one line of JSON goes to standard output; everything else goes to
//! standard error. It runs until it is interrupted, and leaves nothing behind.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use simulators::cal_com::{self, OAuthClient};
use simulators::{Clock, clerk};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

/// Where the sandbox's imaginary front end lives.
const ORIGIN: &str = "http://localhost:4321";
const OAUTH_CLIENT: &str = "sandbox-oauth-client";
const OAUTH_SECRET: &str = "sandbox-oauth-secret";

#[tokio::main]
async fn main() -> io::Result<()> {
    let courtside = courtside().await?;
    let port = free_port().await?;
    let gateway = format!("http://127.0.0.1:{port}");
    let clock = Clock::system();
    let day = clerk::Options {
        clock: clock.clone(),
        origin: ORIGIN.to_owned(),
        lifetime: 24 * 60 * 60,
        ..clerk::Options::default()
    };
    let clerk = clerk::start(day).await?;
    let options = cal_com::Options {
        clock,
        oauth_clients: vec![OAuthClient {
            id: OAUTH_CLIENT.to_owned(),
            secret: Some(OAUTH_SECRET.to_owned()),
            name: "Courtside sandbox".to_owned(),
            redirect_uri: format!("{gateway}/oauth/calcom"),
        }],
        limits: cal_com::Limits::real(),
        ..cal_com::Options::default()
    };
    let cal = cal_com::start(options.clone()).await?;
    // Whoever opens the authorization page is this person, and agrees at once.
    let (account, api_key) = cal.add_account(
        "Nora Whitfield",
        "nora@courtside.example",
        "America/New_York",
    );
    cal.sign_in(account);

    let folder = std::env::temp_dir().join(format!("courtside-sandbox-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let mut server = serve(&courtside, &folder, port, &clerk, &cal.url(), &options)?;
    let ready = tokio::select! {
        () = answers(port) => true,
        ended = server.wait() => {
            eprintln!("Courtside ended before it was ready: {}", ended?);
            false
        }
    };
    if ready {
        let tokens = tokens(&clerk);
        connect(port, tokens["coach"].as_str().unwrap_or_default(), &api_key).await?;
        announce(&json!({
            "gateway": gateway,
            "calcom": cal.url(),
            "clerk": clerk.issuer(),
            "tokens": tokens,
            "calcomAccount": { "user": account, "apiKey": api_key },
        }))?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted?,
            ended = server.wait() => eprintln!("Courtside ended: {}", ended?),
        }
    }
    server.kill().await?;
    std::fs::remove_dir_all(&folder)?;
    if ready {
        Ok(())
    } else {
        Err(io::Error::other("the sandbox did not come up"))
    }
}

/// The server's program. It lies beside this one; what cargo started has cargo bring it up to date.
async fn courtside() -> io::Result<PathBuf> {
    let beside = std::env::current_exe()?
        .with_file_name(format!("courtside{}", std::env::consts::EXE_SUFFIX));
    if let Some(cargo) = std::env::var_os("CARGO") {
        let mut build = Command::new(cargo);
        build.args([
            "build",
            "--quiet",
            "--package",
            "courtside",
            "--bin",
            "courtside",
        ]);
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        let built = build.stdout(Stdio::from(io::stderr())).status().await?;
        if !built.success() {
            return Err(io::Error::other("courtside does not build"));
        }
    }
    if beside.exists() {
        Ok(beside)
    } else {
        Err(io::Error::other(
            "the program courtside is not beside this one",
        ))
    }
}

async fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))
        .await?
        .local_addr()?
        .port())
}

/// Starts a server that knows the stand-ins and nobody else.
fn serve(
    program: &Path,
    folder: &Path,
    port: u16,
    clerk: &clerk::StandIn,
    calcom: &str,
    options: &cal_com::Options,
) -> io::Result<Child> {
    let database = format!("sqlite://{}", folder.join("courtside.db").display());
    let organization = options.organization_id.to_string();
    Command::new(program)
        .arg("serve")
        .env("LISTEN", format!("127.0.0.1:{port}"))
        .env("PUBLIC_URL", format!("http://127.0.0.1:{port}"))
        .env("ENVIRONMENT", "development")
        .env("DATABASE_URL", database)
        .env("DEMO_DATA", "true")
        .env("CLERK_ISSUER", clerk.issuer())
        .env("CLERK_AUTHORIZED_PARTIES", clerk.origin())
        .env("CALCOM_API_URL", calcom)
        .env("CALCOM_APP_URL", calcom)
        .env("CALCOM_CLIENT_ID", &options.client_id)
        .env("CALCOM_CLIENT_SECRET", &options.client_secret)
        .env("CALCOM_ORGANIZATION_ID", organization)
        .env("CALCOM_OAUTH_CLIENT_ID", OAUTH_CLIENT)
        .env("CALCOM_OAUTH_CLIENT_SECRET", OAUTH_SECRET)
        .env("OAUTH_REDIRECTS", ORIGIN)
        .stdout(Stdio::from(io::stderr()))
        .kill_on_drop(true)
        .spawn()
}

/// Waits until the server says that it is ready.
async fn answers(port: u16) {
    while !is_ready(port).await.unwrap_or(false) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn is_ready(port: u16) -> io::Result<bool> {
    let head =
        format!("GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    Ok(ask(port, &head).await?.starts_with("HTTP/1.1 200"))
}

/// What a coach does before anybody can book them: connect their account, say when they work and
/// what they offer, and move there.
const STEPS: [(&str, &str); 5] = [
    (
        "Connecting the demo coach",
        "mutation($key: String!) { connectWithApiKey(input: { apiKey: $key }) { userErrors { code message } } }",
    ),
    (
        "Hours",
        "mutation { createSchedule(input: { name: \"Office\", timeZone: \"America/New_York\", isDefault: true, weeklyHours: [\
         { weekday: MONDAY, from: \"09:00\", until: \"17:00\" }, { weekday: TUESDAY, from: \"09:00\", until: \"17:00\" }, \
         { weekday: WEDNESDAY, from: \"09:00\", until: \"17:00\" }, { weekday: THURSDAY, from: \"09:00\", until: \"17:00\" }, \
         { weekday: FRIDAY, from: \"09:00\", until: \"17:00\" }] }) { userErrors { code message } } }",
    ),
    (
        "An offer",
        "mutation { createEventType(input: { slug: \"coaching-60\", title: \"Coaching\", lengthMinutes: 60, visibility: PUBLIC }) \
         { eventType { id } userErrors { code message } } }",
    ),
    (
        "An offer that waits for the coach",
        "mutation { createEventType(input: { slug: \"intro-30\", title: \"Introduction\", lengthMinutes: 30, visibility: PUBLIC, \
         requiresApproval: true }) { eventType { id } userErrors { code message } } }",
    ),
    (
        "Moving to Cal.com",
        "mutation { migrateCoach(input: { to: CALCOM }) { report { isDone } userErrors { code message } } }",
    ),
];

/// Brings the demo coach to the stand-in with the API key of their account there. What comes of
/// each step is for people to read.
async fn connect(port: u16, token: &str, api_key: &str) -> io::Result<()> {
    for (step, mutation) in STEPS {
        let variables = if mutation.contains("$key") {
            json!({ "key": api_key })
        } else {
            json!({})
        };
        let body = json!({ "query": mutation, "variables": variables }).to_string();
        let request = format!(
            "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = ask(port, &request).await?;
        eprintln!(
            "{step}: {}",
            answer.split("\r\n\r\n").nth(1).unwrap_or_default()
        );
    }
    Ok(())
}

async fn ask(port: u16, request: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// Sessions of a day for one of each role.
fn tokens(clerk: &clerk::StandIn) -> Value {
    let token = |name: &str, role: &str| {
        clerk.token(&clerk::Subject {
            id: format!("user_{name}"),
            email: Some(format!("{name}@courtside.example")),
            email_verified: Some(true),
            name: Some(name.to_owned()),
            role: Some(role.to_owned()),
        })
    };
    json!({ "client": token("maria", "client"), "coach": token("nora", "coach"), "admin": token("olivia", "admin") })
}

fn announce(line: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
