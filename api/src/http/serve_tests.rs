use std::net::Ipv4Addr;

use axum::body::Bytes;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::super::body_limit::{BodyLimits, limit};
use super::*;

/// Short enough to wait for, long enough for a busy machine to finish steps without a limit.
const SHORT: Duration = Duration::from_millis(150);
const LONG: Duration = Duration::from_secs(20);

struct Running {
    address: SocketAddr,
    shutdown: CancellationToken,
    server: JoinHandle<ShutdownReport>,
}

async fn start(router: Router, limits: ServeLimits, deadline: Duration) -> Running {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("loopback has a free port");
    let address = listener.local_addr().expect("the listener is bound");
    let shutdown = CancellationToken::new();
    let server = tokio::spawn(run(listener, router, limits, shutdown.clone(), deadline));
    Running {
        address,
        shutdown,
        server,
    }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address)
            .await
            .expect("the server listens")
    }

    async fn stop(self) -> ShutdownReport {
        self.shutdown.cancel();
        timeout(LONG, self.server)
            .await
            .expect("the server stops")
            .expect("the server does not panic")
    }
}

/// Reads until the server closes; a reset counts as closing.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = timeout(LONG, stream.read_to_end(&mut bytes))
        .await
        .expect("the server closes the connection");
    String::from_utf8(bytes).expect("these answers are text")
}

/// Reads one response, up to a known end of its body.
async fn until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        let byte = timeout(LONG, stream.read_u8())
            .await
            .expect("an answer comes")
            .expect("the connection is open");
        text.push(char::from(byte));
    }
    text
}

async fn send(stream: &mut TcpStream, text: &str) {
    stream
        .write_all(text.as_bytes())
        .await
        .expect("the server reads");
}

fn hello() -> Router {
    Router::new()
        .route("/", get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { format!("from {}", peer.ip()) }))
}

fn patient() -> ServeLimits {
    ServeLimits {
        head_timeout: LONG,
        keep_alive: LONG,
        write_stall: LONG,
        ..ServeLimits::default()
    }
}

const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test]
async fn an_endless_head_is_cut() {
    let server = start(
        hello(),
        ServeLimits {
            head_timeout: SHORT,
            ..patient()
        },
        LONG,
    )
    .await;
    let (mut silent, mut slow, mut second) = (
        server.connect().await,
        server.connect().await,
        server.connect().await,
    );
    send(&mut slow, "GET / HTTP/1.1\r\nHost:").await;
    send(&mut second, GET).await;
    assert!(
        until(&mut second, "from 127.0.0.1")
            .await
            .starts_with("HTTP/1.1 200")
    );
    send(&mut second, "GET / HTTP/1.1\r\nHo").await;
    for stream in [&mut silent, &mut slow, &mut second] {
        assert_eq!(rest(stream).await, "");
    }
    assert!(server.stop().await.is_clean());
}

#[tokio::test]
async fn an_idle_connection_outlives_the_head_timeout_but_not_keep_alive() {
    let limits = ServeLimits {
        head_timeout: SHORT,
        keep_alive: SHORT * 6,
        ..patient()
    };
    let server = start(hello(), limits, LONG).await;
    let mut stream = server.connect().await;
    send(&mut stream, GET).await;
    until(&mut stream, "from 127.0.0.1").await;
    let idle = Instant::now();
    assert_eq!(rest(&mut stream).await, "");
    assert!(
        idle.elapsed() > SHORT * 5,
        "closed after {:?}",
        idle.elapsed()
    );
}

#[tokio::test]
async fn a_too_large_head_is_refused() {
    let server = start(
        hello(),
        ServeLimits {
            head_bytes: 4096,
            ..patient()
        },
        LONG,
    )
    .await;
    let mut stream = server.connect().await;
    send(
        &mut stream,
        &format!(
            "GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n",
            "a".repeat(6000)
        ),
    )
    .await;
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 431"));
}

/// A route that signals when it is entered and answers when it is notified.
fn gated() -> (Router, Arc<Notify>, Arc<Notify>) {
    let (entered, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (enter, wait) = (Arc::clone(&entered), Arc::clone(&go));
    let handler = move || async move {
        enter.notify_one();
        wait.notified().await;
        "done"
    };
    (Router::new().route("/", get(handler)), entered, go)
}

#[tokio::test]
async fn draining_finishes_requests_in_flight_and_accepts_no_more() {
    let (router, entered, go) = gated();
    let server = start(router, patient(), LONG).await;
    let (mut busy, mut idle) = (server.connect().await, server.connect().await);
    send(&mut idle, "GET /none HTTP/1.1\r\nHost: x\r\n\r\n").await;
    until(&mut idle, "\r\n\r\n").await;
    send(&mut busy, GET).await;
    entered.notified().await;
    server.shutdown.cancel();
    assert_eq!(rest(&mut idle).await, "", "idle connections end at once");
    assert!(
        TcpStream::connect(server.address).await.is_err(),
        "nobody listens any more"
    );
    assert!(!server.server.is_finished(), "a request is still in flight");
    go.notify_one();
    let answer = rest(&mut busy).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"),
        "{answer}"
    );
    assert!(server.stop().await.is_clean());
}

