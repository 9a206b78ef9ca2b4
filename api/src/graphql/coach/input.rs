//! Input objects of coaches.

use async_graphql::{ID, InputObject, MaybeUndefined};

use crate::domain::{self, coach};
use crate::graphql::id::Kind;
use crate::graphql::money::MoneyInput;
use crate::graphql::scalars::{TimeZone, Url};

/// Which coaches. All given conditions must hold.
#[derive(Clone, Debug, Default, InputObject)]
pub struct CoachFilter {
    /// Words, all of which occur in the name, headline, biography or among the specialties. At most 10.
    pub search: Option<String>,
    /// Any of these specialties, by key. At most 20.
    pub specialties: Option<Vec<String>>,
    /// A public event type in this currency costs no more than this, or is free.
    pub max_price: Option<MoneyInput>,
}

impl CoachFilter {
    pub(super) fn read(self) -> coach::CoachFilter {
        coach::CoachFilter {
            search: self.search,
            specialties: self.specialties,
            max_price: self.max_price.map(MoneyInput::read),
        }
    }
}

/// Input of updateCoachProfile. What is left out stays; null empties, where there may be nothing.
#[derive(Clone, Debug, InputObject)]
pub struct UpdateCoachProfileInput {
    /// The coach; the viewer's own profile when left out.
    pub coach_id: Option<ID>,
    /// Name as shown to clients, 1 to 120 characters.
    pub display_name: Option<String>,
    /// Part of the public address, unique: 1 to 64 of a-z, 0-9 and hyphens.
    pub handle: Option<String>,
    /// One line under the name, at most 200 characters.
    pub headline: MaybeUndefined<String>,
    /// About the coach, as Markdown, at most 10,000 characters.
    pub biography: MaybeUndefined<String>,
    /// Picture; https only.
    pub avatar_url: MaybeUndefined<Url>,
    /// Zone the coach lives in. The hours have a zone of their own.
    pub time_zone: Option<TimeZone>,
    /// All fields of work, as keys of a-z, 0-9 and hyphens; at most 20.
    pub specialties: Option<Vec<String>>,
    /// Whether the directory shows the profile.
    pub is_listed: Option<bool>,
    /// Whether new bookings are taken at all.
    pub is_accepting_bookings: Option<bool>,
    /// The version the caller has seen: refuses to change a profile that has changed since.
    pub version: Option<i64>,
}

impl UpdateCoachProfileInput {
    pub(super) fn read(self) -> domain::Result<coach::UpdateProfile> {
        Ok(coach::UpdateProfile {
            coach_id: Kind::Coach.find_key("coachId", self.coach_id.as_ref())?,
            display_name: self.display_name,
            handle: self.handle,
            headline: self.headline.into(),
            biography: self.biography.into(),
            avatar_url: self.avatar_url.map_value(|url| url.0).into(),
            time_zone: self.time_zone.map(|zone| zone.0),
            specialties: self.specialties,
            listed: self.is_listed,
            accepts_bookings: self.is_accepting_bookings,
            version: self.version,
        })
    }
}
