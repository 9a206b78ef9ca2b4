//! GraphiQL and what it needs, pinned.

use serde::Serialize;

/// A file on the CDN and what it must be.
#[derive(Serialize)]
pub(super) struct File {
    pub(super) url: &'static str,
    /// SHA-384 of the file as it is in the package of that version, for Subresource Integrity.
    pub(super) integrity: &'static str,
}

/// In the order in which they run. GraphiQL 4 is the last line with one script for all, and React
/// 18 the last with files for browsers. To check or renew a hash: `npm pack graphiql@4.1.2`,
/// unpack, `openssl dgst -sha384 -binary FILE | base64 -w0`.
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
