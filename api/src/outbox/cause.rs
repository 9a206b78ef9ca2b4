//! The cause of a change: who, through which source, and when.

use chrono::{DateTime, Utc};
use entity::Uuid;
use entity::booking_event::{ActorKind, Source};

/// A cause. Every history event records it.
#[derive(Clone, Debug)]
pub struct Cause {
    pub by: ActorKind,
    /// The person, if the actor is one.
    pub actor_id: Option<Uuid>,
    /// Id at the identity provider of whoever acts in the person's name.
    pub impersonator: Option<String>,
    pub source: Source,
    pub correlation_id: String,
    pub now: DateTime<Utc>,
}

impl Cause {
    /// A cause without a person: the system itself.
    #[must_use]
    pub fn system(source: Source, correlation_id: &str, now: DateTime<Utc>) -> Self {
        Self {
            by: ActorKind::System,
            actor_id: None,
            impersonator: None,
            source,
            correlation_id: correlation_id.to_owned(),
            now,
        }
    }
}
