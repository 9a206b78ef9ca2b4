//! `courtside doctor`: checks the installation.

use std::process::ExitCode;

use super::run::{print, print_err, with};
use crate::app::App;
use crate::clock::Clock;
use crate::config::{self, Config, SettingArgs};
use crate::domain::identity::{self, TokenVerifier};
use crate::domain::scheduling::cal_com::{self, Answer};
use crate::domain::sealed;
use crate::startup::{self, Failure};

/// Runs all checks, one line each; exit code 1 when one fails, 2 when the settings are invalid.
pub(super) fn main(settings: &SettingArgs) -> ExitCode {
    if let Err(problems) = Config::from_parts(&settings.parts) {
        print_err(&config::report(&problems));
        return ExitCode::from(config::EXIT_USAGE);
    }
    with(settings, check)
}

async fn check(config: Config) -> Result<(), Failure> {
    let mut report = Report::default();
    report.line(
        "settings",
        Ok(format!(
            "{:?}, listening on {}",
            config.environment, config.listen
        )),
    );
    let zones = zones::in_use();
    report.line("time zone data", Ok(zones.to_string()));
    for warning in zones.warnings(Clock::System.now().date_naive()) {
        report.warn("time zone data", &warning);
    }
    let db = startup::open_database(&config).await;
    let found = db.as_ref().map(|db| {
        if db.is_postgres() {
            "PostgreSQL, migrated"
        } else {
            "SQLite, migrated"
        }
    });
    report.line(
        "database",
        found.map(str::to_owned).map_err(ToString::to_string),
    );
    if let Ok(db) = db {
        match startup::build(&config, db, Clock::System).await {
            Ok(app) => {
                report.line("sign-in", sign_in(&app).await);
                report.line("claims", claims(&app).await);
                report.line("encryption keys", keys(&app).await);
                cal_com(&app, &mut report).await;
            }
            Err(error) => report.line("start", Err(error.to_string())),
        }
    }
    let secrets = config.calcom_webhook_secrets.len();
    report.line(
        "Cal.com webhooks",
        Ok(match secrets {
            0 => "no secret of your own (CALCOM_WEBHOOK_SECRETS is not set)".to_owned(),
            count => format!("{count} secret{} of your own", plural(count as u64)),
        }),
    );
    report.end()
}

async fn sign_in(app: &App) -> Result<String, String> {
    match &app.tokens {
        TokenVerifier::Local(_) => Ok("local tokens (CLERK_ISSUER is not set)".to_owned()),
        TokenVerifier::Clerk {
            verifier, issuer, ..
        } => {
            let keys = verifier.warm_up(app.clock.now()).await;
            keys.map(|()| format!("Clerk, {issuer}"))
                .map_err(|error| format!("Clerk, {issuer}: {error}"))
        }
    }
}

/// Names the claims that say who somebody is, and checks the key that reads what they do not say.
async fn claims(app: &App) -> Result<String, String> {
    const NAMES: &str = "`email` and `email_verified` (a booking needs both), `name`, `zoneinfo`";
    if let TokenVerifier::Local(_) = app.tokens {
        return Ok(format!("{NAMES}; local tokens have them all"));
    }
    let without = identity::count_unverified(app)
        .await
        .map_err(|error| error.to_string())?;
    let accounts = format!(
        "{without} account{} without a verified address",
        plural(without)
    );
    let Some(directory) = &app.directory else {
        return Ok(format!(
            "{NAMES}; customize the session token with them, or set CLERK_SECRET_KEY; {accounts}"
        ));
    };
    match directory.refusal().await {
        None => Ok(format!(
            "{NAMES}; what a token lacks is read from Clerk (CLERK_SECRET_KEY); {accounts}"
        )),
        Some(error) => Err(format!("CLERK_SECRET_KEY: {error}; {accounts}")),
    }
}

/// Checks that keys are configured and open every sealed value in the database.
async fn keys(app: &App) -> Result<String, String> {
    let found = sealed::check(app)
        .await
        .map_err(|error| error.to_string())?;
    let stored = found.good + found.bad;
    if found.bad > 0 {
        let missing: Vec<String> = found.missing.iter().map(|key| format!("`{key}`")).collect();
        let why = if missing.is_empty() {
            "they were changed, or the keys are others of the same name".to_owned()
        } else {
            format!("ENCRYPTION_KEYS does not hold {}", missing.join(", "))
        };
        return Err(format!(
            "{} of {stored} sealed values do not open: {why}",
            found.bad
        ));
    }
    let Some(key) = app.vault.current_key() else {
        return Ok("none".to_owned());
    };
    let older = match found.older {
        0 => String::new(),
        older => format!(
            ", {older} of them under an older key (`courtside rotate-keys` seals them anew)"
        ),
    };
    Ok(format!(
        "`{key}` seals; {stored} sealed value{} open{}{older}",
        plural(stored),
        if stored == 1 { "s" } else { "" }
    ))
}

/// Checks that Cal.com responds and accepts the configured clients.
async fn cal_com(app: &App, report: &mut Report) {
    const WHAT: &str = "Cal.com";
    if !app.vault.is_open() {
        return report.line(
            WHAT,
            Ok("off: without encryption keys there is no place for a token".to_owned()),
        );
    }
    let found = match cal_com::probe(app).await {
        Ok(found) => found,
        Err(error) => return report.line(WHAT, Err(error.to_string())),
    };
    let results = [
        (
            found.platform,
            "the client that makes accounts (CALCOM_CLIENT_ID, CALCOM_CLIENT_SECRET)",
        ),
        (
            found.oauth,
            "the client that asks for consent (CALCOM_OAUTH_CLIENT_ID, CALCOM_OAUTH_CLIENT_SECRET)",
        ),
        (found.reached, "Cal.com, as nobody in particular"),
    ];
    let mut is_configured = false;
    for (answer, client) in results
        .into_iter()
        .filter_map(|(answer, client)| Some((answer?, client)))
    {
        is_configured = true;
        report.line(
            WHAT,
            match answer {
                Answer::Well => Ok(format!("{client}: answered, and accepted")),
                Answer::Unclear => Ok(format!(
                    "{client}: answered, but not whether it is accepted"
                )),
                Answer::Refused => Err(format!("{client}: answered, and refused")),
                Answer::Silent => Err(format!("{client}: no answer (CALCOM_API_URL)")),
            },
        );
    }
    if !is_configured {
        report.line(
            WHAT,
            Ok("no client is configured; coaches may connect with API keys".to_owned()),
        );
    }
    let broken = match found.broken {
        0 => String::new(),
        broken => format!(", {broken} of them broken until the coach does something"),
    };
    let connected = found.connected;
    report.line(
        "accounts at Cal.com",
        Ok(format!("{connected} connected{broken}")),
    );
}

fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}

#[derive(Default)]
struct Report {
    failed: usize,
}

impl Report {
    fn line(&mut self, what: &str, found: Result<String, String>) {
        let (sign, text) = match found {
            Ok(text) => ("ok    ", text),
            Err(text) => {
                self.failed += 1;
                ("FAILED", text)
            }
        };
        print(&format!("{sign}  {what}: {text}\n"));
    }

    /// Something to look at that is no failure.
    fn warn(&self, what: &str, text: &str) {
        print(&format!("warn    {what}: {text}\n"));
    }

    fn end(self) -> Result<(), Failure> {
        if self.failed == 0 {
            Ok(())
        } else {
            Err(format!("{} of the checks failed", self.failed).into())
        }
    }
}
