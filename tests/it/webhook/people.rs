//! Who a booking belongs to that was made at Cal.com.

use entity::booking_event::Kind;
use entity::user::{self, Role};
use entity::{Uuid, coach, connection, event_type};
use sea_orm::EntityTrait;
use tests::{On, TestApp, both_bare};

use super::captures::numbered;
use super::{bookings, deliver, history, sign_in, start};

both_bare![
    an_unknown_host_becomes_an_unlisted_coach,
    a_host_who_signs_up_later_gets_the_profile,
    a_coach_who_signed_up_before_is_found_by_address,
    a_client_gets_what_was_booked_before_they_signed_up,
    a_booking_that_the_platform_gives_to_another_host_stays_one_booking,
    a_calendar_id_links_no_bookings_of_different_hosts,
];

async fn an_unknown_host_becomes_an_unlisted_coach(on: On) {
    let app = start(on).await;
    deliver(&app, &numbered(&["001"]).remove(0)).await;
    let db = app.db().read();
    let coaches = coach::Entity::find().all(db).await.expect("coaches");
    let [host] = coaches.as_slice() else {
        panic!("one coach, not {}", coaches.len())
    };
    assert_eq!(
        (host.user_id, host.listed, host.accepts_bookings),
        (None, false, false)
    );
    assert_eq!(
        (host.display_name.as_str(), host.time_zone.as_str()),
        ("Coach One Renamed", "America/New_York")
    );
    assert_eq!(host.scheduler, coach::Scheduler::CalCom);
    let link = connection::Entity::find_by_external("calcom", "2")
        .one(db)
        .await
        .expect("the database answers")
        .expect("a connection");
    assert_eq!(link.health, connection::Health::Observed);
    assert_eq!(
        link.external_email.as_deref(),
        Some("coach.one@example.com")
    );
    let offer = event_type::Entity::find_by_provider_id("calcom", "1")
        .one(db)
        .await
        .expect("the database answers")
        .expect("an event type");
    assert_eq!(
        (offer.slug.as_str(), offer.title.as_str()),
        ("coaching-60", "Coaching session 60")
    );
    assert_eq!(
        (offer.length_minutes, offer.visibility),
        (60, event_type::Visibility::Unlisted)
    );
    app.finish().await;
}

/// The profile of somebody who has signed in as a coach.
async fn coach_of(app: &TestApp, user: &user::Model) -> Uuid {
    let found = coach::Entity::find_by_user(user.id)
        .one(app.db().read())
        .await;
    found
        .expect("the database answers")
        .expect("they are a coach")
        .id
}

async fn a_host_who_signs_up_later_gets_the_profile(on: On) {
    let app = start(on).await;
    deliver(&app, &numbered(&["001"]).remove(0)).await;
    let other = sign_in(&app, "somebody.else@example.com", Role::Coach).await;
    let host = sign_in(&app, "Coach.One@example.com", Role::Coach).await;
    let booking = bookings(&app).await.remove(0);
    assert_eq!(coach_of(&app, &host).await, booking.coach_id);
    assert_ne!(coach_of(&app, &other).await, booking.coach_id);
    app.finish().await;
}

async fn a_coach_who_signed_up_before_is_found_by_address(on: On) {
    let app = start(on).await;
    let host = sign_in(&app, "coach.one@example.com", Role::Coach).await;
    for delivery in numbered(&["001", "121"]) {
        deliver(&app, &delivery).await;
    }
    let (bookings, own) = (bookings(&app).await, coach_of(&app, &host).await);
    let count = bookings
        .iter()
        .filter(|booking| booking.coach_id == own)
        .count();
    assert_eq!(count, 1, "the other is another host's");
    app.finish().await;
}

