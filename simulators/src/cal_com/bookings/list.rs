//! Lists of bookings, with their filters and pages.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::shape::shown;
use crate::cal_com::auth::Caller;
use crate::cal_com::call::Call;
use crate::cal_com::reply::{Answer, Failure, plain, violation};
use crate::cal_com::state::{Booking, State, Status};

const STATES: [&str; 5] = ["upcoming", "recurring", "past", "cancelled", "unconfirmed"];

/// What the caller may see: the platform everybody's of its organization, others their own.
pub(super) fn list(state: &mut State, call: &Call) -> Answer {
    match state.permitted(call)? {
        Caller::Platform(_) => page_of(state, call, |_| true),
        caller => {
            let user = caller.user();
            page_of(state, call, |booking| booking.host == user)
        }
    }
}

/// A page of those bookings that the query is about.
pub(in crate::cal_com) fn page_of(
    state: &State,
    call: &Call,
    whose: impl Fn(&Booking) -> bool,
) -> Answer {
    let states = call.params("status");
    if states.iter().any(|wanted| !STATES.contains(wanted)) {
        let text = format!("Invalid status. Allowed are {}", STATES.join(", "));
        let target = json!({ "status": states });
        return Err(Failure::invalid(vec![violation(
            &target,
            "status",
            &[("isEnum", text)],
        )]));
    }
    let take = call.number("take").unwrap_or(100);
    if take > 250 {
        let text = "take must not be greater than 250".to_owned();
        let target = json!({ "take": take });
        return Err(Failure::invalid(vec![violation(
            &target,
            "take",
            &[("max", text)],
        )]));
    }
    let skip = call.number("skip").unwrap_or(0);
    let filter = Filter {
        call,
        now: call.now,
        states,
    };
    let mut found: Vec<&Booking> = state
        .bookings
        .values()
        .filter(|booking| whose(booking) && filter.admits(booking))
        .collect();
    sort(&mut found, call);
    let total = found.len() as u64;
    let page: Vec<Value> = found
        .into_iter()
        .skip(skip as usize)
        .take(take as usize)
        .map(|booking| shown(state, booking))
        .collect();
    plain(
        200,
        json!({ "status": "success", "data": page, "pagination": pagination(page.len() as u64, total, take, skip) }),
    )
}

fn pagination(returned: u64, total: u64, take: u64, skip: u64) -> Value {
    let pages = total.div_ceil(take.max(1));
    let current = if total == 0 {
        0
    } else {
        skip / take.max(1) + 1
    };
    json!({
        "returnedItems": returned,
        "totalItems": total,
        "itemsPerPage": take,
        "remainingItems": total.saturating_sub(skip + returned),
        "currentPage": current,
        "totalPages": pages,
        "hasNextPage": current < pages,
        "hasPreviousPage": current > 1,
    })
}

fn sort(found: &mut [&Booking], call: &Call) {
    let keys: [(&str, fn(&Booking) -> DateTime<Utc>); 4] = [
        ("sortStart", |booking| booking.start),
        ("sortEnd", |booking| booking.end),
        ("sortCreated", |booking| booking.created_at),
        ("sortUpdatedAt", |booking| booking.updated_at),
    ];
    found.sort_by_key(|booking| (booking.start, booking.id));
    for (name, key) in keys {
        match call.param(name) {
            Some("desc") => {
                found.sort_by(|one, other| key(other).cmp(&key(one)).then(one.id.cmp(&other.id)))
            }
            Some(_) => found.sort_by_key(|booking| (key(booking), booking.id)),
            None => {}
        }
    }
}

struct Filter<'c> {
    call: &'c Call,
    now: DateTime<Utc>,
    states: Vec<&'c str>,
}

impl Filter<'_> {
    fn admits(&self, booking: &Booking) -> bool {
        self.in_state(booking)
            && self.of_people(booking)
            && self.of_types(booking)
            && self.in_time(booking)
    }

    fn in_state(&self, booking: &Booking) -> bool {
        self.states.is_empty()
            || self.states.iter().any(|wanted| match *wanted {
                "upcoming" => booking.end >= self.now && booking.status == Status::Accepted,
                "recurring" => {
                    let coming = booking.end >= self.now && booking.recurring_uid.is_some();
                    coming && !matches!(booking.status, Status::Cancelled | Status::Rejected)
                }
                "past" => {
                    booking.end <= self.now
                        && !matches!(booking.status, Status::Cancelled | Status::Rejected)
                }
                "cancelled" => matches!(booking.status, Status::Cancelled | Status::Rejected),
                _ => booking.end >= self.now && booking.status == Status::Pending,
            })
    }

    fn of_people(&self, booking: &Booking) -> bool {
        let email = self.call.param("attendeeEmail");
        let name = self.call.param("attendeeName").map(str::to_lowercase);
        let mut people = booking.attendees.iter();
        let wanted = email.is_none() && name.is_none();
        wanted
            || people.any(|person| {
                email.is_none_or(|email| person.email == email)
                    && name
                        .as_ref()
                        .is_none_or(|name| person.name.to_lowercase().contains(name))
            })
    }

    fn of_types(&self, booking: &Booking) -> bool {
        let mut types = self.call.params("eventTypeIds");
        types.extend(self.call.params("eventTypeId"));
        let id = booking.event_type.to_string();
        let of_type = types.is_empty() || types.contains(&id.as_str());
        let of_team =
            self.call.params("teamsIds").is_empty() && self.call.params("teamId").is_empty();
        of_type
            && of_team
            && self
                .call
                .param("bookingUid")
                .is_none_or(|uid| uid == booking.uid)
    }

    fn in_time(&self, booking: &Booking) -> bool {
        let at = |name: &str| {
            self.call
                .param(name)
                .and_then(|text| text.parse::<DateTime<Utc>>().ok())
        };
        at("afterStart").is_none_or(|after| booking.start >= after)
            && at("beforeEnd").is_none_or(|before| booking.end <= before)
            && at("afterCreatedAt").is_none_or(|after| booking.created_at >= after)
            && at("beforeCreatedAt").is_none_or(|before| booking.created_at <= before)
            && at("afterUpdatedAt").is_none_or(|after| booking.updated_at >= after)
            && at("beforeUpdatedAt").is_none_or(|before| booking.updated_at <= before)
    }
}
