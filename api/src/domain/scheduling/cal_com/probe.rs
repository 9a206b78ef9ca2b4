//! Whether Cal.com can be reached, and takes us for who we say we are: for `courtside doctor`.

use std::time::Duration;

use entity::connection::{Column, Entity, Health};
use providers::Kind;
use providers::cal_com::Error as Fault;
use providers::cal_com::{CodeVerifier, Credential, Refusal};
use sea_orm::{ColumnTrait as _, PaginatorTrait as _, QueryFilter as _};

use super::{PROVIDER, client};
use crate::app::App;
use crate::domain::Result;

/// How long one question may take.
const BUDGET: Duration = Duration::from_secs(10);

/// What came of one question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// They take the client, or the question was only whether they answer.
    Well,
    /// They answer, and do not take the client.
    Refused,
    /// They answered something else: whether they take the client is not known.
    Unclear,
    /// They do not answer.
    Silent,
}

/// How things stand with Cal.com.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probe {
    /// Whether they answer; asked only where neither client is configured and accounts are
    /// connected.
    pub reached: Option<Answer>,
    /// The client that makes accounts, where one is configured.
    pub platform: Option<Answer>,
    /// The client that asks coaches for their consent, where one is configured.
    pub oauth: Option<Answer>,
    /// Accounts that are connected.
    pub connected: u64,
    /// How many of them do not work until their coach does something.
    pub broken: u64,
}

/// Asks Cal.com. Nothing is changed there, and no coach's credential is read.
///
/// # Errors
/// When the database fails, or there is no client of Cal.com for want of encryption keys.
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
        // No code is like this one: whoever refuses the code has taken the client.
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
