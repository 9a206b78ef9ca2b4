//! What the platform reads and does for its people with nothing but its own credentials.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::auth::Caller;
use super::bookings::page_of;
use super::call::Call;
use super::reply::{Answer, Failure, created, iso, ok};
use super::state::{OutOfOffice, Scope, State, User, next, string};
use super::users::metadata;
use super::{schedules, webhooks};

pub(super) fn route(state: &mut State, call: &Call, id: &str, parts: &[&str]) -> Option<Answer> {
    if let Err(refused) = admitted(state, call, id) {
        return Some(Err(refused));
    }
    match (call.method.as_str(), parts) {
        ("GET", ["bookings"]) => Some(page_of(state, call, |_| true)),
        ("GET", ["users"]) => Some(users(state, call)),
        ("GET", ["ooo"]) => Some(ok(state
            .out_of_office
            .iter()
            .map(shown)
            .collect::<Vec<_>>())),
        (_, ["webhooks", rest @ ..]) => webhooks::serve(state, call, &Scope::Organization(1), rest),
        (_, ["users", user, rest @ ..]) => of_user(state, call, user, rest),
        _ => None,
    }
}

fn admitted(state: &mut State, call: &Call, id: &str) -> Result<(), Failure> {
    let caller = state.caller(call)?;
    if id.parse() != Ok(state.settings.organization_id) {
        return Err(Failure::not_found(format!(
            "IsOrgGuard - Organization with id=({id}) not found."
        )));
    }
    match caller {
        Caller::Platform(_) | Caller::Account(1) => Ok(()),
        _ => {
            let message = format!(
                "RolesGuard - User is not an admin or owner of the organization with id=({id})"
            );
            Err(Failure::forbidden(message))
        }
    }
}

fn of_user(state: &mut State, call: &Call, user: &str, parts: &[&str]) -> Option<Answer> {
    let Some(id) = user
        .parse()
        .ok()
        .filter(|id: &u64| state.users.contains_key(id))
    else {
        let message =
            format!("IsUserInOrg - user with id=({user}) is not part of the organization");
        return Some(Err(Failure::forbidden(message)));
    };
    match (call.method.as_str(), parts) {
        ("GET", ["bookings"]) => Some(page_of(state, call, |booking| booking.host == id)),
        (_, ["schedules", rest @ ..]) => schedules::serve(state, call, id, rest),
        ("GET", ["ooo"]) => {
            let own = state
                .out_of_office
                .iter()
                .filter(|absence| absence.user == id);
            Some(ok(own.map(shown).collect::<Vec<_>>()))
        }
        ("POST", ["ooo"]) => Some(leave(state, call, id)),
        ("PATCH", ["ooo", absence]) => Some(change(state, call, id, absence)),
        ("DELETE", ["ooo", absence]) => Some(find(state, id, absence).and_then(|at| {
            let gone = state.out_of_office.remove(at);
            ok(shown(&gone))
        })),
        _ => None,
    }
}

fn users(state: &State, call: &Call) -> Answer {
    let take = call.number("take").unwrap_or(250) as usize;
    let skip = call.number("skip").unwrap_or(0) as usize;
    let emails = call.params("emails");
    let wanted = |user: &&User| emails.is_empty() || emails.contains(&user.email.as_str());
    let organization = state.settings.organization_id;
    let page = state.users.values().filter(wanted).skip(skip).take(take);
    ok(page
        .map(|user| member(user, organization))
        .collect::<Vec<_>>())
}

fn member(user: &User, organization: u64) -> Value {
    let mut shown = json!({
        "id": user.id,
        "username": user.username,
        "name": user.name,
        "email": user.email,
        "emailVerified": (!user.managed).then(|| iso(user.created_at)),
        "bio": user.bio,
        "avatarUrl": user.avatar_url,
        "timeZone": user.time_zone,
        "weekStart": user.week_start,
        "appTheme": null,
        "theme": null,
        "defaultScheduleId": user.default_schedule_id,
        "locale": user.locale,
        "timeFormat": user.time_format,
        "hideBranding": false,
        "brandColor": null,
        "darkBrandColor": null,
        "allowDynamicBooking": true,
        "createdDate": iso(user.created_at),
        "verified": user.managed,
        "invitedTo": user.managed.then_some(organization),
        "profile": {
            "id": user.id, "organizationId": organization, "userId": user.id, "username": user.username,
        },
    });
    if let Some(metadata) = metadata(user) {
        shown["metadata"] = metadata;
    }
    shown
}

/// An absence that is entered here sends no webhook.
fn leave(state: &mut State, call: &Call, user: u64) -> Answer {
    let body = call.json()?;
    let (Some(start), Some(end)) = (moment(body, "start"), moment(body, "end")) else {
        return Err(Failure::bad_request(
            "start and end must be valid ISO 8601 date strings",
        ));
    };
    if end < start {
        return Err(Failure::bad_request("Start date must be before end date."));
    }
    let absence = OutOfOffice {
        id: next(&mut state.ids.out_of_office),
        uuid: state.uuid(),
        user,
        start,
        end,
        notes: string(body, "notes"),
        reason: string(body, "reason").unwrap_or_else(|| "unspecified".to_owned()),
    };
    let shown = shown(&absence);
    state.out_of_office.push(absence);
    created(shown)
}

fn change(state: &mut State, call: &Call, user: u64, id: &str) -> Answer {
    let at = find(state, user, id)?;
    let body = call.json()?;
    let absence = &mut state.out_of_office[at];
    absence.start = moment(body, "start").unwrap_or(absence.start);
    absence.end = moment(body, "end").unwrap_or(absence.end);
    if let Some(reason) = string(body, "reason") {
        absence.reason = reason;
    }
    if let Some(notes) = string(body, "notes") {
        absence.notes = Some(notes);
    }
    ok(shown(absence))
}

fn find(state: &State, user: u64, id: &str) -> Result<usize, Failure> {
    let id = id.parse::<u64>();
    let found = state
        .out_of_office
        .iter()
        .position(|absence| Ok(absence.id) == id && absence.user == user);
    found.ok_or_else(|| Failure::not_found("IsUserOOO - OOO entry not found"))
}

fn moment(body: &Value, name: &str) -> Option<DateTime<Utc>> {
    body[name].as_str()?.parse().ok()
}

fn shown(absence: &OutOfOffice) -> Value {
    json!({
        "userId": absence.user,
        "toUserId": null,
        "id": absence.id,
        "uuid": absence.uuid,
        "start": iso(absence.start),
        "end": iso(absence.end),
        "notes": absence.notes,
        "reason": absence.reason,
    })
}
