//! Server-sent events of `graphql-sse`, distinct connections.

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use serde_json::Value;

/// What the server says on the stream.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    Next(Value),
    Complete,
    /// The stream ended without `complete`.
    Gone,
}

/// An event stream.
pub(crate) struct Events {
    body: BoxStream<'static, Vec<u8>>,
    unread: Vec<u8>,
}

impl Events {
    pub(crate) fn new(response: reqwest::Response) -> Self {
        let body = futures_util::stream::unfold(response, |mut response| async {
            let chunk = response.chunk().await.ok().flatten()?;
            Some((chunk.to_vec(), response))
        });
        Self {
            body: body.boxed(),
            unread: Vec::new(),
        }
    }

    /// The next event, apart from comments.
    pub(crate) async fn next(&mut self) -> Event {
        loop {
            while let Some(end) = self.unread.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.unread.drain(..end + 2).collect();
                let block = String::from_utf8(block).expect("event streams are UTF-8");
                if let Some(event) = read(&block) {
                    return event;
                }
            }
            match self.body.next().await {
                Some(chunk) => self.unread.extend(chunk),
                None => return Event::Gone,
            }
        }
    }
}

fn read(block: &str) -> Option<Event> {
    let name = block
        .lines()
        .find_map(|line| line.strip_prefix("event: "))?;
    let data: Vec<_> = block
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .map(str::trim_start)
        .collect();
    match name {
        "next" => Some(Event::Next(
            serde_json::from_str(&data.join("\n")).expect("the server writes JSON"),
        )),
        "complete" => Some(Event::Complete),
        other => panic!("an unknown event: {other}"),
    }
}
