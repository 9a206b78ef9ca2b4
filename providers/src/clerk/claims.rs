//! The claims of a verified session token.

use std::fmt;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::verify::TokenError;

/// The verified claims of a session token.
///
/// `Debug` shows only the ids: names and mail addresses stay out of logs.
#[derive(Clone, PartialEq)]
pub struct Claims {
    /// Clerk's id of the person, `user_...`.
    pub sub: String,
    /// Clerk's id of the session, `sess_...`.
    pub sid: String,
    /// The origin the token was made for, a member of the allow-list; `None` for a native app's.
    pub azp: Option<String>,
    /// When the token expires. A connection that outlives the request must end then.
    pub expires_at: DateTime<Utc>,
    /// When it becomes valid, if the token contains it.
    pub not_before: Option<DateTime<Utc>>,
    /// When it was issued, if the token contains it.
    pub issued_at: Option<DateTime<Utc>>,
    /// The person's active organisation.
    pub organization: Option<Organization>,
    /// The id of another user (a support person) who impersonates `sub`. They must not move money.
    pub actor: Option<String>,
    /// The primary address. Only present when the session token is customised with an `email`
    /// claim.
    pub email: Option<String>,
    /// Whether Clerk has verified `email`. Only present when the session token is customised with an
    /// `email_verified` claim.
    pub email_verified: Option<bool>,
    /// The name. Only present when the session token is customised with a `name` claim.
    pub name: Option<String>,
    /// All claims, for customised ones such as `metadata`. A role in here may be a minute old.
    pub raw: Map<String, Value>,
}

/// The organisation part of a session token, the same for both versions of the format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Clerk's id, `org_...`.
    pub id: String,
    /// The slug.
    pub slug: Option<String>,
    /// The person's role with its prefix, as in `org:admin`.
    pub role: Option<String>,
    /// The person's permissions, as in `org:bookings:read`.
    pub permissions: Vec<String>,
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("sub", &self.sub)
            .field("sid", &self.sid)
            .field("expires_at", &self.expires_at)
            .field("actor", &self.actor)
            .finish_non_exhaustive()
    }
}

impl Claims {
    /// Reads a verified payload and checks its types; the verifier checks issuer, party and times.
    pub(super) fn read(raw: Map<String, Value>) -> Result<Self, TokenError> {
        let sub = required(&raw, "sub")?;
        if sub.strip_prefix("user_").is_none_or(str::is_empty) {
            return Err(TokenError::NotASession("sub"));
        }
        let sid = text(&raw, "sid")?
            .filter(|sid| !sid.is_empty())
            .ok_or(TokenError::NotASession("sid"))?;
        match text(&raw, "sts")?.as_deref() {
            None | Some("active") => {}
            Some(_) => return Err(TokenError::SessionPending),
        }
        Ok(Self {
            sub,
            sid,
            azp: text(&raw, "azp")?,
            expires_at: instant(&raw, "exp")?.ok_or(TokenError::InvalidClaim("exp"))?,
            not_before: instant(&raw, "nbf")?,
            issued_at: instant(&raw, "iat")?,
            organization: organization(&raw)?,
            actor: object(&raw, "act")?
                .map(|act| required(act, "sub"))
                .transpose()?,
            email: text(&raw, "email")?
                .map(|email| email.trim().to_owned())
                .filter(|email| !email.is_empty()),
            email_verified: boolean(&raw, "email_verified")?,
            name: text(&raw, "name")?
                .map(|name| name.trim().to_owned())
                .filter(|name| !name.is_empty()),
            raw,
        })
    }

    /// The claim `iss`, which the verifier compares.
    pub(super) fn issuer(&self) -> Option<&str> {
        self.raw.get("iss").and_then(Value::as_str)
    }
}

/// Version 2 packs the organisation into `o`; version 1 has flat `org_*` claims.
fn organization(raw: &Map<String, Value>) -> Result<Option<Organization>, TokenError> {
    if let Some(packed) = object(raw, "o")? {
        return Ok(Some(Organization {
            id: required(packed, "id")?,
            slug: text(packed, "slg")?,
            role: text(packed, "rol")?.map(|role| format!("org:{role}")),
            permissions: unpack_permissions(
                &text(raw, "fea")?.unwrap_or_default(),
                &text(packed, "per")?.unwrap_or_default(),
                &text(packed, "fpm")?.unwrap_or_default(),
            ),
        }));
    }
    let Some(id) = text(raw, "org_id")? else {
        return Ok(None);
    };
    let permissions = match raw.get("org_permissions") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .ok_or(TokenError::InvalidClaim("org_permissions"))?,
        Some(_) => return Err(TokenError::InvalidClaim("org_permissions")),
    };
    Ok(Some(Organization {
        id,
        slug: text(raw, "org_slug")?,
        role: text(raw, "org_role")?,
        permissions,
    }))
}

