//! `lab login`: by way of this machine's loopback interface (RFC 8252 §7.3), or by hand.

use std::fs::OpenOptions;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::time::Duration;

use hallpass_core::ports::{CodeDisplay, Transport, TransportError, UserCode};
use hallpass_core::protocol::authorize::Prompt;
use hallpass_core::protocol::http::{Body, Headers, Method, Request};
use hallpass_core::protocol::time::Timestamp;
use hallpass_core::{Credentials, Error, Login, LoginGrant, MinTtl, Session, User};
use serde_json::json;
use url::Url;

use super::account::Account;
use super::browser::{Purpose, TalkingBrowser};
use super::status::{self, name};
use crate::adapters;
use crate::cli::LoginArguments;
use crate::failure::Failure;
use crate::settings::{FILE_NAME, Setting};
use crate::terminal::{note, note_json, say, say_json};
use crate::watch::Watched;

/// How long a user may take in the browser.
pub(super) const PATIENCE: Duration = Duration::from_secs(5 * 60);

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
    let (session, user) = if arguments.device {
        let session = builder.build().map_err(|error| account.explained(error))?;
        let display = code_display(arguments.json);
        let signing_in = async { session.device_login(login, display).await.map_err(|error| account.explained(error)) };
        let user = account.in_time(signing_in).await?;
        (session, user)
    } else if arguments.paste {
        let session = builder.build().map_err(|error| account.explained(error))?;
        let user = account.in_time(by_paste(&account, &session, login)).await?;
        (session, user)
    } else {
        let browser = TalkingBrowser::new(Purpose::Login, arguments.no_open, hint(&account), account.watch().clone());
        let patience = arguments.tenant.timeout.map_or(PATIENCE, Duration::from_secs);
        let session = builder.browser(browser.patience(patience)).build().map_err(|error| account.explained(error))?;
        let signing_in = async { session.login(login).await.map_err(|error| account.explained(error)) };
        let user = tokio::select! {
            user = account.in_time(signing_in) => user?,
            failure = unreachable_host(&account) => return Err(failure),
        };
        (session, user)
    };
    if arguments.save {
        save(&account.settings().to_file())?;
    }
    // It has just arrived; nothing is sent for this.
    let credentials = session.credentials(MinTtl::seconds(0)).await.map_err(|error| account.explained(error))?;
    let grant = session.grant().await.map_err(|error| account.explained(error))?;
    tell(arguments, &user, &credentials, grant.as_ref());
    Ok(())
}

fn tell(arguments: &LoginArguments, user: &User, credentials: &Credentials, grant: Option<&LoginGrant>) {
    let is_renewable = grant.is_some_and(LoginGrant::is_renewable);
    let asked = grant.and_then(LoginGrant::scope);
    let missing: Vec<&str> = asked.map_or_else(Vec::new, |asked| {
        // That a refresh token came or not is told by itself.
        let is_missing = |value: &&str| *value != "offline_access" && !credentials.scope().contains(value);
        asked.iter().filter(is_missing).collect()
    });
    if arguments.json {
        say_json(&json!({
            "sub": user.sub(),
            "name": name(user),
            "expires_at": credentials.expires_at().map(Timestamp::unix_seconds),
            "scope": credentials.scope().to_string(),
            "not_granted": missing,
            "renewable": is_renewable,
        }));
        return;
    }
    let renewal = if is_renewable { "it can be renewed" } else { "it cannot be renewed" };
    say(&format!("Signed in as {}; {}; {renewal}.", name(user), status::validity(credentials.expires_at())));
    say(&format!("  granted: {}", credentials.scope()));
    if !missing.is_empty() {
        say(&format!("  not granted: {}", missing.join(" ")));
    }
    if !is_renewable {
        note(
            "note: the provider gave no refresh token, so the session ends with this access token. Ask for `offline_access` \
             in `scope` and allow it for the application and the API; some providers want `--prompt consent` too.",
        );
    }
}

/// Says what to enter and where, beside the result: for people, or for a program that shows it to them.
fn code_display(as_json: bool) -> impl CodeDisplay {
    move |code: UserCode| {
        let complete = code.verification_uri_complete.as_ref().map(Url::as_str);
        if as_json {
            return note_json(&json!({
                "user_code": code.code,
                "verification_uri": code.verification_uri.as_str(),
                "verification_uri_complete": complete,
                "expires_in": code.lifetime.as_secs(),
            }));
        }
        let or =
            complete.map(|url| format!("or open this address, and compare the code:\n\n{url}\n\n")).unwrap_or_default();
        note(&format!(
            "Open {} on any device, and enter this code:\n\n    {}\n\n{or}Waiting for it, for {} min. Control-C stops the waiting.",
            code.verification_uri,
            code.code,
            code.lifetime.as_secs().div_ceil(60),
        ));
    }
}

/// What may be wrong when nobody comes back.
pub(super) fn hint(account: &Account) -> String {
    let redirect_uri = account.settings().text(Setting::RedirectUri).unwrap_or(crate::settings::REDIRECT_URI);
    format!(
        "Still waiting for the browser. If the page shows an error instead of a login, check `client_id`, and that \
         {redirect_uri} is registered at the provider (any port). Control-C stops the waiting."
    )
}

