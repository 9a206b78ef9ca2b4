//! The viewer: the person who sends the request.

use async_graphql::{Context, ID, MergedObject, Object};

use super::booking::{AdminBookings, ViewerBookings};
use super::coach::ViewerCoach;
use super::context::{app, caller};
use super::delivery::AdminDeliveries;
use super::error::Result;
use super::id::Kind;
use super::scalars::DateTime;
use super::session::{AdminSessions, ViewerSessions};
use super::slot::ViewerHolds;
use super::user::{AdminUsers, User};
use super::webhook_registration::AdminWebhookRegistrations;
use crate::domain::identity;

/// The caller, and what is theirs.
#[derive(MergedObject, Default)]
pub struct Viewer(
    ViewerAccount,
    ViewerCoach,
    ViewerBookings,
    ViewerSessions,
    ViewerHolds,
);

/// Everything, for staff.
#[derive(MergedObject, Default)]
pub struct Admin(
    AdminBookings,
    AdminSessions,
    AdminDeliveries,
    AdminWebhookRegistrations,
    AdminUsers,
);

/// Account of the viewer.
#[derive(Default)]
pub struct ViewerAccount;

#[Object]
impl ViewerAccount {
    /// Global id of the viewer object; differs from the user's.
    async fn id(&self, ctx: &Context<'_>) -> Result<ID> {
        Ok(Kind::Viewer.id(caller(ctx).require_person()?.user_id))
    }

    /// The account.
    async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        Ok(User(
            identity::get_own_account(app(ctx), caller(ctx)).await?,
        ))
    }

    /// When the caller's token ends.
    async fn token_expires_at(&self, ctx: &Context<'_>) -> Result<DateTime> {
        Ok(DateTime(caller(ctx).require_person()?.expires_at))
    }
}

/// Query of the viewer.
#[derive(Default)]
pub struct ViewerQuery;

#[Object]
impl ViewerQuery {
    /// The caller. For a visitor null, as long as only `__typename` is asked of it: anything else of it is for people who have signed in.
    async fn viewer(&self, ctx: &Context<'_>) -> Option<Result<Viewer>> {
        match caller(ctx).viewer {
            crate::domain::Viewer::Anonymous => None,
            crate::domain::Viewer::Person(_) => Some(
                caller(ctx)
                    .require_person()
                    .map(|_| Viewer::default())
                    .map_err(Into::into),
            ),
        }
    }

    /// Everything, for staff.
    async fn admin(&self, ctx: &Context<'_>) -> Option<Result<Admin>> {
        Some(
            caller(ctx)
                .require_admin()
                .map(|_| Admin::default())
                .map_err(Into::into),
        )
    }
}
