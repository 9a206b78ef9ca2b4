//! The expected refusal of every recording.

use super::exchange::Exchange;
use crate::cal_com::Error;
use crate::cal_com::Refusal;
use crate::cal_com::Refusal::*;
use crate::error::Kind;

/// Successes are read, refusals match the table, and neither `Display` nor `Debug` contains
/// personal data.
pub(super) fn expected(exchange: &Exchange, result: Result<(), Error>) {
    let Exchange { name, status, .. } = exchange;
    if *status < 400 {
        assert_eq!(result, Ok(()), "{name}");
        return;
    }
    let error = result.expect_err(name);
    let number = name.split('-').next().expect("a number");
    let (kind, refusal) = meaning(number).unwrap_or_else(|| panic!("{name} is not in the table"));
    assert_eq!(
        (error.kind, error.refusal.as_ref()),
        (kind, refusal.as_ref()),
        "{name}"
    );
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(
            !text.contains('@') && !text.contains("eyJ") && !text.contains("uid="),
            "{name}: {text}"
        );
        assert!(
            text.contains(&status.to_string()) && text.contains("/v2/"),
            "{name}: {text}"
        );
    }
}

fn fields<const N: usize>(fields: [&str; N]) -> Refusal {
    InvalidInput {
        fields: fields.map(str::to_owned).to_vec(),
    }
}

fn app(app: &str) -> Refusal {
    AppNotConnected {
        app: app.to_owned(),
    }
}

/// By the recording's number. `None` is a refusal whose message is not classified.
fn meaning(number: &str) -> Option<(Kind, Option<Refusal>)> {
    let (kind, refusal) = match number {
        "669b" => (Kind::Malformed, None),
        "643" => (Kind::Unavailable, None),
        "901" => (
            Kind::RateLimited {
                retry_after: Some(std::time::Duration::from_secs(60)),
            },
            None,
        ),
        "066" => (Kind::Conflict, None),
        "809" | "822" | "823" => (Kind::NotFound, None),
        "035" => (Kind::Unauthorized, None),
        "069" | "806" | "808" | "818" | "309" | "084" | "514" => (Kind::Rejected, None),
        _ => {
            let refusal = about_bookings(number).or_else(|| about_the_rest(number))?;
            return Some((refusal.kind(), Some(refusal)));
        }
    };
    Some((kind, refusal))
}

fn about_bookings(number: &str) -> Option<Refusal> {
    Some(match number {
        "426" | "431" | "432" | "501" | "502" | "503" | "504" | "507" | "605" | "702" => SlotTaken,
        "505" | "606" => InThePast,
        "506" | "508" => OutsideWindow,
        "665" => SeatsFull,
        "662" => AlreadyBooked,
        "604" | "611" | "613" | "617" | "649" => AlreadyCanceled,
        "603" => AlreadyRescheduled {
            to_uid: Some("eGpW4N8geo3ukJBDdeXqKY".to_owned()),
        },
        "621" | "622" | "623" | "624" | "625" => NotStartedYet,
        "635" => AlreadyConfirmed,
        "633" => NotOwner,
        "509" => UnknownEventType,
        "062" | "522" | "614" => UnknownBooking,
        "541" => MissingAnswer {
            slug: "email".to_owned(),
        },
        "543" => MissingAnswer {
            slug: "goal".to_owned(),
        },
        "420" | "512" => FixedLength,
        "657" => TooManyOccurrences,
        "674" => NoOtherHost,
        "423" | "526" | "530" | "632" => CredentialMissing,
        "510" => fields(["attendee", "timeZone"]),
        "511" => fields(["attendee", "attendee email or phone"]),
        "513" => fields(["timeZone", "language", "metadata"]),
        "515" => fields(["metadata"]),
        "525" => fields(["status"]),
        "527" => fields(["take"]),
        _ => return None,
    })
}

fn about_the_rest(number: &str) -> Option<Refusal> {
    Some(match number {
        "012" => UserExists { id: Some(2) },
        "013" => fields(["timeZone"]),
        "017" => fields(["name"]),
        "014" | "031" | "033" => CredentialMissing,
        "015" | "016" | "043" | "072" | "085" => InvalidClient,
        "023" | "063" | "064" => UnknownUser,
        "032" | "045" | "046" | "061" => TokenRevoked,
        "050" | "051" => TokenExpired,
        "041" | "047" | "703" => RefreshTokenUsed,
        "074" | "079" | "082" => InvalidGrant,
        "087" => InvalidApiKey,
        "052" | "216" | "217" | "218" | "222" | "407" => UnknownEventType,
        "109" | "317" | "802" => NotOwner,
        "110" | "209" => UnknownSchedule,
        "850" => Forbidden,
        "113" | "416" | "830" | "831" | "833" | "834" => UnknownRoute,
        "207" => DuplicateSlug,
        "301" | "315" => DuplicateUrl,
        "205" | "816" | "817" => app("zoom"),
        "206" => app("google-meet"),
        "805" => app("google_calendar"),
        "807" => app("Ics Feed calendar"),
        "812" => app("google_calendar"),
        "825" => app("stripe"),
        "105" => fields(["availability.0.startTime"]),
        "108" => fields(["isDefault"]),
        "208" => fields(["lengthInMinutes"]),
        "312" => fields(["triggers"]),
        "314" => fields(["version"]),
        "408" => fields(["end"]),
        "413" => fields(["timeZone"]),
        "801" => fields(["dateFrom", "dateTo", "calendarsToLoad"]),
        _ => return None,
    })
}
