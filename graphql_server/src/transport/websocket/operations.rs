//! The operations of one socket, polled by its task.

use std::task::{Context, Poll};

use async_graphql::indexmap::IndexMap;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;

use super::super::endpoint::GaugeGuard;

/// An event of an operation.
pub(super) enum Event {
    /// A serialised response.
    Next(Bytes),
    /// A serialised list of errors: the document is not executed, and nothing follows.
    Error(Bytes),
}

struct Running {
    events: BoxStream<'static, Event>,
    _gauge: GaugeGuard,
}

#[derive(Default)]
pub(super) struct Operations {
    running: IndexMap<String, Running>,
    /// The operation to poll first, so that a busy operation does not starve the others.
    first: usize,
}

/// An operation's id and its next event; `None` is its end.
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
        gauge: GaugeGuard,
    ) {
        self.running.insert(
            id,
            Running {
                events,
                _gauge: gauge,
            },
        );
    }

    /// Drops an operation, running or not, with everything it holds.
    pub(super) fn remove(&mut self, id: &str) {
        self.running.swap_remove(id);
    }

    /// Waits for the next event of any operation; pending while there is none. Cancel safe.
    pub(super) async fn next(&mut self) -> Step {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        let count = self.running.len();
        for offset in 0..count {
            let index = (self.first + offset) % count;
            let Some((id, running)) = self.running.get_index_mut(index) else {
                continue;
            };
            let Poll::Ready(event) = running.events.poll_next_unpin(cx) else {
                continue;
            };
            let id = id.clone();
            self.first = index + 1;
            if !matches!(event, Some(Event::Next(_))) {
                self.running.swap_remove_index(index);
            }
            return Poll::Ready((id, event));
        }
        Poll::Pending
    }
}
