//! Mail addresses, as they are compared.

/// Normalises an address for comparison: trimmed, its ASCII letters in lower case, nothing else.
///
/// Only ASCII letters are folded. Unicode maps letters outside of ASCII to ASCII ones (the Kelvin
/// sign U+212A to `k`), so that two mailboxes of different owners would count as one. A `+tag` is
/// kept, since it may be a different mailbox.
#[must_use]
pub fn normalised_email(email: &str) -> String {
    email.trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparison_ignores_ascii_case_and_surrounding_whitespace_only() {
        assert_eq!(
            normalised_email(" Ann+Tag@Example.COM\n"),
            "ann+tag@example.com"
        );
        for other in [
            "\u{212A}im@example.com",
            "\u{130}an@example.com",
            "Éva@example.com",
        ] {
            assert_eq!(normalised_email(other), other, "a letter outside of ASCII");
        }
    }
}
