//! The table of all settings: source of the command line, the validation, `docs/ENVIRONMENT.md` and
//! `.env.example`, so that they cannot diverge.

/// The default of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// This text, parsed like a value that was set.
    Text(&'static str),
    /// Derived from other settings or from the environment; the text says how.
    Rule(&'static str),
    /// Off.
    Off,
}

/// A setting: an environment variable and the flag of the same name.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The environment variable. The flag is this in kebab case.
    pub name: &'static str,
    /// The heading in the documents.
    pub group: &'static str,
    /// The form of the value, for the help text.
    pub value: &'static str,
    pub fallback: Fallback,
    /// What the setting does, in full sentences, with units.
    pub meaning: &'static str,
    /// Never shown in help or logs.
    pub secret: bool,
}

const fn plain(
    group: &'static str,
    name: &'static str,
    value: &'static str,
    fallback: Fallback,
    meaning: &'static str,
) -> Setting {
    Setting {
        name,
        group,
        value,
        fallback,
        meaning,
        secret: false,
    }
}

const fn secret(
    group: &'static str,
    name: &'static str,
    value: &'static str,
    fallback: Fallback,
    meaning: &'static str,
) -> Setting {
    Setting {
        name,
        group,
        value,
        fallback,
        meaning,
        secret: true,
    }
}

use Fallback::{Off, Rule, Text};

const SERVER: &str = "Server";
const DATA: &str = "Data";
const IDENTITY: &str = "Identity";
const PROVIDERS: &str = "Providers";
const LIMITS: &str = "Limits";
const BOOKINGS: &str = "Bookings";
const LOGS: &str = "Logs";