/// Ends when the provider's host cannot be reached, and only then. Where the endpoints follow from the domain nothing is
/// fetched before the page opens, and the user would look at a browser's error page until the time is over.
async fn unreachable_host(account: &Account) -> Failure {
    let probe = async {
        let domain = account.settings().text(Setting::Domain)?.trim_end_matches('/');
        let base = if domain.contains("://") { domain.to_owned() } else { format!("https://{domain}") };
        let url = Url::parse(&format!("{base}/.well-known/openid-configuration")).ok()?;
        let transport = Watched { inner: adapters::transport().await.ok()?, watch: account.watch().clone() };
        let request = Request {
            method: Method::Get,
            url,
            headers: Headers::default(),
            body: Body::default(),
            max_response_bytes: 512 * 1024,
        };
        match transport.send(request).await {
            Err(error @ (TransportError::Unreachable | TransportError::Tls)) => Some(account.explained(error.into())),
            Ok(_) | Err(_) => None,
        }
    };
    match probe.await {
        Some(failure) => failure,
        None => std::future::pending().await,
    }
}

/// Writes the property file, and never over one.
fn save(text: &str) -> Result<(), Failure> {
    let file = OpenOptions::new().write(true).create_new(true).open(FILE_NAME);
    let saved = file.and_then(|mut file| file.write_all(text.as_bytes()));
    saved
        .map_err(|error| Failure::InputOutput(format!("you are signed in, but {FILE_NAME} cannot be written: {error}")))
}

async fn by_paste(account: &Account, session: &Session, login: Login) -> Result<User, Failure> {
    let started = session.start_login(login).await.map_err(|error| account.explained(error))?;
    let redirect_uri = account.settings().text(Setting::RedirectUri).unwrap_or(crate::settings::REDIRECT_URI);
    note(&format!("Open this address in a browser, on any machine:\n\n{}\n", started.url));
    note(&format!(
        "After the login the browser goes to {redirect_uri}, a page that need not load: its address is what is asked for.\n\
         Paste that address, whole, and press return:"
    ));
    loop {
        let line = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            io::stdin().lock().read_line(&mut line).map(|length| (length > 0).then_some(line))
        });
        let line = line.await.map_err(|error| Failure::InputOutput(error.to_string()))?;
        let line = line.map_err(|error| Failure::InputOutput(format!("standard input cannot be read: {error}")))?;
        let Some(pasted) = line.as_deref().map(|line| address_in(line, redirect_uri)).filter(|text| !text.is_empty())
        else {
            session.cancel_login().await.map_err(|error| account.explained(error))?;
            return Err(account.explained(Error::Cancelled));
        };
        account.watch().came_back(&pasted);
        match session.resume(&pasted).await {
            // The login goes on waiting after any of these.
            Err(Error::Untrusted {
                check:
                    "callback_not_a_redirect"
                    | "callback_redirect"
                    | "callback_state"
                    | "callback_state_missing"
                    | "callback_malformed",
            }) => note(&format!(
                "That is not the address that this login ends at. It begins with {redirect_uri} and has `code` and `state` \
                 in it. Paste it again, or press return to stop:"
            )),
            outcome => return outcome.map_err(|error| account.explained(error)),
        }
    }
}

/// The address in what was pasted: without the quotes and brackets around it, and with the scheme that some browsers leave
/// out of what they show.
fn address_in(line: &str, redirect_uri: &str) -> String {
    let around = |character: char| character.is_whitespace() || "\"'`<>()".contains(character);
    let text = line.trim_matches(around);
    match redirect_uri.split_once("://") {
        Some((scheme, rest)) if !text.contains("://") => {
            let host = rest.split(['/', ':']).next().unwrap_or_default();
            if !host.is_empty() && text.starts_with(host) { format!("{scheme}://{text}") } else { text.to_owned() }
        }
        Some(_) | None => text.to_owned(),
    }
}

fn parameters(arguments: &LoginArguments) -> Login {
    let prompts = arguments.prompt.iter().filter_map(|prompt| match prompt.as_str() {
        "none" => Some(Prompt::None),
        "login" => Some(Prompt::Login),
        "consent" => Some(Prompt::Consent),
        "select_account" => Some(Prompt::SelectAccount),
        "create" => Some(Prompt::Create),
        _ => None,
    });
    let mut login = prompts.fold(Login::new(), Login::prompt);
    if let Some(values) = &arguments.acr_values {
        login = login.acr_values(values);
    }
    if let Some(seconds) = arguments.max_age {
        login = login.max_age(Duration::from_secs(seconds));
    }
    if let Some(hint) = &arguments.login_hint {
        login = login.login_hint(hint);
    }
    if let Some(connection) = &arguments.connection {
        login = login.connection(connection);
    }
    login
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_is_found_in_what_browsers_and_mails_show() {
        const WHOLE: &str = "http://127.0.0.1/callback?code=1&state=2";
        for pasted in [
            WHOLE,
            " http://127.0.0.1/callback?code=1&state=2\r\n",
            "\"http://127.0.0.1/callback?code=1&state=2\"",
            "<http://127.0.0.1/callback?code=1&state=2>",
            "'http://127.0.0.1/callback?code=1&state=2'",
            "127.0.0.1/callback?code=1&state=2",
        ] {
            assert_eq!(address_in(pasted, "http://127.0.0.1/callback"), WHOLE, "{pasted}");
        }
        assert_eq!(address_in("com.example.app:/cb?code=1\n", "com.example.app:/cb"), "com.example.app:/cb?code=1");
        assert_eq!(address_in(" \n", "http://127.0.0.1/callback"), "");
    }
}
