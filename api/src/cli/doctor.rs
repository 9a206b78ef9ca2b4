//! `courtside doctor`: what is wrong, and with what.

use std::process::ExitCode;

use super::{complain, print, with};
use crate::clock::Clock;
use crate::config::{self, Config, SettingArgs};
use crate::db::Db;
use crate::domain::identity::TokenVerifier;
use crate::startup::{self, Failure};

/// Checks everything, one line each; exit code 1 when something does not work, 2 when the settings are wrong.
pub(super) fn main(settings: &SettingArgs) -> ExitCode {
    if let Err(problems) = Config::from_parts(&settings.parts) {
        complain(&config::report(&problems));
        return ExitCode::from(config::EXIT_USAGE);
    }
    with(settings, check)
}

async fn check(config: Config) -> Result<(), Failure> {
    let mut report = Report::default();
    report.line("settings", Ok(format!("{:?}, listening on {}", config.environment, config.listen)));
    let db = startup::open_database(&config).await;
    let found = db.as_ref().map(|db| if db.is_postgres() { "PostgreSQL, migrated" } else { "SQLite, migrated" });
    report.line("database", found.map(str::to_owned).map_err(ToString::to_string));
    if let Ok(db) = db {
        report.line("sign-in", sign_in(&config, db).await);
    }
    let secrets = config.calcom_webhook_secrets.len();
    report.line(
        "Cal.com webhooks",
        Ok(match secrets {
            0 => "off (CALCOM_WEBHOOK_SECRETS is not set)".to_owned(),
            count => format!("on, {count} secret{}", if count == 1 { "" } else { "s" }),
        }),
    );
    report.end()
}

async fn sign_in(config: &Config, db: Db) -> Result<String, String> {
    let app = startup::build(config, db, Clock::System).await.map_err(|error| error.to_string())?;
    match &app.tokens {
        TokenVerifier::Local(_) => Ok("local tokens (CLERK_ISSUER is not set)".to_owned()),
        TokenVerifier::Clerk { verifier, issuer, .. } => {
            let keys = verifier.warm_up(app.clock.now()).await;
            keys.map(|()| format!("Clerk, {issuer}")).map_err(|error| format!("Clerk, {issuer}: {error}"))
        }
    }
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

    fn end(self) -> Result<(), Failure> {
        if self.failed == 0 { Ok(()) } else { Err(format!("{} of the checks failed", self.failed).into()) }
    }
}