/// Bit j of the i-th number in `masks` grants permission j on the i-th feature of an organisation.
///
/// `features` mixes scopes (`o:` organisation, `u:` user, `ou:` both); only the organisation's
/// count.
fn unpack_permissions(features: &str, permissions: &str, masks: &str) -> Vec<String> {
    let of_organization = features.split(',').filter_map(|feature| {
        let (scope, name) = feature.trim().split_once(':')?;
        scope.contains('o').then_some(name)
    });
    let masks = masks
        .split(',')
        .map(|mask| mask.trim().parse::<u64>().unwrap_or(0));
    let mut unpacked = Vec::new();
    for (feature, mask) in of_organization.zip(masks) {
        for (bit, permission) in permissions.split(',').map(str::trim).enumerate().take(64) {
            if (mask >> bit) & 1 == 1 && !permission.is_empty() {
                unpacked.push(format!("org:{feature}:{permission}"));
            }
        }
    }
    unpacked
}

fn required(raw: &Map<String, Value>, name: &'static str) -> Result<String, TokenError> {
    text(raw, name)?.ok_or(TokenError::InvalidClaim(name))
}

fn text(raw: &Map<String, Value>, name: &'static str) -> Result<Option<String>, TokenError> {
    match raw.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(value)) => Ok(Some(value.clone())),
        Some(_) => Err(TokenError::InvalidClaim(name)),
    }
}

fn boolean(raw: &Map<String, Value>, name: &'static str) -> Result<Option<bool>, TokenError> {
    match raw.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(value)) => Ok(Some(*value)),
        Some(_) => Err(TokenError::InvalidClaim(name)),
    }
}

fn object<'v>(
    raw: &'v Map<String, Value>,
    name: &'static str,
) -> Result<Option<&'v Map<String, Value>>, TokenError> {
    match raw.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(value)) => Ok(Some(value)),
        Some(_) => Err(TokenError::InvalidClaim(name)),
    }
}

/// Whole seconds since 1970. Clerk sends nothing else, and an explicit null is invalid.
fn instant(
    raw: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<DateTime<Utc>>, TokenError> {
    let Some(value) = raw.get(name) else {
        return Ok(None);
    };
    let instant = value
        .as_i64()
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    instant.map(Some).ok_or(TokenError::InvalidClaim(name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(change: impl FnOnce(&mut Map<String, Value>)) -> Result<Claims, TokenError> {
        let Value::Object(mut raw) = json!({
            "sub": "user_1", "sid": "sess_1", "azp": "https://app.example.com", "exp": 1_800_000_000_i64
        }) else {
            unreachable!("the literal is an object")
        };
        change(&mut raw);
        Claims::read(raw)
    }

    #[test]
    fn custom_claims_are_optional_and_trimmed() {
        let bare = read(|_| {}).expect("the least a session token has");
        assert_eq!(
            (bare.email, bare.email_verified, bare.name),
            (None, None, None)
        );
        let full = read(|raw| {
            raw.insert("email".into(), json!(" Ann@example.com "));
            raw.insert("email_verified".into(), json!(true));
            raw.insert("name".into(), json!("Ann"));
        })
        .expect("well-typed claims");
        assert_eq!(
            (full.email.as_deref(), full.email_verified),
            (Some("Ann@example.com"), Some(true))
        );
        assert!(
            !format!("{full:?}").contains("example.com"),
            "an address in Debug output"
        );
        let empty =
            read(|raw| drop(raw.insert("email".into(), Value::Null))).expect("null is absent");
        assert_eq!(empty.email, None);
    }

    #[test]
    fn a_claim_of_the_wrong_type_is_refused() {
        for (name, value) in [
            ("email", json!(["ann@example.com"])),
            ("email_verified", json!("true")),
            ("name", json!(7)),
            ("exp", json!("1800000000")),
            ("exp", json!(1.5)),
            ("exp", json!(i64::MAX)),
            ("nbf", json!(null)),
            ("iat", json!(true)),
            ("act", json!("user_2")),
            ("act", json!({})),
            ("o", json!("org_1")),
            ("o", json!({})),
        ] {
            let error =
                read(|raw| drop(raw.insert(name.into(), value.clone()))).expect_err("a wrong type");
            assert!(
                matches!(error, TokenError::InvalidClaim(_)),
                "{name} {value}: {error:?}"
            );
        }
    }

    #[test]
    fn permissions_are_unpacked_by_feature_and_bit() {
        let unpacked = unpack_permissions(
            "u:chat,o:bookings, ou:payouts,o:extra",
            "read, manage",
            "1,3",
        );
        assert_eq!(
            unpacked,
            [
                "org:bookings:read",
                "org:payouts:read",
                "org:payouts:manage"
            ]
        );
        assert!(unpack_permissions("", "", "").is_empty());
        assert!(unpack_permissions("o:a", "read", "x").is_empty());
        assert!(unpack_permissions("o:a", &"p,".repeat(100), "18446744073709551615").len() == 64);
    }
}
