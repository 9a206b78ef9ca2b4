//! The lexer: tokens of the October 2021 specification (section 2.1), one at a time and without
//! recursion.

use std::ops::Range;

use async_graphql::Pos;

use super::error::{ErrorCode, RequestError};

/// A lexical token. Strings keep their raw text; they are decoded when they are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind<'a> {
    /// One of `! $ & ( ) : = @ [ ] { | }`.
    Punctuator(char),
    /// `...`
    Spread,
    Name(&'a str),
    Int(&'a str),
    Float(&'a str),
    /// The text between the quotes, escapes not decoded.
    Text(&'a str),
    /// The text between triple quotes.
    Block(&'a str),
    End,
}

impl TokenKind<'_> {
    /// Describes the token in a syntax error.
    pub(super) fn describe(self) -> String {
        match self {
            Self::Punctuator(symbol) => format!("\"{symbol}\""),
            Self::Spread => "\"...\"".into(),
            Self::Name(name) => format!("Name \"{}\"", clip(name)),
            Self::Int(number) => format!("Int \"{}\"", clip(number)),
            Self::Float(number) => format!("Float \"{}\"", clip(number)),
            Self::Text(_) => "String".into(),
            Self::Block(_) => "BlockString".into(),
            Self::End => "<EOF>".into(),
        }
    }
}

/// Shortens what an error message repeats of the client's text.
fn clip(text: &str) -> &str {
    &text[..text.floor_char_boundary(40)]
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind<'a>,
    pub(super) pos: Pos,
}

/// The specification has no limit; errors, logs and caches contain names.
const MAX_NAME: usize = 200;

pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    pos: Pos,
    tokens: usize,
    limit: usize,
}

pub(super) fn syntax(message: String, pos: Pos) -> RequestError {
    RequestError::new(ErrorCode::ParseFailed, format!("Syntax Error: {message}")).at(pos)
}

impl<'a> Lexer<'a> {
    /// Returns a lexer that fails after `limit` tokens.
    pub(super) fn new(text: &'a str, limit: usize) -> Self {
        Self {
            text,
            at: 0,
            pos: Pos { line: 1, column: 1 },
            tokens: 0,
            limit,
        }
    }

    pub(super) fn token(&mut self) -> Result<Token<'a>, RequestError> {
        self.skip_ignored();
        let pos = self.pos;
        let Some(first) = self.peek() else {
            return Ok(Token {
                kind: TokenKind::End,
                pos,
            });
        };
        self.tokens += 1;
        if self.tokens > self.limit {
            let message = format!("The document has more than {} tokens.", self.limit);
            return Err(RequestError::new(ErrorCode::TooManyTokens, message).at(pos));
        }
        let kind = match first {
            '!' | '$' | '&' | '(' | ')' | ':' | '=' | '@' | '[' | ']' | '{' | '|' | '}' => {
                self.step();
                TokenKind::Punctuator(first)
            }
            '.' if self.rest().starts_with("...") => {
                (0..3).for_each(|_| self.step());
                TokenKind::Spread
            }
            '"' => self.string()?,
            'a'..='z' | 'A'..='Z' | '_' => TokenKind::Name(self.name(pos)?),
            '-' | '0'..='9' => self.number()?,
            other => {
                return Err(syntax(
                    format!("Unexpected character {}.", describe_char(other)),
                    pos,
                ));
            }
        };
        Ok(Token { kind, pos })
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Skips one character, and updates the line and column.
    fn step(&mut self) {
        let Some(c) = self.peek() else { return };
        self.at += c.len_utf8();
        let ends_line = c == '\n' || (c == '\r' && self.peek() != Some('\n'));
        if ends_line {
            self.pos = Pos {
                line: self.pos.line + 1,
                column: 1,
            };
        } else {
            self.pos.column += 1;
        }
    }

    /// Consumes the bytes that belong to a token: ASCII without line endings.
    fn take(&mut self, belongs: impl Fn(u8) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest
            .bytes()
            .position(|byte| !belongs(byte))
            .unwrap_or(rest.len());
        self.at += length;
        self.pos.column += length;
        &rest[..length]
    }

    fn name(&mut self, pos: Pos) -> Result<&'a str, RequestError> {
        let name = self.take(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        match name.len() {
            ..=MAX_NAME => Ok(name),
            _ => Err(syntax(
                format!("A name may have {MAX_NAME} characters at most."),
                pos,
            )),
        }
    }

    fn skip_ignored(&mut self) {
        while let Some(c) = self.peek() {
            match c {
                ' ' | '\t' | '\n' | '\r' | ',' | '\u{feff}' => self.step(),
                '#' => {
                    while self.peek().is_some_and(|c| c != '\n' && c != '\r') {
                        self.step();
                    }
                }
                _ => return,
            }
        }
    }

    fn number(&mut self) -> Result<TokenKind<'a>, RequestError> {
        let start = self.at;
        let mut float = false;
        if self.peek() == Some('-') {
            self.step();
        }
        let whole = self.digits()?;
        if whole.len() > 1 && whole.starts_with('0') {
            return Err(syntax(
                "Invalid number, unexpected digit after 0.".into(),
                self.pos,
            ));
        }
        if self.peek() == Some('.') {
            float = true;
            self.step();
            self.digits()?;
        }
        if matches!(self.peek(), Some('e' | 'E')) {
            float = true;
            self.step();
            if matches!(self.peek(), Some('+' | '-')) {
                self.step();
            }
            self.digits()?;
        }
        if let Some(c) = self
            .peek()
            .filter(|c| c.is_ascii_alphabetic() || *c == '_' || *c == '.')
        {
            return Err(syntax(
                format!(
                    "Invalid number, expected digit but got: {}.",
                    describe_char(c)
                ),
                self.pos,
            ));
        }
        let text = &self.text[start..self.at];
        Ok(if float {
            TokenKind::Float(text)
        } else {
            TokenKind::Int(text)
        })
    }

    fn digits(&mut self) -> Result<&'a str, RequestError> {
        let digits = self.take(|byte| byte.is_ascii_digit());
        if !digits.is_empty() {
            return Ok(digits);
        }
        let found = self.peek().map_or_else(|| "<EOF>".into(), describe_char);
        Err(syntax(
            format!("Invalid number, expected digit but got: {found}."),
            self.pos,
        ))
    }

    fn string(&mut self) -> Result<TokenKind<'a>, RequestError> {
        if self.rest().starts_with("\"\"\"") {
            return self.block();
        }
        self.step();
        let start = self.at;
        loop {
            match self.peek() {
                Some('"') => {
                    let inner = start..self.at;
                    self.step();
                    return Ok(TokenKind::Text(self.slice(inner)));
                }
                Some('\\') => {
                    self.step();
                    if !matches!(self.peek(), None | Some('\n' | '\r')) {
                        self.step();
                    }
                }
                None | Some('\n' | '\r') => {
                    return Err(syntax("Unterminated string.".into(), self.pos));
                }
                Some(_) => self.step(),
            }
        }
    }

    fn block(&mut self) -> Result<TokenKind<'a>, RequestError> {
        (0..3).for_each(|_| self.step());
        let start = self.at;
        loop {
            if self.rest().starts_with("\"\"\"") {
                let inner = start..self.at;
                (0..3).for_each(|_| self.step());
                return Ok(TokenKind::Block(self.slice(inner)));
            }
            if self.rest().starts_with("\\\"\"\"") {
                (0..4).for_each(|_| self.step());
            } else if self.peek().is_some() {
                self.step();
            } else {
                return Err(syntax("Unterminated string.".into(), self.pos));
            }
        }
    }

    fn slice(&self, range: Range<usize>) -> &'a str {
        &self.text[range]
    }
}

