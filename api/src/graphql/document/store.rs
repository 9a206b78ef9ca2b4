//! From what a request names to a document that may run: found or parsed, measured, validated once,
//! and remembered.

use std::sync::Arc;

use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition};
use async_graphql::{Name, ServerError, Variables};

use super::allow_list::{AllowList, DocumentHash, sha256};
use super::analysis::{self, Analysis};
use super::cache::Cache;
use super::limits::Limits;
use super::refusal::{Reason, Refusal};
use super::types::TypeTable;
use super::{cost, flatten, measure, overlap, parse, variables};
use crate::graphql::engine::Validate;

/// Which documents run, and within which bounds.
#[derive(Default)]
pub struct Policy {
    pub limits: Limits,
    /// Whether `__schema` and `__type` are answered.
    pub introspection: bool,
    /// Whether clients may store documents by their hash (automatic persisted queries).
    pub persisted_queries: bool,
    /// Only these documents run, if there is a list.
    pub allow_list: Option<AllowList>,
}

/// How a request names its document.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub query: Option<String>,
    pub operation_name: Option<String>,
    /// `extensions.persistedQuery.sha256Hash`.
    pub hash: Option<String>,
    /// `id` or `documentId`: a document of the allow-list.
    pub id: Option<String>,
}

/// A document that has passed every check that does not depend on variables.
#[derive(Debug)]
pub struct Document {
    executable: ExecutableDocument,
    operation_name: Option<Name>,
    pub analysis: Analysis,
}

/// A document with the variables of one request, both checked.
#[derive(Debug)]
pub struct Prepared {
    pub document: Arc<Document>,
    pub variables: Variables,
    /// What the operation may cost, in objects.
    pub cost: u64,
}

impl Document {
    /// The document as the library runs it, and the name of the operation to run.
    pub fn executable(&self) -> (ExecutableDocument, Option<&Name>) {
        (self.executable.clone(), self.operation_name.as_ref())
    }

    fn operation(&self) -> &OperationDefinition {
        match &self.executable.operations {
            DocumentOperations::Single(operation) => &operation.node,
            DocumentOperations::Multiple(operations) => {
                let name = self
                    .operation_name
                    .as_ref()
                    .expect("an operation among named ones was selected by name");
                &operations[name].node
            }
        }
    }
}

/// What a remembered document is reckoned to take, over twice its text: the nodes of its tree.
const TREE_WEIGHT: usize = 4 * 1024;
const DOCUMENTS: usize = 2_000;
const DOCUMENTS_WEIGHT: usize = 32 << 20;
const PERSISTED: usize = 2_000;
const PERSISTED_WEIGHT: usize = 8 << 20;

type Key = (Arc<str>, Option<String>);

/// All the documents a process knows.
pub struct Documents {
    policy: Policy,
    types: Arc<TypeTable>,
    known: Cache<Key, Arc<Document>>,
    persisted: Cache<DocumentHash, Arc<str>>,
}

impl Documents {
    pub fn new(policy: Policy, types: Arc<TypeTable>) -> Self {
        let (known, persisted) = (
            Cache::new(DOCUMENTS, DOCUMENTS_WEIGHT),
            Cache::new(PERSISTED, PERSISTED_WEIGHT),
        );
        Self {
            policy,
            types,
            known,
            persisted,
        }
    }

    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Finds the document that was asked for and makes it ready to run with these variables.
    ///
    /// # Errors
    /// Everything that makes this the client's mistake, before anything has run.
    pub async fn prepare(
        &self,
        asked: Asked,
        mut given: Variables,
        schema: &impl Validate,
    ) -> Result<Prepared, Vec<ServerError>> {
        let (text, store_as) = self.text(&asked).map_err(|refusal| vec![refusal.into()])?;
        let document = self.document(&text, asked.operation_name, schema).await?;
        if let Some(hash) = store_as {
            self.persisted.put(hash, Arc::clone(&text), text.len());
        }
        let operation = document.operation();
        variables::coerce(operation, &mut given, &self.types).map_err(|refusals| {
            refusals
                .into_iter()
                .map(Into::into)
                .collect::<Vec<ServerError>>()
        })?;
        let cost = cost::cost(
            &document.executable,
            operation,
            &given,
            &self.types,
            &self.policy.limits,
        )
        .map_err(|refusal| vec![refusal.into()])?;
        Ok(Prepared {
            document,
            variables: given,
            cost,
        })
    }

