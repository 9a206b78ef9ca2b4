//! Signs persons in: the account of a token is made on first sight.

use chrono::{DateTime, Utc};
use entity::user::{self, Role};
use entity::{Uuid, coach};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};

use super::Identity;
use super::known::AccountSummary;
use crate::app::App;
use crate::db::Txn;
use crate::domain::{Error, Person, Result, Viewer};
use crate::outbox::{Job, Queue, job};

/// The person behind a valid token; made on first sight, and kept in step with what their tokens
/// say.
pub async fn sign_in(app: &App, identity: &Identity, correlation_id: &str) -> Result<Viewer> {
    let account = match AccountSummary::find(app, identity).await? {
        Some(account) if !account.differs_from(identity) => account,
        _ => {
            let seen = Seen {
                identity: identity.clone(),
                now: app.clock.now(),
                correlation_id: correlation_id.to_owned(),
            };
            AccountSummary::from(app.db.transaction(seen, keep).await?)
        }
    };
    Ok(Viewer::Person(Person {
        user_id: account.id,
        role: account.role,
        // A profile grants no rights without the role of a coach.
        coach_id: account.coach_id.filter(|_| account.role != Role::Client),
        suspended: account.suspended_at.is_some(),
        expires_at: identity.expires_at,
    }))
}

/// What a token says of a person, and when it was seen.
#[derive(Clone)]
struct Seen {
    identity: Identity,
    now: DateTime<Utc>,
    correlation_id: String,
}

/// The account, and the coach profile of a person who has one.
async fn keep(txn: &Txn, seen: Seen) -> Result<(user::Model, Option<Uuid>)> {
    let (identity, now) = (&seen.identity, seen.now);
    let fresh = user::ActiveModel {
        id: Set(entity::new_id()),
        issuer: Set(identity.issuer.clone()),
        subject: Set(identity.subject.clone()),
        email: Set(None),
        email_verified: Set(false),
        display_name: Set(String::new()),
        time_zone: Set(known_zone(identity.time_zone.as_deref()).to_owned()),
        role: Set(Role::Client),
        suspended_at: Set(None),
        created_at: Set(now),
        updated_at: Set(now),
    };
    // Two first requests may arrive concurrently.
    let on_conflict = OnConflict::columns([user::Column::Issuer, user::Column::Subject])
        .do_nothing()
        .to_owned();
    user::Entity::insert(fresh)
        .on_conflict(on_conflict)
        .exec_without_returning(&**txn)
        .await?;
    let user = user::Entity::find_by_subject(&identity.issuer, &identity.subject)
        .one(&**txn)
        .await?;
    let user = user.ok_or_else(|| Error::internal("an account", "vanished"))?;

    let email = identity.email().or_else(|| user.email.clone());
    let claims_bookings =
        identity.email_verified && email.is_some() && (email != user.email || !user.email_verified);
    let mut row = user.clone().into_active_model();
    row.email_verified = Set(if identity.email.is_some() {
        identity.email_verified
    } else {
        user.email_verified
    });
    row.display_name = Set(match &identity.name {
        Some(name) => name.clone(),
        // Shown to others, so it must not be an address.
        None if user.display_name.is_empty() || user.email.as_ref() == Some(&user.display_name) => {
            "New member".to_owned()
        }
        None => user.display_name.clone(),
    });
    row.email = Set(email);
    row.role = Set(identity.role());
    row.updated_at = Set(now);
    let user = row.update(&**txn).await?;
    if claims_bookings {
        let job = Job::new(job::Kind::ClaimBookings, user.id, Queue::Database);
        job::enqueue(txn, job.at(now, seen.correlation_id)).await?;
    }
    let coach = match user.role {
        Role::Coach => Some(crate::domain::coach::ensure_profile(txn, &user, now).await?),
        _ => coach::Entity::find_by_user(user.id).one(&**txn).await?,
    };
    Ok((user, coach.map(|coach| coach.id)))
}

fn known_zone(zone: Option<&str>) -> &str {
    zone.filter(|zone| zone.parse::<chrono_tz::Tz>().is_ok())
        .unwrap_or("UTC")
}
