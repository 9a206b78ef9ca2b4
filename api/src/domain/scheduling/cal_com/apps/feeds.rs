//! Connects iCalendar feeds. Their URLs are secrets: anyone who has one can read the calendar.

use std::net::IpAddr;

use entity::Uuid;
use providers::Kind;
use secrecy::{ExposeSecret as _, SecretString};

use super::account_session::AccountSession;
use crate::app::App;
use crate::domain::text::Problems;
use crate::domain::{Caller, Error, Result};

/// Most feeds of a coach.
const MOST: usize = 5;

/// The input of [`set_calendar_feeds`]. Sent to Cal.com and not stored here.
pub struct Feeds {
    /// The caller's own profile if `None`.
    pub coach_id: Option<Uuid>,
    /// All feeds: they replace the previous ones.
    pub urls: Vec<SecretString>,
}

/// Connects read-only feeds. Returns the coach's id.
///
/// # Errors
/// `Invalid` for malformed URLs, and when a feed cannot be read; `Account` when there is no working
/// account that is the coach's scheduler; `Unavailable`.
pub async fn set_calendar_feeds(app: &App, caller: &Caller, input: Feeds) -> Result<Uuid> {
    let urls: Vec<String> = input
        .urls
        .iter()
        .map(|url| url.expose_secret().trim().to_owned())
        .collect();
    check(&urls)?;
    let session = AccountSession::open(app, caller, input.coach_id).await?;
    let urls = &urls;
    let asked = session.write("calendar.set_feeds", |client, credential| async move {
        client.connect_ics_feeds(&credential, urls).await
    });
    if let Err(fault) = asked.await? {
        return Err(match (&fault.refusal, fault.kind) {
            (None, Kind::Rejected) => {
                Error::invalid("urls", "Cal.com cannot read one of these feeds")
            }
            _ => session.map_error(&fault).await,
        });
    }
    Ok(session.coach_id)
}

fn check(urls: &[String]) -> Result<()> {
    let mut problems = Problems::default();
    problems.require(
        (1..=MOST).contains(&urls.len()),
        "urls",
        format!("must be 1 to {MOST} addresses"),
    );
    for (index, url) in urls.iter().enumerate().take(MOST) {
        let at = format!("urls.{index}");
        problems.https(&at, url);
        problems.require(
            has_public_host(url),
            &at,
            "must be at a host with a public name",
        );
        problems.require(!urls[..index].contains(url), &at, "is there twice");
    }
    problems.finish()
}

/// Whether the host is a public DNS name, and no IP address.
fn has_public_host(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else {
        return false;
    };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let last = host
        .trim_end_matches('.')
        .rsplit('.')
        .next()
        .unwrap_or_default();
    let is_name = host.contains('.')
        && host.parse::<IpAddr>().is_err()
        && !last.bytes().all(|byte| byte.is_ascii_digit());
    is_name && !["localhost", "local", "internal"].contains(&last.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::violation_paths;

    fn wrong_with(urls: &[&str]) -> Vec<String> {
        let urls: Vec<String> = urls.iter().map(|url| (*url).to_owned()).collect();
        violation_paths(check(&urls))
    }

    #[test]
    fn feeds_are_few_and_elsewhere() {
        assert!(
            wrong_with(&[
                "https://calendar.example.com/a.ics?key=1",
                "https://other.example.com/b.ics"
            ])
            .is_empty()
        );
        assert_eq!(wrong_with(&[]), ["urls"]);
        let six: Vec<String> = (0..6)
            .map(|index| format!("https://example.com/{index}.ics"))
            .collect();
        assert_eq!(
            wrong_with(&six.iter().map(String::as_str).collect::<Vec<_>>()),
            ["urls"]
        );
        let twice = "https://example.com/a.ics";
        assert_eq!(wrong_with(&[twice, twice]), ["urls.1"]);
        for bad in [
            "http://example.com/a.ics",
            "webcal://example.com/a.ics",
            "https://user:secret@example.com/a.ics",
            "https://localhost/a.ics",
            "https://printer.local/a.ics",
            "https://127.0.0.1/a.ics",
            "https://127.1/a.ics",
            "https://[::1]/a.ics",
            "https://metadata.internal/a.ics",
            "a.ics",
        ] {
            assert!(
                wrong_with(&[bad]).iter().all(|field| field == "urls.0")
                    && !wrong_with(&[bad]).is_empty(),
                "{bad}"
            );
        }
    }
}
