//! `lab login`: in the system browser, by way of this machine's loopback interface (RFC 8252 §7.3), or by hand.

use std::fs::OpenOptions;
use std::io::{self, BufRead, Write};
use std::path::Path;

use hallpass_core::adapters::LoopbackBrowser;
use hallpass_core::ports::BrowserError;
use hallpass_core::protocol::authorize::Prompt;
use hallpass_core::protocol::time::Timestamp;
use hallpass_core::{Login, MinTtl, Session, User};
use serde_json::json;
use url::Url;

use super::account::Account;
use super::status;
use crate::cli::LoginArguments;
use crate::failure::Failure;
use crate::settings::FILE_NAME;

/// Signs in, stores the session and says who it is.
pub(crate) async fn login(arguments: &LoginArguments) -> Result<(), Failure> {
    let account = Account::of(&arguments.tenant)?;
    if arguments.save && Path::new(FILE_NAME).exists() {
        return Err(Failure::Argument {
            what: format!("there is a {FILE_NAME} in this folder already"),
            fix: "put the settings there by hand, or leave out --save".to_owned(),
        });
    }
    let builder = account.session_builder().await?;
    if let Some(path) = account.plain_files()? {
        tracing::warn!("tokens will be in plain text in {}", path.display());
    }
    let login = parameters(arguments);
    let (session, user) = if arguments.paste {
        let session = builder.build().map_err(|error| account.explained(error))?;
        let user = by_paste(&session, login).await.map_err(|failure| explained(&account, failure))?;
        (session, user)
    } else {
        let no_open = arguments.no_open;
        let browser = LoopbackBrowser::with_opener(move |url| show(url, no_open));
        let session = builder.browser(browser).build().map_err(|error| account.explained(error))?;
        let user = session.login(login).await.map_err(|error| account.explained(error))?;
        (session, user)
    };
    if arguments.save {
        save(&account.property_file())?;
    }
    // It has just arrived; nothing is sent for this.
    let credentials = session.credentials(MinTtl::seconds(0)).await?;
    if arguments.json {
        let expires_at = credentials.expires_at().map(Timestamp::unix_seconds);
        let scope = credentials.scope().to_string();
        anstream::println!(
            "{}",
            json!({ "sub": user.sub(), "name": name(&user), "expires_at": expires_at, "scope": scope })
        );
    } else {
        anstream::println!("Signed in as {}; {}.", name(&user), status::validity(credentials.expires_at()));
    }
    Ok(())
}

/// Writes the property file, and never over one.
fn save(text: &str) -> Result<(), Failure> {
    let file = OpenOptions::new().write(true).create_new(true).open(FILE_NAME);
    let saved = file.and_then(|mut file| file.write_all(text.as_bytes()));
    saved
        .map_err(|error| Failure::InputOutput(format!("you are signed in, but {FILE_NAME} cannot be written: {error}")))
}

/// What the user is called: the name, else the e-mail address, else the subject.
pub(super) fn name(user: &User) -> &str {
    let profile = user.claims().profile();
    profile.name().or(profile.email()).unwrap_or_else(|| user.sub())
}

/// Opens a page in the system browser.
pub(super) fn open(url: &Url) -> Result<(), BrowserError> {
    webbrowser::open(url.as_str()).map_err(|_| BrowserError::Failed("open the address by hand, or use --paste"))
}

/// Prints the page's address, and opens it unless told not to. Where no browser can be opened, the user may still do it.
fn show(url: &Url, no_open: bool) -> Result<(), BrowserError> {
    if no_open {
        anstream::eprintln!("Open this address in a browser on this machine:\n\n{url}\n");
    } else if open(url).is_ok() {
        anstream::eprintln!("The browser shows the login page. If it does not, open this address:\n\n{url}\n");
    } else {
        anstream::eprintln!("No browser could be opened. Open this address on this machine:\n\n{url}\n");
    }
    Ok(())
}

async fn by_paste(session: &Session, login: Login) -> Result<User, Failure> {
    let started = session.start_login(login).await?;
    anstream::eprintln!("Open this address in a browser:\n\n{}\n", started.url);
    anstream::eprintln!("Paste the address that the browser came back with, and press return:");
    let line = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    let line = line.await.map_err(|error| Failure::InputOutput(error.to_string()))?;
    let line = line.map_err(|error| Failure::InputOutput(format!("standard input cannot be read: {error}")))?;
    if line.trim().is_empty() {
        session.cancel_login().await?;
        return Err(hallpass_core::Error::Cancelled.into());
    }
    Ok(session.resume(line.trim()).await?)
}

fn explained(account: &Account, failure: Failure) -> Failure {
    match failure {
        Failure::Core(error) => account.explained(error),
        Failure::Settings(_) | Failure::Argument { .. } | Failure::Server(_) | Failure::InputOutput(_) => failure,
    }
}

fn parameters(arguments: &LoginArguments) -> Login {
    let mut login = Login::new();
    let prompt = match arguments.prompt.as_deref() {
        Some("none") => Some(Prompt::None),
        Some("login") => Some(Prompt::Login),
        Some("consent") => Some(Prompt::Consent),
        Some("select_account") => Some(Prompt::SelectAccount),
        Some(_) | None => None,
    };
    if let Some(prompt) = prompt {
        login = login.prompt(prompt);
    }
    if let Some(hint) = &arguments.login_hint {
        login = login.login_hint(hint);
    }
    if let Some(connection) = &arguments.connection {
        login = login.connection(connection);
    }
    login
}
