//! Which file uses which, from its `use` lines and its paths. A re-export is no use of its own:
//! whoever imports a name uses the file that it comes from.

use std::collections::{BTreeMap, BTreeSet};

use super::Source;

/// The path of a module inside of the crate.
pub(super) type Module = Vec<String>;

/// The files of a crate and what each of them uses: the file, and the names that it takes from it.
pub(super) struct Modules {
    pub(super) uses: BTreeMap<Module, BTreeMap<Module, BTreeSet<String>>>,
}

/// What one file names.
struct Named {
    used: Vec<Module>,
    exports: BTreeMap<Module, Module>,
}

impl Modules {
    pub(super) fn of(sources: &[Source]) -> Self {
        let files: BTreeSet<Module> = sources.iter().map(|it| it.module.clone()).collect();
        let named: Vec<(Module, Named)> = sources
            .iter()
            .map(|source| (source.module.clone(), named(source, &files)))
            .collect();
        let exports: BTreeMap<Module, Module> = named
            .iter()
            .flat_map(|(_, named)| named.exports.clone())
            .collect();
        let mut uses: BTreeMap<_, BTreeMap<Module, BTreeSet<String>>> = BTreeMap::new();
        for (module, named) in named {
            let of_it = uses.entry(module.clone()).or_default();
            for path in named.used {
                let (file, name) = resolve(path, &files, &exports);
                if file != module && !file.is_empty() {
                    of_it.entry(file).or_default().insert(name);
                }
            }
        }
        Self { uses }
    }
}

/// The file that defines what a path names, and the rest of the path.
fn resolve(
    mut path: Module,
    files: &BTreeSet<Module>,
    exports: &BTreeMap<Module, Module>,
) -> (Module, String) {
    // A name may be exported several times on its way; a chain that does not end is none.
    for _ in 0..8 {
        let depth = (0..=path.len()).rev().find(|depth| {
            let is_crate = *depth == 0;
            is_crate || files.contains(&path[..*depth])
        });
        let depth = depth.unwrap_or_default();
        let next = path.get(..=depth).and_then(|name| exports.get(name));
        match next {
            Some(origin) if *origin != path[..=depth] => {
                path = [origin.as_slice(), &path[depth + 1..]].concat();
            }
            _ => {
                let name = path.split_off(depth).join("::");
                return (path, name);
            }
        }
    }
    panic!("{path:?} is exported in a circle");
}

fn named(source: &Source, files: &BTreeSet<Module>) -> Named {
    let (mut used, mut exports) = (Vec::new(), BTreeMap::new());
    let mut body = String::new();
    let mut text = source.text.as_str();
    while let Some((before, is_export, list, after)) = next_use(text) {
        body.push_str(before);
        text = after;
        for path in expanded(list) {
            let (path, alias) = match path.split_once(" as ") {
                Some((path, alias)) => (path.to_owned(), Some(alias.to_owned())),
                None => (path, None),
            };
            let Some(path) = absolute(&source.module, &path, files) else {
                continue;
            };
            if is_export {
                let Some(name) = alias.or_else(|| path.last().cloned()) else {
                    continue;
                };
                exports.insert([source.module.as_slice(), &[name]].concat(), path);
            } else {
                used.push(path);
            }
        }
    }
    body.push_str(text);
    used.extend(
        paths(&body)
            .into_iter()
            .filter_map(|path| absolute(&source.module, path, files)),
    );
    Named { used, exports }
}

/// The next `use`: what stands before it, whether it is public, its tree, and what follows.
fn next_use(text: &str) -> Option<(&str, bool, &str, &str)> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim_start();
        let is_export = trimmed.starts_with("pub");
        let tree = if is_export {
            trimmed.split_once(" use ").filter(|(visibility, _)| {
                *visibility == "pub"
                    || (visibility.starts_with("pub(") && visibility.ends_with(')'))
            })
        } else {
            trimmed.strip_prefix("use ").map(|tree| ("", tree))
        };
        if let Some((_, tree)) = tree {
            let from = start + line.len() - tree.len();
            let length = text[from..].find(';')?;
            let (list, after) = (&text[from..from + length], &text[from + length + 1..]);
            return Some((&text[..start], is_export, list, after));
        }
        start += line.len();
    }
    None
}

/// The paths of a tree of imports.
fn expanded(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((prefix, rest)) = tree.split_once('{') else {
        return vec![tree.split_whitespace().collect::<Vec<_>>().join(" ")];
    };
    let list = rest.rsplit_once('}').map_or(rest, |(list, _)| list);
    let (mut depth, mut entries) = (0_i32, vec![String::new()]);
    for letter in list.chars() {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        match letter {
            ',' if depth == 0 => entries.push(String::new()),
            letter => entries.last_mut().expect("it begins with one").push(letter),
        }
    }
    entries
        .iter()
        .filter(|entry| !entry.trim().is_empty())
        .flat_map(|entry| expanded(entry))
        .map(|path| format!("{}{path}", prefix.trim()))
        .collect()
}

/// A path from the root of the crate; `None` for one that leads out of it, or to what is imported.
fn absolute(module: &Module, path: &str, files: &BTreeSet<Module>) -> Option<Module> {
    let mut steps = path.split("::").map(str::trim).peekable();
    let mut base = module.clone();
    match *steps.peek()? {
        "crate" => {
            steps.next();
            base.clear();
        }
        "self" | "super" => {
            while let Some(step) = steps.next_if(|step| ["self", "super"].contains(step)) {
                if step == "super" {
                    base.pop()?;
                }
            }
        }
        child => {
            let child = [module.as_slice(), &[child.to_owned()]].concat();
            files.get(&child)?;
        }
    }
    base.extend(steps.filter(|step| *step != "self").map(str::to_owned));
    Some(base)
}

/// Every `a::b` in the code.
fn paths(body: &str) -> Vec<&str> {
    let is_path = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    body.split(|letter: char| !is_path(letter))
        .map(|path| path.trim_matches(':'))
        .filter(|path| path.contains("::"))
        .collect()
}
