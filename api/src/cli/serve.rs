//! `courtside serve` and `courtside worker`.
use super::*;
pub(super) async fn run(_config: Config) -> Result<(), Failure> { Ok(()) }
pub(super) async fn work(_config: Config) -> Result<(), Failure> { Ok(()) }
