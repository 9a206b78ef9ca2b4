//! The transport from outside: a small schema behind a real HTTP connection in memory.

mod http;
mod sockets;
mod streams;
mod toy;
mod wire;
