//! Pages of bookings, with related rows preloaded for the whole page.

use async_graphql::{Context, Lookahead};
use entity::booking::Model;

use super::input::BookingFilter;
use super::object::Booking;
use crate::domain::booking::{self, Scope};
use crate::domain::page::PageInput;
use crate::graphql::coach::{self, Coach};
use crate::graphql::connection::Connection;
use crate::graphql::context::{app, caller};
use crate::graphql::error::Result;
use crate::graphql::event_type::EventType;
use crate::graphql::fast_json::nodes;
use crate::graphql::loaders::{CoachById, EventTypeById, Loaders, SessionByBooking, UserById};
use crate::graphql::session::{self, Session};

/// Reads one page of bookings and preloads the related rows that the selection needs.
pub(super) async fn page_of(
    ctx: &Context<'_>,
    scope: Scope,
    filter: Option<BookingFilter>,
    page: &PageInput,
) -> Result<Connection<Booking>> {
    let filter = filter.unwrap_or_default().read()?;
    let listed = || booking::listed(caller(ctx), scope, &filter);
    if let Some(written) = nodes::<Model>(ctx, page, listed).await? {
        return Ok(Connection::written(written));
    }
    let rows = booking::list(app(ctx), caller(ctx), scope, &filter, page).await?;
    let mut bookings = Connection::new(rows, Booking::new);
    let selection = ctx.look_ahead();
    for nodes in [
        selection.field("nodes"),
        selection.field("edges").field("node"),
    ] {
        preload(ctx, nodes, bookings.nodes_mut()).await?;
    }
    Ok(bookings)
}

/// Preloads the related rows that the selection needs: one statement per relation, independent of
/// the number of bookings.
pub(crate) async fn preload<'b>(
    ctx: &Context<'_>,
    selection: Lookahead<'_>,
    bookings: impl IntoIterator<Item = &'b mut Booking>,
) -> Result<()> {
    let mut bookings: Vec<_> = bookings.into_iter().collect();
    if bookings.is_empty() || !selection.exists() {
        return Ok(());
    }
    let loaders = ctx.data_unchecked::<Loaders>();
    if selection.field("coach").exists() {
        let ids = bookings
            .iter()
            .map(|booking| CoachById(booking.row.coach_id));
        let found = loaders.load_many(ids).await?;
        for booking in &mut bookings {
            booking.coach = found
                .get(&CoachById(booking.row.coach_id))
                .cloned()
                .map(Coach::new);
        }
        let coaches = bookings
            .iter_mut()
            .filter_map(|booking| booking.coach.as_mut());
        coach::preload(ctx, selection.field("coach"), coaches).await?;
    }
    if selection.field("eventType").exists() {
        let ids = bookings
            .iter()
            .map(|booking| EventTypeById(booking.row.event_type_id));
        let found = loaders.load_many(ids).await?;
        for booking in &mut bookings {
            booking.event_type = found
                .get(&EventTypeById(booking.row.event_type_id))
                .cloned()
                .map(EventType::new);
        }
    }
    if selection.field("client").exists() {
        // Primes the loaders, so that the field resolvers hit their cache.
        loaders
            .load_many(
                bookings
                    .iter()
                    .filter_map(|booking| booking.row.client_id.map(UserById)),
            )
            .await?;
    }
    if selection.field("session").exists() {
        let ids = bookings
            .iter()
            .map(|booking| SessionByBooking(booking.row.id));
        let found = loaders.load_many(ids).await?;
        for booking in &mut bookings {
            let session = found.get(&SessionByBooking(booking.row.id)).cloned();
            booking.session = Some(session.map(|row| Session::new(row, booking.row.clone())));
        }
        let sessions = bookings
            .iter_mut()
            .filter_map(|booking| booking.session.as_mut()?.as_mut());
        session::preload(ctx, selection.field("session"), sessions).await?;
    }
    Ok(())
}
