//! Who a booking that was born elsewhere belongs to.

use entity::booking_event::Kind;
use entity::user::Role;
use entity::{coach, connection, event_type};
use sea_orm::EntityTrait;

use super::captures::numbered;
use super::lab::{Lab, user_id};

#[tokio::test]
async fn a_host_nobody_knows_is_taken_in_unlisted() {
    let lab = Lab::open().await;
    lab.post(&numbered(&["001"]).remove(0)).await;
    let db = lab.app.db.read();
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
        .expect("a query")
        .expect("a link");
    assert_eq!(link.health, connection::Health::Observed);
    assert_eq!(
        link.external_email.as_deref(),
        Some("coach.one@example.com")
    );
    let offer = event_type::Entity::find_by_provider_id("calcom", "1")
        .one(db)
        .await
        .expect("a query")
        .expect("an offer");
    assert_eq!(
        (offer.slug.as_str(), offer.title.as_str()),
        ("coaching-60", "Coaching session 60")
    );
    assert_eq!(
        (offer.length_minutes, offer.visibility),
        (60, event_type::Visibility::Unlisted)
    );
}

#[tokio::test]
async fn a_host_who_signs_up_later_gets_the_profile() {
    let lab = Lab::open().await;
    lab.post(&numbered(&["001"]).remove(0)).await;
    let someone = lab.sign_in("somebody.else@example.com", Role::Coach).await;
    let host = lab.sign_in("Coach.One@example.com", Role::Coach).await;
    let booking = lab.bookings().await.remove(0);
    assert_eq!(host.require_coach().expect("a coach").1, booking.coach_id);
    assert_ne!(
        someone.require_coach().expect("a coach").1,
        booking.coach_id
    );
}

#[tokio::test]
async fn a_coach_who_is_here_already_is_found_by_address() {
    let lab = Lab::open().await;
    let host = lab.sign_in("coach.one@example.com", Role::Coach).await;
    for delivery in numbered(&["001", "121"]) {
        lab.post(&delivery).await;
    }
    let bookings = lab.bookings().await;
    let own = host.require_coach().expect("a coach").1;
    assert_eq!(
        bookings
            .iter()
            .filter(|booking| booking.coach_id == own)
            .count(),
        1,
        "the other is another host's"
    );
}

#[tokio::test]
async fn a_client_gets_what_was_booked_before_they_signed_up() {
    let lab = Lab::open().await;
    lab.post(&numbered(&["001"]).remove(0)).await;
    assert_eq!(lab.bookings().await[0].client_id, None);
    let ann = lab.sign_in("Ann.Agent@example.com", Role::Client).await;
    let booking = lab.bookings().await.remove(0);
    assert_eq!(booking.client_id, Some(user_id(&ann)));
    let last = lab.history(booking.id).await.pop().expect("history");
    assert_eq!(
        (last.kind, last.client_id),
        (Kind::Claimed, Some(user_id(&ann)))
    );

    lab.post(&numbered(&["013"]).remove(0)).await;
    let moved = lab.bookings().await.remove(0);
    assert_eq!(
        (moved.id, moved.client_id, moved.moves),
        (booking.id, booking.client_id, 1)
    );
    let moved = lab.history(booking.id).await.pop().expect("history");
    assert_eq!(
        (moved.kind, moved.actor_id),
        (Kind::Moved, Some(user_id(&ann))),
        "Cal.com says that she moved it"
    );
    lab.post(&numbered(&["026"]).remove(0)).await;
    assert!(
        lab.bookings()
            .await
            .iter()
            .all(|booking| booking.client_id == Some(user_id(&ann)))
    );
}
