use clap::{Args as _, Command, FromArgMatches as _};
use secrecy::ExposeSecret as _;

use super::*;

fn parts(pairs: &[(&str, &str)]) -> Parts {
    pairs
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn config(pairs: &[(&str, &str)]) -> Config {
    Config::from_parts(&parts(pairs)).expect("the parts are a configuration")
}

fn problems(pairs: &[(&str, &str)]) -> Vec<Problem> {
    Config::from_parts(&parts(pairs)).expect_err("the parts are no configuration")
}

const ISSUER: (&str, &str) = ("CLERK_ISSUER", "https://clerk.example.com");
const PARTIES: (&str, &str) = (
    "CLERK_AUTHORIZED_PARTIES",
    "https://app.example.com, http://localhost:3000",
);

const CLIENT: (&str, &str) = ("CALCOM_CLIENT_ID", "client");
const SECRET: (&str, &str) = ("CALCOM_CLIENT_SECRET", "canary-client-secret");
const BACK: (&str, &str) = ("OAUTH_REDIRECTS", "https://app.example.com");
const TWICE: &str =
    "a:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=,a:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const KEYS: (&str, &str) = (
    "ENCRYPTION_KEYS",
    "b:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
);

#[test]
fn the_bound_address_is_the_default_public_url() {
    let address = "127.0.0.1:4567".parse().expect("a literal address");
    let mut derived = config(&[("LISTEN", "127.0.0.1:0")]);
    derived.bound_to(address);
    assert_eq!(
        (derived.listen, derived.public_url.as_str()),
        (address, "http://127.0.0.1:4567")
    );
    let mut named = config(&[
        ("LISTEN", "127.0.0.1:0"),
        ("PUBLIC_URL", "https://api.example.com"),
    ]);
    named.bound_to(address);
    assert_eq!(
        (named.listen, named.public_url.as_str()),
        (address, "https://api.example.com")
    );
}

#[test]
fn nothing_set_is_a_development_server_on_loopback() {
    let config = config(&[]);
    assert_eq!(config.environment, Environment::Development);
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.public_url, "http://127.0.0.1:8080");
    assert_eq!(config.database.url.expose_secret(), "sqlite://courtside.db");
    assert_eq!(config.database.backend, Backend::Sqlite);
    assert!(
        config.clerk.is_none()
            && config.calcom_webhook_secrets.is_empty()
            && config.demo_data.is_none()
    );
    assert_eq!(config.role_claim, ["metadata", "role"]);
    assert_eq!(config.logs.filter, "info");
    assert_eq!(
        config.rate_limits,
        RateLimits {
            requests: None,
            bookings: NonZeroU32::new(5),
            forged_webhooks: NonZeroU32::new(60),
        }
    );
    assert_eq!(config.http.shutdown, Duration::from_secs(30));
    assert_eq!(
        config.bookings.payment_deadline,
        Duration::from_secs(30 * 60)
    );
}

#[test]
fn blank_is_unset() {
    let config = config(&[
        ("LISTEN", ""),
        ("CLERK_ISSUER", "  "),
        ("CALCOM_WEBHOOK_SECRETS", ""),
        ("DEMO_DATA", ""),
    ]);
    assert_eq!(config.listen.port(), 8080);
    assert!(
        config.clerk.is_none()
            && config.calcom_webhook_secrets.is_empty()
            && config.demo_data.is_none()
    );
}

#[test]
fn production_settings_are_read() {
    let config = config(&[
        ISSUER,
        PARTIES,
        KEYS,
        ("LISTEN", "[::]:80"),
        ("PUBLIC_URL", "https://api.example.com/"),
        ("DATABASE_URL", "postgres://u:p@db/courtside"),
        ("CALCOM_WEBHOOK_SECRETS", "new-secret-1, old-secret-1"),
        ("RUST_LOG", "info,courtside=debug"),
        ("LOG_LEVEL", "warn"),
        ("DEMO_DATA", "False"),
    ]);
    assert_eq!(config.environment, Environment::Production);
    assert_eq!(config.public_url, "https://api.example.com");
    assert_eq!(config.database.backend, Backend::Postgres);
    let clerk = config.clerk.expect("the issuer is set");
    assert_eq!(
        clerk.authorized_parties,
        ["https://app.example.com", "http://localhost:3000"]
    );
    let secrets: Vec<_> = config
        .calcom_webhook_secrets
        .iter()
        .map(|secret| secret.expose_secret())
        .collect();
    assert_eq!(secrets, ["new-secret-1", "old-secret-1"]);
    assert_eq!(
        config.logs.filter, "info,courtside=debug",
        "RUST_LOG wins over LOG_LEVEL"
    );
    assert_eq!(config.demo_data, Some(false));
    assert_eq!(config.rate_limits.requests, NonZeroU32::new(1200));
}

