//! Values in a document: arguments, default values, input objects.

use async_graphql::indexmap::IndexMap;
use async_graphql::{Name, Positioned, Value as ConstValue};
use async_graphql_value::{Number, Value};

use super::lexer::{TokenKind, syntax};
use super::parse::{Parsed, Parser, ValueScope, invalid};
use super::text;

impl Parser<'_> {
    /// Parses `name: value`.
    pub(super) fn argument(
        &mut self,
        scope: ValueScope,
    ) -> Parsed<(Positioned<Name>, Positioned<Value>)> {
        let name = self.name()?;
        self.expect(':')?;
        let pos = self.token.pos;
        Ok((name, Positioned::new(self.value(scope)?, pos)))
    }

    /// Parses a value without variables.
    pub(super) fn constant(&mut self) -> Parsed<Positioned<ConstValue>> {
        let pos = self.token.pos;
        let value = self
            .value(ValueScope::Constant)?
            .into_const()
            .expect("a variable in a constant is a syntax error");
        Ok(Positioned::new(value, pos))
    }

    fn value(&mut self, scope: ValueScope) -> Parsed<Value> {
        let value = match self.token.kind {
            TokenKind::Punctuator('[') => return self.list(scope),
            TokenKind::Punctuator('{') => return self.object(scope),
            TokenKind::Punctuator('$') if scope == ValueScope::Variables => {
                self.advance()?;
                return Ok(Value::Variable(self.name()?.node));
            }
            TokenKind::Int(number) | TokenKind::Float(number) => {
                Value::Number(self.number(number)?)
            }
            TokenKind::Text(raw) => match text::unescape(raw) {
                Some(string) => Value::String(string),
                None => {
                    return Err(syntax(
                        "Invalid character escape sequence.".into(),
                        self.token.pos,
                    ));
                }
            },
            TokenKind::Block(raw) => Value::String(text::unindent(raw)),
            TokenKind::Name("true") => Value::Boolean(true),
            TokenKind::Name("false") => Value::Boolean(false),
            TokenKind::Name("null") => Value::Null,
            TokenKind::Name(name) => Value::Enum(Name::new(name)),
            _ => return Err(self.unexpected()),
        };
        self.advance()?;
        Ok(value)
    }

    /// Integers beyond 64 bits become floats where the range of floats allows it, otherwise they
    /// are an error.
    fn number(&self, digits: &str) -> Parsed<Number> {
        digits
            .parse()
            .map_err(|_| syntax("The number is out of range.".into(), self.token.pos))
    }

    fn list(&mut self, scope: ValueScope) -> Parsed<Value> {
        self.open('[')?;
        let mut items = Vec::new();
        while !self.at(']') {
            items.push(self.value(scope)?);
        }
        self.close(']')?;
        Ok(Value::List(items))
    }

    fn object(&mut self, scope: ValueScope) -> Parsed<Value> {
        self.open('{')?;
        let mut fields = IndexMap::new();
        while !self.at('}') {
            let (name, value) = self.argument(scope)?;
            if fields.contains_key(&name.node) {
                return Err(invalid(
                    format!("There can be only one input field named \"{}\".", name.node),
                    name.pos,
                ));
            }
            fields.insert(name.node, value.node);
        }
        self.close('}')?;
        Ok(Value::Object(fields))
    }
}
