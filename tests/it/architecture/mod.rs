//! The house: arrows are imports, and they only go down.

mod circles;
mod modules;
mod rooms;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Every arrow there may be: a part of `api/src`, and the parts that it may import.
const ARROWS: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    // Everything is put together here.
    (
        "cli",
        &[
            "app",
            "clock",
            "config",
            "db",
            "domain",
            "graphql",
            "http",
            "seed",
            "startup",
            "telemetry",
            "worker",
        ],
    ),
    (
        "startup",
        &[
            "app", "clock", "config", "db", "domain", "metrics", "outbox", "vault",
        ],
    ),
    // The three ways in, and the demo data.
    (
        "http",
        &[
            "app", "config", "domain", "graphql", "metrics", "startup", "worker",
        ],
    ),
    ("graphql", &["app", "domain", "outbox"]),
    ("worker", &["app", "domain", "outbox"]),
    ("seed", &["app", "db", "domain", "vault"]),
    // Every rule.
    (
        "domain",
        &["app", "db", "error", "metrics", "outbox", "vault"],
    ),
    // The ways out, and the words for failure that all of them use.
    ("outbox", &["db", "error"]),
    ("db", &["error"]),
    ("error", &[]),
    ("metrics", &[]),
    // What requests and jobs are given, and the settings it is made from.
    (
        "app",
        &["clock", "db", "domain", "metrics", "outbox", "vault"],
    ),
    ("telemetry", &["config"]),
    ("clock", &[]),
    // What must not be readable in the database.
    ("vault", &["db", "error"]),
    ("config", &["vault"]),
    ("lib", &[]),
];

/// Crates that not every part may use.
const FOREIGN: &[(&str, &[&str])] = &[
    ("providers", &["app", "domain", "startup"]),
    ("migration", &["db"]),
    ("sqlx", &["db", "error", "outbox"]),
    // Tables are read and written here; the ways in get rows and values from the domain.
    (
        "sea_orm",
        &["db", "domain", "error", "outbox", "seed", "vault", "worker"],
    ),
    ("axum", &["http", "metrics"]),
    ("graphql_server", &["cli", "graphql", "http"]),
    // Providers are called by their own crate alone.
    ("reqwest", &[]),
];

/// A source file without its comments and unit tests.
struct Source {
    /// The part of the house that it belongs to.
    part: String,
    /// The module that it is.
    module: Vec<String>,
    path: PathBuf,
    text: String,
}

