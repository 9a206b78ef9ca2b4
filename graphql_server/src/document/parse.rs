//! The parser: one pass from text to async-graphql's document type.
//!
//! async-graphql's own parser recurses without a limit before it checks the depth, takes `queryFoo
//! {` for `query Foo {`, rejects surrogate pairs, puts directives before a variable's default
//! value, merges repeated input fields silently and quotes its grammar in errors. This parser
//! follows the October 2021 specification, and stops at a limit of tokens and of open brackets.

use std::collections::HashMap;

use async_graphql::parser::types::{
    BaseType, Directive, DocumentOperations, ExecutableDocument, Field, FragmentDefinition,
    FragmentSpread, InlineFragment, OperationDefinition, OperationType, Selection, SelectionSet,
    Type, TypeCondition, VariableDefinition,
};
use async_graphql::{Name, Pos, Positioned};

use super::error::{ErrorCode, RequestError};
use super::lexer::{Lexer, Token, TokenKind, syntax};
use super::limits::Limits;

/// Whether `$variables` may appear in a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueScope {
    Constant,
    Variables,
}

pub(super) type Parsed<T> = Result<T, RequestError>;

/// Parses an executable document.
///
/// # Errors
/// `ParseFailed` with the position of the first unexpected token, or the limit that is exceeded.
pub(super) fn parse(text: &str, limits: &Limits) -> Parsed<ExecutableDocument> {
    let mut lexer = Lexer::new(text, limits.tokens);
    let token = lexer.token()?;
    let mut parser = Parser {
        lexer,
        token,
        open: 0,
        nesting: limits.nesting,
    };
    parser.document(limits.operations)
}

pub(super) struct Parser<'a> {
    lexer: Lexer<'a>,
    pub(super) token: Token<'a>,
    open: usize,
    nesting: usize,
}

type Definition = (Option<Positioned<Name>>, Positioned<OperationDefinition>);

