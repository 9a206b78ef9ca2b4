//! The coach object.

use async_graphql::{Context, ID, Lookahead, Object, SelectionField};
use entity::coach::{Model, Scheduler};
use entity::event_type;

use crate::domain;
use crate::domain::coach::is_managed_by;
use crate::domain::event_type::{Shown, first_page, list_by_coach};
use crate::domain::scheduling;
use crate::domain::scheduling::cal_com::apps::{inspect_calendars, inspect_video};
use crate::graphql::absence::Absence;
use crate::graphql::apps::{CoachCalendars, CoachVideoApps};
use crate::graphql::connected_account::ConnectedAccount;
use crate::graphql::connection::{Connection, Preloaded, first_page_of, page};
use crate::graphql::context::{app, caller};
use crate::graphql::error::Result;
use crate::graphql::event_type::{self as event_types, EventType};
use crate::graphql::fast_json::{Columns, columns};
use crate::graphql::id::Kind;
use crate::graphql::loaders::{
    AbsencesOf, ConnectionsOf, Loaders, PriceFrom, SchedulesOf, SpecialtiesOf,
};
use crate::graphql::money::Money;
use crate::graphql::scalars::{DateTime, TimeZone, Url};
use crate::graphql::schedule::Schedule;

/// The public profile of a coach.
#[derive(Clone, async_graphql::Description)]
pub struct Coach {
    pub(crate) row: Model,
    /// The first page of public event types and its size, preloaded for the whole list.
    event_types: Preloaded<event_type::Model>,
}

impl Coach {
    pub(crate) fn new(row: Model) -> Self {
        Self {
            row,
            event_types: Preloaded::default(),
        }
    }

    /// Rows of the preloaded first page of public event types; `None` when nothing was preloaded.
    pub(crate) fn first_event_types(&self) -> Option<&[event_type::Model]> {
        self.event_types.nodes()
    }
}

columns! {
    "Coach" of Model, Kind::Coach => {
        /// Part of the public address of the profile, unique.
        handle: &str = handle,
        /// Name as shown to clients.
        displayName: &str = display_name,
        /// One line under the name.
        headline: Option<&str> = headline,
        /// About the coach, as Markdown.
        biography: Option<&str> = biography,
        /// Picture.
        avatarUrl: Option<Url> = avatar_url,
        /// Zone the coach lives in.
        timeZone: TimeZone = time_zone,
        /// Whether the directory shows the profile.
        isListed: bool = listed,
        /// Whether new bookings are taken at all.
        isAcceptingBookings: bool = accepts_bookings,
        /// Grows by one with each change; give it back on update.
        version: i64 = version,
        /// When the profile was made.
        createdAt: DateTime = created_at,
        /// Last change of the profile.
        updatedAt: DateTime = updated_at,
    }
}

#[Object(use_type_description)]
impl Coach {
    /// Global id.
    pub(crate) async fn id(&self) -> ID {
        Kind::Coach.id(self.row.id)
    }

