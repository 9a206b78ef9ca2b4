//! The order of the rooms of the domain: a room uses only rooms further down the list.

use super::modules::Modules;
use super::sources;

/// From the top to the bottom. A room is a file or a folder of `domain`. An adapter is a room of
/// its own, because it stands above what it translates and its port below; so is `coach/profile`,
/// because a change of it is pushed, while the rights over coaches are needed below.
const ROOMS: &[&str] = &[
    // Lists and searches over several things.
    "whole_list",
    "note",
    "session",
    "slots",
    "reconcile",
    "hold",
    // One folder per remote scheduler.
    "scheduling/cal_com",
    // What providers send.
    "webhook",
    "booking",
    // What a coach offers, and when.
    "schedule",
    "absence",
    "coach/profile",
    "event_type",
    // Whoever keeps a coach's time.
    "scheduling",
    "connection",
    "identity",
    "job",
    "coach",
    // What all of them use.
    "command",
    "rotate",
    "sealed",
    "answers",
    "audit",
    "viewer",
    "listed",
    "lock",
    "money",
    "page",
    "provider_fault",
    "recurring_jobs",
    "text",
];

#[test]
fn rooms_of_the_domain_use_only_those_below() {
    let sources = sources("api/src");
    let modules = Modules::of(&sources);
    let mut wrong = Vec::new();
    for (file, uses) in &modules.uses {
        let Some(place) = place(file) else { continue };
        for (other, names) in uses {
            if self::place(other).is_some_and(|below| below < place) {
                let (file, other) = (file.join("/"), other.join("/"));
                wrong.push(format!("{file} -> {other} {names:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Its room's place in the list; `None` outside of the rooms.
fn place(module: &[String]) -> Option<usize> {
    let (part, inside) = module.split_first()?;
    if part != "domain" || inside.is_empty() {
        return None;
    }
    // The longest name wins: a folder may hold a room of its own.
    let found = (1..=inside.len()).rev().find_map(|depth| {
        let name = inside[..depth].join("/");
        ROOMS.iter().position(|room| *room == name)
    });
    Some(found.unwrap_or_else(|| panic!("{inside:?} is a new room of the domain: give it a place")))
}

/// Files that read sessions, and write rows of other tables.
const READ_SESSIONS: &[&str] = &[
    "domain/note/edit.rs",
    "domain/reconcile/poll.rs",
    "seed/bookings.rs",
];

#[test]
fn session_rows_have_one_writer() {
    const WRITES: &[&str] = &[
        "ActiveModel",
        "into_active_model()",
        "::insert(",
        "::insert_many(",
        "::update_many(",
        "::delete_many(",
        "::delete_by_id(",
    ];
    let writers: Vec<_> = sources("api/src")
        .into_iter()
        .filter(|source| source.names_after("entity::").contains("session"))
        .filter(|source| WRITES.iter().any(|write| source.text.contains(write)))
        .map(|source| source.path.display().to_string())
        .filter(|path| !READ_SESSIONS.iter().any(|known| path.ends_with(known)))
        .collect();
    assert!(
        writers.len() == 1 && writers[0].ends_with("domain/booking/session.rs"),
        "{writers:#?}"
    );
}