    /// The text, and the hash to remember it by once it has been validated.
    fn text(&self, asked: &Asked) -> Result<(Arc<str>, Option<DocumentHash>), Refusal> {
        if let Some(list) = &self.policy.allow_list {
            return self.trusted(list, asked).map(|text| (text, None));
        }
        if asked.id.is_some() && asked.query.is_none() {
            return Err(Refusal::new(
                Reason::PersistedQueryNotSupported,
                "Documents cannot be named by an id here.",
            ));
        }
        let Some(hash) = &asked.hash else {
            let text = asked
                .query
                .as_deref()
                .expect("a request without a hash or an id has a query");
            return Ok((text.into(), None));
        };
        if !self.policy.persisted_queries {
            return Err(Refusal::new(
                Reason::PersistedQueryNotSupported,
                "PersistedQueryNotSupported",
            ));
        }
        let mismatch = || {
            Refusal::new(
                Reason::PersistedQueryMismatch,
                "The hash is not the SHA-256 of the query.",
            )
        };
        let hash = DocumentHash::parse(hash).ok_or_else(mismatch)?;
        match &asked.query {
            Some(text) if sha256(text) == hash => Ok((text.as_str().into(), Some(hash))),
            Some(_) => Err(mismatch()),
            None => {
                let found = self.persisted.get(&hash).map(|text| (text, None));
                found.ok_or_else(|| {
                    Refusal::new(Reason::PersistedQueryNotFound, "PersistedQueryNotFound")
                })
            }
        }
    }

    fn trusted(&self, list: &AllowList, asked: &Asked) -> Result<Arc<str>, Refusal> {
        let by_name = asked.id.as_deref().or(asked.hash.as_deref()).map(|id| {
            list.by_id(&id.to_ascii_lowercase())
                .or_else(|| list.by_id(id))
        });
        let found = match (&asked.query, by_name) {
            (Some(text), None) => list.by_text(text),
            (Some(text), Some(named)) => named.filter(|named| **named == **text),
            (None, named) => named.flatten(),
        };
        found.ok_or_else(|| {
            Refusal::new(
                Reason::DocumentNotAllowed,
                "The document is not one of the trusted documents.",
            )
        })
    }

    async fn document(
        &self,
        text: &Arc<str>,
        operation_name: Option<String>,
        schema: &impl Validate,
    ) -> Result<Arc<Document>, Vec<ServerError>> {
        let key = (Arc::clone(text), operation_name);
        if let Some(known) = self.known.get(&key) {
            return Ok(known);
        }
        let mut document = self
            .analyse(text, key.1.as_deref())
            .map_err(|refusal| vec![refusal.into()])?;
        schema
            .validate(document.executable.clone(), document.operation_name.clone())
            .await?;
        flatten::flatten_subscriptions(&mut document.executable);
        let document = Arc::new(document);
        self.known
            .put(key, Arc::clone(&document), 2 * text.len() + TREE_WEIGHT);
        Ok(document)
    }

    fn analyse(&self, text: &str, operation_name: Option<&str>) -> Result<Document, Refusal> {
        let limits = &self.policy.limits;
        let executable = parse::parse(text, limits)?;
        let measure = measure::measure(&executable, limits)?;
        let (name, analysis) = {
            let (name, operation) = select(&executable, operation_name)?;
            (
                name.cloned(),
                analysis::analyse(&executable, (name, operation), measure, &self.types, limits)?,
            )
        };
        if analysis.introspects && !self.policy.introspection {
            return Err(Refusal::new(
                Reason::IntrospectionDisabled,
                "Introspection is not available here.",
            ));
        }
        overlap::check(&executable, &self.types)?;
        Ok(Document {
            executable,
            operation_name: name,
            analysis,
        })
    }
}

/// The operation to run (specification, section 6.1: GetOperation).
fn select<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Result<(Option<&'a Name>, &'a OperationDefinition), Refusal> {
    let unresolved = |message: String| Err(Refusal::new(Reason::OperationNotResolved, message));
    match name {
        Some(name) => {
            match document
                .operations
                .iter()
                .find(|(known, _)| known.is_some_and(|known| known.as_str() == name))
            {
                Some((known, operation)) => Ok((known, &operation.node)),
                None => unresolved(format!(
                    "Unknown operation named \"{}\".",
                    &name[..name.floor_char_boundary(60)]
                )),
            }
        }
        None => {
            let mut operations = document.operations.iter();
            match (operations.next(), operations.next()) {
                (Some((known, operation)), None) => Ok((known, &operation.node)),
                _ => unresolved("The document has several operations: name the one to run.".into()),
            }
        }
    }
}
