//! The source stream of a subscription, apart from the execution of each event.
//!
//! The specification (section 6.2.3) has two streams: source events, and one execution of the
//! document per event. async-graphql keeps the execution, with its copy of the document, its
//! context and its data loaders, for as long as the source stream lives. A resolver that passes its
//! source stream to [`SubscriptionSource`] is executed anew for each event instead, so an idle
//! subscription costs its source stream and its request parameters only.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream::{BoxStream, Stream, StreamExt};

/// A source event, of the type that the resolver passed to [`SubscriptionSource::follow`].
pub(crate) type Event = Box<dyn Any + Send>;
/// The source events of one subscription.
pub(crate) type EventStream = BoxStream<'static, Event>;

/// Connects the resolver of a subscription's root field with the transport that executes it. Every
/// execution has its own, in the request's data.
#[derive(Clone, Default)]
pub struct SubscriptionSource(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    event: Option<Event>,
    events: Option<EventStream>,
    has_ended: bool,
}

impl SubscriptionSource {
    /// For the execution of one event.
    pub(crate) fn for_event(event: Event) -> Self {
        Self(Arc::new(Mutex::new(State {
            event: Some(event),
            ..State::default()
        })))
    }

    /// Returns the event to execute. `None` in the first execution, which has no event: there the
    /// resolver checks the field's arguments and calls [`follow`](Self::follow).
    pub fn event<T: 'static>(&self) -> Option<T> {
        let event = self.with(|state| state.event.take())?;
        event.downcast().ok().map(|event| *event)
    }

    /// Executes the document once for each event of the stream, one after the other, after this
    /// execution has ended.
    pub fn follow<T: Send + 'static>(&self, events: impl Stream<Item = T> + Send + 'static) {
        let events = events.map(|event| Box::new(event) as Event).boxed();
        self.with(|state| state.events = Some(events));
    }

    /// Ends the subscription after this execution.
    pub fn end(&self) {
        self.with(|state| state.has_ended = true);
    }

    /// Returns the events to execute after this execution: those of a new stream, else the rest of
    /// `current`.
    pub(crate) fn next_events(self, current: Option<EventStream>) -> Option<EventStream> {
        self.with(|state| {
            if state.has_ended {
                None
            } else {
                state.events.take().or(current)
            }
        })
    }

    fn with<R>(&self, what: impl FnOnce(&mut State) -> R) -> R {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
