//! Trusted documents: if there is a manifest, other documents are rejected.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use sha2::{Digest, Sha256};

/// The documents of a manifest, by id and by text.
#[derive(Debug, Default)]
pub struct AllowList {
    by_id: HashMap<String, Arc<str>>,
    texts: HashSet<Arc<str>>,
}

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error(
        "the manifest is neither a persisted-query manifest of version 1 nor a map from ids to documents: {0}"
    )]
    Shape(#[from] serde_json::Error),
    #[error(
        "the manifest has format {format:?} and version {version}; this server reads \"apollo-persisted-query-manifest\", version 1"
    )]
    Format { format: String, version: u64 },
    #[error("the manifest has two different documents with the id {0:?}")]
    Duplicate(String),
    #[error("the manifest has no documents")]
    Empty,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Manifest {
    Apollo {
        format: String,
        version: u64,
        operations: Vec<Operation>,
    },
    Map(HashMap<String, String>),
}

#[derive(Deserialize)]
struct Operation {
    id: String,
    body: String,
}

impl AllowList {
    /// Reads a manifest:
    /// `{"format":"apollo-persisted-query-manifest","version":1,"operations":[{"id","body",…}]}` or
    /// `{"<id>":"<document>"}`.
    ///
    /// # Errors
    /// The manifest is not usable; a server must not start with it.
    pub fn from_manifest(json: &[u8]) -> Result<Self, ManifestError> {
        let operations: Vec<(String, String)> = match serde_json::from_slice(json)? {
            Manifest::Apollo {
                format, version, ..
            } if format != "apollo-persisted-query-manifest" || version != 1 => {
                return Err(ManifestError::Format { format, version });
            }
            Manifest::Apollo { operations, .. } => operations
                .into_iter()
                .map(|known| (known.id, known.body))
                .collect(),
            Manifest::Map(documents) => documents.into_iter().collect(),
        };
        let mut list = Self::default();
        for (id, body) in operations {
            let text: Arc<str> = body.into();
            if list.by_id.get(&id).is_some_and(|known| *known != text) {
                return Err(ManifestError::Duplicate(id));
            }
            // Clients may name a document by its hash, whatever ids the manifest has.
            list.by_id
                .insert(sha256(&text).to_string(), Arc::clone(&text));
            list.by_id.insert(id, Arc::clone(&text));
            list.texts.insert(text);
        }
        if list.texts.is_empty() {
            Err(ManifestError::Empty)
        } else {
            Ok(list)
        }
    }

    /// Returns the document with this id, or with this SHA-256 in hexadecimal.
    pub fn by_id(&self, id: &str) -> Option<Arc<str>> {
        self.by_id.get(id).cloned()
    }

    /// Returns the document if the list has exactly this text.
    pub fn by_text(&self, text: &str) -> Option<Arc<str>> {
        self.texts.get(text).cloned()
    }

    pub fn len(&self) -> usize {
        self.texts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }
}

/// The SHA-256 of a document, by which clients name it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct DocumentHash([u8; 32]);

pub(super) fn sha256(text: &str) -> DocumentHash {
    DocumentHash(Sha256::digest(text.as_bytes()).into())
}

impl DocumentHash {
    /// Reads 64 hexadecimal digits of either case.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)
            .ok()
            .map(|()| Self(bytes))
    }
}

impl fmt::Display for DocumentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_kinds_of_manifest() {
        let apollo = br#"{"format":"apollo-persisted-query-manifest","version":1,"operations":[{"id":"one","name":"A","type":"query","body":"{a}"}]}"#;
        for manifest in [&apollo[..], br#"{"one":"{a}"}"#] {
            let list = AllowList::from_manifest(manifest).expect("a good manifest");
            assert_eq!(list.len(), 1);
            assert_eq!(list.by_id("one").as_deref(), Some("{a}"));
            assert_eq!(
                list.by_id(&sha256("{a}").to_string()).as_deref(),
                Some("{a}")
            );
            assert_eq!(list.by_text("{a}").as_deref(), Some("{a}"));
            assert_eq!(list.by_text("{ a }"), None);
            assert_eq!(list.by_id("two"), None);
        }
    }

    #[test]
    fn refuses_manifests_that_would_let_nothing_or_the_wrong_thing_run() {
        for (manifest, message) in [
            ("[]", "the manifest is neither"),
            ("{}", "the manifest has no documents"),
            (
                r#"{"format":"apollo-persisted-query-manifest","version":2,"operations":[]}"#,
                "the manifest has format",
            ),
            (
                r#"{"format":"apollo-persisted-query-manifest","version":1,"operations":[{"id":"x","body":"{a}"},{"id":"x","body":"{b}"}]}"#,
                "the manifest has two different documents with the id \"x\"",
            ),
        ] {
            let error = AllowList::from_manifest(manifest.as_bytes())
                .expect_err(manifest)
                .to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }

    #[test]
    fn reads_hashes_of_either_case() {
        let hash = sha256("{ __typename }");
        assert_eq!(
            DocumentHash::parse(&hash.to_string().to_uppercase()).map(|hash| hash.to_string()),
            Some(hash.to_string())
        );
        assert!(DocumentHash::parse("abc").is_none());
    }
}