fn describe_char(c: char) -> String {
    if c.is_ascii_graphic() {
        format!("\"{c}\"")
    } else {
        format!("U+{:04X}", u32::from(c))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Result<Vec<TokenKind<'_>>, RequestError> {
        let mut lexer = Lexer::new(text, 100);
        let mut kinds = Vec::new();
        loop {
            match lexer.token()?.kind {
                TokenKind::End => return Ok(kinds),
                kind => kinds.push(kind),
            }
        }
    }

    #[test]
    fn tells_tokens_apart_and_drops_what_the_language_ignores() {
        let found = kinds("\u{feff}a,...b #c { \n -1 0.5e+3 \"q\\\"\" \"\"\"x\"\\\"\"\"\"\"\" !")
            .expect("a valid sequence");
        let expected = [
            TokenKind::Name("a"),
            TokenKind::Spread,
            TokenKind::Name("b"),
            TokenKind::Int("-1"),
            TokenKind::Float("0.5e+3"),
            TokenKind::Text("q\\\""),
            TokenKind::Block("x\"\\\"\"\""),
            TokenKind::Punctuator('!'),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn counts_lines_by_any_line_ending_and_columns_by_character() {
        let mut lexer = Lexer::new("é\"ü\"", 9);
        assert_eq!(
            lexer.token().expect_err("no token starts with é").locations,
            [Pos { line: 1, column: 1 }]
        );
        let mut lexer = Lexer::new("a\r\nb\rc\n\"ü\" d", 9);
        let mut places = Vec::new();
        for _ in 0..5 {
            let pos = lexer.token().expect("five tokens").pos;
            places.push((pos.line, pos.column));
        }
        assert_eq!(places, [(1, 1), (2, 1), (3, 1), (4, 1), (4, 5)]);
    }

    #[test]
    fn refuses_what_is_no_token() {
        for (text, message) in [
            (
                "00",
                "Syntax Error: Invalid number, unexpected digit after 0.",
            ),
            (
                "1x",
                "Syntax Error: Invalid number, expected digit but got: \"x\".",
            ),
            (
                "1.",
                "Syntax Error: Invalid number, expected digit but got: <EOF>.",
            ),
            ("\"a\nb\"", "Syntax Error: Unterminated string."),
            ("\"\"\"a", "Syntax Error: Unterminated string."),
            ("\"a\\", "Syntax Error: Unterminated string."),
            ("..", "Syntax Error: Unexpected character \".\"."),
            ("\u{0}", "Syntax Error: Unexpected character U+0000."),
        ] {
            assert_eq!(kinds(text).expect_err(text).message, message, "{text:?}");
        }
    }

    #[test]
    fn stops_at_the_token_limit() {
        assert_eq!(
            kinds(&"a ".repeat(100)).expect("exactly the limit").len(),
            100
        );
        assert_eq!(
            kinds(&"a ".repeat(101)).expect_err("one more").code,
            ErrorCode::TooManyTokens
        );
    }
}
