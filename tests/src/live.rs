//! A subscription, whichever way it comes.

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

/// What a subscription says.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// An answer: `data` and `errors`.
    Next(Value),
    /// The document was refused.
    Refused(Value),
    /// It is over.
    Complete,
    /// The socket was closed, with a code and a reason.
    Closed(u16, String),
    /// The connection went away without a word.
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
    pub async fn said(&mut self) -> Said {
        soon("a message of a subscription", async {
            match &mut self.0 {
                Transport::Socket(socket) => match socket.frame().await {
                    Frame::Message(mut message) => match message["type"].as_str() {
                        Some("next") => Said::Next(message["payload"].take()),
                        Some("error") => Said::Refused(message["payload"].take()),
                        Some("complete") => Said::Complete,
                        _ => panic!("an unexpected message: {message}"),
                    },
                    Frame::Closed(code, reason) => Said::Closed(code, reason),
                    Frame::Gone => Said::Gone,
                },
                Transport::Events(events) => match events.next().await {
                    Event::Next(answer) => Said::Next(answer),
                    Event::Complete => Said::Complete,
                    Event::Gone => Said::Gone,
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
        let Said::Next(mut answer) = said else {
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
