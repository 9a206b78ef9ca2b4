//! Work that waits for Cal.com holds up no work that does not.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use entity::webhook_delivery::{self, Status};
use sea_orm::EntityTrait;
use simulators::{Fault, Kind};
use tests::{On, both_bare, until};
use tokio_util::sync::CancellationToken;

use super::lab::{Lab, SECRET};
use super::webhooks::delivered;

both_bare![a_webhook_is_worked_off_while_a_reading_hangs];

async fn a_webhook_is_worked_off_while_a_reading_hangs(on: On) {
    let lab = Lab::start(on).await;
    lab.cal.faults().set(Fault::new("/v2/bookings", Kind::Hang).method("GET"));
    courtside::domain::reconcile::ensure(&lab.app.app).await.expect("the database answers");
    lab.advance(TimeDelta::minutes(3));
    let stop = CancellationToken::new();
    let working = tokio::spawn(courtside::worker::run(lab.app.app.clone(), stop.clone()));
    let is_asked = || lab.cal.requests().iter().any(|call| call.path.starts_with("/v2/bookings"));
    until("the reading hangs", || async { is_asked() }).await;

    let began = Instant::now();
    assert_eq!(delivered(&lab, SECRET).await, 200);
    until("it is worked off", || async {
        let all = webhook_delivery::Entity::find().all(lab.app.db().read()).await.expect("the database answers");
        !all.is_empty() && all.iter().all(|delivery| delivery.status != Status::Received)
    })
    .await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    stop.cancel();
    lab.cal.faults().clear();
    tests::soon("the worker stops", working).await.expect("it does not panic");
    lab.app.run_jobs().await;
    lab.app.finish().await;
}