#[tokio::test]
async fn the_deadline_cuts_hanging_requests() {
    let (router, entered, _go) = gated();
    let server = start(router, patient(), SHORT).await;
    let mut stream = server.connect().await;
    send(&mut stream, GET).await;
    entered.notified().await;
    let report = server.stop().await;
    assert_eq!(report.cut, 1);
    assert!(report.took >= SHORT && report.took < LONG, "{report:?}");
    assert_eq!(rest(&mut stream).await, "");
}

/// Upgrades and echoes for ever: a socket that ignores the shutdown token.
fn deaf_socket() -> Router {
    let handler = |mut request: axum::extract::Request| async move {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let Ok(upgraded) = upgrade.await else { return };
            let (mut reader, mut writer) = tokio::io::split(TokioIo::new(upgraded));
            let _ = tokio::io::copy(&mut reader, &mut writer).await;
        });
        let headers = [("connection", "upgrade"), ("upgrade", "echo")];
        (StatusCode::SWITCHING_PROTOCOLS, headers)
    };
    Router::new().route("/", get(handler))
}

#[tokio::test]
async fn upgraded_sockets_have_no_head_timeout_count_as_open_and_are_cut_at_the_deadline() {
    let limits = ServeLimits {
        head_timeout: SHORT,
        keep_alive: SHORT,
        connections: 1,
        ..patient()
    };
    let server = start(deaf_socket(), limits, SHORT).await;
    let mut socket = server.connect().await;
    send(
        &mut socket,
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n",
    )
    .await;
    assert!(
        until(&mut socket, "\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 101")
    );
    let mut waiting = server.connect().await;
    send(&mut waiting, GET).await;
    let unanswered = timeout(SHORT * 3, waiting.read_u8()).await;
    assert!(unanswered.is_err(), "there is room for one connection only");
    send(&mut socket, "still here").await;
    until(&mut socket, "still here").await;
    let report = server.stop().await;
    assert_eq!(report.cut, 1);
    assert_eq!(rest(&mut socket).await, "");
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_cut() {
    let endless = || async {
        let pieces = futures_util::stream::repeat_with(|| {
            Ok::<_, Infallible>(Bytes::from(vec![b'x'; 65_536]))
        });
        Body::from_stream(pieces)
    };
    let router = Router::new().route("/", get(endless));
    let server = start(
        router,
        ServeLimits {
            write_stall: SHORT,
            ..patient()
        },
        LONG,
    )
    .await;
    let mut stream = server.connect().await;
    send(&mut stream, GET).await;
    until(&mut stream, "\r\n\r\n").await;
    let report = server.stop().await;
    assert!(report.is_clean() && report.took < LONG, "{report:?}");
}

fn upload() -> Router {
    let limits = BodyLimits {
        bytes: 10,
        idle: SHORT,
        total: SHORT * 4,
    };
    let handler = |body: Bytes| async move { format!("got {}", body.len()) };
    Router::new()
        .route("/", post(handler))
        .layer(from_fn_with_state(limits, limit))
}

#[tokio::test]
async fn bodies_are_limited_in_size() {
    let server = start(upload(), patient(), LONG).await;
    let post = |headers: &str, body: &str| {
        format!("POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n\r\n{body}")
    };
    let large = "x".repeat(3_000_000);
    for (request, expected) in [
        (post("Content-Length: 10", "0123456789"), "200"),
        (post("Content-Length: 11", "0123456789a"), "413"),
        (
            post(
                "Transfer-Encoding: chunked",
                "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n",
            ),
            "200",
        ),
        (
            post(
                "Transfer-Encoding: chunked",
                "5\r\n01234\r\n6\r\n56789a\r\n0\r\n\r\n",
            ),
            "413",
        ),
        (post("Content-Length: 3000000", &large), "413"),
        (
            post("Content-Length: 3000000\r\nExpect: 100-continue", ""),
            "413",
        ),
    ] {
        let mut stream = server.connect().await;
        send(&mut stream, &request).await;
        let answer = rest(&mut stream).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {expected}")),
            "expected {expected}, got {answer}"
        );
        assert_eq!(
            answer.contains("\"PAYLOAD_TOO_LARGE\""),
            expected == "413",
            "{answer}"
        );
    }
}

#[tokio::test]
async fn stalled_and_slow_bodies_are_refused() {
    let server = start(upload(), patient(), LONG).await;
    let head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n";
    let (mut stopped, mut trickling) = (server.connect().await, server.connect().await);
    send(&mut stopped, &format!("{head}01")).await;
    let answer = rest(&mut stopped).await;
    assert!(
        answer.starts_with("HTTP/1.1 408") && answer.contains("\"REQUEST_TIMEOUT\""),
        "{answer}"
    );
    send(&mut trickling, head).await;
    let (mut reader, mut writer) = trickling.into_split();
    let trickle = tokio::spawn(async move {
        // Faster than the idle limit, slower than the total one.
        while writer.write_all(b"x").await.is_ok() {
            sleep(SHORT / 2).await;
        }
    });
    let mut bytes = Vec::new();
    let _ = timeout(LONG, reader.read_to_end(&mut bytes))
        .await
        .expect("the server closes the connection");
    trickle.abort();
    assert!(
        bytes.starts_with(b"HTTP/1.1 408"),
        "{}",
        String::from_utf8_lossy(&bytes)
    );
}

#[test]
fn only_system_errors_pause_accept() {
    let too_many_open_files = io::Error::from_raw_os_error(24);
    assert!(!is_of_one_connection(&too_many_open_files));
    assert!(is_of_one_connection(
        &io::ErrorKind::ConnectionAborted.into()
    ));
}
