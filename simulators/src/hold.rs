//! Races on purpose: calls that wait at a point until the test lets them go.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::fault::route_matches;

/// Where a call can be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Everything is checked and nothing is written.
    BeforeCommit,
    /// Everything is written (and announced) and nothing is answered.
    BeforeAnswer,
}

/// Holds every call of a route at a point. Lets them all go when released or dropped.
pub struct Hold(Arc<Held>);

struct Held {
    point: Point,
    route: String,
    arrived: watch::Sender<usize>,
    open: watch::Sender<bool>,
}

impl Hold {
    /// Waits until that many calls have come to the point.
    pub async fn reached(&self, calls: usize) {
        let _ = self
            .0
            .arrived
            .subscribe()
            .wait_for(|arrived| *arrived >= calls)
            .await;
    }

    /// Lets the held calls go, and holds no more.
    pub fn release(&self) {
        self.0.open.send_replace(true);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.release();
    }
}

/// All the holds of a stand-in.
#[derive(Default)]
pub(crate) struct Gate(Mutex<Vec<Arc<Held>>>);

impl Gate {
    pub(crate) fn hold(&self, point: Point, route: &str) -> Hold {
        let held = Arc::new(Held {
            point,
            route: route.to_owned(),
            arrived: watch::Sender::new(0),
            open: watch::Sender::new(false),
        });
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(held.clone());
        Hold(held)
    }

    /// Waits as long as somebody holds this route at this point.
    pub(crate) async fn pass(&self, point: Point, path: &str) {
        let waiting: Vec<Arc<Held>> = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.retain(|held| !*held.open.borrow());
            all.iter()
                .filter(|held| held.point == point && route_matches(&held.route, path))
                .cloned()
                .collect()
        };
        for held in waiting {
            held.arrived.send_modify(|arrived| *arrived += 1);
            let _ = held.open.subscribe().wait_for(|open| *open).await;
        }
    }
}
