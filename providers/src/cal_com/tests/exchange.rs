//! Recorded exchanges, and a server that replays one of them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::cal_com::{Client, Credential, OAuthClient, PlatformClient, Settings, policy};
use crate::http::{NoopObserver, Response};

/// The client id in all recordings.
pub(super) const PLATFORM: &str = "cltestclientlab0000000000";

/// One recorded exchange.
pub(super) struct Exchange {
    pub(super) name: String,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    pub(super) sent: Option<Value>,
    pub(super) status: u16,
    response_headers: Vec<(String, String)>,
    pub(super) answer: Value,
}

/// All recordings, by name.
pub(super) fn all() -> Vec<Exchange> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/calcom/exchanges");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|file| file.expect("a file").path())
        .collect();
    files.sort();
    files.iter().filter_map(|file| read(file)).collect()
}

/// `None` for a file of notes.
fn read(path: &Path) -> Option<Exchange> {
    let text = std::fs::read_to_string(path).expect("a text");
    let file: Value = serde_json::from_str(&text).expect("JSON");
    let request = file.get("request")?;
    let url = Url::parse("http://recorded")
        .expect("a URL")
        .join(request["path"].as_str()?)
        .expect("a path");
    let headers = |of: &Value| {
        let pair = |pair: &Value| {
            (
                pair[0].as_str().expect("a name").to_lowercase(),
                pair[1].as_str().expect("a value").to_owned(),
            )
        };
        of["headers"]
            .as_array()
            .expect("headers")
            .iter()
            .map(pair)
            .collect::<Vec<_>>()
    };
    Some(Exchange {
        name: path.file_stem()?.to_str()?.to_owned(),
        method: request["method"].as_str()?.to_owned(),
        path: url.path().to_owned(),
        query: url
            .query_pairs()
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect(),
        headers: headers(request),
        sent: request.get("body").filter(|body| !body.is_null()).cloned(),
        status: u16::try_from(file["response"]["status"].as_u64()?).ok()?,
        response_headers: headers(&file["response"]),
        answer: file["response"].get("body").cloned().unwrap_or(Value::Null),
    })
}

impl Exchange {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn query(&self, name: &str) -> Option<String> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
    }

    pub(super) fn data(&self) -> &Value {
        &self.answer["data"]
    }

    /// The recorded body, which is not always JSON.
    fn body(&self) -> Vec<u8> {
        match &self.answer {
            Value::Null => Vec::new(),
            Value::String(text) => text.clone().into_bytes(),
            value => serde_json::to_vec(value).expect("a value"),
        }
    }

    /// The credential of the exchange.
    pub(super) fn credential(&self) -> Credential {
        match (
            self.header("authorization"),
            self.header("x-cal-secret-key"),
        ) {
            (Some(bearer), _) => {
                Credential::access_token(bearer.trim_start_matches("Bearer ").into())
            }
            (None, Some(_)) => Credential::Platform,
            (None, None) => Credential::Public,
        }
    }

    /// The response as `http` would return it.
    pub(super) fn response(&self) -> Response {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.response_headers {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            headers.insert(name, HeaderValue::from_str(value).expect("a value"));
        }
        let status = StatusCode::from_u16(self.status).expect("a status");
        Response {
            status,
            headers,
            body: Bytes::from(self.body()),
            earlier_attempt_unknown: false,
        }
    }

    /// A client configured for this exchange.
    pub(super) fn client(&self, api_url: String) -> Client {
        let (platform, oauth) = (self.platform(), self.oauth());
        client(api_url, platform, oauth)
    }

    /// Equal for exchanges that can share a client.
    pub(super) fn configuration(&self) -> String {
        let platform = self.platform();
        let platform =
            platform.map(|it| (it.client_id, it.client_secret.expose_secret().to_owned()));
        let oauth = self.oauth();
        let oauth = oauth.map(|it| {
            (
                it.client_id,
                it.client_secret
                    .map(|secret| secret.expose_secret().to_owned()),
            )
        });
        format!("{platform:?} {oauth:?}")
    }

    fn platform(&self) -> Option<PlatformClient> {
        let secret = self.header("x-cal-secret-key");
        let in_path = match self.path.split('/').collect::<Vec<_>>().as_slice() {
            ["", "v2", "oauth-clients" | "oauth", client, ..] => Some((*client).to_owned()),
            _ => None,
        };
        let client_id = self
            .header("x-cal-client-id")
            .map(str::to_owned)
            .or(in_path);
        let client_id = client_id.or(secret.map(|_| PLATFORM.to_owned()))?;
        Some(PlatformClient {
            client_id,
            client_secret: secret.unwrap_or_default().into(),
        })
    }

    fn oauth(&self) -> Option<OAuthClient> {
        let segments: Vec<&str> = self.path.split('/').collect();
        let ["", "v2", "auth", "oauth2", "clients", client, ..] = *segments else {
            return None;
        };
        let sent = self.sent.as_ref()?;
        Some(OAuthClient {
            client_id: client.to_owned(),
            client_secret: sent["clientSecret"].as_str().map(SecretString::from),
            redirect_uri: sent["redirectUri"].as_str().unwrap_or_default().to_owned(),
            scopes: Vec::new(),
        })
    }
}

