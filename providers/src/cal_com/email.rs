//! Mail addresses in Cal.com's format.

/// The real address of a managed user, from the one that Cal.com stores.
///
/// Cal.com stores `ann@example.com` of client `cl1` as `ann+cl1@example.com`, also in `organizer`,
/// `rescheduledBy` and `cancelledBy`. Any other address is returned unchanged, as is every address
/// without a client.
#[must_use]
pub fn plain_email(email: &str, platform_client_id: Option<&str>) -> String {
    let email = email.trim();
    let plain = platform_client_id
        .filter(|client| !client.is_empty())
        .and_then(|client| {
            let (local, domain) = email.rsplit_once('@')?;
            let name = local.strip_suffix(client)?.strip_suffix('+')?;
            (!name.is_empty()).then(|| format!("{name}@{domain}"))
        });
    plain.unwrap_or_else(|| email.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_clients_own_suffix_is_removed() {
        let client = Some("cl1");
        assert_eq!(
            plain_email("ann+cl1@example.com", client),
            "ann@example.com"
        );
        assert_eq!(
            plain_email(" ann+tag+cl1@example.com ", client),
            "ann+tag@example.com"
        );
        for unchanged in [
            "ann@example.com",
            "ann+cl2@example.com",
            "anncl1@example.com",
            "+cl1@example.com",
            "cl1",
            "",
        ] {
            assert_eq!(plain_email(unchanged, client), unchanged);
        }
        assert_eq!(
            plain_email("ann+cl1@example.com", None),
            "ann+cl1@example.com"
        );
        assert_eq!(
            plain_email("ann+@example.com", Some("")),
            "ann+@example.com"
        );
    }
}
