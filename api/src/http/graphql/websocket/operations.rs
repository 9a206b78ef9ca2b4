//! The operations of one socket, polled by its one task.

use std::task::{Context, Poll};

use async_graphql::indexmap::IndexMap;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;

use super::super::endpoint::Counted;

/// What an operation has to say.
pub(super) enum Event {
    /// A written answer.
    Next(Bytes),
    /// A written list of errors: the document is not run, and nothing follows.
    Refused(Bytes),
}

struct Running {
    events: BoxStream<'static, Event>,
    _counted: Counted,
}

#[derive(Default)]
pub(super) struct Operations {
    running: IndexMap<String, Running>,
    /// Where the next turn begins, so that a busy operation does not keep the others waiting.
    turn: usize,
}

/// A step of one operation: `None` is its end.
pub(super) type Step = (String, Option<Event>);

impl Operations {
    pub(super) fn len(&self) -> usize {
        self.running.len()
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        self.running.contains_key(id)
    }

    pub(super) fn insert(
        &mut self,
        id: String,
        events: BoxStream<'static, Event>,
        counted: Counted,
    ) {
        self.running.insert(
            id,
            Running {
                events,
                _counted: counted,
            },
        );
    }

    /// Drops an operation, running or not: whatever it holds is released at once.
    pub(super) fn remove(&mut self, id: &str) {
        self.running.swap_remove(id);
    }

    /// The next step of any operation; never, while there is none. Nothing is lost if this is
    /// dropped.
    pub(super) async fn next(&mut self) -> Step {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        let count = self.running.len();
        for offset in 0..count {
            let index = (self.turn + offset) % count;
            let Some((id, running)) = self.running.get_index_mut(index) else {
                continue;
            };
            let Poll::Ready(event) = running.events.poll_next_unpin(cx) else {
                continue;
            };
            let id = id.clone();
            self.turn = index + 1;
            if !matches!(event, Some(Event::Next(_))) {
                self.running.swap_remove_index(index);
            }
            return Poll::Ready((id, event));
        }
        Poll::Pending
    }
}
