//! Documents generated from the table of settings. They are checked in, and a test compares them.

use std::fmt::Write as _;

use super::settings::{Fallback, SETTINGS, Setting};

const INFALLIBLE: &str = "a string takes whatever is written to it";

/// The content of `docs/ENVIRONMENT.md`.
pub fn env_doc() -> String {
    let mut text = String::from(
        "# Environment\n\n\
         Written by `courtside env-doc`; a test compares it with the code.\n\n\
         Every setting is an environment variable of `courtside serve` and also a flag: `LISTEN` is `--listen`. A flag wins over\n\
         the variable. A blank value counts as unset. Everything that is wrong is listed at once, and the exit code is 2.\n\
         Prefer variables to flags for secrets: other users of the machine can see the flags of a process.\n",
    );
    for group in groups() {
        write!(
            text,
            "\n## {group}\n\n| variable | value | default | meaning |\n| --- | --- | --- | --- |\n"
        )
        .expect(INFALLIBLE);
        for setting in in_group(group) {
            let (name, value) = (setting.name, setting.value.replace('|', "\\|"));
            let secret = if setting.secret {
                " Secret: never shown or logged."
            } else {
                ""
            };
            writeln!(
                text,
                "| `{name}` | {value} | {} | {}{secret} |",
                default_cell(setting),
                setting.meaning
            )
            .expect(INFALLIBLE);
        }
    }
    text
}

/// The content of `.env.example`: every setting, commented out, with its default.
pub fn env_example() -> String {
    let mut text = String::from(
        "# Settings of `courtside serve`. Copy to `.env`, uncomment what you need. Nothing here is needed to try it out.\n",
    );
    for group in groups() {
        write!(text, "\n# --- {group} ---\n").expect(INFALLIBLE);
        for setting in in_group(group) {
            let plain = |text: &str| text.replace('`', "");
            write!(text, "\n# {}\n", plain(setting.meaning)).expect(INFALLIBLE);
            let value = match setting.fallback {
                Fallback::Text(value) => value,
                Fallback::Rule(rule) => {
                    writeln!(text, "# Default: {}.", plain(rule)).expect(INFALLIBLE);
                    ""
                }
                Fallback::Off => "",
            };
            writeln!(text, "# {}={value}", setting.name).expect(INFALLIBLE);
        }
    }
    text
}

fn default_cell(setting: &Setting) -> String {
    match setting.fallback {
        Fallback::Text(value) => format!("`{value}`"),
        Fallback::Rule(rule) => rule.to_owned(),
        Fallback::Off => "-".to_owned(),
    }
}

/// Groups in the order of their first setting.
fn groups() -> impl Iterator<Item = &'static str> {
    let first = |index: usize| {
        SETTINGS[..index]
            .iter()
            .all(|earlier| earlier.group != SETTINGS[index].group)
    };
    (0..SETTINGS.len())
        .filter(move |&index| first(index))
        .map(|index| SETTINGS[index].group)
}

fn in_group(group: &'static str) -> impl Iterator<Item = &'static Setting> {
    SETTINGS
        .iter()
        .filter(move |setting| setting.group == group)
}
