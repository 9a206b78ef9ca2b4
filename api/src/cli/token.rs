//! `courtside token`: prints a bearer token of the local issuer.

use clap::ValueEnum;
use entity::user::Role;

use super::run::print;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::domain::identity::{Identity, LOCAL_ISSUER, LOCAL_TOKEN_LIFE, LocalIssuer, find_local};
use crate::startup::{Failure, open_database};

/// A role, as spelled on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum RoleName {
    Client,
    Coach,
    Admin,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Client => Self::Client,
            RoleName::Coach => Self::Coach,
            RoleName::Admin => Self::Admin,
        }
    }
}

pub(super) async fn run(
    config: Config,
    role: RoleName,
    user: Option<String>,
) -> Result<(), Failure> {
    if config.clerk.is_some() {
        return Err(
            "tokens come from Clerk (CLERK_ISSUER is set); there is no local issuer to make one"
                .into(),
        );
    }
    let db = open_database(&config).await?;
    let token = sign(&db, role.into(), user.as_deref(), &Clock::System).await?;
    print(&format!("{token}\n"));
    Ok(())
}

/// Signs a token for a person of the local issuer: the one of that name, else the first with the
/// role, else a new one.
pub(super) async fn sign(
    db: &Db,
    role: Role,
    name: Option<&str>,
    clock: &Clock,
) -> Result<String, Failure> {
    let now = clock.now();
    let known = find_local(db, role, name.map(subject).as_deref()).await?;
    let name = name.unwrap_or("guest");
    let identity = match known {
        Some(user) => Identity {
            issuer: user.issuer,
            subject: user.subject,
            email: user.email,
            email_verified: Some(true),
            name: Some(user.display_name),
            time_zone: Some(user.time_zone),
            role: Some(role),
            impersonation: None,
            expires_at: now + LOCAL_TOKEN_LIFE,
        },
        None => Identity {
            issuer: LOCAL_ISSUER.to_owned(),
            subject: subject(name),
            email: Some(format!("{}@courtside.example", subject(name))),
            email_verified: Some(true),
            name: Some(name.to_owned()),
            time_zone: None,
            role: Some(role),
            impersonation: None,
            expires_at: now + LOCAL_TOKEN_LIFE,
        },
    };
    Ok(LocalIssuer::open(db).await?.sign(&identity, now)?)
}

/// The subject of a person in local tokens: the name in lower case, without characters that are
/// invalid in an email address.
fn subject(name: &str) -> String {
    let plain = name.to_lowercase();
    let letters = plain.chars().map(|letter| {
        if letter.is_ascii_alphanumeric() {
            letter
        } else {
            '-'
        }
    });
    letters.collect::<String>().trim_matches('-').to_owned()
}