#[test]
fn environment_follows_issuer_and_address() {
    for (pairs, expected) in [
        (&[][..], Environment::Development),
        (&[("LISTEN", "[::1]:9000")], Environment::Development),
        (&[("LISTEN", "localhost:9000")], Environment::Development),
        (&[ISSUER, PARTIES, KEYS], Environment::Production),
        (
            &[ISSUER, PARTIES, KEYS, ("LISTEN", "0.0.0.0:80")],
            Environment::Production,
        ),
        (
            &[ISSUER, PARTIES, ("ENVIRONMENT", "development")],
            Environment::Development,
        ),
    ] {
        assert_eq!(config(pairs).environment, expected, "{pairs:?}");
    }
}

#[test]
fn single_wrong_values_are_named() {
    let table: &[(&str, &str)] = &[
        ("LISTEN", "8080"),
        ("LISTEN", "127.0.0.1:99999"),
        ("LISTEN", "example.com:80"),
        ("PUBLIC_URL", "app.example.com"),
        ("PUBLIC_URL", "ftp://app.example.com"),
        ("PUBLIC_URL", "https://user:pass@app.example.com"),
        ("PUBLIC_URL", "https://app.example.com/?a=b"),
        ("PUBLIC_URL", "https://app.example.com/#a"),
        ("ENVIRONMENT", "staging"),
        ("ENVIRONMENT", "Production"),
        ("DATABASE_URL", "mysql://localhost/x"),
        ("DATABASE_URL", "courtside.db"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "postgres:db"),
        ("DATABASE_POOL", "0"),
        ("DATABASE_POOL", "many"),
        ("CLERK_ROLE_CLAIM", "metadata..role"),
        ("CLERK_NATIVE_APPS", "maybe"),
        ("CLERK_API_URL", "api.clerk.com"),
        ("CALCOM_OAUTH_SCOPES", "BOOKING READ"),
        ("CALCOM_WEBHOOK_SECRETS", "no-secret-provided"),
        ("CALCOM_WEBHOOK_SECRETS", "short"),
        ("CALCOM_WEBHOOK_SECRETS", ","),
        ("CALCOM_API_URL", "api.cal.com"),
        ("CALCOM_APP_URL", "https://app.cal.com/?a=b"),
        ("ENCRYPTION_KEYS", "abc"),
        ("ENCRYPTION_KEYS", "a:c2hvcnQ="),
        ("OAUTH_REDIRECTS", "app.example.com"),
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "loud"),
        ("RUST_LOG", "courtside=loud"),
        ("DEMO_DATA", "maybe"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "https://app.example.com/path"),
        ("CORS_ORIGINS", "null"),
        ("RATE_LIMIT_PER_MINUTE", "-1"),
        ("RATE_LIMIT_BOOKINGS_PER_MINUTE", "5.5"),
        ("RATE_LIMIT_FORGED_WEBHOOKS_PER_MINUTE", "-1"),
        ("TRUSTED_PROXIES", "true"),
        ("MAX_CONNECTIONS", "0"),
        ("SHUTDOWN_SECONDS", "0"),
        ("DRAIN_SECONDS", "601"),
        ("HOLD_MINUTES", "0"),
        ("PAYMENT_DEADLINE_MINUTES", "99999999999"),
        ("COMPLETION_GRACE_MINUTES", "soon"),
    ];
    for &(name, value) in table {
        let found = problems(&[(name, value)]);
        let named: Vec<_> = found.iter().map(|problem| problem.variable).collect();
        assert_eq!(named, [name], "{name}={value}");
    }
}

