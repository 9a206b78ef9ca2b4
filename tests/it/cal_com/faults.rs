//! Each write to Cal.com with each fault, before and after it took effect: both sides agree in the
//! end.

use chrono::TimeDelta;
use serde_json::json;
use simulators::{Fault, Kind, Times};
use std::time::Duration;
use tests::{On, key};

use super::fixture::{Fixture, Special};

/// Everything that can go wrong with one call.
fn kinds() -> Vec<(&'static str, Kind)> {
    vec![
        ("429", Kind::TooManyRequests { retry_after: None }),
        (
            "429 with Retry-After",
            Kind::TooManyRequests {
                retry_after: Some(1),
            },
        ),
        ("500", Kind::ServerError),
        ("slow", Kind::Slow(Duration::from_millis(300))),
        ("reset before", Kind::ResetBefore),
        ("reset after", Kind::ResetAfterCommit),
        ("truncated", Kind::Truncated),
        ("html", Kind::Html),
        ("wrong content type", Kind::WrongContentType),
        ("200 with an error", Kind::OkWithError),
        ("done twice", Kind::Duplicate),
        ("video failed", Kind::ProviderFailure),
    ]
}

const WRITES: [(&str, &str); 5] = [
    ("book", "/v2/bookings"),
    ("move", "/v2/bookings/{uid}/reschedule"),
    ("cancel", "/v2/bookings/{uid}/cancel"),
    ("approve", "/v2/bookings/{uid}/confirm"),
    ("decline", "/v2/bookings/{uid}/decline"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_agree_after_every_fault_of_a_write() {
    let mut failures = Vec::new();
    let mut cases = 0;
    for (write, route) in WRITES {
        for (name, kind) in kinds() {
            for after_commit in [false, true] {
                let fault = Fault::new(route, kind)
                    .method("POST")
                    .times(Times::Count(1));
                let fault = if after_commit {
                    fault.after_commit()
                } else {
                    fault.before()
                };
                cases += 1;
                if let Err(why) = one(write, fault).await {
                    failures.push(format!(
                        "{write}, {name}, {}: {why}",
                        if after_commit { "after" } else { "before" }
                    ));
                }
            }
        }
    }
    assert_eq!(
        failures,
        Vec::<String>::new(),
        "{} of {cases} cases",
        failures.len()
    );
    assert_eq!(cases, 120);
}

async fn one(write: &str, fault: Fault) -> Result<(), String> {
    let needs_approval = ["approve", "decline"].contains(&write);
    let fixture = Fixture::with(
        On::Sqlite,
        Special {
            needs_approval,
            price_minor: 0,
        },
    )
    .await;
    let start = "2026-11-25T15:00:00Z";
    let id = if write == "book" {
        String::new()
    } else {
        fixture.booked(start).await
    };
    fixture.cal.faults().set(fault);
    let (maria, nora) = (fixture.app.client("maria"), fixture.app.coach("nora"));
    match write {
        "book" => drop(fixture.book(start).await),
        "move" => {
            let input = json!({ "idempotencyKey": key(), "bookingId": id, "startsAt": "2026-11-25T18:00:00Z" });
            drop(
                maria
                    .mutate("rescheduleBooking", input, "booking { id }")
                    .await,
            );
        }
        "cancel" => {
            let input = json!({ "idempotencyKey": key(), "bookingId": id });
            drop(maria.mutate("cancelBooking", input, "booking { id }").await);
        }
        "approve" => drop(
            nora.mutate(
                "approveBooking",
                json!({ "bookingId": id }),
                "booking { id }",
            )
            .await,
        ),
        _ => drop(
            nora.mutate(
                "rejectBooking",
                json!({ "bookingId": id }),
                "booking { id }",
            )
            .await,
        ),
    }
    fixture.settle(TimeDelta::minutes(5)).await;
    if fixture
        .cal
        .faults()
        .list()
        .iter()
        .any(|left| matches!(left.times, Times::Count(count) if count > 0))
    {
        return Err("nothing went wrong".to_owned());
    }
    let agreed = fixture.agree().await;
    let open = entity_open(&fixture).await;
    fixture.app.finish().await;
    agreed.and(if open == 0 {
        Ok(())
    } else {
        Err(format!("{open} requests are still open"))
    })
}

async fn entity_open(fixture: &Fixture) -> u64 {
    use entity::scheduler_request::{Column, Entity, Status};
    use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};

    Entity::find()
        .filter(Column::Status.eq(Status::Open))
        .count(fixture.app.db().read())
        .await
        .expect("the database answers")
}
