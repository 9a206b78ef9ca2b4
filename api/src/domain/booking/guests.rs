//! Guests of a booking.

use entity::Uuid;
use entity::booking::{Guests, Model};
use entity::booking_event::Kind;
use providers::normalised_email;

use super::state::Event;
use super::transition::apply;
use crate::app::App;
use crate::db::Txn;
use crate::domain::{Caller, Command, Conflict, Error, Result, Violation};

/// Maximum number of guests per booking.
const MAX_GUESTS: usize = 10;

/// Invites guests to a booking. Guests who are already invited are ignored; without a new one this
/// is a no-op. A guest cannot be removed.
///
/// # Errors
/// `Invalid` for an address that is malformed or a participant's own, or too many of them;
/// `InvalidState` for a booking that is no longer active or has begun; `NotFound` unless the caller
/// takes part in it.
pub async fn add_guests(
    app: &App,
    caller: &Caller,
    booking_id: Uuid,
    guests: Vec<String>,
) -> Result<Model> {
    let command = Command::new(app, caller, (booking_id, guests))?;
    app.db.transaction(command, add).await
}

async fn add(txn: &Txn, command: Command<(Uuid, Vec<String>)>) -> Result<Model> {
    let Command { author, input } = command;
    let (booking_id, guests) = input;
    let booking = super::rows::take(txn, booking_id).await?;
    let side = super::side(&author.person, &booking)?;
    super::rows::require_reachable(txn, &booking).await?;
    let client = booking.client_email.as_deref();
    let asked = check(&guests, client, 0).map_err(Error::Invalid)?;
    let new: Vec<String> = asked
        .0
        .into_iter()
        .filter(|guest| !booking.guests.0.contains(guest))
        .collect();
    if new.is_empty() {
        return Ok(booking);
    }
    check(&new, client, booking.guests.0.len()).map_err(Error::Invalid)?;
    if booking.seat_group != booking.id {
        let message = "a seat in a group is for one: whoever else comes books their own".to_owned();
        return Err(Conflict::InvalidState(message).into());
    }
    if !booking.status.is_active() || booking.starts_at <= author.now {
        let message = "others can be invited only to a session that is still to come".to_owned();
        return Err(Conflict::InvalidState(message).into());
    }
    let added = Event::Noted(Kind::GuestsAdded);
    apply(txn, &author.cause(side), &booking, added, None, |booking| {
        booking.guests.0.extend(new)
    })
    .await
}

/// Normalizes and deduplicates the addresses, or returns all violations. `known` is the number of
/// guests already invited.
pub(super) fn check(
    given: &[String],
    client: Option<&str>,
    known: usize,
) -> std::result::Result<Guests, Vec<Violation>> {
    if given.len() + known > MAX_GUESTS {
        return Err(vec![Violation::at(
            "guests",
            format!("at most {MAX_GUESTS} guests"),
        )]);
    }
    let mut violations = Vec::new();
    let mut guests: Vec<String> = Vec::with_capacity(given.len());
    for (index, guest) in given.iter().enumerate() {
        let guest = normalised_email(guest);
        if client.is_some_and(|client| normalised_email(client) == guest) {
            violations.push(Violation::at(
                &format!("guests.{index}"),
                "is the client, who comes anyway",
            ));
        } else if !guests.contains(&guest) {
            guests.push(guest);
        }
    }
    if violations.is_empty() {
        Ok(Guests(guests))
    } else {
        Err(violations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guests(given: &[&str], known: usize) -> std::result::Result<Vec<String>, Vec<String>> {
        let given: Vec<String> = given.iter().map(ToString::to_string).collect();
        let checked = check(&given, Some("maria@example.com"), known);
        let paths = |found: Vec<Violation>| found.iter().map(Violation::path).collect();
        checked.map(|guests| guests.0).map_err(paths)
    }

    #[test]
    fn guests_exclude_the_client_and_duplicates_and_are_at_most_ten() {
        assert_eq!(
            guests(
                &["Ann@Example.com ", "ann@example.com", "bo@example.com"],
                0
            )
            .as_deref(),
            Ok(&["ann@example.com".to_owned(), "bo@example.com".to_owned()][..])
        );
        assert_eq!(
            guests(&["ann@example.com", "MARIA@example.com"], 0),
            Err(vec!["guests.1".to_owned()])
        );
        assert_eq!(
            guests(&["ann@example.com"], 9).map(|guests| guests.len()),
            Ok(1)
        );
        assert_eq!(
            guests(&["ann@example.com"], 10),
            Err(vec!["guests".to_owned()])
        );
    }
}
