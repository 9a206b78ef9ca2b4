//! The command line.
//!
//! Exit codes: 0 success, 1 failure, 2 bad usage or configuration. Standard output holds only the
//! result of a command; messages go to standard error.

mod doctor;
mod run;
mod serve;
mod token;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::run::{print, print_err, with};
use crate::clock::Clock;
use crate::config::{self, Config, SettingArgs};
use crate::domain::rotate;
use crate::startup::{self, Failure};
use crate::{graphql, seed};

#[derive(Parser)]
#[command(
    name = "courtside",
    version,
    about = "The back end of a coaching marketplace",
    args_conflicts_with_subcommands = true
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    settings: SettingArgs,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server, with its worker (the default).
    Serve(SettingArgs),
    /// Run only a worker: webhooks, deadlines and whatever else happens later.
    Worker(SettingArgs),
    /// Bring the tables up to date.
    Migrate(SettingArgs),
    /// Fill an empty database with demo data.
    Seed(SettingArgs),
    /// Encrypt everything anew that is not under the first of ENCRYPTION_KEYS. Safe beside a
    /// running server; may be cut off and run again.
    RotateKeys(SettingArgs),
    /// Print a bearer token of the local issuer.
    Token {
        #[command(flatten)]
        settings: SettingArgs,
        /// What its bearer may do.
        #[arg(long, value_enum)]
        role: token::RoleName,
        /// Whose token: a name of the demo data or any other; one of the demo people when left out.
        #[arg(long)]
        user: Option<String>,
    },
    /// Print the GraphQL schema.
    Schema,
    /// Print the documentation of the settings, or the example of an environment file.
    EnvDoc {
        /// The example file instead.
        #[arg(long)]
        example: bool,
    },
    /// Check the settings, the database and who vouches for callers, and say what is wrong.
    Doctor(SettingArgs),
}

/// Parses the command line and runs the command.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are results; anything else is bad usage.
            let _ = error.print();
            return if error.use_stderr() {
                ExitCode::from(config::EXIT_USAGE)
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    match cli.command {
        Some(Command::Schema) => print(&graphql::sdl()),
        Some(Command::EnvDoc { example }) => print(&if example {
            config::env_example()
        } else {
            config::env_doc()
        }),
        Some(Command::Serve(settings)) => with(&settings, serve::run),
        None => with(&cli.settings, serve::run),
        Some(Command::Worker(settings)) => with(&settings, serve::work),
        Some(Command::Migrate(settings)) => with(&settings, migrate),
        Some(Command::Seed(settings)) => with(&settings, fill),
        Some(Command::RotateKeys(settings)) => with(&settings, rotate_keys),
        Some(Command::Token {
            settings,
            role,
            user,
        }) => with(&settings, move |config| token::run(config, role, user)),
        Some(Command::Doctor(settings)) => doctor::main(&settings),
    }
}

async fn migrate(config: Config) -> Result<(), Failure> {
    startup::open_database(&config).await.map(|_| ())
}

async fn fill(config: Config) -> Result<(), Failure> {
    let db = startup::open_database(&config).await?;
    let app = startup::build(&config, db, Clock::System).await?;
    let made = seed::run(&app).await?;
    print_err(if made {
        "Demo data is in place.\n"
    } else {
        "The database already has coaches: nothing was added.\n"
    });
    Ok(())
}

async fn rotate_keys(config: Config) -> Result<(), Failure> {
    let db = startup::open_database(&config).await?;
    let app = startup::build(&config, db, Clock::System).await?;
    let done = rotate::rotate(&app).await?;
    print(&format!(
        "tokens {}, webhook secrets {}, notes {}, answers {}, unreadable {}\n",
        done.tokens, done.webhook_secrets, done.notes, done.answers, done.unreadable
    ));
    if done.unreadable == 0 {
        return Ok(());
    }
    Err(format!(
        "{} values are under keys that ENCRYPTION_KEYS does not hold; they are as they were",
        done.unreadable
    )
    .into())
}
