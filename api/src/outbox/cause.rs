//! Who did it, from where, and when.

use chrono::{DateTime, Utc};
use entity::Uuid;
use entity::booking_event::{ActorKind, Source};

/// One cause. Every line of history is written from it.
#[derive(Clone, Debug)]
pub struct Cause {
    pub by: ActorKind,
    /// The person, where the actor is one.
    pub actor_id: Option<Uuid>,
    pub source: Source,
    pub correlation_id: String,
    pub now: DateTime<Utc>,
}

impl Cause {
    /// A cause of the system itself.
    #[must_use]
    pub fn system(source: Source, correlation_id: &str, now: DateTime<Utc>) -> Self {
        Self {
            by: ActorKind::System,
            actor_id: None,
            source,
            correlation_id: correlation_id.to_owned(),
            now,
        }
    }
}
