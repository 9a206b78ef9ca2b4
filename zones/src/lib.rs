//! Time zones of the IANA database, as a `chrono` time zone.
//!
//! The rules come from a directory of compiled zones (`TZDIR`, or the system's zoneinfo) or from
//! the database that is bundled with the program. A process uses one database, read at its start:
//! no two zones ever follow different versions.

mod database;
mod version;
mod zone;

use std::path::Path;
use std::str::FromStr;
use std::sync::OnceLock;

pub use database::{Database, Source};
pub use version::Version;
pub use zone::{UnknownZone, Zone, ZoneOffset};

static IN_USE: OnceLock<Database> = OnceLock::new();

/// Chooses the database of this process, see [`Database::choose`]. The first choice stands.
pub fn install(directory: Option<&Path>) -> &'static Database {
    IN_USE.get_or_init(|| Database::choose(directory))
}

/// The database of this process.
pub fn in_use() -> &'static Database {
    install(None)
}

impl FromStr for Zone {
    type Err = UnknownZone;

    /// The database of this process decides; the case matters.
    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        in_use().zone(name).ok_or(UnknownZone)
    }
}
