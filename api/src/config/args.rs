//! Command line and environment: the only source of settings.

use std::fmt::Write as _;

use clap::builder::StyledStr;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use super::reader::{Parts, Problem};
use super::settings::{Fallback, SETTINGS, Setting};

/// Exit code for bad usage or configuration; the same code that clap uses.
pub const EXIT_USAGE: u8 = 2;

/// Every setting as a flag with its environment variable, to be flattened into a subcommand:
/// `#[command(flatten)] settings: SettingArgs`, then `Config::from_parts(&settings.parts)`.
#[derive(Clone)]
pub struct SettingArgs {
    pub parts: Parts,
}

impl Args for SettingArgs {
    fn augment_args(command: Command) -> Command {
        SETTINGS
            .iter()
            .fold(command, |command, setting| command.arg(arg(setting)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |setting: &Setting| {
            Some((
                setting.name.to_owned(),
                matches.get_one::<String>(setting.name)?.clone(),
            ))
        };
        Ok(Self {
            parts: SETTINGS.iter().filter_map(given).collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.parts.extend(Self::from_arg_matches(matches)?.parts);
        Ok(())
    }
}

fn arg(setting: &Setting) -> Arg {
    Arg::new(setting.name)
        .long(setting.name.to_ascii_lowercase().replace('_', "-"))
        .env(setting.name)
        .hide_env_values(true)
        .value_name(setting.value)
        .help(help(setting))
        .help_heading(setting.group)
}

fn help(setting: &Setting) -> StyledStr {
    let mut text = setting.meaning.replace('`', "");
    match setting.fallback {
        Fallback::Text(value) => write!(text, " [default: {value}]"),
        Fallback::Rule(rule) => write!(text, " [default: {}]", rule.replace('`', "")),
        Fallback::Off => Ok(()),
    }
    .expect("a string takes whatever is written to it");
    text.into()
}

/// Text for standard error when the configuration is invalid: one line per problem.
pub fn report(problems: &[Problem]) -> String {
    let count = problems.len();
    let mut text = format!(
        "The configuration has {count} problem{}:\n",
        if count == 1 { "" } else { "s" }
    );
    for problem in problems {
        writeln!(text, "  {problem}").expect("a string takes whatever is written to it");
    }
    text.push_str(
        "Each setting is an environment variable or a flag; `courtside serve --help` lists them.\n",
    );
    text
}
