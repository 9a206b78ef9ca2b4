//! GraphiQL and its dependencies, pinned.

use serde::Serialize;

/// A file on the CDN with its expected hash.
#[derive(Serialize)]
pub(super) struct File {
    pub(super) url: &'static str,
    /// SHA-384 of the file in that version's package, for Subresource Integrity.
    pub(super) integrity: &'static str,
}

/// In load order. GraphiQL 4 is the last release line with a single script, React 18 the last with
/// browser builds. To check or renew a hash: `npm pack graphiql@4.1.2`, unpack, `openssl dgst
/// -sha384 -binary FILE | base64 -w0`.
pub(super) const GRAPHIQL: [File; 4] = [
    File {
        url: "https://unpkg.com/graphiql@4.1.2/graphiql.min.css",
        integrity: "sha384-1el1QShFBnnXTx9x/Cprg82hZWKt0ry29OAYIXt05swbi0KcZDFoj0CWguMpopJr",
    },
    File {
        url: "https://unpkg.com/react@18.3.1/umd/react.production.min.js",
        integrity: "sha384-DGyLxAyjq0f9SPpVevD6IgztCFlnMF6oW/XQGmfe+IsZ8TqEiDrcHkMLKI6fiB/Z",
    },
    File {
        url: "https://unpkg.com/react-dom@18.3.1/umd/react-dom.production.min.js",
        integrity: "sha384-gTGxhz21lVGYNMcdJOyq01Edg0jhn/c22nsx0kyqP0TxaV5WVdsSH1fSDUf5YJj1",
    },
    File {
        url: "https://unpkg.com/graphiql@4.1.2/graphiql.min.js",
        integrity: "sha384-9XdHu7ajgGJziD4J1zNBKQ842Q/+zZfDv+ib1eMhZWBH6hPAs806x+Jbcf0yNO6B",
    },
];
