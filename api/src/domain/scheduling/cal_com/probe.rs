//! Checks that Cal.com is reachable and accepts our clients, for `courtside doctor`.

use std::time::Duration;

use entity::connection::{Column, Entity, Health};
use providers::Kind;
use providers::cal_com::Error as Fault;
use providers::cal_com::{CodeVerifier, Credential, Refusal};
use sea_orm::{ColumnTrait as _, PaginatorTrait as _, QueryFilter as _};

use super::{PROVIDER, client};
use crate::app::App;
use crate::domain::Result;

/// Timeout of one check.
const BUDGET: Duration = Duration::from_secs(10);

/// The result of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It accepts the client, or answers where only that is checked.
    Well,
    /// It answers, and refuses the client.
    Refused,
    /// Another answer: whether it accepts the client is unknown.
    Unclear,
    /// It does not answer.
    Silent,
}

/// The results of all checks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probe {
    /// Whether Cal.com answers; checked only if neither client is configured and accounts are
    /// connected.
    pub reached: Option<Answer>,
    /// The platform client, if configured.
    pub platform: Option<Answer>,
    /// The OAuth client, if configured.
    pub oauth: Option<Answer>,
    /// Number of connected accounts.
    pub connected: u64,
    /// Number of connected accounts that need an action of their coach.
    pub broken: u64,
}

/// Runs the checks. Changes nothing at Cal.com, and reads no coach's credential.
///
/// # Errors
/// When the database fails, or there is no client of Cal.com because encryption keys are missing.
pub async fn probe(app: &App) -> Result<Probe> {
    let client = &client(app)?.within(BUDGET);
    let live = || Entity::find_live(PROVIDER);
    let mut found = Probe {
        connected: live().count(app.db.read()).await?,
        broken: live()
            .filter(Column::Health.eq(Health::Broken))
            .count(app.db.read())
            .await?,
        ..Probe::default()
    };
    if client.platform_client_id().is_some() {
        found.platform = Some(judged(
            client.list_users(&[], Some(1), None).await.map(drop),
        ));
    }
    if client.has_oauth_client() {
        // An invalid code: a server that refuses the code has accepted the client.
        let (code, verifier) = (
            hex::encode(rand::random::<[u8; 16]>()),
            CodeVerifier::from_random(&rand::random()),
        );
        let asked = client
            .exchange_code(&code.into(), &verifier)
            .await
            .map(drop);
        found.oauth = Some(match asked {
            Err(fault) if fault.refusal == Some(Refusal::InvalidGrant) => Answer::Well,
            Err(fault) => judged(Err(fault)),
            Ok(()) => Answer::Unclear,
        });
    }
    if found.platform.or(found.oauth).is_none() && found.connected > 0 {
        let asked = client.get_me(&Credential::Public).await;
        found.reached = Some(match asked {
            Err(fault) if is_silence(&fault) => Answer::Silent,
            _ => Answer::Well,
        });
    }
    Ok(found)
}

fn judged(asked: std::result::Result<(), Fault>) -> Answer {
    match asked {
        Ok(()) => Answer::Well,
        Err(fault)
            if fault.refusal == Some(Refusal::InvalidClient)
                || fault.kind == Kind::Unauthorized =>
        {
            Answer::Refused
        }
        Err(fault) if is_silence(&fault) => Answer::Silent,
        Err(_) => Answer::Unclear,
    }
}

fn is_silence(fault: &Fault) -> bool {
    matches!(fault.kind, Kind::Unavailable | Kind::Malformed)
}
