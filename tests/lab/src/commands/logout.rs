//! `lab logout`: erased here, revoked at the server and, if asked for, ended in the browser.

use std::time::Duration;

use hallpass_core::{LoggedOut, LoginGrant, Logout};
use serde_json::json;

use super::account::Account;
use super::browser::{Purpose, TalkingBrowser};
use crate::cli::LogoutArguments;
use crate::failure::Failure;
use crate::settings::Setting;
use crate::terminal::{say, say_json};

/// How long a user may take to come back from the page that ends the server's session. Nothing here waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the browser returns to unless a setting says otherwise, which needs to be registered.
const HINT: &str = "Still waiting for the browser. If the page shows an error, check that `post_logout_redirect_uri` is \
    registered at the provider. The session is gone from this machine already; control-C stops the waiting.";

pub(crate) async fn logout(arguments: &LogoutArguments) -> Result<(), Failure> {
    let account = Account::of(&arguments.tenant)?;
    let mut builder = account.session_builder().await?;
    let mut logout = Logout::new();
    if arguments.end_session {
        if account.settings().text(Setting::PostLogoutRedirectUri).is_none() {
            return Err(Failure::Argument {
                what: "`post_logout_redirect_uri` is not set, and the browser has to know where to return".to_owned(),
                fix: format!(
                    "add `{}` to the settings, and register it at the provider",
                    Setting::PostLogoutRedirectUri.example()
                ),
            });
        }
        let browser = TalkingBrowser::new(Purpose::Logout, arguments.no_open, HINT.to_owned(), account.watch().clone());
        builder = builder.browser(browser.patience(arguments.tenant.timeout.map_or(PATIENCE, Duration::from_secs)));
        logout = logout.end_session();
    }
    let session = builder.build().map_err(|error| account.explained(error))?;
    // Known only while somebody is signed in.
    let was_renewable = session.grant().await.ok().flatten().is_some_and(|grant| LoginGrant::is_renewable(&grant));
    let ending = async { session.logout(logout).await.map_err(|error| account.explained(error)) };
    let LoggedOut { erased, revoked, session_ended } = account.in_time(ending).await?;
    if arguments.json {
        say_json(&json!({ "erased": erased, "revoked": revoked, "session_ended": session_ended }));
        return Ok(());
    }
    say(match (erased, revoked) {
        (false, _) => "Nobody was signed in.",
        (true, true) => "Signed out; the server has revoked the refresh token.",
        (true, false) if was_renewable => {
            "Signed out here; the server has not confirmed that it revoked the refresh token."
        }
        (true, false) => "Signed out here; there was no refresh token to revoke.",
    });
    if arguments.end_session {
        say(if session_ended {
            "The browser came back from the page that ends the server's own session."
        } else {
            "The browser did not come back from the page that ends the server's own session."
        });
    }
    Ok(())
}
