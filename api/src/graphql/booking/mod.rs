//! Bookings: objects, inputs, queries, mutations and subscriptions.

pub mod event;
pub mod input;
mod list;
pub mod mutation;
pub mod object;
pub mod subscription;

use async_graphql::{Context, ID, Object};

pub use event::BookingEvent;
pub(crate) use list::preload;
pub use mutation::BookingMutation;
pub use object::{Booking, CancellationPolicy};
pub use subscription::BookingSubscription;

use super::connection::{Connection, page};
use super::context::{app, caller};
use super::error::Result;
use super::id::Kind;
use crate::domain::booking::{self, Scope, Side};
use input::BookingFilter;

/// Queries of bookings.
#[derive(Default)]
pub struct BookingQuery;

#[Object]
impl BookingQuery {
    /// One booking in which the caller takes part; staff see all. NOT_FOUND for anyone else's.
    async fn booking(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its id.")] id: ID,
    ) -> Option<Result<Booking>> {
        Some(find(ctx, &id).await)
    }
}

async fn find(ctx: &Context<'_>, id: &ID) -> Result<Booking> {
    let key = Kind::Booking.key("id", id)?;
    let row = booking::get(app(ctx), caller(ctx), key).await?;
    let mut booking = Booking::new(row);
    preload(ctx, ctx.look_ahead(), std::iter::once(&mut booking)).await?;
    Ok(booking)
}

/// Bookings of the viewer.
#[derive(Default)]
pub struct ViewerBookings;

#[Object]
impl ViewerBookings {
    /// Bookings in which the viewer takes part, by start, earliest first.
    #[expect(clippy::too_many_arguments, reason = "the arguments of the field")]
    async fn bookings(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "As which side; both when left out.")] role: Option<Side>,
        #[graphql(desc = "Which bookings.")] filter: Option<BookingFilter>,
        #[graphql(
            desc = "Items from the start, 1 to 100. Give first or last, not both; without either, 20 are returned."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Items from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only items before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Booking>> {
        let page = page(first, after, last, before);
        list::page_of(ctx, Scope::Own(role), filter, &page).await
    }

    /// The page on which new clients book their verification call: the active booking with what may be done to it, or null when
    /// one can be booked.
    async fn verification_booking(&self, ctx: &Context<'_>) -> Result<Option<Booking>> {
        let found = booking::verification(app(ctx), caller(ctx)).await?;
        let mut found = found.map(Booking::new);
        preload(ctx, ctx.look_ahead(), found.as_mut()).await?;
        Ok(found)
    }
}

/// Bookings of everyone, for staff.
#[derive(Default)]
pub struct AdminBookings;

#[Object]
impl AdminBookings {
    /// All bookings, by start, earliest first.
    async fn bookings(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which bookings.")] filter: Option<BookingFilter>,
        #[graphql(
            desc = "Items from the start, 1 to 100. Give first or last, not both; without either, 20 are returned."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Items from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only items before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Booking>> {
        let page = page(first, after, last, before);
        list::page_of(ctx, Scope::Everyone, filter, &page).await
    }
}