#[test]
fn combinations_are_checked() {
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);
    let table: &[Case<'_>] = &[
        (&[("LISTEN", "0.0.0.0:8080"), KEYS], &["CLERK_ISSUER"]),
        (
            &[("LISTEN", "[::]:8080"), ("ENVIRONMENT", "development")],
            &["CLERK_ISSUER"],
        ),
        (
            &[("ENVIRONMENT", "production")],
            &["CLERK_ISSUER", "ENCRYPTION_KEYS"],
        ),
        (&[ISSUER, PARTIES], &["ENCRYPTION_KEYS"]),
        (&[ISSUER, KEYS], &["CLERK_AUTHORIZED_PARTIES"]),
        (&[PARTIES], &["CLERK_ISSUER"]),
        (
            &[("CLERK_ISSUER", "http://clerk.example.com"), PARTIES, KEYS],
            &["CLERK_ISSUER"],
        ),
        (
            &[
                ISSUER,
                KEYS,
                ("CLERK_AUTHORIZED_PARTIES", "app.example.com,*"),
            ],
            &["CLERK_AUTHORIZED_PARTIES"; 2],
        ),
        (
            &[
                ISSUER,
                PARTIES,
                KEYS,
                ("PUBLIC_URL", "http://api.example.com"),
            ],
            &["PUBLIC_URL"],
        ),
        (&[("CALCOM_CLIENT_ID", "client")], &["CALCOM_CLIENT_SECRET"]),
        (&[("CALCOM_CLIENT_SECRET", "secret")], &["CALCOM_CLIENT_ID"]),
        (
            &[("CALCOM_OAUTH_CLIENT_ID", "client"), BACK],
            &["CALCOM_OAUTH_CLIENT_SECRET"],
        ),
        (
            &[("CALCOM_OAUTH_CLIENT_SECRET", "secret")],
            &["CALCOM_OAUTH_CLIENT_ID"],
        ),
        (
            &[
                ("CALCOM_OAUTH_CLIENT_ID", "client"),
                ("CALCOM_OAUTH_CLIENT_SECRET", "secret"),
            ],
            &["OAUTH_REDIRECTS"],
        ),
        (&[("CALCOM_ORGANIZATION_ID", "7")], &["CALCOM_CLIENT_ID"]),
        (
            &[("CALCOM_OAUTH_SCOPES", "BOOKING_READ")],
            &["CALCOM_OAUTH_CLIENT_ID"],
        ),
        (&[("CLERK_SECRET_KEY", "sk_test_canary")], &["CLERK_ISSUER"]),
        (&[ISSUER, PARTIES, CLIENT, SECRET], &["ENCRYPTION_KEYS"]),
        (
            &[ISSUER, PARTIES, ("CALCOM_CLIENT_ID", "client")],
            &["CALCOM_CLIENT_SECRET", "ENCRYPTION_KEYS"],
        ),
        (
            &[
                ISSUER,
                PARTIES,
                ("ENVIRONMENT", "development"),
                ("LISTEN", "0.0.0.0:80"),
                CLIENT,
                SECRET,
            ],
            &["ENCRYPTION_KEYS"],
        ),
        (
            &[("PUBLIC_URL", "http://tunnel.example.com"), CLIENT, SECRET],
            &["ENCRYPTION_KEYS"],
        ),
        (&[("ENCRYPTION_KEYS", TWICE)], &["ENCRYPTION_KEYS"]),
    ];
    for (pairs, expected) in table {
        let named: Vec<_> = problems(pairs)
            .iter()
            .map(|problem| problem.variable)
            .collect();
        assert_eq!(named, *expected, "{pairs:?}");
    }
    config(&[("CLERK_ISSUER", "http://127.0.0.1:4000"), PARTIES, KEYS]);
    config(&[CLIENT, SECRET]);
    config(&[ISSUER, PARTIES, CLIENT, SECRET, KEYS]);
}

#[test]
fn cal_com_is_read_and_shows_no_secret() {
    let plain = config(&[]);
    assert_eq!(plain.cal_com.api_url, "https://api.cal.com");
    assert_eq!(plain.cal_com.app_url, "https://app.cal.com");
    assert!(
        plain.cal_com.platform.is_none()
            && plain.cal_com.oauth.is_none()
            && plain.encryption_keys.is_none()
    );
    let config = config(&[
        CLIENT,
        SECRET,
        BACK,
        KEYS,
        ("CALCOM_API_URL", "http://127.0.0.1:5000/"),
        ("CALCOM_ORGANIZATION_ID", "17"),
        ("CALCOM_OAUTH_CLIENT_ID", "oauth"),
        ("CALCOM_OAUTH_CLIENT_SECRET", "canary-oauth-secret"),
    ]);
    assert_eq!(
        config.cal_com.api_url, "http://127.0.0.1:5000",
        "without the slash"
    );
    assert_eq!(config.cal_com.organization_id, Some(17));
    let platform = config.cal_com.platform.as_ref().expect("it is configured");
    assert_eq!(
        (platform.id.as_str(), platform.secret.expose_secret()),
        ("client", SECRET.1)
    );
    assert_eq!(config.oauth_redirects, ["https://app.example.com"]);
    let shown = format!("{config:?}");
    assert!(
        !shown.contains("canary") && !shown.contains("AAECAw"),
        "{shown}"
    );
}

