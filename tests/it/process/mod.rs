//! The binary, as operators run it.

mod command;
mod crash;
mod log;
mod outage;
mod server;
mod zone_data;

use tests::Scratch;
use tests::process::{Settings, courtside, settings};

/// A database of its own with the demo data, and no limit on bookings.
pub(crate) fn usual(scratch: &Scratch) -> Settings {
    let url = format!("sqlite://{}", scratch.path().join("served.db").display());
    settings(&[
        ("DATABASE_URL", &url),
        ("DEMO_DATA", "true"),
        ("RATE_LIMIT_BOOKINGS_PER_MINUTE", "0"),
    ])
}

/// A token, as the command line makes it.
pub(crate) async fn token(settings: &Settings, role: &str, user: &str) -> String {
    let output = courtside(&["token", "--role", role, "--user", user], settings).await;
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout)
        .expect("a token is text")
        .trim_end()
        .to_owned()
}
