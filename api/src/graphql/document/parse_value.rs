//! Values in a document: arguments, default values, input objects.

use async_graphql::indexmap::IndexMap;
use async_graphql::{Name, Positioned, Value as ConstValue};
use async_graphql_value::{Number, Value};

use super::lexer::{Kind, syntax};
use super::parse::{Parsed, Parser, invalid};
use super::text;

impl Parser<'_> {
    /// `name: value`; `variables` says whether the value may hold `$variables`.
    pub(super) fn argument(
        &mut self,
        variables: bool,
    ) -> Parsed<(Positioned<Name>, Positioned<Value>)> {
        let name = self.name()?;
        self.expect(':')?;
        let pos = self.token.pos;
        Ok((name, Positioned::new(self.value(variables)?, pos)))
    }

    /// A value without variables.
    pub(super) fn constant(&mut self) -> Parsed<Positioned<ConstValue>> {
        let pos = self.token.pos;
        let value = self
            .value(false)?
            .into_const()
            .expect("a variable in a constant is a syntax error");
        Ok(Positioned::new(value, pos))
    }

    fn value(&mut self, variables: bool) -> Parsed<Value> {
        let value = match self.token.kind {
            Kind::Punctuator('[') => return self.list(variables),
            Kind::Punctuator('{') => return self.object(variables),
            Kind::Punctuator('$') if variables => {
                self.advance()?;
                return Ok(Value::Variable(self.name()?.node));
            }
            Kind::Int(number) | Kind::Float(number) => Value::Number(self.number(number)?),
            Kind::Text(raw) => match text::unescape(raw) {
                Some(string) => Value::String(string),
                None => {
                    return Err(syntax(
                        "Invalid character escape sequence.".into(),
                        self.token.pos,
                    ));
                }
            },
            Kind::Block(raw) => Value::String(text::unindent(raw)),
            Kind::Name("true") => Value::Boolean(true),
            Kind::Name("false") => Value::Boolean(false),
            Kind::Name("null") => Value::Null,
            Kind::Name(name) => Value::Enum(Name::new(name)),
            _ => return Err(self.unexpected()),
        };
        self.advance()?;
        Ok(value)
    }

    /// Numbers beyond the range of 64 bits are kept as floats where they have one; others cannot be
    /// represented.
    fn number(&self, digits: &str) -> Parsed<Number> {
        digits
            .parse()
            .map_err(|_| syntax("The number is out of range.".into(), self.token.pos))
    }

    fn list(&mut self, variables: bool) -> Parsed<Value> {
        self.open('[')?;
        let mut items = Vec::new();
        while !self.at(']') {
            items.push(self.value(variables)?);
        }
        self.close(']')?;
        Ok(Value::List(items))
    }

    fn object(&mut self, variables: bool) -> Parsed<Value> {
        self.open('{')?;
        let mut fields = IndexMap::new();
        while !self.at('}') {
            let (name, value) = self.argument(variables)?;
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
