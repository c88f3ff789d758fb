//! The commands for real tenants: each opens the stored session, does one thing with it, and says what came of it.

mod account;
mod accounts;
mod browser;
mod call;
mod doctor;
mod exec_credential;
mod git_credential;
mod login;
mod logout;
mod shell;
mod status;

use hallpass_core::protocol::time::Timestamp;
use hallpass_core::protocol::token::TokenType;
use hallpass_core::{Error, IdToken, MinTtl};
use serde_json::{Value, json};

use crate::cli::{SessionArguments, TokenArguments};
use crate::failure::Failure;
use crate::terminal::{note, say, say_json};
use account::Account;

pub(crate) use accounts::{accounts, switch};
pub(crate) use call::call;
pub(crate) use doctor::doctor;
pub(crate) use git_credential::git_credential;
pub(crate) use login::login;
pub(crate) use logout::logout;
pub(crate) use shell::{completion, man};
pub(crate) use status::status;

/// `lab renew`
pub(crate) async fn renew(arguments: &SessionArguments) -> Result<(), Failure> {
    let account = Account::of(&arguments.tenant)?;
    let session = account.session().await?;
    let renewal = async { session.renew().await.map_err(|error| account.explained(error)) };
    let credentials = account.in_time(renewal).await?;
    let expires_at = credentials.expires_at();
    if arguments.json {
        let expires_at = expires_at.map(Timestamp::unix_seconds);
        say_json(&json!({ "expires_at": expires_at, "scope": credentials.scope().to_string() }));
    } else {
        say(&format!("Renewed; {}.", status::validity(expires_at)));
    }
    Ok(())
}

/// `lab token`
pub(crate) async fn token(arguments: &TokenArguments) -> Result<(), Failure> {
    let account = Account::of(&arguments.tenant)?;
    let session = account.session().await?;
    let min_ttl = MinTtl::seconds(arguments.min_ttl);
    if arguments.id_token {
        let asking = async { session.id_token(min_ttl).await.map_err(|error| account.explained(error)) };
        say_id_token(&account.in_time(asking).await?, arguments);
        return Ok(());
    }
    let wanted = account.wanted(&session).await?.min_ttl(min_ttl);
    let asking = async { session.credentials(wanted).await.map_err(|error| account.explained(error)) };
    let credentials = account.in_time(asking).await?;
    let token_type = credentials.token_type();
    if arguments.exec_credential {
        return exec_credential::of_access_token(&credentials);
    }
    if arguments.json {
        say_json(&json!({
            "access_token": credentials.access_token().expose(),
            "token_type": token_type.as_str(),
            "expires_at": credentials.expires_at().map(Timestamp::unix_seconds),
            "scope": credentials.scope().to_string(),
        }));
    } else {
        say(credentials.access_token().expose());
    }
    match token_type {
        TokenType::Bearer => {}
        TokenType::Dpop => {
            note("note: this token is bound to a key (DPoP) and of no use without its proofs; `lab call` makes them");
        }
    }
    Ok(())
}

fn say_id_token(id_token: &IdToken, arguments: &TokenArguments) {
    if arguments.exec_credential {
        exec_credential::of_id_token(id_token);
    } else if arguments.json {
        let expires_at = id_token.expires_at().unix_seconds();
        say_json(&json!({ "id_token": id_token.raw().expose(), "expires_at": expires_at }));
    } else {
        say(id_token.raw().expose());
    }
}

/// `lab userinfo`
pub(crate) async fn userinfo(arguments: &SessionArguments) -> Result<(), Failure> {
    let account = Account::of(&arguments.tenant)?;
    let session = account.session().await?;
    let asking = async { session.userinfo().await.map_err(|error| account.explained(error)) };
    let claims = account.in_time(asking).await?;
    let value: Value =
        serde_json::from_str(claims.json()).map_err(|_| Error::Internal { reference: "userinfo_not_json" })?;
    if arguments.json {
        say_json(&value);
        return Ok(());
    }
    for (name, value) in value.as_object().into_iter().flatten() {
        say(&match value.as_str() {
            Some(text) => format!("{name}: {}", text.replace('\n', " ")),
            None => format!("{name}: {value}"),
        });
    }
    Ok(())
}
