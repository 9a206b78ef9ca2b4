//! The other direction: a stand-in that calls its subscribers. Plain HTTP only, no redirects, no
//! timeout, no retry.

use std::fmt;

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Why a delivery did not get an answer.
#[derive(Debug)]
pub(crate) struct Undelivered;

impl fmt::Display for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the subscriber was not reached")
    }
}

/// Posts a body and returns the status of the answer.
pub(crate) async fn post(
    url: &str,
    headers: &[(&str, &str)],
    body: Bytes,
) -> Result<u16, Undelivered> {
    let uri: Uri = url.parse().map_err(|_| Undelivered)?;
    let authority = uri.authority().ok_or(Undelivered)?.clone();
    if uri.scheme_str() != Some("http") {
        return Err(Undelivered);
    }
    let stream = TcpStream::connect((authority.host(), authority.port_u16().unwrap_or(80)));
    let stream = stream.await.map_err(|_| Undelivered)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|_| Undelivered)?;
    let driving = tokio::spawn(connection);
    let target = uri
        .path_and_query()
        .map_or("/", http::uri::PathAndQuery::as_str);
    let mut request = Request::post(target).header("host", authority.as_str());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body)).map_err(|_| Undelivered)?;
    let answered = sender.send_request(request).await;
    let status = match answered {
        Ok(answer) => {
            let status = answer.status().as_u16();
            let _ = answer.into_body().collect().await;
            Ok(status)
        }
        Err(_) => Err(Undelivered),
    };
    driving.abort();
    status
}
