//! Who is told after a commit: here, and with PostgreSQL in every other process that shares the
//! database.

use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;
use uuid::Uuid;

/// What a commit has brought, for whoever waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// New lines of history that have their place in the stream.
    Events,
    /// New lines of history that wait for their place; for this process alone, which gives it.
    PendingEvents,
    /// Work that needs nothing but the database.
    Jobs,
    /// Work that asks a provider.
    ProviderJobs,
}

impl Topic {
    const ALL: [Self; 4] = [
        Self::Events,
        Self::PendingEvents,
        Self::Jobs,
        Self::ProviderJobs,
    ];

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Several [`Topic`] at once.
#[derive(Debug, Default)]
pub(super) struct PendingWakeups(AtomicU8);

impl PendingWakeups {
    pub(super) fn add(&self, topic: Topic) {
        self.0.fetch_or(topic.bit(), Ordering::Relaxed);
    }

    pub(super) fn bits(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Where to wait for topic. Being told is a hint: whoever waits here also looks by itself from time
/// to time.
#[derive(Debug)]
pub struct Wake {
    waiting: [Notify; Topic::ALL.len()],
    /// What other processes are about to be told: one message serves all commits until it is sent.
    unsent: AtomicU8,
    /// Tells our own messages from those of others.
    process: Uuid,
}

impl Default for Wake {
    fn default() -> Self {
        Self {
            waiting: Default::default(),
            unsent: AtomicU8::new(0),
            process: entity::new_id(),
        }
    }
}

impl Wake {
    /// Where to wait for topic of one sort.
    #[must_use]
    pub fn on(&self, topic: Topic) -> &Notify {
        &self.waiting[topic as usize]
    }

    /// Wakes whoever waits in this process.
    pub(super) fn here(&self, bits: u8) {
        for topic in Topic::ALL {
            if bits & topic.bit() != 0 {
                self.on(topic).notify_waiters();
            }
        }
    }

    /// Notes what is to be told to other processes; whether somebody must be sent to tell it.
    pub(super) fn is_first_unsent(&self, bits: u8) -> bool {
        let bits = bits & !Topic::PendingEvents.bit();
        bits != 0 && self.unsent.fetch_or(bits, Ordering::AcqRel) == 0
    }

    /// The message about everything that has not been told yet. Whatever commits from here on sends
    /// for itself.
    pub(super) fn message(&self) -> String {
        format!(
            "{}/{}",
            self.process.simple(),
            self.unsent.swap(0, Ordering::AcqRel)
        )
    }

    /// Wakes whoever waits for what another process tells of. What cannot be read, as from a newer
    /// program, may be anything.
    pub(crate) fn hear(&self, message: &str) {
        let Some((process, bits)) = message.split_once('/') else {
            return self.here(u8::MAX);
        };
        if process.parse() != Ok(self.process) {
            self.here(bits.parse().unwrap_or(u8::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn woken(wake: &Wake, told: impl FnOnce(&Wake)) -> Vec<Topic> {
        let mut waiting: Vec<_> = Topic::ALL
            .map(|topic| (topic, Box::pin(wake.on(topic).notified())))
            .into();
        told(wake);
        waiting.retain_mut(|(_, notified)| notified.now_or_never().is_some());
        waiting.into_iter().map(|(topic, _)| topic).collect()
    }

    #[test]
    fn only_those_are_woken_for_whom_there_is_news() {
        let wake = Wake::default();
        for topic in Topic::ALL {
            assert_eq!(woken(&wake, |wake| wake.here(topic.bit())), [topic]);
        }
        assert_eq!(
            woken(&wake, |wake| wake
                .here(Topic::Events.bit() | Topic::ProviderJobs.bit())),
            [Topic::Events, Topic::ProviderJobs]
        );
    }

    #[test]
    fn one_message_tells_of_everything_since_the_last_and_reaches_other_processes_only() {
        let (one, other) = (Wake::default(), Wake::default());
        assert!(one.is_first_unsent(Topic::Events.bit()));
        assert!(!one.is_first_unsent(Topic::Jobs.bit()));
        let message = one.message();
        assert!(
            one.is_first_unsent(Topic::Jobs.bit()),
            "what comes after the message needs another one"
        );
        assert_eq!(
            woken(&other, |wake| wake.hear(&message)),
            [Topic::Events, Topic::Jobs]
        );
        assert_eq!(woken(&one, |wake| wake.hear(&message)), []);
    }

    #[test]
    fn a_message_that_cannot_be_read_wakes_everyone() {
        for message in ["", "something", "0/", "0/many"] {
            assert_eq!(
                woken(&Wake::default(), |wake| wake.hear(message)),
                Topic::ALL,
                "{message:?}"
            );
        }
    }
}
