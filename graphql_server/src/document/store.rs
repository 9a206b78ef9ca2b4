//! Turns the document that a request names into one that can be executed: looks it up or parses it,
//! measures it, validates it once and caches it.

use std::sync::Arc;

use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition};
use async_graphql::{Name, ServerError, Variables};

use super::allow_list::{AllowList, DocumentHash, sha256};
use super::analysis::{self, Analysis};
use super::cache::{self, DocumentCache, PersistedCache};
use super::error::{ErrorCode, RequestError};
use super::limits::Limits;
use super::types::TypeTable;
use super::{cost, flatten, measure, overlap, parse, variables};
use crate::engine::Validate;

/// Which documents are executed, and within which limits.
#[derive(Default)]
pub struct Policy {
    pub limits: Limits,
    /// Whether `__schema` and `__type` may be selected.
    pub introspection: bool,
    /// Whether clients may store documents by their hash (automatic persisted queries).
    pub persisted_queries: bool,
    /// If there is a list, only its documents are executed.
    pub allow_list: Option<AllowList>,
}

/// How a request names its document.
#[derive(Clone, Debug, Default)]
pub(crate) struct DocumentRequest {
    pub(crate) query: Option<String>,
    pub(crate) operation_name: Option<String>,
    /// `extensions.persistedQuery.sha256Hash`.
    pub(crate) hash: Option<String>,
    /// `id` or `documentId`: an id of the allow-list.
    pub(crate) id: Option<String>,
}

/// A document that has passed every check that does not depend on variables.
#[derive(Debug)]
pub(crate) struct Document {
    executable: ExecutableDocument,
    operation_name: Option<Name>,
    pub(crate) analysis: Analysis,
}

/// A document and the variables of one request, both checked.
#[derive(Debug)]
pub(crate) struct PreparedDocument {
    pub(crate) document: Arc<Document>,
    pub(crate) variables: Variables,
    /// The estimated cost in points, from the page sizes.
    pub(crate) cost: u64,
}

impl Document {
    /// Returns the document for async-graphql, and the name of the operation to execute.
    pub(crate) fn executable(&self) -> (ExecutableDocument, Option<&Name>) {
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

/// The documents of a process: the policy, and the caches.
pub(crate) struct Documents {
    policy: Policy,
    types: Arc<TypeTable>,
    documents: DocumentCache,
    persisted: PersistedCache,
}

impl Documents {
    pub(crate) fn new(policy: Policy, types: Arc<TypeTable>) -> Self {
        Self {
            policy,
            types,
            documents: cache::documents(),
            persisted: cache::persisted(),
        }
    }

    /// Looks up or parses the document, and checks it with these variables.
    ///
    /// # Errors
    /// Request errors: nothing has been executed.
    pub(crate) async fn prepare(
        &self,
        request: DocumentRequest,
        mut given: Variables,
        schema: &impl Validate,
    ) -> Result<PreparedDocument, Vec<ServerError>> {
        let (text, store_as) = self.text(&request).map_err(|error| vec![error.into()])?;
        let document = self.document(&text, request.operation_name, schema).await?;
        if let Some(hash) = store_as {
            self.persisted.insert(hash, Arc::clone(&text));
        }
        let operation = document.operation();
        variables::coerce(operation, &mut given, &self.types).map_err(|errors| {
            errors
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
        .map_err(|error| vec![error.into()])?;
        Ok(PreparedDocument {
            document,
            variables: given,
            cost,
        })
    }

    /// Returns the text, and the hash to store it by once it has been validated.
    fn text(
        &self,
        request: &DocumentRequest,
    ) -> Result<(Arc<str>, Option<DocumentHash>), RequestError> {
        if let Some(list) = &self.policy.allow_list {
            return self.trusted(list, request).map(|text| (text, None));
        }
        if request.id.is_some() && request.query.is_none() {
            return Err(RequestError::new(
                ErrorCode::PersistedQueryNotSupported,
                "Documents cannot be named by an id here.",
            ));
        }
        let Some(hash) = &request.hash else {
            let text = request
                .query
                .as_deref()
                .expect("a request without a hash or an id has a query");
            return Ok((text.into(), None));
        };
        if !self.policy.persisted_queries {
            return Err(RequestError::new(
                ErrorCode::PersistedQueryNotSupported,
                "PersistedQueryNotSupported",
            ));
        }
        let mismatch = || {
            RequestError::new(
                ErrorCode::PersistedQueryMismatch,
                "The hash is not the SHA-256 of the query.",
            )
        };
        let hash = DocumentHash::parse(hash).ok_or_else(mismatch)?;
        match &request.query {
            Some(text) if sha256(text) == hash => Ok((text.as_str().into(), Some(hash))),
            Some(_) => Err(mismatch()),
            None => {
                let found = self.persisted.get(&hash).map(|text| (text, None));
                found.ok_or_else(|| {
                    RequestError::new(ErrorCode::PersistedQueryNotFound, "PersistedQueryNotFound")
                })
            }
        }
    }

    fn trusted(
        &self,
        list: &AllowList,
        request: &DocumentRequest,
    ) -> Result<Arc<str>, RequestError> {
        let by_name = request.id.as_deref().or(request.hash.as_deref()).map(|id| {
            list.by_id(&id.to_ascii_lowercase())
                .or_else(|| list.by_id(id))
        });
        let found = match (&request.query, by_name) {
            (Some(text), None) => list.by_text(text),
            (Some(text), Some(named)) => named.filter(|named| **named == **text),
            (None, named) => named.flatten(),
        };
        found.ok_or_else(|| {
            RequestError::new(
                ErrorCode::DocumentNotAllowed,
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
        if let Some(known) = self.documents.get(&key) {
            return Ok(known);
        }
        let mut document = self
            .analyse(text, key.1.as_deref())
            .map_err(|error| vec![error.into()])?;
        schema
            .validate(document.executable.clone(), document.operation_name.clone())
            .await?;
        flatten::flatten_subscriptions(&mut document.executable);
        let document = Arc::new(document);
        self.documents.insert(key, Arc::clone(&document));
        Ok(document)
    }

    fn analyse(&self, text: &str, operation_name: Option<&str>) -> Result<Document, RequestError> {
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
            return Err(RequestError::new(
                ErrorCode::IntrospectionDisabled,
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

/// Selects the operation to execute (specification, section 6.1: GetOperation).
fn select<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Result<(Option<&'a Name>, &'a OperationDefinition), RequestError> {
    let unresolved =
        |message: String| Err(RequestError::new(ErrorCode::OperationNotResolved, message));
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
