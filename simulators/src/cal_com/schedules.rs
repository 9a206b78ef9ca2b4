//! Working hours: `/v2/schedules`.

use chrono::NaiveTime;
use serde_json::{Value, json};

use super::call::{Call, Version};
use super::old_shapes;
use super::reply::{Answer, Failure, created, done, ok, violation};
use super::state::{Schedule, State, next, string};

pub(super) fn route(state: &mut State, call: &Call, parts: &[&str]) -> Option<Answer> {
    let known = matches!(parts, [] | ["default"] | [_]);
    if !known
        || !matches!(
            call.version,
            Version::V20240415 | Version::V20240611 | Version::V20240614
        )
    {
        return None;
    }
    let caller = match state.caller(call) {
        Ok(caller) => caller.user(),
        Err(refused) => return Some(Err(refused)),
    };
    if call.version == Version::V20240415 && call.method == "GET" && parts.is_empty() {
        return Some(ok(of(state, caller)
            .map(|schedule| old_shapes::schedule(state, schedule, call.now))
            .collect::<Vec<_>>()));
    }
    serve(state, call, caller, parts)
}

/// The endpoints for the schedules of a user, whoever asks.
pub(super) fn serve(state: &mut State, call: &Call, user: u64, parts: &[&str]) -> Option<Answer> {
    match (call.method.as_str(), parts) {
        ("GET", []) => Some(ok(of(state, user)
            .map(|schedule| shown(state, schedule))
            .collect::<Vec<_>>())),
        ("POST", []) => Some(create(state, call, user)),
        ("GET", ["default"]) => {
            let default = state.users[&user]
                .default_schedule_id
                .and_then(|id| state.schedules.get(&id));
            Some(ok(default.map(|schedule| shown(state, schedule))))
        }
        ("GET", [id]) => {
            Some(own(state, user, id).and_then(|id| ok(shown(state, &state.schedules[&id]))))
        }
        ("PATCH", [id]) => Some(own(state, user, id).and_then(|id| update(state, call, id))),
        ("DELETE", [id]) => Some(own(state, user, id).and_then(|id| {
            state.schedules.remove(&id);
            let owner = state.users.get_mut(&user).expect("a caller is a user");
            owner.default_schedule_id = owner.default_schedule_id.filter(|default| *default != id);
            done()
        })),
        _ => None,
    }
}

fn of(state: &State, user: u64) -> impl Iterator<Item = &Schedule> {
    state
        .schedules
        .values()
        .filter(move |schedule| schedule.owner == user)
}

fn own(state: &State, user: u64, id: &str) -> Result<u64, Failure> {
    let schedule = id.parse().ok().and_then(|id: u64| state.schedules.get(&id));
    let schedule = schedule
        .ok_or_else(|| Failure::not_found(format!("Schedule with ID={id} does not exist.")))?;
    if schedule.owner != user {
        return Err(Failure::forbidden(format!(
            "User with ID={user} does not own schedule with ID={id}"
        )));
    }
    Ok(schedule.id)
}

fn create(state: &mut State, call: &Call, user: u64) -> Answer {
    let body = call.json()?;
    validate(body, true)?;
    let rows = |name: &str| body[name].as_array().cloned();
    let name = string(body, "name").unwrap_or_default();
    let zone = string(body, "timeZone").unwrap_or_default();
    let availability = rows("availability").unwrap_or_else(office_hours);
    let id = state.add_schedule(
        user,
        &name,
        &zone,
        availability,
        rows("overrides").unwrap_or_default(),
    );
    set_default(state, id, body);
    created(shown(state, &state.schedules[&id]))
}

fn update(state: &mut State, call: &Call, id: u64) -> Answer {
    let body = call.json()?;
    validate(body, false)?;
    let schedule = state.schedules.get_mut(&id).expect("it was found");
    if let Some(name) = string(body, "name") {
        schedule.name = name;
    }
    if let Some(zone) = string(body, "timeZone") {
        schedule.time_zone = zone;
    }
    // Lists are replaced as a whole.
    if let Some(availability) = body["availability"].as_array() {
        schedule.availability.clone_from(availability);
    }
    if let Some(overrides) = body["overrides"].as_array() {
        schedule.overrides.clone_from(overrides);
    }
    set_default(state, id, body);
    ok(shown(state, &state.schedules[&id]))
}

fn set_default(state: &mut State, id: u64, body: &Value) {
    if body["isDefault"] == true {
        let owner = state.schedules[&id].owner;
        state
            .users
            .get_mut(&owner)
            .expect("a schedule has an owner")
            .default_schedule_id = Some(id);
    }
}

/// Backward and overlapping windows pass: only the form is looked at.
fn validate(body: &Value, new: bool) -> Result<(), Failure> {
    let mut errors = Vec::new();
    if new {
        for name in ["name", "timeZone"] {
            if !body[name].is_string() {
                errors.push(violation(
                    body,
                    name,
                    &[("isString", format!("{name} must be a string"))],
                ));
            }
        }
        if !body["isDefault"].is_boolean() {
            let text = "isDefault must be a boolean value".to_owned();
            errors.push(violation(body, "isDefault", &[("isBoolean", text)]));
        }
    }
    errors.extend(
        ["availability", "overrides"]
            .iter()
            .filter_map(|list| badly_timed(body, list)),
    );
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Failure::invalid(errors))
    }
}

/// The validator's tree for a list with a time that is none.
fn badly_timed(body: &Value, list: &str) -> Option<Value> {
    let rows = body[list].as_array()?;
    let children: Vec<Value> = rows
        .iter()
        .enumerate()
        .filter_map(|(index, row)| {
            let bad = ["startTime", "endTime"].into_iter().filter(|name| {
                let time = row[*name].as_str().unwrap_or_default();
                time.len() != 5 || NaiveTime::parse_from_str(time, "%H:%M").is_err()
            });
            let leaves: Vec<Value> = bad
                .map(|name| violation(row, name, &[("matches", format!("{name} must be a valid time format HH:MM"))]))
                .collect();
            let node = json!({ "target": rows, "value": row, "property": index.to_string(), "children": leaves });
            (!leaves.is_empty()).then_some(node)
        })
        .collect();
    let node = json!({ "target": body, "value": rows, "property": list, "children": children });
    (!children.is_empty()).then_some(node)
}

/// What a schedule has when nobody says anything else.
pub(super) fn office_hours() -> Vec<Value> {
    let days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"];
    vec![json!({ "days": days, "startTime": "09:00", "endTime": "17:00" })]
}

impl State {
    pub(super) fn add_schedule(
        &mut self,
        owner: u64,
        name: &str,
        zone: &str,
        availability: Vec<Value>,
        overrides: Vec<Value>,
    ) -> u64 {
        let id = next(&mut self.ids.schedule);
        let (name, time_zone) = (name.to_owned(), zone.to_owned());
        self.schedules.insert(
            id,
            Schedule {
                id,
                owner,
                name,
                time_zone,
                availability,
                overrides,
            },
        );
        id
    }
}

fn shown(state: &State, schedule: &Schedule) -> Value {
    let default = state
        .users
        .get(&schedule.owner)
        .and_then(|owner| owner.default_schedule_id);
    json!({
        "id": schedule.id,
        "ownerId": schedule.owner,
        "name": schedule.name,
        "timeZone": schedule.time_zone,
        "availability": schedule.availability,
        "isDefault": default == Some(schedule.id),
        "overrides": schedule.overrides,
    })
}
