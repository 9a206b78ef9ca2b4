//! Parsers of single values. An error message describes the valid form; it repeats the value only
//! where that is no secret.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::Uri;
use secrecy::SecretString;

use super::choices::{Backend, Environment, LogFormat};

/// Cal.com's placeholder when no secret is configured. Anyone can sign with it.
const CALCOM_NO_SECRET: &str = "no-secret-provided";
const SECRET_LENGTH_MIN: usize = 8;

pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    if let Some(port) = text
        .strip_prefix("localhost:")
        .and_then(|port| port.parse().ok())
    {
        return Ok(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port));
    }
    text.parse().map_err(|_| {
        format!(
            "must be an address and a port such as `127.0.0.1:8080` or `[::]:8080`, not `{text}`"
        )
    })
}

pub(super) fn environment(text: &str) -> Result<Environment, String> {
    match text {
        "development" => Ok(Environment::Development),
        "production" => Ok(Environment::Production),
        _ => Err(format!(
            "must be `development` or `production`, not `{text}`"
        )),
    }
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "pretty" => Ok(LogFormat::Pretty),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("must be `pretty` or `json`, not `{text}`")),
    }
}

pub(super) fn log_level(text: &str) -> Result<String, String> {
    match text.to_ascii_lowercase().as_str() {
        level @ ("error" | "warn" | "info" | "debug" | "trace") => Ok(level.to_owned()),
        _ => Err(format!(
            "must be `error`, `warn`, `info`, `debug` or `trace`, not `{text}`"
        )),
    }
}

pub(super) fn log_directives(text: &str) -> Result<String, String> {
    match text.parse::<tracing_subscriber::filter::Targets>() {
        Ok(_) => Ok(text.to_owned()),
        // Only `EnvFilter` parses the full grammar (spans, fields).
        Err(_) => match tracing_subscriber::EnvFilter::try_new(text) {
            Ok(_) => Ok(text.to_owned()),
            Err(error) => Err(format!("is not a list of log directives: {error}")),
        },
    }
}

pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(format!("must be `true` or `false`, not `{text}`")),
    }
}

/// Parses a database URL and its backend. The error never contains the URL, which may hold a
/// password.
pub(super) fn database(text: &str) -> Result<(SecretString, Backend), String> {
    let backend = match text.split_once(':') {
        Some(("sqlite", rest)) if !rest.trim_start_matches('/').is_empty() => Backend::Sqlite,
        Some(("postgres" | "postgresql", rest)) if rest.len() > 2 && rest.starts_with("//") => {
            Backend::Postgres
        }
        _ => {
            return Err(
                "must start with `sqlite://` and name a file, or be a `postgres://` URL".to_owned(),
            );
        }
    };
    Ok((text.into(), backend))
}

/// An absolute http(s) URL without credentials, query or fragment; plain http only for loopback
/// hosts unless `plain` allows it.
pub(super) fn url(text: &str, plain: bool) -> Result<String, String> {
    let wrong = |why: &str| {
        Err(format!(
            "must be an absolute URL such as `https://example.com`; {why}"
        ))
    };
    let Ok(uri) = text.parse::<Uri>() else {
        return wrong("this is none");
    };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return wrong("scheme or host is missing");
    };
    if authority.host().is_empty() || authority.as_str().contains('@') {
        return wrong("it names a host, and carries no user");
    }
    if uri.query().is_some() || text.contains('#') {
        return wrong("it has neither query nor fragment");
    }
    match scheme {
        "https" => Ok(text.to_owned()),
        "http" if plain || is_loopback_host(authority.host()) => Ok(text.to_owned()),
        "http" => wrong("plain `http` is for loopback addresses only"),
        _ => wrong("the scheme is `https`"),
    }
}

/// Scheme, host and optional port, as a browser writes an origin. Not only http(s): extensions and
/// mobile apps have origins too.
pub(super) fn origin(text: &str) -> Result<String, String> {
    let wrong = || format!("`{text}` is not an origin such as `https://app.example.com`");
    let (scheme, host) = text.split_once("://").ok_or_else(wrong)?;
    let scheme_fits = !scheme.is_empty()
        && scheme
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b));
    let host_fits = !host.is_empty()
        && host
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._:[]".contains(&b));
    if scheme_fits && host_fits {
        Ok(text.to_owned())
    } else {
        Err(wrong())
    }
}

/// Splits `metadata.role` into the path through the claims.
pub(super) fn claim_path(text: &str) -> Result<Vec<String>, String> {
    let steps: Vec<String> = text.split('.').map(str::to_owned).collect();
    if steps.iter().any(|step| step.trim().is_empty()) {
        return Err(format!(
            "must be names joined by dots such as `metadata.role`, not `{text}`"
        ));
    }
    Ok(steps)
}

pub(super) fn webhook_secret(text: &str) -> Result<SecretString, String> {
    if text.eq_ignore_ascii_case(CALCOM_NO_SECRET) {
        return Err(format!(
            "`{CALCOM_NO_SECRET}` is what Cal.com writes when there is no secret: anybody can sign with it"
        ));
    }
    if text.len() < SECRET_LENGTH_MIN {
        return Err(format!(
            "has a secret shorter than {SECRET_LENGTH_MIN} characters"
        ));
    }
    Ok(text.into())
}

/// Whether a URL points to this machine only.
pub(super) fn is_loopback_url(text: &str) -> bool {
    text.parse::<Uri>()
        .is_ok_and(|uri| uri.host().is_some_and(is_loopback_host))
}

/// An id or a secret of a client at a provider, unchanged.
pub(super) fn credential(text: &str) -> Result<String, String> {
    if text.len() < 4
        || text
            .bytes()
            .any(|byte| byte.is_ascii_whitespace() || !byte.is_ascii_graphic())
    {
        return Err("must be at least 4 visible characters without spaces".to_owned());
    }
    Ok(text.to_owned())
}

/// A scope of OAuth: RFC 6749, section 3.3, without the comma that separates ours.
pub(super) fn scope(text: &str) -> Result<String, String> {
    let is_scope = text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !b"\"\\,".contains(&byte));
    if is_scope {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is not a scope such as `BOOKING_READ`"))
    }
}

pub(super) fn is_loopback_host(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}
