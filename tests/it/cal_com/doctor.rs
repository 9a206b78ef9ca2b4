//! `courtside doctor` checks keys and Cal.com, and prints nothing secret.

use serde_json::json;
use tests::process::{Settings, courtside, settings};
use tests::{On, Setup, cal_com};

use super::fixture::COACH;

const KEY: &str = "first:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OTHER: &str = "second:HxweGxoZGBcWFRQTEhEQDw4NDAsKCQgHBgUEAwIBAAA=";

/// Runs it; returns its exit code and its output.
async fn doctor(given: &Settings, changes: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut all = given.clone();
    all.extend(settings(changes));
    let output = courtside(&["doctor"], &all).await;
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    for secret in [
        "canary",
        "another-secret",
        "AAECAwQFBgc",
        "HxweGxoZGBc",
        "cal_",
    ] {
        assert!(!said.contains(secret), "{secret} is told: {said}");
    }
    (output.status.code(), said)
}

fn has(said: &str, line: &str) -> bool {
    said.lines().any(|found| found.starts_with(line))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_checks_keys_and_cal_com() {
    let cal = cal_com::start().await;
    let app = Setup::default()
        .cal_com(&cal)
        .setting("ENCRYPTION_KEYS", KEY)
        .cal_com_client(cal_com::client(&cal, None, cal_com::policy()))
        .start(On::Sqlite)
        .await;
    let (_, api_key) = cal.add_account(
        "Nora Whitfield",
        "nora@coaches.example.com",
        "America/New_York",
    );
    let connected = app
        .coach(COACH)
        .mutate(
            "connectWithApiKey",
            json!({ "apiKey": api_key }),
            "account { id }",
        )
        .await;
    assert_eq!(connected.user_errors(), Vec::<&str>::new(), "{connected:?}");
    // Sealed: the key, and the 18 notes of the demo data.
    let mut given = settings(&[
        ("DATABASE_URL", app.database_url()),
        ("ENCRYPTION_KEYS", KEY),
    ]);
    given.extend(cal_com::settings(&cal).map(|(name, value)| (name.to_owned(), value)));

    let (code, said) = doctor(&given, &[]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(
        has(
            &said,
            "ok      encryption keys: `first` seals; 19 sealed values open"
        ),
        "{said}"
    );
    assert!(
        has(&said, "ok      Cal.com: the client that makes accounts"),
        "{said}"
    );
    assert!(
        has(&said, "ok      Cal.com: the client that asks for consent"),
        "{said}"
    );
    assert!(
        has(&said, "ok      accounts at Cal.com: 1 connected"),
        "{said}"
    );

    let both = format!("{OTHER},{KEY}");
    let (code, said) = doctor(&given, &[("ENCRYPTION_KEYS", &both)]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("`second` seals; 19 sealed values open, 19 of them under an older key"),
        "{said}"
    );
    let (code, said) = doctor(&given, &[("ENCRYPTION_KEYS", OTHER)]).await;
    assert_eq!(code, Some(1), "{said}");
    let line = "FAILED  encryption keys: 19 of 19 sealed values do not open: ENCRYPTION_KEYS does not hold `first`";
    assert!(has(&said, line), "{said}");

    let wrong = [
        ("CALCOM_CLIENT_SECRET", "another-secret"),
        ("CALCOM_OAUTH_CLIENT_SECRET", "another-secret"),
    ];
    let (code, said) = doctor(&given, &wrong).await;
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(said.matches("answered, and refused").count(), 2, "{said}");
    // Nobody listens on the port of echo.
    let (code, said) = doctor(&given, &[("CALCOM_API_URL", "http://127.0.0.1:7")]).await;
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(
        said.matches("no answer (CALCOM_API_URL)").count(),
        2,
        "{said}"
    );
    app.finish().await;
}