/// The settings, in the order of the documents.
#[rustfmt::skip] // a table reads by its columns
pub const SETTINGS: &[Setting] = &[
    plain(SERVER, "LISTEN", "ADDRESS:PORT", Text("127.0.0.1:8080"),
        "Address and port to listen on. Anything but a loopback address needs `CLERK_ISSUER`."),
    plain(SERVER, "PUBLIC_URL", "URL", Rule("`http://` and the address listened on"),
        "The address under which clients reach this server: links, redirects and webhook addresses start with it."),
    plain(SERVER, "ENVIRONMENT", "development|production", Rule("`development` when `CLERK_ISSUER` is unset and `LISTEN` is a loopback address, else `production`"),
        "Development serves GraphiQL, introspection and locally issued tokens. Production has none of them and needs `CLERK_ISSUER`."),
    plain(SERVER, "CORS_ORIGINS", "ORIGIN,…", Off,
        "Origins whose pages may call the API from a browser, comma-separated, each as `https://app.example.com`. There is no wildcard."),
    plain(SERVER, "TRUSTED_PROXIES", "COUNT", Text("0"),
        "How many proxies of yours stand in front, each adding one entry to `X-Forwarded-For`. With 0 that header is ignored."),
    plain(SERVER, "PERSISTED_DOCUMENTS", "FILE", Off,
        "Manifest of allowed GraphQL operations. When set, every other operation is refused."),
    plain(SERVER, "SHUTDOWN_SECONDS", "SECONDS", Text("30"),
        "After a signal to stop, requests and sockets have this long to finish before they are cut. 1 to 3600."),
    plain(SERVER, "DRAIN_SECONDS", "SECONDS", Text("0"),
        "After a signal to stop, keep serving this long with `/readyz` answering 503, so that a load balancer looks away first. 0 to 600."),

    secret(DATA, "DATABASE_URL", "URL", Text("sqlite://courtside.db"),
        "`sqlite://FILE` or `postgres://USER:PASSWORD@HOST/DATABASE`. A missing SQLite file is created."),
    secret(DATA, "ENCRYPTION_KEYS", "ID:KEY,…", Rule("in development a key that is kept in the database, which protects nothing"),
        "Keys for provider tokens, notes and clients' answers, comma-separated, each an id of your choice and 32 random bytes in base64 (`openssl rand -base64 32`). The first one encrypts, all of them decrypt. To replace a key: add the new one at the end everywhere, then move it to the front, run `courtside rotate-keys`, and take the old one away. Required in production, and with any credential of Cal.com on an address that others can reach."),
    plain(DATA, "DATABASE_POOL", "COUNT", Rule("chosen from the number of processors"),
        "Database connections at most. 1 to 1000."),
    plain(DATA, "DEMO_DATA", "true|false", Rule("on for a new database when no provider is configured"),
        "Whether an empty database is filled with demo data."),
    plain(DATA, "TZDIR", "DIRECTORY", Rule("the system's zoneinfo, or the database bundled with the program when that is newer"),
        "Directory of compiled time zones (zoneinfo), taken whatever its version is. Read once, at the start: newer data needs a restart and no new build. A directory without zones is not used, and a warning says so."),

    plain(IDENTITY, "CLERK_ISSUER", "URL", Off,
        "Issuer of the session tokens to accept, exactly as in their `iss` claim. Its keys are read from `/.well-known/jwks.json` below it."),
    plain(IDENTITY, "CLERK_AUTHORIZED_PARTIES", "ORIGIN,…", Off,
        "Origins whose tokens are accepted (the `azp` claim), comma-separated. Belongs to `CLERK_ISSUER`: set both or neither."),
    plain(IDENTITY, "CLERK_NATIVE_APPS", "true|false", Text("false"),
        "Whether tokens without the `azp` claim are accepted. Native apps have no origin, so theirs have none; with `false` they are refused."),
    plain(IDENTITY, "CLERK_ROLE_CLAIM", "PATH", Text("metadata.role"),
        "Where a token carries the role: a dotted path into its claims."),
    secret(IDENTITY, "CLERK_SECRET_KEY", "SECRET", Off,
        "Secret key of the Clerk instance. A booking needs a verified address: when a token has no claims `email` and `email_verified`, the address is read from Clerk's API with this key. Without it, such a booking is refused."),
    plain(IDENTITY, "CLERK_API_URL", "URL", Text("https://api.clerk.com"),
        "Clerk's Backend API, without `/v1`. Only called with `CLERK_SECRET_KEY`."),

    secret(PROVIDERS, "CALCOM_WEBHOOK_SECRETS", "SECRET,…", Off,
        "Secrets of the platform's own webhooks at Cal.com, comma-separated, so that a new one can be added before the old one goes. At least 8 characters each. Not for webhooks in accounts of coaches, who could read them there: this server registers those by itself."),
    plain(PROVIDERS, "CALCOM_API_URL", "URL", Text("https://api.cal.com"),
        "Cal.com's API, version 2, without `/v2`."),
    plain(PROVIDERS, "CALCOM_APP_URL", "URL", Text("https://app.cal.com"),
        "Cal.com's web application, where coaches give their consent."),
    plain(PROVIDERS, "CALCOM_CLIENT_ID", "ID", Off,
        "Platform client that makes accounts for coaches (managed users)."),
    secret(PROVIDERS, "CALCOM_CLIENT_SECRET", "SECRET", Off,
        "Secret of the platform client. Belongs to `CALCOM_CLIENT_ID`: set both or neither."),
    plain(PROVIDERS, "CALCOM_ORGANIZATION_ID", "NUMBER", Off,
        "Organization of the platform client, for what is read of all its users at once, and for their absences."),
    plain(PROVIDERS, "CALCOM_OAUTH_CLIENT_ID", "ID", Off,
        "OAuth client with which coaches connect Cal.com accounts of their own. Register `/oauth/calcom` below `PUBLIC_URL` as its redirect URI."),
    secret(PROVIDERS, "CALCOM_OAUTH_CLIENT_SECRET", "SECRET", Off,
        "Secret of the OAuth client. Belongs to `CALCOM_OAUTH_CLIENT_ID`: set both or neither."),
    plain(PROVIDERS, "CALCOM_OAUTH_SCOPES", "SCOPE,…", Rule("those the OAuth client is registered with"),
        "Scopes to ask coaches for, comma-separated, such as `BOOKING_READ,BOOKING_WRITE`."),
    plain(PROVIDERS, "OAUTH_REDIRECTS", "URL,…", Off,
        "Where coaches may be sent after they gave their consent, for an account, a calendar or a video app, comma-separated: an origin allows every address on it, an address with a path only itself. Required with `CALCOM_OAUTH_CLIENT_ID`."),

    plain(LIMITS, "RATE_LIMIT_PER_MINUTE", "COUNT", Rule("1200 in production, off in development"),
        "Requests a minute for each user, or for each address when nobody is signed in. 0 turns the limit off."),
    plain(LIMITS, "RATE_LIMIT_BOOKINGS_PER_MINUTE", "COUNT", Text("5"),
        "Bookings made, moved or canceled a minute for each user. 0 turns the limit off."),
    plain(LIMITS, "RATE_LIMIT_FORGED_WEBHOOKS_PER_MINUTE", "COUNT", Text("60"),
        "Webhooks with a missing or wrong signature a minute, for each sending address and webhook address. Genuine ones are not limited. 0 turns the limit off."),
    plain(LIMITS, "MAX_CONNECTIONS", "COUNT", Text("10000"),
        "Open connections at most, WebSockets included; further ones wait to be accepted. The limit of open files lowers it. 1 to 1000000."),

    plain(BOOKINGS, "HOLD_MINUTES", "MINUTES", Text("10"),
        "How long a slot stays held for a client who is still choosing. 1 to 1440."),
    plain(BOOKINGS, "PAYMENT_DEADLINE_MINUTES", "MINUTES", Text("30"),
        "How long an unpaid booking keeps its slot. 1 to 10080."),
    plain(BOOKINGS, "COMPLETION_GRACE_MINUTES", "MINUTES", Text("15"),
        "How long after its end a session completes by itself. 0 to 10080."),

    plain(LOGS, "LOG_FORMAT", "pretty|json", Rule("`pretty` on a terminal, else `json`"),
        "Shape of the log lines on standard error."),
    plain(LOGS, "LOG_LEVEL", "error|warn|info|debug|trace", Text("info"),
        "Least severe lines to log."),
    plain(LOGS, "RUST_LOG", "DIRECTIVES", Off,
        "Levels for each module, such as `info,courtside::worker=debug`. Overrides `LOG_LEVEL`."),
];

pub(super) fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}