async fn a_client_gets_what_was_booked_before_they_signed_up(on: On) {
    let app = start(on).await;
    deliver(&app, &numbered(&["001"]).remove(0)).await;
    assert_eq!(bookings(&app).await[0].client_id, None);
    let ann = sign_in(&app, "Ann.Agent@example.com", Role::Client).await;
    let booking = bookings(&app).await.remove(0);
    assert_eq!(booking.client_id, Some(ann.id));
    let last = history(&app, booking.id).await.pop().expect("history");
    assert_eq!((last.kind, last.client_id), (Kind::Claimed, Some(ann.id)));

    deliver(&app, &numbered(&["013"]).remove(0)).await;
    let moved = bookings(&app).await.remove(0);
    assert_eq!(
        (moved.id, moved.client_id, moved.moves),
        (booking.id, booking.client_id, 1)
    );
    let last = history(&app, booking.id).await.pop().expect("history");
    assert_eq!(
        (last.kind, last.actor_id),
        (Kind::Moved, Some(ann.id)),
        "Cal.com says that she moved it"
    );
    deliver(&app, &numbered(&["026"]).remove(0)).await;
    assert!(
        bookings(&app)
            .await
            .iter()
            .all(|booking| booking.client_id == Some(ann.id))
    );
    app.finish().await;
}

/// The account of a booking's coach at Cal.com.
async fn account_of(app: &TestApp, coach_id: Uuid) -> String {
    let links = connection::Entity::find()
        .all(app.db().read())
        .await
        .expect("the database answers");
    let link = links.into_iter().find(|link| link.coach_id == coach_id);
    link.expect("a connection").external_id
}

/// A round robin: the platform's webhook tells that a booking is another host's, under the same
/// uid or a new one. It may do so, because both accounts are the platform's.
async fn a_booking_that_the_platform_gives_to_another_host_stays_one_booking(on: On) {
    let app = start(on).await;
    let first = numbered(&["001"]).remove(0);
    deliver(&app, &first).await;
    let booking = bookings(&app).await.remove(0);
    assert_eq!(account_of(&app, booking.coach_id).await, "2");

    let moved = numbered(&["013"]).remove(0).edited(|json| {
        json["payload"]["organizer"]["id"] = 77.into();
        json["payload"]["organizer"]["email"] = "host-77@example.com".into();
    });
    deliver(&app, &moved).await;
    let after = bookings(&app).await;
    assert_eq!(after.len(), 1, "{after:?}");
    assert_eq!((after[0].id, after[0].moves), (booking.id, 1));
    assert_eq!(account_of(&app, after[0].coach_id).await, "77");

    let uid = moved.json()["payload"]["uid"].clone();
    let canceled = moved.edited(|json| {
        json["triggerEvent"] = "BOOKING_CANCELLED".into();
        json["payload"]["status"] = "CANCELLED".into();
    });
    deliver(&app, &canceled).await;
    let after = bookings(&app).await;
    assert_eq!(after.len(), 1);
    assert_eq!(after[0].status, entity::booking::Status::Canceled);
    let rows = entity::provider_booking::Entity::find_by_booking(booking.id)
        .all(app.db().read())
        .await
        .expect("the database answers");
    assert!(rows.iter().any(|row| uid == row.uid.as_str()));
    assert!(rows.iter().all(|row| row.account == "77"), "{rows:?}");
    app.finish().await;
}

async fn a_calendar_id_links_no_bookings_of_different_hosts(on: On) {
    let app = start(on).await;
    let first = numbered(&["001"]).remove(0);
    deliver(&app, &first).await;
    let booking = bookings(&app).await.remove(0);
    let other = first.edited(|json| {
        json["payload"]["organizer"]["id"] = 77.into();
        json["payload"]["organizer"]["email"] = "host-77@example.com".into();
        json["payload"]["uid"] = "another-uid".into();
        json["payload"]["bookingId"] = 990_001.into();
        json["payload"]["attendees"][0]["email"] = "x@example.com".into();
        json["payload"]["responses"]["email"]["value"] = "x@example.com".into();
    });
    deliver(&app, &other).await;
    let after = bookings(&app).await;
    assert_eq!(after.len(), 2);
    assert!(after.contains(&booking), "the first is as it was");
    app.finish().await;
}
