//! Messages to be sent to a socket: bounded, and flushed without blocking the task.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::extract::ws::{Message, Utf8Bytes};
use bytes::Bytes;
use futures_util::Sink;

/// With so many messages queued, operations are not polled: a slow reader slows its operations
/// down, and nothing is dropped.
const MAX_RESPONSES: usize = 16;
/// With so many messages queued, the client's messages are not read: a client that does not read
/// cannot grow the queue.
const MAX_MESSAGES: usize = 64;

pub(super) struct SendQueue<S> {
    sink: S,
    messages: VecDeque<Message>,
    unflushed: bool,
}

impl<S: Sink<Message> + Unpin> SendQueue<S> {
    pub(super) fn new(sink: S) -> Self {
        Self {
            sink,
            messages: VecDeque::new(),
            unflushed: false,
        }
    }

    /// Whether responses may be added.
    pub(super) fn accepts_responses(&self) -> bool {
        self.messages.len() < MAX_RESPONSES
    }

    /// Whether replies to the client's messages may be added.
    pub(super) fn accepts_replies(&self) -> bool {
        self.messages.len() < MAX_MESSAGES
    }

    pub(super) fn is_idle(&self) -> bool {
        self.messages.is_empty() && !self.unflushed
    }

    pub(super) fn push(&mut self, message: Message) {
        self.messages.push_back(message);
    }

    /// Adds a message of the protocol, which is JSON and so UTF-8.
    pub(super) fn push_text(&mut self, text: Bytes) {
        let text = Utf8Bytes::try_from(text).expect("messages are written from strings and JSON");
        self.push(Message::Text(text));
    }

    /// Sends queued messages as fast as the client reads. Completes when all are sent. Cancel safe.
    pub(super) async fn flush(&mut self) -> Result<(), S::Error> {
        std::future::poll_fn(|cx| self.poll_flush(cx)).await
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        while !self.messages.is_empty() {
            ready!(Pin::new(&mut self.sink).poll_ready(cx))?;
            if let Some(message) = self.messages.pop_front() {
                self.unflushed = true;
                Pin::new(&mut self.sink).start_send(message)?;
            }
        }
        ready!(Pin::new(&mut self.sink).poll_flush(cx))?;
        self.unflushed = false;
        // Frees the memory of a burst.
        self.messages.shrink_to(MAX_RESPONSES);
        Poll::Ready(Ok(()))
    }
}