impl<'a> Parser<'a> {
    /// Returns the current token and reads the next one.
    pub(super) fn advance(&mut self) -> Parsed<Token<'a>> {
        let token = self.token;
        self.token = self.lexer.token()?;
        Ok(token)
    }

    pub(super) fn unexpected(&self) -> RequestError {
        syntax(
            format!("Unexpected {}.", self.token.kind.describe()),
            self.token.pos,
        )
    }

    fn expected(&self, wanted: &str) -> RequestError {
        syntax(
            format!("Expected {wanted}, found {}.", self.token.kind.describe()),
            self.token.pos,
        )
    }

    pub(super) fn at(&self, symbol: char) -> bool {
        self.token.kind == TokenKind::Punctuator(symbol)
    }

    pub(super) fn at_word(&self, word: &str) -> bool {
        self.token.kind == TokenKind::Name(word)
    }

    pub(super) fn expect(&mut self, symbol: char) -> Parsed<Pos> {
        if !self.at(symbol) {
            return Err(self.expected(&format!("\"{symbol}\"")));
        }
        Ok(self.advance()?.pos)
    }

    /// Consumes an opening bracket. Every call is paired with one of `close`.
    pub(super) fn open(&mut self, symbol: char) -> Parsed<Pos> {
        self.open += 1;
        if self.open > self.nesting {
            let message = format!(
                "The document nests brackets more than {} deep.",
                self.nesting
            );
            return Err(RequestError::new(ErrorCode::TooDeep, message).at(self.token.pos));
        }
        self.expect(symbol)
    }

    pub(super) fn close(&mut self, symbol: char) -> Parsed<()> {
        self.open -= 1;
        self.expect(symbol).map(drop)
    }

    pub(super) fn name(&mut self) -> Parsed<Positioned<Name>> {
        let TokenKind::Name(name) = self.token.kind else {
            return Err(self.expected("Name"));
        };
        Ok(Positioned::new(Name::new(name), self.advance()?.pos))
    }

    /// Parses the items between a pair of brackets: at least one.
    fn between<T>(
        &mut self,
        open: char,
        close: char,
        item: impl Fn(&mut Self) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        self.open(open)?;
        let mut items = vec![item(self)?];
        while !self.at(close) {
            items.push(item(self)?);
        }
        self.close(close)?;
        Ok(items)
    }

    fn document(&mut self, most_operations: usize) -> Parsed<ExecutableDocument> {
        let mut operations: Vec<Definition> = Vec::new();
        let mut fragments = HashMap::new();
        while self.token.kind != TokenKind::End {
            if self.at_word("fragment") {
                let (name, fragment) = self.fragment()?;
                if fragments.contains_key(&name.node) {
                    return Err(invalid(
                        format!("There can be only one fragment named \"{}\".", name.node),
                        name.pos,
                    ));
                }
                fragments.insert(name.node, fragment);
            } else {
                operations.push(self.operation()?);
            }
        }
        if operations.is_empty() {
            return Err(match fragments.is_empty() {
                true => self.unexpected(),
                false => invalid("The document has no operation.".into(), self.token.pos),
            });
        }
        if operations.len() > most_operations {
            let message = format!("The document has more than {most_operations} operation(s).");
            return Err(RequestError::new(ErrorCode::TooManyOperations, message)
                .at(operations[most_operations].1.pos));
        }
        Ok(ExecutableDocument {
            operations: collect_operations(operations)?,
            fragments,
        })
    }

    fn operation(&mut self) -> Parsed<Definition> {
        let pos = self.token.pos;
        if self.at('{') {
            let definition = OperationDefinition {
                ty: OperationType::Query,
                variable_definitions: Vec::new(),
                directives: Vec::new(),
                selection_set: self.selection_set()?,
            };
            return Ok((None, Positioned::new(definition, pos)));
        }
        let ty = match self.token.kind {
            TokenKind::Name("query") => OperationType::Query,
            TokenKind::Name("mutation") => OperationType::Mutation,
            TokenKind::Name("subscription") => OperationType::Subscription,
            _ => return Err(self.unexpected()),
        };
        self.advance()?;
        let name = if matches!(self.token.kind, TokenKind::Name(_)) {
            Some(self.name()?)
        } else {
            None
        };
        let variable_definitions = if self.at('(') {
            self.between('(', ')', Self::variable)?
        } else {
            Vec::new()
        };
        let directives = self.directives(ValueScope::Variables)?;
        let selection_set = self.selection_set()?;
        Ok((
            name,
            Positioned::new(
                OperationDefinition {
                    ty,
                    variable_definitions,
                    directives,
                    selection_set,
                },
                pos,
            ),
        ))
    }

    fn variable(&mut self) -> Parsed<Positioned<VariableDefinition>> {
        let pos = self.expect('$')?;
        let name = self.name()?;
        self.expect(':')?;
        let type_pos = self.token.pos;
        let var_type = Positioned::new(self.type_reference()?, type_pos);
        let default_value = if self.at('=') {
            self.advance()?;
            Some(self.constant()?)
        } else {
            None
        };
        let directives = self.directives(ValueScope::Constant)?;
        Ok(Positioned::new(
            VariableDefinition {
                name,
                var_type,
                directives,
                default_value,
            },
            pos,
        ))
    }

    fn type_reference(&mut self) -> Parsed<Type> {
        let base = if self.at('[') {
            self.open('[')?;
            let item = self.type_reference()?;
            self.close(']')?;
            BaseType::List(Box::new(item))
        } else {
            BaseType::Named(self.name()?.node)
        };
        let nullable = !self.at('!');
        if !nullable {
            self.advance()?;
        }
        Ok(Type { base, nullable })
    }

    fn fragment(&mut self) -> Parsed<(Positioned<Name>, Positioned<FragmentDefinition>)> {
        let pos = self.advance()?.pos;
        if self.at_word("on") {
            return Err(self.unexpected());
        }
        let name = self.name()?;
        if !self.at_word("on") {
            return Err(self.expected("\"on\""));
        }
        let type_condition = self.type_condition()?;
        let directives = self.directives(ValueScope::Variables)?;
        let selection_set = self.selection_set()?;
        Ok((
            name,
            Positioned::new(
                FragmentDefinition {
                    type_condition,
                    directives,
                    selection_set,
                },
                pos,
            ),
        ))
    }

    fn type_condition(&mut self) -> Parsed<Positioned<TypeCondition>> {
        let pos = self.advance()?.pos;
        Ok(Positioned::new(TypeCondition { on: self.name()? }, pos))
    }

    fn selection_set(&mut self) -> Parsed<Positioned<SelectionSet>> {
        let pos = self.token.pos;
        let items = self.between('{', '}', Self::selection)?;
        Ok(Positioned::new(SelectionSet { items }, pos))
    }

    fn selection(&mut self) -> Parsed<Positioned<Selection>> {
        let pos = self.token.pos;
        let selection = match self.token.kind {
            TokenKind::Spread => self.spread(pos)?,
            _ => Selection::Field(Positioned::new(self.field()?, pos)),
        };
        Ok(Positioned::new(selection, pos))
    }

    fn spread(&mut self, pos: Pos) -> Parsed<Selection> {
        self.advance()?;
        if !self.at_word("on") && matches!(self.token.kind, TokenKind::Name(_)) {
            let spread = FragmentSpread {
                fragment_name: self.name()?,
                directives: self.directives(ValueScope::Variables)?,
            };
            return Ok(Selection::FragmentSpread(Positioned::new(spread, pos)));
        }
        let type_condition = if self.at_word("on") {
            Some(self.type_condition()?)
        } else {
            None
        };
        let directives = self.directives(ValueScope::Variables)?;
        let selection_set = self.selection_set()?;
        let fragment = InlineFragment {
            type_condition,
            directives,
            selection_set,
        };
        Ok(Selection::InlineFragment(Positioned::new(fragment, pos)))
    }

    fn field(&mut self) -> Parsed<Field> {
        let first = self.name()?;
        let (alias, name) = if self.at(':') {
            self.advance()?;
            (Some(first), self.name()?)
        } else {
            (None, first)
        };
        let arguments = if self.at('(') {
            self.between('(', ')', |p| p.argument(ValueScope::Variables))?
        } else {
            Vec::new()
        };
        let directives = self.directives(ValueScope::Variables)?;
        let selection_set = if self.at('{') {
            self.selection_set()?
        } else {
            Positioned::default()
        };
        Ok(Field {
            alias,
            name,
            arguments,
            directives,
            selection_set,
        })
    }

    fn directives(&mut self, scope: ValueScope) -> Parsed<Vec<Positioned<Directive>>> {
        let mut directives = Vec::new();
        while self.at('@') {
            let pos = self.advance()?.pos;
            let name = self.name()?;
            let arguments = if self.at('(') {
                self.between('(', ')', |p| p.argument(scope))?
            } else {
                Vec::new()
            };
            directives.push(Positioned::new(Directive { name, arguments }, pos));
        }
        Ok(directives)
    }
}

pub(super) fn invalid(message: String, pos: Pos) -> RequestError {
    RequestError::new(ErrorCode::ValidationFailed, message).at(pos)
}

fn collect_operations(mut operations: Vec<Definition>) -> Parsed<DocumentOperations> {
    if operations.len() == 1 && operations[0].0.is_none() {
        return Ok(DocumentOperations::Single(operations.remove(0).1));
    }
    let mut named = HashMap::new();
    for (name, operation) in operations {
        let Some(name) = name else {
            return Err(invalid(
                "An anonymous operation must be the only one in its document.".into(),
                operation.pos,
            ));
        };
        if named.contains_key(&name.node) {
            return Err(invalid(
                format!("There can be only one operation named \"{}\".", name.node),
                name.pos,
            ));
        }
        named.insert(name.node, operation);
    }
    Ok(DocumentOperations::Multiple(named))
}
