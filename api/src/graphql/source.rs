//! What a subscription waits with between two events.
//!
//! The specification has two streams: a source of events, and the answers to them, each of which is
//! an execution of the document. The library keeps the execution, with its copy of the document,
//! its context and its loaders, for as long as the source lasts. A resolver that hands its source
//! over is run anew for each event instead, and a subscription that waits holds its source and what
//! was asked.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream::{BoxStream, Stream, StreamExt};

/// An event of some resolver's own type.
pub type Event = Box<dyn Any + Send>;
/// The events of one subscription.
pub type Source = BoxStream<'static, Event>;

/// Between the resolver of a subscription's field and the transport that runs it: among the
/// request's data, one for each execution.
#[derive(Clone, Default)]
pub struct Handover(Arc<Mutex<Held>>);

#[derive(Default)]
struct Held {
    event: Option<Event>,
    source: Option<Source>,
    is_over: bool,
}

impl Handover {
    /// For the execution of one event.
    #[must_use]
    pub fn of(event: Event) -> Self {
        Self(Arc::new(Mutex::new(Held {
            event: Some(event),
            ..Held::default()
        })))
    }

    /// The event that is executed; `None` at the beginning, when the field's arguments are to be
    /// read and a source to be [found](Self::follow).
    pub fn event<T: 'static>(&self) -> Option<T> {
        let event = self.with(|held| held.event.take())?;
        event.downcast().ok().map(|event| *event)
    }

    /// Each event of the source is executed, one after the other, once this execution has come to
    /// its end.
    pub fn follow<T: Send + 'static>(&self, source: impl Stream<Item = T> + Send + 'static) {
        let source = source.map(|event| Box::new(event) as Event).boxed();
        self.with(|held| held.source = Some(source));
    }

    /// Nothing follows this execution.
    pub fn end(&self) {
        self.with(|held| held.is_over = true);
    }

    /// What goes on after this execution, where `source` has gone on until now.
    pub fn go_on(self, source: Option<Source>) -> Option<Source> {
        self.with(|held| {
            if held.is_over {
                None
            } else {
                held.source.take().or(source)
            }
        })
    }

    fn with<R>(&self, what: impl FnOnce(&mut Held) -> R) -> R {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