pub(super) fn client(
    api_url: String,
    platform: Option<PlatformClient>,
    oauth: Option<OAuthClient>,
) -> Client {
    let mut policy = policy();
    policy.retries.attempts = 1;
    // The rate limiter has its own tests.
    policy.rate_limit.share = 1000.0;
    policy.rate_limit.burst = 1000.0;
    policy.limits.read = Duration::from_secs(5);
    let app_url = "http://app.cal.test".to_owned();
    let settings = Settings {
        api_url,
        app_url,
        platform,
        oauth,
        organization_id: Some(1),
        policy,
    };
    Client::new(settings, Arc::new(NoopObserver)).expect("a client")
}

/// The request that the client sent.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }
}

/// A server that sends `answer` (a complete response) to the next request, and returns that
/// request.
pub(super) async fn serve_once(answer: Vec<u8>) -> (String, tokio::task::JoinHandle<Seen>) {
    let (url, server) = serve(vec![answer]).await;
    (
        url,
        tokio::spawn(async move { server.await.expect("a caller").remove(0) }),
    )
}

/// The same for several consecutive requests.
pub(super) async fn serve(answers: Vec<Vec<u8>>) -> (String, tokio::task::JoinHandle<Vec<Seen>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let server = tokio::spawn(async move {
        let mut seen = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.expect("a caller");
            seen.push(receive(&mut stream).await);
            stream.write_all(&answer).await.expect("an answer");
            stream.shutdown().await.expect("an end");
        }
        seen
    });
    (url, server)
}

async fn receive(stream: &mut TcpStream) -> Seen {
    let mut received = Vec::new();
    let head = loop {
        read_more(stream, &mut received).await;
        if let Some(end) = received.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let mut seen = parse(std::str::from_utf8(&received[..head]).expect("a head"));
    let length: usize = seen
        .header("content-length")
        .map_or(0, |length| length.parse().expect("a length"));
    while received.len() < head + length {
        read_more(stream, &mut received).await;
    }
    seen.body = received.split_off(head);
    seen
}

async fn read_more(stream: &mut TcpStream, received: &mut Vec<u8>) {
    let mut chunk = [0; 4096];
    let read = stream.read(&mut chunk).await.expect("a request");
    assert!(read > 0, "the request ends early");
    received.extend_from_slice(&chunk[..read]);
}

fn parse(head: &str) -> Seen {
    let mut lines = head.lines();
    let mut start = lines.next().expect("a request line").split(' ');
    let method = start.next().expect("a method").to_owned();
    let url = Url::parse("http://sent")
        .expect("a URL")
        .join(start.next().expect("a path"))
        .expect("a path");
    let pair = |line: &str| {
        line.split_once(':')
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
    };
    Seen {
        method,
        path: url.path().to_owned(),
        query: url
            .query_pairs()
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect(),
        headers: lines.filter_map(pair).collect(),
        body: Vec::new(),
    }
}

/// A complete response with a JSON body.
pub(super) fn json(status: u16, body: &str) -> Vec<u8> {
    answer(
        status,
        &[(
            "content-type".to_owned(),
            "application/json; charset=utf-8".to_owned(),
        )],
        body.as_bytes(),
    )
}

pub(super) fn answer(status: u16, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let mut whole = format!("HTTP/1.1 {status} Recorded\r\n");
    for (name, value) in headers {
        if !matches!(
            name.as_str(),
            "content-length" | "connection" | "keep-alive" | "transfer-encoding"
        ) {
            whole.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    whole.push_str(&format!(
        "content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    ));
    let mut whole = whole.into_bytes();
    whole.extend_from_slice(body);
    whole
}

impl Exchange {
    /// Without the recorded rate limit headers.
    pub(super) fn whole_answer(&self) -> Vec<u8> {
        let mut headers = self.response_headers.clone();
        headers.retain(|(name, _)| !name.starts_with("x-ratelimit"));
        answer(self.status, &headers, &self.body())
    }
}

impl Exchange {
    /// A response that was not recorded.
    pub(super) fn invented(status: u16, answer: Value) -> Self {
        let json = ("content-type".to_owned(), "application/json".to_owned());
        Self {
            name: "invented".to_owned(),
            method: String::new(),
            path: String::new(),
            query: Vec::new(),
            headers: Vec::new(),
            sent: None,
            status,
            response_headers: vec![json],
            answer,
        }
    }
}
