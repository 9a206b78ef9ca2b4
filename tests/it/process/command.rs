//! Commands, their answers and exit codes.

use tests::Scratch;
use tests::process::{courtside, settings};

use super::usual;

#[tokio::test]
async fn every_wrong_setting_is_named_at_once() {
    let wrong = settings(&[
        ("LISTEN", "0.0.0.0:8080"),
        ("DATABASE_URL", "mysql://root:hunter2@localhost/x"),
        ("SHUTDOWN_SECONDS", "0"),
        ("LOG_LEVEL", "loud"),
        ("CALCOM_WEBHOOK_SECRETS", "short"),
    ]);
    for command in ["serve", "migrate", "doctor"] {
        let output = courtside(&[command], &wrong).await;
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{command}: {told}");
        for name in [
            "CLERK_ISSUER",
            "DATABASE_URL",
            "SHUTDOWN_SECONDS",
            "LOG_LEVEL",
            "CALCOM_WEBHOOK_SECRETS",
        ] {
            assert!(
                told.contains(name),
                "{command} does not name {name}: {told}"
            );
        }
        assert!(!told.contains("hunter2"), "{told}");
        assert!(output.stdout.is_empty(), "{command}");
    }
}

#[tokio::test]
async fn usage_errors_and_failures_have_different_exit_codes() {
    let none = settings(&[]);
    for arguments in [
        &["frobnicate"][..],
        &["--no-such-flag"],
        &["token"],
        &["token", "--role", "owner"],
    ] {
        let output = courtside(arguments, &none).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            output.stdout.is_empty() && !output.stderr.is_empty(),
            "{arguments:?}"
        );
    }
    for url in [
        "sqlite:///no/such/directory/x.db",
        "postgres://nobody@%2Fno%2Fsuch%2Fdirectory/x",
    ] {
        for command in ["serve", "migrate", "worker"] {
            let output = courtside(
                &[command],
                &settings(&[("DATABASE_URL", url), ("LISTEN", "127.0.0.1:0")]),
            )
            .await;
            assert_eq!(
                output.status.code(),
                Some(1),
                "{command} {url}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            assert!(
                String::from_utf8_lossy(&output.stderr).contains("database"),
                "{command} {url}"
            );
        }
    }
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["schema"],
        &["env-doc"],
        &["env-doc", "--example"],
    ] {
        let output = courtside(arguments, &none).await;
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(
            !output.stdout.is_empty() && output.stderr.is_empty(),
            "{arguments:?}"
        );
    }
}

#[tokio::test]
async fn a_token_is_all_that_is_printed() {
    let scratch = Scratch::new();
    let settings = usual(&scratch);
    assert!(courtside(&["migrate"], &settings).await.status.success());
    assert!(courtside(&["seed"], &settings).await.status.success());
    for role in ["client", "coach", "admin"] {
        let output = courtside(&["token", "--role", role], &settings).await;
        let printed = String::from_utf8(output.stdout).expect("a token is text");
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert_eq!(
            (printed.lines().count(), printed.matches('.').count()),
            (1, 2),
            "{printed}"
        );
        assert!(
            printed.ends_with('\n') && !printed.trim_end().contains(char::is_whitespace),
            "{printed}"
        );
    }
}

#[tokio::test]
async fn the_doctor_says_what_is_wrong() {
    let scratch = Scratch::new();
    let fine = courtside(&["doctor"], &usual(&scratch)).await;
    assert_eq!(
        fine.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&fine.stdout)
    );
    let broken = settings(&[("DATABASE_URL", "sqlite:///no/such/directory/x.db")]);
    let broken = courtside(&["doctor"], &broken).await;
    assert_eq!(broken.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&broken.stdout).contains("FAILED  database"));
}
