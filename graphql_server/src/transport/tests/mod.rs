//! Tests of the transports: a small schema behind a real HTTP connection in memory.

mod client;
mod http;
mod sockets;
mod streams;
mod test_server;
