//! A minimal HTTP/1.1 client that costs little processor time: requests are prepared bytes, and
//! responses are read into one reused buffer.

use std::io;
use std::net::SocketAddr;
use std::str::FromStr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A server on this machine, as `http://127.0.0.1:8080`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target(pub(crate) SocketAddr);

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let authority = text
            .strip_prefix("http://")
            .unwrap_or(text)
            .trim_end_matches('/');
        let address: SocketAddr = authority
            .parse()
            .map_err(|_| format!("{text} is not http://ADDRESS:PORT"))?;
        if address.ip().is_loopback() {
            Ok(Self(address))
        } else {
            Err(format!("{address} is not a loopback address"))
        }
    }
}

impl Target {
    /// The bytes of a request; `headers` are added to those that every request has.
    pub(crate) fn request(
        self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Vec<u8> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.0);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if method != "GET" {
            head.push_str(&format!(
                "content-type: application/json\r\ncontent-length: {}\r\n",
                body.len()
            ));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        bytes
    }

    /// One request on a connection of its own.
    pub(crate) async fn get(self, path: &str) -> io::Result<(u16, Vec<u8>)> {
        let mut connection = Connection::open(self).await?;
        let answer = connection
            .send(&self.request("GET", path, &[], &[]))
            .await?;
        Ok((answer.status, answer.body.to_vec()))
    }
}

/// A persistent connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A response, valid until the next request.
pub(crate) struct Answer<'c> {
    pub(crate) status: u16,
    pub(crate) body: &'c [u8],
}

impl Connection {
    pub(crate) async fn open(target: Target) -> io::Result<Self> {
        let stream = TcpStream::connect(target.0).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(32 * 1024),
        })
    }

    /// Sends the bytes of a request and reads the whole response.
    ///
    /// # Errors
    /// When the connection closes early, or the response has no `content-length`.
    pub(crate) async fn send(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.buffer.clear();
        self.stream.write_all(request).await?;
        let head = loop {
            self.read().await?;
            if let Some(head) = Head::find(&self.buffer)? {
                break head;
            }
        };
        let end = head.body + head.length;
        while self.buffer.len() < end {
            self.read().await?;
        }
        Ok(Answer {
            status: head.status,
            body: &self.buffer[head.body..end],
        })
    }

    async fn read(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// The parsed head of a response.
struct Head {
    status: u16,
    /// Where the body begins.
    body: usize,
    length: usize,
}

impl Head {
    /// Returns `None` while the head is not complete.
    fn find(bytes: &[u8]) -> io::Result<Option<Self>> {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Ok(None);
        };
        let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let text =
            std::str::from_utf8(&bytes[..end]).map_err(|_| invalid("a head that is not ASCII"))?;
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(|line| line.get(9..12)?.parse().ok());
        let length = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse().ok())?
        });
        Ok(Some(Self {
            status: status.ok_or_else(|| invalid("no status"))?,
            body: end + 4,
            length: length.ok_or_else(|| invalid("no content-length"))?,
        }))
    }
}
