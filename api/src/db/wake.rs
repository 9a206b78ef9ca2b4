//! Notifications of commits: in this process, and on PostgreSQL in every other process that shares
//! the database.

use std::sync::atomic::{AtomicU32, Ordering};

use entity::job::Queue;
use tokio::sync::Notify;
use uuid::Uuid;

/// What a commit has added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// New events with a position in the stream.
    Events,
    /// New events without a position; for this process only, which assigns it.
    PendingEvents,
    /// New jobs in this queue.
    Jobs(Queue),
}

impl Topic {
    const COUNT: usize = 2 + Queue::COUNT;

    fn all() -> impl Iterator<Item = Self> {
        [Self::Events, Self::PendingEvents]
            .into_iter()
            .chain(Queue::all().map(Self::Jobs))
    }

    const fn index(self) -> usize {
        match self {
            Self::Events => 0,
            Self::PendingEvents => 1,
            Self::Jobs(queue) => 2 + queue.index(),
        }
    }

    const fn bit(self) -> u32 {
        1 << self.index()
    }
}

const _: () = assert!(
    Topic::COUNT <= u32::BITS as usize,
    "each topic has a bit of its own"
);

/// A set of [`Topic`].
#[derive(Debug, Default)]
pub(super) struct PendingWakeups(AtomicU32);

impl PendingWakeups {
    pub(super) fn add(&self, topic: Topic) {
        self.0.fetch_or(topic.bit(), Ordering::Relaxed);
    }

    pub(super) fn bits(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Waits for topics. A notification is a hint: waiters poll as well.
#[derive(Debug)]
pub struct Wake {
    waiting: [Notify; Topic::COUNT],
    /// Topics of the next message to other processes: one message serves all commits before it.
    unsent: AtomicU32,
    /// Distinguishes our own messages from those of other processes.
    process: Uuid,
}

impl Default for Wake {
    fn default() -> Self {
        Self {
            waiting: Default::default(),
            unsent: AtomicU32::new(0),
            process: entity::new_id(),
        }
    }
}

impl Wake {
    /// The notification of one topic.
    #[must_use]
    pub fn on(&self, topic: Topic) -> &Notify {
        &self.waiting[topic.index()]
    }

    /// Wakes the waiters in this process.
    pub(super) fn here(&self, bits: u32) {
        for topic in Topic::all() {
            if bits & topic.bit() != 0 {
                self.on(topic).notify_waiters();
            }
        }
    }

    /// Adds topics to the next message to other processes; returns whether the caller must send it.
    pub(super) fn is_first_unsent(&self, bits: u32) -> bool {
        let bits = bits & !Topic::PendingEvents.bit();
        bits != 0 && self.unsent.fetch_or(bits, Ordering::AcqRel) == 0
    }

    /// The message with all unsent topics. Commits after this call need another one.
    pub(super) fn message(&self) -> String {
        format!(
            "{}/{}",
            self.process.simple(),
            self.unsent.swap(0, Ordering::AcqRel)
        )
    }

    /// Wakes the waiters for the topics of another process's message. One that cannot be parsed,
    /// for example from a newer version, wakes all waiters.
    pub(crate) fn hear(&self, message: &str) {
        let Some((process, bits)) = message.split_once('/') else {
            return self.here(u32::MAX);
        };
        if process.parse() != Ok(self.process) {
            self.here(bits.parse().unwrap_or(u32::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use entity::Provider;
    use futures_util::FutureExt;

    use super::*;

    const DATABASE: Topic = Topic::Jobs(Queue::Database);
    const CALENDARS: Topic = Topic::Jobs(Queue::Provider(Provider::Google));

    fn woken(wake: &Wake, told: impl FnOnce(&Wake)) -> Vec<Topic> {
        let mut waiting: Vec<_> = Topic::all()
            .map(|topic| (topic, Box::pin(wake.on(topic).notified())))
            .collect();
        told(wake);
        waiting.retain_mut(|(_, notified)| notified.now_or_never().is_some());
        waiting.into_iter().map(|(topic, _)| topic).collect()
    }

    #[test]
    fn a_topic_wakes_only_those_who_wait_for_it() {
        let wake = Wake::default();
        assert_eq!(Topic::all().count(), Topic::COUNT);
        for topic in Topic::all() {
            assert_eq!(woken(&wake, |wake| wake.here(topic.bit())), [topic]);
        }
        assert_eq!(
            woken(&wake, |wake| wake
                .here(Topic::Events.bit() | CALENDARS.bit())),
            [Topic::Events, CALENDARS]
        );
    }

    #[test]
    fn one_message_has_all_topics_since_the_last_and_wakes_other_processes_only() {
        let (one, other) = (Wake::default(), Wake::default());
        assert!(one.is_first_unsent(Topic::Events.bit()));
        assert!(!one.is_first_unsent(DATABASE.bit()));
        let message = one.message();
        assert!(
            one.is_first_unsent(DATABASE.bit()),
            "what comes after the message needs another one"
        );
        assert_eq!(
            woken(&other, |wake| wake.hear(&message)),
            [Topic::Events, DATABASE]
        );
        assert_eq!(woken(&one, |wake| wake.hear(&message)), []);
    }

    #[test]
    fn a_message_that_cannot_be_parsed_wakes_everyone() {
        for message in ["", "something", "0/", "0/many"] {
            assert_eq!(
                woken(&Wake::default(), |wake| wake.hear(message)),
                Topic::all().collect::<Vec<_>>(),
                "{message:?}"
            );
        }
    }
}
