//! What waits to be written to a socket: bounded, and flushed without blocking anything else.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::extract::ws::{Message, Utf8Bytes};
use bytes::Bytes;
use futures_util::Sink;

/// While this much waits, operations are not asked for more: a slow reader slows its operations
/// down, and nothing is lost or piled up.
const ANSWERS: usize = 16;
/// While this much waits, the client is not heard either: somebody who does not read cannot make us
/// write.
const MESSAGES: usize = 64;

pub(super) struct Outbox<S> {
    sink: S,
    waiting: VecDeque<Message>,
    unflushed: bool,
}

impl<S: Sink<Message> + Unpin> Outbox<S> {
    pub(super) fn new(sink: S) -> Self {
        Self {
            sink,
            waiting: VecDeque::new(),
            unflushed: false,
        }
    }

    /// Whether operations may add an answer.
    pub(super) fn takes_answers(&self) -> bool {
        self.waiting.len() < ANSWERS
    }

    /// Whether the client may be heard.
    pub(super) fn takes_replies(&self) -> bool {
        self.waiting.len() < MESSAGES
    }

    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && !self.unflushed
    }

    pub(super) fn push(&mut self, message: Message) {
        self.waiting.push_back(message);
    }

    /// Adds a message of ours, which is JSON and so UTF-8.
    pub(super) fn push_text(&mut self, text: Bytes) {
        let text = Utf8Bytes::try_from(text).expect("messages are written from strings and JSON");
        self.push(Message::Text(text));
    }

    /// Writes what waits, as far as the other side takes it. Done when everything has left; may be
    /// dropped and called again at any time.
    pub(super) async fn flush(&mut self) -> Result<(), S::Error> {
        std::future::poll_fn(|cx| self.poll_flush(cx)).await
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        while !self.waiting.is_empty() {
            ready!(Pin::new(&mut self.sink).poll_ready(cx))?;
            if let Some(message) = self.waiting.pop_front() {
                self.unflushed = true;
                Pin::new(&mut self.sink).start_send(message)?;
            }
        }
        ready!(Pin::new(&mut self.sink).poll_flush(cx))?;
        self.unflushed = false;
        // Room for a burst is given back.
        self.waiting.shrink_to(ANSWERS);
        Poll::Ready(Ok(()))
    }
}
