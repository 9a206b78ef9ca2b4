//! Decoding of string literals: escapes, and the indentation of block strings.

/// Decodes the inside of a quoted string. Returns `None` for an escape that the language does not
/// have, and for half a surrogate pair.
pub(super) fn unescape(raw: &str) -> Option<String> {
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        out.push(match chars.next()? {
            plain @ ('"' | '\\' | '/') => plain,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => unicode(&mut chars)?,
            _ => return None,
        });
    }
    Some(out)
}

/// Decodes `\u` with four hexadecimal digits, a pair of those, or any number of digits in braces.
fn unicode(chars: &mut std::str::Chars<'_>) -> Option<char> {
    if let Some(rest) = chars.as_str().strip_prefix('{') {
        let (digits, rest) = rest.split_once('}')?;
        *chars = rest.chars();
        return hexadecimal(digits).and_then(char::from_u32);
    }
    let unit = four(chars)?;
    if !(0xD800..0xDC00).contains(&unit) {
        return char::from_u32(unit);
    }
    *chars = chars.as_str().strip_prefix("\\u")?.chars();
    let low = four(chars).filter(|low| (0xDC00..0xE000).contains(low))?;
    char::from_u32(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00))
}

fn four(chars: &mut std::str::Chars<'_>) -> Option<u32> {
    let (digits, rest) = chars.as_str().split_at_checked(4)?;
    *chars = rest.chars();
    hexadecimal(digits)
}

fn hexadecimal(digits: &str) -> Option<u32> {
    let valid = (1..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    valid
        .then(|| u32::from_str_radix(digits, 16).ok())
        .flatten()
}

/// Returns the value of a block string: without common indentation and blank first and last lines
/// (specification, section 2.9.4).
pub(super) fn unindent(raw: &str) -> String {
    let raw = raw
        .replace("\\\"\"\"", "\"\"\"")
        .replace("\r\n", "\n")
        .replace('\r', "\n");
    let lines: Vec<&str> = raw.split('\n').collect();
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let is_blank = |line: &str| indent(line) == line.len();
    let common = lines
        .iter()
        .skip(1)
        .filter(|line| !is_blank(line))
        .map(|line| indent(line))
        .min()
        .unwrap_or(0);
    let Some(first) = lines.iter().position(|line| !is_blank(line)) else {
        return String::new();
    };
    let last = lines
        .iter()
        .rposition(|line| !is_blank(line))
        .unwrap_or(first);
    let dedented = |(number, line): (usize, &&str)| match number {
        0 => (*line).to_owned(),
        _ => line.get(common..).unwrap_or_default().to_owned(),
    };
    let kept: Vec<String> = lines.iter().enumerate().map(dedented).collect();
    kept[first..=last].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_every_kind_of_escape() {
        let raw = r#"\"\\\/\b\f\n\r\té\uD83D\uDE00\u{1F600}"#;
        assert_eq!(unescape(raw).as_deref(), Some("\"\\/\u{8}\u{c}\n\r\té😀😀"));
    }

    #[test]
    fn refuses_escapes_that_mean_nothing() {
        for raw in [
            r"\x",
            r"\u12",
            r"\u12G4",
            r"\uD83D",
            r"\uD83Dx",
            r"\uD83D\u0041",
            r"\uDE00",
            r"\u{}",
            r"\u{110000}",
            r"\u{1",
            r"\u+123",
        ] {
            assert_eq!(unescape(raw), None, "{raw}");
        }
    }

    #[test]
    fn strips_common_indentation_and_blank_edges() {
        assert_eq!(
            unindent("\n    Hello,\r\n      World!\n\n    Yours,\n      \\\"\"\"GraphQL.\n  "),
            "Hello,\n  World!\n\nYours,\n  \"\"\"GraphQL."
        );
        assert_eq!(unindent("  one line"), "  one line");
        assert_eq!(unindent(" \n\t\n"), "");
    }
}