#[test]
fn arrows_only_go_down() {
    let mut wrong = Vec::new();
    for source in sources("api/src") {
        let (_, may) = ARROWS
            .iter()
            .find(|(part, _)| *part == source.part)
            .unwrap_or_else(|| {
                panic!(
                    "`{}` is a new part of the house: say what it may import",
                    source.part
                )
            });
        for other in source.imports() {
            if other != source.part && !may.contains(&other.as_str()) {
                wrong.push(format!(
                    "{}: {} -> {other}",
                    source.path.display(),
                    source.part
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn foreign_crates_stay_where_they_belong() {
    let mut wrong = Vec::new();
    for source in sources("api/src") {
        for (name, parts) in FOREIGN {
            let is_used = !source.names_after(&format!("{name}::")).is_empty()
                // SeaORM exports the driver that it is built on.
                || source.text.contains(&format!("sea_orm::{name}::"));
            if is_used && !parts.contains(&source.part.as_str()) {
                wrong.push(format!("{}: {name}", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Lines outside of Cal.com's adapter that may name it: where schedulers are listed.
const LISTS: &[(&str, &str)] = &[
    ("domain/scheduling/mod.rs", "pub mod cal_com;"),
    (
        "domain/scheduling/remote.rs",
        "Scheduler::CalCom => (false, true, false, 10),",
    ),
    ("domain/scheduling/availability.rs", "CalCom,"),
    (
        "domain/scheduling/availability.rs",
        "Scheduler::CalCom => Self::CalCom,",
    ),
];

#[test]
fn a_provider_is_named_only_in_its_adapter() {
    let mut wrong = Vec::new();
    for source in sources("api/src") {
        let is_ours = ["db", "domain", "error", "outbox", "worker"].contains(&source.part.as_str());
        let path = source.path.display().to_string();
        if !is_ours || path.contains("domain/scheduling/cal_com/") {
            continue;
        }
        let names = |line: &&str| {
            let line = line.to_lowercase();
            line.contains("calcom") || line.contains("cal_com") || line.contains("cal.com")
        };
        let is_listed = |line: &&str| {
            LISTS
                .iter()
                .any(|(file, known)| path.ends_with(file) && line.trim() == *known)
        };
        let lines = source
            .text
            .lines()
            .filter(names)
            .filter(|line| !is_listed(line));
        wrong.extend(lines.map(|line| format!("{path}: {}", line.trim())));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_rules_the_demo_data_and_the_sequencer_open_transactions() {
    let mut wrong = Vec::new();
    for source in sources("api/src") {
        let opens = [".transaction(", "_transaction(", ".begin"]
            .iter()
            .any(|call| source.text.contains(call));
        let may = ["domain", "seed", "db"].contains(&source.part.as_str())
            || source.path.ends_with("outbox/sequence.rs");
        if opens && !may {
            wrong.push(source.path.display().to_string());
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_the_clock_asks_the_machine_for_the_time() {
    let mut wrong = Vec::new();
    for source in sources("api/src")
        .into_iter()
        .chain(sources("providers/src"))
    {
        if source.text.contains("Utc::now()") && source.part != "clock" {
            wrong.push(source.path.display().to_string());
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_crates_below_do_not_know_what_is_above() {
    for (name, not) in [
        (
            "entity",
            &[
                "courtside",
                "graphql_server",
                "migration",
                "providers",
                "axum",
            ][..],
        ),
        ("migration", &["courtside", "providers", "axum"]),
        (
            "graphql_server",
            &[
                "courtside",
                "entity",
                "migration",
                "providers",
                "simulators",
                "sea-orm",
            ],
        ),
        (
            "providers",
            &[
                "courtside",
                "entity",
                "graphql_server",
                "migration",
                "sea-orm",
                "async-graphql",
                "axum",
            ],
        ),
    ] {
        let manifest = read(&root().join(name).join("Cargo.toml"));
        for dependency in not {
            let named = manifest
                .lines()
                .any(|line| line.split(['.', ' ', '=']).next() == Some(dependency));
            assert!(!named, "{name} depends on {dependency}");
        }
    }
}

impl Source {
    fn new(base: &Path, path: PathBuf) -> Self {
        let inside = path
            .strip_prefix(base)
            .expect("it was found below")
            .with_extension("");
        let mut module: Vec<_> = inside
            .iter()
            .map(|step| step.to_string_lossy().into_owned())
            .collect();
        let part = module[0].clone();
        if module.last().is_some_and(|last| last == "mod") {
            module.pop();
        }
        let text = read(&path);
        // Unit tests stand at the end of a file.
        let text = text
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or_default();
        let text = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect::<Vec<_>>()
            .join("\n");
        Self {
            part,
            module,
            path,
            text,
        }
    }

    /// The parts of the house that it names.
    fn imports(&self) -> BTreeSet<String> {
        // From a module, as many steps up as it is deep lead to the crate itself.
        let up = "super::".repeat(self.module.len());
        self.names_after("crate::")
            .into_iter()
            .chain(self.names_after(&up))
            .collect()
    }

    /// The names that follow a path: one, or those in braces.
    fn names_after(&self, path: &str) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for (place, _) in self.text.match_indices(path) {
            let before = self.text[..place].chars().next_back();
            if before.is_some_and(|letter| letter.is_alphanumeric() || "_:.".contains(letter)) {
                continue;
            }
            let rest = &self.text[place + path.len()..];
            match rest.strip_prefix('{') {
                Some(list) => names.extend(listed(list)),
                None => names.extend(first_name(rest)),
            }
        }
        names
    }
}

fn first_name(text: &str) -> Option<String> {
    let name: String = text
        .chars()
        .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
        .collect();
    (!name.is_empty()).then_some(name)
}

/// The first name of each entry of a list in braces, which may hold lists itself.
fn listed(list: &str) -> Vec<String> {
    let (mut depth, mut entries) = (0, vec![String::new()]);
    for letter in list.chars() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => entries.push(String::new()),
            letter => entries.last_mut().expect("it begins with one").push(letter),
        }
    }
    entries
        .iter()
        .filter_map(|entry| first_name(entry.trim()))
        .collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("it is a member of the workspace")
        .to_owned()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn sources(below: &str) -> Vec<Source> {
    let base = root().join(below);
    let (mut found, mut directories) = (Vec::new(), vec![base.clone()]);
    while let Some(directory) = directories.pop() {
        let entries = std::fs::read_dir(&directory)
            .unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        for entry in entries {
            let path = entry.expect("the directory is there").path();
            let name = path
                .file_stem()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            let is_test = name == "tests" || name.ends_with("_tests");
            if path.is_dir() && !is_test {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test {
                found.push(Source::new(&base, path));
            }
        }
    }
    assert!(!found.is_empty(), "nothing below {below}");
    found
}
