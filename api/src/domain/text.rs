//! Validates text from clients: length and characters.

use super::Violation;

/// Maximum length of a URL that browsers and proxies agree on.
const MAX_URL_LENGTH: usize = 2_048;
/// Maximum length of a slug in characters.
const MAX_SLUG_LENGTH: usize = 64;

/// Collects the violations of an input, so that all are reported at once.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<Violation>);

impl Problems {
    /// Adds a violation at a dotted path.
    pub(super) fn add(&mut self, path: &str, message: impl Into<String>) {
        self.0.push(Violation::at(path, message));
    }

    /// Adds the message unless the condition holds.
    pub(super) fn require(&mut self, holds: bool, path: &str, message: impl Into<String>) {
        if !holds {
            self.add(path, message);
        }
    }

    /// Requires a number within a range, both ends inclusive.
    pub(super) fn range(&mut self, path: &str, value: i32, least: i32, most: i32) {
        self.require(
            (least..=most).contains(&value),
            path,
            format!("must be from {least} to {most}"),
        );
    }

    /// Requires one line of 1 to `most` characters.
    pub(super) fn line(&mut self, path: &str, text: &str, most: usize) {
        self.require(!text.trim().is_empty(), path, "must not be empty");
        self.require(
            !text.chars().any(char::is_control),
            path,
            "must be one line without control characters",
        );
        self.require(
            text.chars().count() <= most,
            path,
            format!("must have at most {most} characters"),
        );
    }

    /// Requires lines of `least` to `most` characters in all.
    pub(super) fn lines(&mut self, path: &str, text: &str, least: usize, most: usize) {
        let is_odd = |char: char| char.is_control() && !matches!(char, '\n' | '\r' | '\t');
        self.require(
            least == 0 || !text.trim().is_empty(),
            path,
            "must not be empty",
        );
        self.require(
            !text.chars().any(is_odd),
            path,
            "must not contain control characters",
        );
        self.require(
            text.chars().count() <= most,
            path,
            format!("must have at most {most} characters"),
        );
    }

    /// Requires lower-case letters, digits and hyphens between them: safe in any URL.
    pub(super) fn slug(&mut self, path: &str, text: &str) {
        self.require(
            is_slug(text),
            path,
            format!(
                "must be 1 to {MAX_SLUG_LENGTH} lower-case letters (a-z), digits and hyphens, with no hyphen at either end"
            ),
        );
    }

    /// Requires an identifier: letters, digits, hyphens and underscores.
    pub(super) fn key(&mut self, path: &str, text: &str) {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let is_key = (1..=MAX_SLUG_LENGTH).contains(&text.len()) && text.bytes().all(is_plain);
        self.require(
            is_key,
            path,
            format!(
                "must be 1 to {MAX_SLUG_LENGTH} letters (a-z), digits, hyphens and underscores"
            ),
        );
    }

    /// Requires an absolute https URL without a user name.
    pub(super) fn https(&mut self, path: &str, text: &str) {
        self.require(
            is_https(text),
            path,
            "must be an https:// address of at most 2048 ASCII characters",
        );
    }

    /// Drops violations that existed before the change: an imported object that is invalid must not
    /// block other changes.
    pub(super) fn ignore_existing(&mut self, before: &Self) {
        self.0.retain(|violation| !before.0.contains(violation));
    }

    /// `Ok` when there are no violations.
    ///
    /// # Errors
    /// `Invalid` with all violations.
    pub(super) fn finish(self) -> super::Result<()> {
        super::check(self.0)
    }

    /// Paths of the violations so far.
    #[cfg(test)]
    pub(super) fn paths(&self) -> Vec<String> {
        self.0.iter().map(Violation::path).collect()
    }
}

fn is_slug(text: &str) -> bool {
    (1..=MAX_SLUG_LENGTH).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn is_https(text: &str) -> bool {
    // Characters that must be escaped in a URL, or that would end an attribute or a Markdown link.
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !br#""<>\^`{|}"#.contains(&byte);
    if text.len() > MAX_URL_LENGTH || !text.bytes().all(is_plain) {
        return false;
    }
    let Ok(uri) = text.parse::<::http::Uri>() else {
        return false;
    };
    let has_plain_host = uri
        .authority()
        .is_some_and(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'));
    uri.scheme_str() == Some("https") && has_plain_host
}

/// `None` for text that is empty or blank.
pub(super) fn filled(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_safe_in_a_url() {
        for good in ["a", "ada-lovelace", "a1-2", "0"] {
            assert!(is_slug(good), "{good}");
        }
        for bad in [
            "",
            "-a",
            "a-",
            "A",
            "ä",
            "a b",
            "a/b",
            "a.b",
            "a_b",
            &"a".repeat(65),
        ] {
            assert!(!is_slug(bad), "{bad:?}");
        }
    }

    #[test]
    fn only_plain_https_urls_are_valid() {
        for good in [
            "https://example.com",
            "https://example.com/a.png?x=1&y=%20",
            "https://[::1]:8443/x",
            "HTTPS://Example.com/",
        ] {
            assert!(is_https(good), "{good}");
        }
        let long = format!("https://example.com/{}", "a".repeat(2_048));
        let bad = [
            "",
            "example.com",
            "/a.png",
            "http://example.com",
            "javascript:alert(1)",
            "data:image/png;base64,AA==",
            "https://",
            "https:///a",
            "https://user@example.com",
            "https://example.com/a b",
            "https://example.com/\u{0}",
            "https://exämple.com",
            "https://example.com/\"onload=",
            "ftp://example.com",
            "//example.com",
            &long,
        ];
        for bad in bad {
            assert!(!is_https(bad), "{bad:?}");
        }
    }

    #[test]
    fn text_length_counts_characters_and_control_characters_are_refused() {
        let mut problems = Problems::default();
        problems.line("exactly", &"é".repeat(120), 120);
        problems.lines("markdown", "# A\n\tb\r\n", 1, 20);
        problems.lines("none", "", 0, 20);
        assert!(problems.paths().is_empty());
        problems.line("long", &"é".repeat(121), 120);
        problems.line("blank", " \u{2003}", 120);
        problems.line("two", "a\nb", 120);
        problems.lines("nul", "a\0b", 1, 20);
        problems.lines("empty", "\n", 1, 20);
        assert_eq!(problems.paths(), ["long", "blank", "two", "nul", "empty"]);
    }
}
