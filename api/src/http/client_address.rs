//! Resolves the client address behind our own proxies: every `X-Forwarded-For` entry left of theirs
//! was written by the client.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

/// The address that the outermost of `trusted` proxies saw; the peer's address if `trusted` is 0 or
/// a header is missing or malformed.
pub fn client_address(peer: SocketAddr, headers: &HeaderMap, trusted: usize) -> IpAddr {
    let peer = peer.ip().to_canonical();
    if trusted == 0 {
        return peer;
    }
    let entries = headers
        .get_all("x-forwarded-for")
        .iter()
        .rev()
        .flat_map(|line| {
            let line = line.to_str().unwrap_or_default();
            line.rsplit(',').map(str::trim)
        });
    let Some(entry) = entries.take(trusted).last() else {
        return peer;
    };
    parse(entry).map_or(peer, |address| address.to_canonical())
}

/// Parses an entry; some proxies append the port.
fn parse(entry: &str) -> Option<IpAddr> {
    let bare = entry.trim_start_matches('[').trim_end_matches(']');
    bare.parse()
        .ok()
        .or_else(|| Some(entry.parse::<SocketAddr>().ok()?.ip()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_trusted_proxies_are_used() {
        let table: &[(&[&str], usize, &str)] = &[
            (&[], 0, "10.0.0.1"),
            (&["1.1.1.1"], 0, "10.0.0.1"),
            (&[], 1, "10.0.0.1"),
            (&["1.1.1.1"], 1, "1.1.1.1"),
            (&["6.6.6.6, 1.1.1.1"], 1, "1.1.1.1"),
            (&["6.6.6.6, 1.1.1.1, 2.2.2.2"], 2, "1.1.1.1"),
            (&["6.6.6.6", "1.1.1.1, 2.2.2.2"], 2, "1.1.1.1"),
            (&["1.1.1.1", "2.2.2.2"], 2, "1.1.1.1"),
            (&["1.1.1.1:4711"], 1, "1.1.1.1"),
            (&["[2001:db8::1]:4711"], 1, "2001:db8::1"),
            (&["2001:db8::1"], 1, "2001:db8::1"),
            (&["::ffff:1.1.1.1"], 1, "1.1.1.1"),
            (&["unknown"], 1, "10.0.0.1"),
            (&["1.1.1.1"], 3, "1.1.1.1"),
        ];
        for (lines, trusted, expected) in table {
            let mut headers = HeaderMap::new();
            for line in *lines {
                headers.append("x-forwarded-for", HeaderValue::from_static(line));
            }
            let peer = SocketAddr::from(([10, 0, 0, 1], 1));
            assert_eq!(
                client_address(peer, &headers, *trusted).to_string(),
                *expected,
                "{lines:?} {trusted}"
            );
        }
    }
}
