//! The `lab` command: the exercise, a server for the apps, a driver for test suites, and a client for real tenants.
//!
//! The command is this library's [`run`]. Other test crates use its parts: [`user_agent`], a browser without a screen;
//! [`drive`], the public API as JSON lines; [`settings`], the property file.
#![forbid(unsafe_code)]

mod adapters;
pub mod cli;
mod commands;
pub mod drive;
pub mod exit;
pub mod failure;
mod serve;
pub mod settings;
pub mod terminal;
pub mod user_agent;
mod walk;
mod watch;

use anstyle::{AnsiColor, Style};
use tokio::io::{BufReader, stdin, stdout};
use tracing_subscriber::EnvFilter;

use cli::{Cli, Command};
use exit::Exit;
use failure::Failure;

/// Does what the command line asks for, says on standard error what went wrong, and returns how it ended.
///
/// Logs go to standard error as `HALLPASS_LOG` says, warnings unless it does.
pub async fn run(cli: Cli) -> Exit {
    start_logging();
    let command = cli.into_command();
    let as_json = command.is_json();
    match perform(command).await {
        Ok(exit) => exit,
        Err(failure) => {
            report(&failure, as_json);
            failure.exit()
        }
    }
}

async fn perform(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Walk(arguments) => {
            return Ok(if walk::walk(&arguments).await? { Exit::Done } else { Exit::Failed });
        }
        Command::Serve(arguments) => serve::serve(&arguments).await?,
        Command::Login(arguments) => commands::login(&arguments).await?,
        Command::Status(arguments) => return commands::status(&arguments).await,
        Command::Call(arguments) => return commands::call(&arguments).await,
        Command::Renew(arguments) => commands::renew(&arguments).await?,
        Command::Userinfo(arguments) => commands::userinfo(&arguments).await?,
        Command::Switch(arguments) => commands::switch(&arguments)?,
        Command::Token(arguments) => commands::token(&arguments).await?,
        Command::Logout(arguments) => commands::logout(&arguments).await?,
        Command::Accounts(arguments) => commands::accounts(&arguments).await?,
        Command::Doctor(arguments) => return commands::doctor(&arguments).await,
        Command::GitCredential(arguments) => commands::git_credential(&arguments).await?,
        Command::Completion(arguments) => commands::completion(arguments.shell)?,
        Command::Man(arguments) => commands::man(arguments.command.as_deref())?,
        Command::Drive => drive::drive(BufReader::new(stdin()), stdout())
            .await
            .map_err(|error| Failure::InputOutput(format!("the driver cannot go on: {error}")))?,
    }
    Ok(Exit::Done)
}

fn report(failure: &Failure, as_json: bool) {
    const ERROR: Style = AnsiColor::Red.on_default().bold();
    const NEXT: Style = Style::new().bold();
    if as_json {
        return terminal::note_json(&failure.to_json());
    }
    let failure_text = failure.to_string();
    anstream::eprintln!("{ERROR}error:{ERROR:#} {}", terminal::printable(&failure_text));
    let next_step = failure.next_step();
    if !next_step.is_empty() {
        anstream::eprintln!(" {NEXT}next:{NEXT:#} {}", terminal::printable(&next_step));
    }
}

fn start_logging() {
    let filter = EnvFilter::try_from_env("HALLPASS_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    let logging = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()) && std::env::var_os("NO_COLOR").is_none())
        .without_time()
        .with_target(false)
        .try_init();
    // Whoever calls `run` as a library may have set up logging already.
    drop(logging);
}
