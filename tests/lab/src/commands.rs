//! The commands for real tenants: each opens the stored session, does one thing with it, and says what came of it.

mod account;
mod call;
mod login;
mod status;

use hallpass_core::protocol::time::Timestamp;
use hallpass_core::{LoggedOut, Logout, MinTtl};
use serde_json::json;

use crate::cli::{LogoutArguments, SessionArguments, TokenArguments};
use crate::failure::Failure;
use account::Account;

pub(crate) use call::call;
pub(crate) use login::login;
pub(crate) use status::status;

/// `lab renew`
pub(crate) async fn renew(arguments: &SessionArguments) -> Result<(), Failure> {
    let account = Account::of(&arguments.tenant)?;
    let session = account.session().await?;
    let credentials = session.renew().await.map_err(|error| account.explained(error))?;
    let expires_at = credentials.expires_at();
    if arguments.json {
        let expires_at = expires_at.map(Timestamp::unix_seconds);
        anstream::println!("{}", json!({ "expires_at": expires_at, "scope": credentials.scope().to_string() }));
    } else {
        anstream::println!("Renewed; {}.", status::validity(expires_at));
    }
    Ok(())
}

/// `lab token`
pub(crate) async fn token(arguments: &TokenArguments) -> Result<(), Failure> {
    let account = Account::of(&arguments.tenant)?;
    let session = account.session().await?;
    let credentials =
        session.credentials(MinTtl::seconds(arguments.min_ttl)).await.map_err(|error| account.explained(error))?;
    anstream::println!("{}", credentials.access_token().expose());
    Ok(())
}

/// `lab logout`
pub(crate) async fn logout(arguments: &LogoutArguments) -> Result<(), Failure> {
    let account = Account::of(&arguments.tenant)?;
    let session = account.session().await?;
    // The page has to know whose session it ends, so its address is made while that is still known.
    let page = match arguments.end_session {
        true => Some(
            session.logout_url(account.post_logout_redirect_uri()).await.map_err(|error| account.explained(error))?,
        ),
        false => None,
    };
    let LoggedOut { erased, revoked, .. } =
        session.logout(Logout::new()).await.map_err(|error| account.explained(error))?;
    let opened = page.is_some_and(|page| login::open(&page).is_ok());
    if arguments.json {
        anstream::println!("{}", json!({ "erased": erased, "revoked": revoked, "browser_opened": opened }));
        return Ok(());
    }
    anstream::println!(
        "{}",
        match (erased, revoked) {
            (false, _) => "Nobody was signed in.",
            (true, true) => "Signed out; the server has revoked the refresh token.",
            (true, false) => "Signed out here; the server has not confirmed that it revoked a refresh token.",
        }
    );
    if opened {
        anstream::println!("The browser shows the page that ends the server's own session.");
    }
    Ok(())
}

/// `lab accounts`
pub(crate) async fn accounts(arguments: &SessionArguments) -> Result<(), Failure> {
    let account = Account::of(&arguments.tenant)?;
    let store = account.store().await?;
    let accounts = hallpass_core::accounts(account.config(), &*store).await?;
    if arguments.json {
        anstream::println!("{}", json!({ "accounts": accounts }));
    } else if accounts.is_empty() {
        anstream::eprintln!("No account is stored for this tenant and client.");
    }
    if !arguments.json {
        accounts.iter().for_each(|account| anstream::println!("{account}"));
    }
    Ok(())
}
