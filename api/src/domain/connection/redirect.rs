//! The allow list of redirects.

use http::Uri;

/// URLs and origins that the operator allows. Anything else would be an open redirect.
#[derive(Clone, Debug, Default)]
pub struct Redirects(Vec<String>);

impl Redirects {
    /// Parses the list: an origin allows every URL on it, a URL with a path only itself.
    #[must_use]
    pub fn new(listed: Vec<String>) -> Self {
        Self(listed)
    }

    /// Whether a redirect to this URL is allowed.
    #[must_use]
    pub fn allows(&self, url: &str) -> bool {
        let Some(wanted) = Address::read(url) else {
            return false;
        };
        self.0
            .iter()
            .filter_map(|listed| Address::read(listed))
            .any(|listed| {
                listed.origin() == wanted.origin()
                    && (listed.path == "/"
                        || (listed.path == wanted.path && wanted.query.is_none()))
            })
    }
}

/// The URL with the outcome added to its query.
pub(super) fn with_outcome(url: &str, outcome: &str) -> String {
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}connection={outcome}")
}

struct Address {
    scheme: String,
    host: String,
    port: Option<u16>,
    path: String,
    query: Option<String>,
}

impl Address {
    /// Strict: rejects URLs that two parsers might read differently.
    fn read(url: &str) -> Option<Self> {
        let plain = url.len() <= 2000
            && url
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"\\#@<>\"'`".contains(&byte));
        let uri = Some(url).filter(|_| plain)?.parse::<Uri>().ok()?;
        let scheme = uri
            .scheme_str()
            .filter(|scheme| ["http", "https"].contains(scheme))?
            .to_owned();
        let usual = if scheme == "https" { 443 } else { 80 };
        Some(Self {
            host: uri
                .host()
                .filter(|host| !host.is_empty())?
                .to_ascii_lowercase(),
            port: uri.port_u16().filter(|port| *port != usual),
            path: uri.path().to_owned(),
            query: uri.query().map(str::to_owned),
            scheme,
        })
    }

    fn origin(&self) -> (&str, &str, Option<u16>) {
        (&self.scheme, &self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed() -> Redirects {
        let listed = [
            "https://app.example.com",
            "http://localhost:3000",
            "https://other.example.com/done",
        ];
        Redirects::new(listed.map(str::to_owned).to_vec())
    }

    #[test]
    fn what_is_listed_is_allowed() {
        for url in [
            "https://app.example.com",
            "https://app.example.com/",
            "https://app.example.com/settings?tab=calendar",
            "https://APP.example.com:443/x",
            "http://localhost:3000/a/b",
            "https://other.example.com/done",
        ] {
            assert!(listed().allows(url), "{url}");
        }
    }

    #[test]
    fn nothing_else_is() {
        for url in [
            "",
            "/settings",
            "//app.example.com",
            "app.example.com",
            "http://app.example.com",
            "https://app.example.com:8443",
            "https://app.example.com.evil.example",
            "https://evil.example/https://app.example.com",
            "https://app.example.com@evil.example/",
            "https://user:pw@app.example.com/",
            "https://evil.example\\@app.example.com/",
            "https://app.example.com/#fragment",
            "https://app.example.com/\r\nSet-Cookie: a=b",
            "https://app.example.com/ x",
            "javascript:alert(1)",
            "javascript://app.example.com/%0aalert(1)",
            "data:text/html,x",
            "http://localhost:3001",
            "https://other.example.com/",
            "https://other.example.com/done/more",
            "https://other.example.com/done?next=x",
        ] {
            assert!(!listed().allows(url), "{url}");
        }
    }

    #[test]
    fn the_outcome_joins_the_query() {
        assert_eq!(
            with_outcome("https://a.example/x", "connected"),
            "https://a.example/x?connection=connected"
        );
        assert_eq!(
            with_outcome("https://a.example/x?y=1", "denied"),
            "https://a.example/x?y=1&connection=denied"
        );
    }
}
