//! No file needs, through others, itself.

use std::collections::{BTreeMap, BTreeSet};

use super::modules::{Module, Modules};
use super::{Source, sources};

/// Uses that may close a circle: the App holds these, and their functions are handed the App.
const HANDED_OVER: &[(&str, &str)] = &[
    ("app", "domain/scheduling/remote"),
    ("app", "domain/webhook/inbox"),
    ("app", "domain/webhook/secrets"),
];

#[test]
fn no_files_form_a_circle() {
    let sources = sources("api/src");
    let types: BTreeSet<Module> = sources
        .iter()
        .filter(|source| is_type_of_the_schema(source))
        .map(|source| source.module.clone())
        .collect();
    let mut modules = Modules::of(&sources);
    for (file, uses) in &mut modules.uses {
        let name = file.join("/");
        uses.retain(|other, _| {
            // Types of the schema refer to each other: a coach has event types, and these a coach.
            let is_schema = types.contains(file) && types.contains(other);
            !is_schema && !HANDED_OVER.contains(&(name.as_str(), other.join("/").as_str()))
        });
    }
    let found = circle(&modules);
    assert!(found.is_none(), "{}", found.unwrap_or_default());
}

#[test]
fn a_circle_is_found_through_re_exports_and_paths() {
    let source = |module: &str, text: &str| Source {
        part: String::new(),
        module: module.split('/').map(str::to_owned).collect(),
        path: module.into(),
        text: text.to_owned(),
    };
    let text = "use std::fmt;\n\npub use read::{find, list};\npub(crate) use write as store;\n";
    let mut house = vec![
        source("notes", text),
        source("notes/read", "use crate::{db::Db, people};\n"),
        source("notes/write", "fn write() { super::read::list() }\n"),
        source("people", "fn name() -> Result { crate::texts::name() }\n"),
        source("texts", "use super::db;\n"),
        source("db", "use std::io;\n"),
    ];
    assert_eq!(circle(&Modules::of(&house)), None);
    house[5].text = "use crate::notes::{self, store::{insert}};\n".to_owned();
    let found = circle(&Modules::of(&house)).expect("db -> notes/write -> notes/read -> db");
    assert!(found.contains("db -> notes/write (insert)"), "{found}");
    house[5].text = "use crate::notes::{self, list};\n".to_owned();
    let found = circle(&Modules::of(&house)).expect("db -> notes/read -> db");
    assert!(found.contains("db -> notes/read (list)"), "{found}");
}

/// Whether the file defines a type of the schema.
fn is_type_of_the_schema(source: &Source) -> bool {
    let marks = ["#[Object", "#[ComplexObject", "SimpleObject"];
    source.part == "graphql" && marks.iter().any(|mark| source.text.contains(mark))
}

/// A circle, one use per line.
fn circle(modules: &Modules) -> Option<String> {
    let mut rest: BTreeMap<&Module, BTreeSet<&Module>> = modules
        .uses
        .iter()
        .map(|(file, uses)| (file, uses.keys().collect()))
        .collect();
    // A file that uses no other, or only such files, is in no circle.
    loop {
        let left: BTreeSet<&Module> = rest.keys().copied().collect();
        for uses in rest.values_mut() {
            uses.retain(|other| left.contains(other));
        }
        let before = rest.len();
        rest.retain(|_, uses| !uses.is_empty());
        if rest.len() == before {
            break;
        }
    }
    let mut walk: Vec<&Module> = vec![rest.keys().next().copied()?];
    loop {
        let next = *rest[walk.last()?].iter().next()?;
        if let Some(start) = walk.iter().position(|file| *file == next) {
            walk.push(next);
            let lines = walk[start..].windows(2).map(|pair| {
                let names = &modules.uses[pair[0]][pair[1]];
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let (file, other) = (pair[0].join("/"), pair[1].join("/"));
                format!("{file} -> {other} ({})", names.join(", "))
            });
            return Some(lines.collect::<Vec<_>>().join("\n"));
        }
        walk.push(next);
    }
}
