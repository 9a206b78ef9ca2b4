//! A subscription over either transport.

use serde_json::Value;

use crate::socket::{Frame, Socket};
use crate::soon;
use crate::sse::{Event, Events};

/// The messages of one subscription.
pub struct Live(Transport);

enum Transport {
    Socket(Box<Socket>),
    Events(Events),
}

/// A message of a subscription.
#[derive(Clone, Debug, PartialEq)]
pub enum LiveMessage {
    /// An answer: `data` and `errors`.
    Next(Value),
    /// The document was refused.
    Refused(Value),
    /// It is over.
    Complete,
    /// The socket was closed, with a code and a reason.
    Closed(u16, String),
    /// The connection ended without a close frame.
    Gone,
}

impl Live {
    pub(crate) fn over_socket(socket: Socket) -> Self {
        Self(Transport::Socket(Box::new(socket)))
    }

    pub(crate) fn over_events(events: Events) -> Self {
        Self(Transport::Events(events))
    }

    /// What comes next.
    pub async fn said(&mut self) -> LiveMessage {
        soon("a message of a subscription", async {
            match &mut self.0 {
                Transport::Socket(socket) => match socket.frame().await {
                    Frame::Message(mut message) => match message["type"].as_str() {
                        Some("next") => LiveMessage::Next(message["payload"].take()),
                        Some("error") => LiveMessage::Refused(message["payload"].take()),
                        Some("complete") => LiveMessage::Complete,
                        _ => panic!("an unexpected message: {message}"),
                    },
                    Frame::Closed(code, reason) => LiveMessage::Closed(code, reason),
                    Frame::Gone => LiveMessage::Gone,
                },
                Transport::Events(events) => match events.next().await {
                    Event::Next(answer) => LiveMessage::Next(answer),
                    Event::Complete => LiveMessage::Complete,
                    Event::Gone => LiveMessage::Gone,
                },
            }
        })
        .await
    }

    /// The value of the one field of the next answer.
    ///
    /// # Panics
    /// When something else comes than an answer without errors.
    pub async fn next(&mut self) -> Value {
        let said = self.said().await;
        let LiveMessage::Next(mut answer) = said else {
            panic!("no answer but {said:?}")
        };
        assert!(answer["errors"].is_null(), "{answer}");
        let data = answer["data"]
            .as_object_mut()
            .and_then(|data| data.values_mut().next());
        data.expect("an answer has its field").take()
    }

    /// Stops listening, from this end.
    pub async fn close(self) {
        if let Transport::Socket(socket) = self.0 {
            socket.close().await;
        }
    }
}