    #[graphql(flatten)]
    async fn columns(&self) -> Columns<'_, Model> {
        Columns(&self.row)
    }

    /// Fields of work, as stable keys such as negotiation, in the order of the alphabet.
    async fn specialties(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        let found = ctx
            .data_unchecked::<Loaders>()
            .load_one(SpecialtiesOf(self.row.id))
            .await?;
        Ok(found.unwrap_or_default())
    }

    /// Who owns the coach's time.
    async fn scheduler(&self) -> Scheduler {
        self.row.scheduler
    }

    /// What can be booked with this coach, by title.
    async fn event_types(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Items from the start, 1 to 100. Give first or last, not both; without either, 20 are returned."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Items from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only items before this cursor.")] before: Option<String>,
        #[graphql(
            desc = "Also unlisted and archived ones; only for the coach and staff.",
            default
        )]
        include_hidden: bool,
    ) -> Result<Connection<EventType>> {
        let shown = if include_hidden {
            Shown::All
        } else {
            Shown::Public
        };
        let is_first =
            after.is_none() && last.is_none() && before.is_none() && shown == Shown::Public;
        let page = page(first, after, last, before);
        let rows = match self.event_types.page(&page)?.filter(|_| is_first) {
            Some((size, rows)) => first_page(self.row.id, size, rows.to_vec()),
            None => list_by_coach(app(ctx), caller(ctx), self.row.id, shown, &page).await?,
        };
        Ok(Connection::new(rows, |row| {
            EventType::new(row).with_coach(self.clone())
        }))
    }

    /// Lowest price among the public event types that cost something, in the currency that most of them are in; null when all are free.
    async fn starting_price(&self, ctx: &Context<'_>) -> Result<Option<Money>> {
        let found = ctx
            .data_unchecked::<Loaders>()
            .load_one(PriceFrom(self.row.id))
            .await?;
        Ok(found
            .flatten()
            .map(|(minor, currency)| Money::new(minor, &currency)))
    }

    /// The coach's hours, by name; null unless the caller is the coach or staff. A short list that is not paged: at most 50.
    async fn schedules(&self, ctx: &Context<'_>) -> Result<Option<Vec<Schedule>>> {
        if !is_managed_by(caller(ctx), self.row.id) {
            return Ok(None);
        }
        let rows = ctx
            .data_unchecked::<Loaders>()
            .load_one(SchedulesOf(self.row.id))
            .await?
            .unwrap_or_default();
        Ok(Some(
            rows.into_iter()
                .map(|row| Schedule::new(row).with_coach(self.clone()))
                .collect(),
        ))
    }

    /// The days on which the coach is away, today's and those to come, by the first day; null unless the caller is the coach or staff. A
    /// short list that is not paged: at most 200.
    async fn out_of_office(&self, ctx: &Context<'_>) -> Result<Option<Vec<Absence>>> {
        if !is_managed_by(caller(ctx), self.row.id) {
            return Ok(None);
        }
        let rows = ctx
            .data_unchecked::<Loaders>()
            .load_one(AbsencesOf(self.row.id))
            .await?
            .unwrap_or_default();
        let today = scheduling::today(&self.row, app(ctx).clock.now());
        Ok(Some(
            rows.into_iter()
                .filter(|row| row.last_day >= today)
                .map(Absence::new)
                .collect(),
        ))
    }

    /// The accounts at providers that are connected, the newest first; null unless the caller is the coach or staff. A short list that is
    /// not paged: one for each provider.
    async fn connected_accounts(&self, ctx: &Context<'_>) -> Result<Option<Vec<ConnectedAccount>>> {
        if !is_managed_by(caller(ctx), self.row.id) {
            return Ok(None);
        }
        let rows = ctx
            .data_unchecked::<Loaders>()
            .load_one(ConnectionsOf(self.row.id))
            .await?
            .unwrap_or_default();
        Ok(Some(rows.into_iter().map(ConnectedAccount).collect()))
    }

    /// The calendars that are connected at the scheduler, read there now, which takes up to four seconds; null unless the caller is the
    /// coach or staff.
    async fn calendars(&self, ctx: &Context<'_>) -> Result<Option<CoachCalendars>> {
        if !is_managed_by(caller(ctx), self.row.id) {
            return Ok(None);
        }
        Ok(Some(CoachCalendars::new(
            inspect_calendars(app(ctx), caller(ctx), self.row.id).await?,
        )))
    }

    /// The apps for video that are connected at the scheduler, read there now, which takes up to four seconds; null unless the caller is
    /// the coach or staff.
    async fn video_apps(&self, ctx: &Context<'_>) -> Result<Option<CoachVideoApps>> {
        if !is_managed_by(caller(ctx), self.row.id) {
            return Ok(None);
        }
        Ok(Some(CoachVideoApps::new(
            inspect_video(app(ctx), caller(ctx), self.row.id).await?,
        )))
    }

    /// Whether the viewer may edit this profile.
    async fn viewer_can_edit(&self, ctx: &Context<'_>) -> bool {
        is_managed_by(caller(ctx), self.row.id)
    }
}

/// Preloads the related rows that the selection needs: one statement per relation, independent of
/// the number of coaches.
pub(crate) async fn preload<'c>(
    ctx: &Context<'_>,
    selection: Lookahead<'_>,
    coaches: impl IntoIterator<Item = &'c mut Coach>,
) -> Result<()> {
    let mut coaches: Vec<_> = coaches.into_iter().collect();
    if coaches.is_empty() || !selection.exists() {
        return Ok(());
    }
    let loaders = ctx.data_unchecked::<Loaders>();
    let ids: Vec<_> = coaches.iter().map(|coach| coach.row.id).collect();
    // Primes the loaders, so that the field resolvers hit their cache.
    if selection.field("specialties").exists() {
        loaders
            .load_many(ids.iter().map(|id| SpecialtiesOf(*id)))
            .await?;
    }
    if selection.field("startingPrice").exists() {
        loaders
            .load_many(ids.iter().map(|id| PriceFrom(*id)))
            .await?;
    }
    if selection.field("schedules").exists() {
        let managed = ids.iter().filter(|id| is_managed_by(caller(ctx), **id));
        loaders
            .load_many(managed.map(|id| SchedulesOf(*id)))
            .await?;
    }
    if selection.field("outOfOffice").exists() {
        let managed = ids.iter().filter(|id| is_managed_by(caller(ctx), **id));
        loaders.load_many(managed.map(|id| AbsencesOf(*id))).await?;
    }
    if selection.field("connectedAccounts").exists() {
        let managed = ids.iter().filter(|id| is_managed_by(caller(ctx), **id));
        loaders
            .load_many(managed.map(|id| ConnectionsOf(*id)))
            .await?;
    }
    let size = match selection.field("eventTypes").selection_fields()[..] {
        [] => return Ok(()),
        [types] => first_page_size(types),
        _ => None,
    };
    if let Some(size) = size {
        let most = size as u64 + 1;
        let found = domain::event_type::first_public_by_coaches(app(ctx), &ids, most).await?;
        let selection = selection.field("eventTypes");
        for nodes in [
            selection.field("nodes"),
            selection.field("edges").field("node"),
        ] {
            event_types::prime_loaders(ctx, nodes, found.values().flatten()).await?;
        }
        for coach in &mut coaches {
            // A coach may occur several times in the list.
            let rows = found.get(&coach.row.id).cloned().unwrap_or_default();
            coach.event_types.set(size, rows);
        }
    } else {
        coaches
            .iter_mut()
            .for_each(|coach| coach.event_types.refuse());
    }
    Ok(())
}

/// Page size that the selection requests, if it requests a plain first page. Invalid arguments are
/// reported by the resolver.
pub(crate) fn first_page_size(selection: SelectionField<'_>) -> Option<usize> {
    first_page_of(selection.arguments().ok()?)
}
