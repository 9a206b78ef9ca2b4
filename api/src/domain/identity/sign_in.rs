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
use crate::domain::{Error, Person, Result, Viewer, audit};
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
    if let Some(impersonation) = &identity.impersonation {
        let entry = audit::Entry {
            actor_id: Some(account.id),
            impersonator: Some(impersonation.by.clone()),
            action: "session.impersonate",
            subject: &format!("user_{}", account.id.simple()),
            correlation_id,
        };
        let session = &impersonation.session;
        audit::record_impersonation(&app.db, session, entry, app.clock.now()).await?;
    }
    Ok(Viewer::Person(Person {
        user_id: account.id,
        role: account.role,
        // A profile grants no rights without the role of a coach.
        coach_id: account.coach_id.filter(|_| account.role != Role::Client),
        suspended: account.suspended_at.is_some(),
        address: identity.address(),
        impersonator: identity.impersonation.as_ref().map(|it| it.by.clone()),
        expires_at: identity.expires_at,
    }))
}

/// What a token says of a person, and when it was seen.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) identity: Identity,
    pub(super) now: DateTime<Utc>,
    pub(super) correlation_id: String,
}

/// The account, and the coach profile of a person who has one.
pub(super) async fn keep(txn: &Txn, seen: Seen) -> Result<(user::Model, Option<Uuid>)> {
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
    let is_verified = match (&identity.email, identity.email_verified) {
        (Some(_), Some(verified)) => verified,
        _ => user.email_verified && email == user.email,
    };
    let claims_bookings =
        is_verified && email.is_some() && (email != user.email || !user.email_verified);
    let mut row = user.clone().into_active_model();
    row.email_verified = Set(is_verified);
    row.display_name = Set(match &identity.name {
        Some(name) => name.clone(),
        None if user.has_no_name() => user::Model::NO_NAME.to_owned(),
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
    zone.filter(|zone| zone.parse::<zones::Zone>().is_ok())
        .unwrap_or("UTC")
}