#[test]
fn all_problems_are_listed() {
    let found = problems(&[
        ("LISTEN", "x"),
        ("DATABASE_URL", "x"),
        ("LOG_FORMAT", "x"),
        ("CALCOM_WEBHOOK_SECRETS", "a,b"),
    ]);
    let named: Vec<_> = found.iter().map(|problem| problem.variable).collect();
    assert_eq!(
        named,
        [
            "LISTEN",
            "DATABASE_URL",
            "CALCOM_WEBHOOK_SECRETS",
            "CALCOM_WEBHOOK_SECRETS",
            "LOG_FORMAT"
        ]
    );
    let report = report(&found);
    assert!(
        report.starts_with("The configuration has 5 problems:\n  LISTEN: must be an address"),
        "{report}"
    );
}

#[test]
fn secrets_are_never_repeated() {
    let (password, secret) = ("hunter2-canary", "tiny!");
    let found = problems(&[
        ("DATABASE_URL", &format!("mysql://u:{password}@db")),
        ("CALCOM_WEBHOOK_SECRETS", secret),
    ]);
    let report = report(&found);
    assert!(
        !report.contains(password) && !report.contains(secret),
        "{report}"
    );
    let url = format!("postgres://u:{password}@db/x");
    let shown = format!(
        "{:?}",
        config(&[
            ("DATABASE_URL", &url),
            ("CALCOM_WEBHOOK_SECRETS", "canary-secret")
        ])
    );
    assert!(
        !shown.contains(password) && !shown.contains("canary-secret"),
        "{shown}"
    );
}

#[test]
fn flags_reach_the_parts_and_help_names_every_setting() {
    let mut command = SettingArgs::augment_args(Command::new("serve"));
    let help = command.render_long_help().to_string();
    for setting in SETTINGS {
        assert!(
            help.contains(&format!("[env: {}]", setting.name)),
            "{} is not in the help",
            setting.name
        );
    }
    let matches = command
        .try_get_matches_from(["serve", "--listen", "[::1]:1", "--rate-limit-per-minute=0"])
        .expect("these flags exist");
    let args = SettingArgs::from_arg_matches(&matches).expect("every setting is a text");
    assert_eq!(
        args.parts.get("LISTEN").map(String::as_str),
        Some("[::1]:1")
    );
    assert_eq!(
        args.parts.get("RATE_LIMIT_PER_MINUTE").map(String::as_str),
        Some("0")
    );
}

#[test]
fn unknown_flags_are_bad_usage() {
    let command = SettingArgs::augment_args(Command::new("serve"));
    let error = command
        .try_get_matches_from(["serve", "--lisen", "x"])
        .expect_err("there is no such flag");
    assert_eq!(error.exit_code(), i32::from(EXIT_USAGE));
}

#[test]
fn documents_name_every_setting_once() {
    let (doc, example) = (env_doc(), env_example());
    for setting in SETTINGS {
        assert_eq!(
            doc.matches(&format!("\n| `{}` |", setting.name)).count(),
            1,
            "{}",
            setting.name
        );
        assert_eq!(
            example.matches(&format!("\n# {}=", setting.name)).count(),
            1,
            "{}",
            setting.name
        );
    }
}

/// The example file, with every line uncommented, must be a valid configuration.
#[test]
fn the_example_is_a_configuration() {
    let assignment = |line: &str| {
        let (name, value) = line.strip_prefix("# ")?.split_once('=')?;
        Some((settings::find(name)?.name.to_owned(), value.to_owned()))
    };
    let parts: Parts = env_example().lines().filter_map(assignment).collect();
    assert_eq!(parts.len(), SETTINGS.len());
    Config::from_parts(&parts).expect("the defaults fit together");
}
