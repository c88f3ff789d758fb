//! `lab git-credential`: git's credential helper protocol (gitcredentials(7), git-credential(1)).
//!
//! Git asks with lines of `key=value` on standard input and takes the same as the answer. A helper that has nothing to give
//! says nothing and succeeds, and git asks the next one.

use std::io::{self, Read};

use hallpass_core::protocol::time::Timestamp;
use hallpass_core::protocol::token::TokenType;
use hallpass_core::{Credentials, MinTtl};
use url::Url;

use super::account::Account;
use crate::cli::GitCredentialArguments;
use crate::failure::Failure;
use crate::terminal::{note, say};
use crate::watch::Manner;

/// Longer than any of git's requests, in bytes.
const MAX_REQUEST: u64 = 64 * 1024;

/// A push of some size has to end before the token does.
const MIN_TTL: u64 = 120;

/// What git asks about.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    protocol: String,
    host: String,
    username: Option<String>,
    password: Option<String>,
    /// Whether git takes the token with its scheme, and not only in the place of a password.
    takes_schemes: bool,
}

/// Gives git a token, or takes note that one did not work.
pub(crate) async fn git_credential(arguments: &GitCredentialArguments) -> Result<(), Failure> {
    let asked = Asked::of(&read()?);
    match arguments.operation.as_str() {
        "get" => {
            let account = Account::in_manner(&arguments.tenant, manner(arguments))?;
            let Some(credentials) = credentials(&account, &asked).await? else { return Ok(()) };
            answer(&credentials, &asked, &arguments.username).iter().for_each(|line| say(line));
            Ok(())
        }
        "erase" => {
            let account = Account::in_manner(&arguments.tenant, manner(arguments))?;
            let Some(refused) = &asked.password else { return Ok(()) };
            // The server did not take it: the next one is to be another. What somebody else gave git is not ours to erase.
            if let Some(credentials) = credentials(&account, &asked).await?
                && credentials.access_token().expose() == refused
            {
                let session = account.session().await?;
                session.renew().await.map_err(|error| account.explained(error))?;
            }
            Ok(())
        }
        // The session is stored already; and git wants what it may ask for later to be ignored.
        _ => Ok(()),
    }
}

fn manner(arguments: &GitCredentialArguments) -> Manner {
    if arguments.tenant.verbose { Manner::Verbose } else { Manner::Silent }
}

/// The access token, when the place that git asks about may have it.
async fn credentials(account: &Account, asked: &Asked) -> Result<Option<Credentials>, Failure> {
    if !account.settings().may_get_token(&asked.origin()) {
        note(&format!("note: {} is not in `api_origins`, so it gets no access token of lab's", asked.origin()));
        return Ok(None);
    }
    let session = account.session().await?;
    let wanted = account.wanted(&session).await?.min_ttl(MinTtl::seconds(MIN_TTL));
    let asking = async { session.credentials(wanted).await.map_err(|error| account.explained(error)) };
    let credentials = account.in_time(asking).await?;
    match credentials.token_type() {
        TokenType::Bearer => Ok(Some(credentials)),
        TokenType::Dpop => Err(Failure::Argument {
            what: "the access token is bound to a key (DPoP), and git makes no proofs".to_owned(),
            fix: "sign in without `dpop` for git".to_owned(),
        }),
    }
}

/// The lines for git.
fn answer(credentials: &Credentials, asked: &Asked, username: &str) -> Vec<String> {
    let token = credentials.access_token().expose();
    let mut lines = if asked.takes_schemes {
        vec![
            "capability[]=authtype".to_owned(),
            "authtype=Bearer".to_owned(),
            format!("credential={token}"),
            // Git is not to hand it to a helper that keeps it.
            "ephemeral=1".to_owned(),
        ]
    } else {
        let username = asked.username.as_deref().unwrap_or(username);
        vec![format!("username={username}"), format!("password={token}")]
    };
    lines.extend(credentials.expires_at().map(Timestamp::unix_seconds).map(|at| format!("password_expiry_utc={at}")));
    lines
}

fn read() -> Result<String, Failure> {
    let mut text = String::new();
    io::stdin()
        .lock()
        .take(MAX_REQUEST)
        .read_to_string(&mut text)
        .map_err(|error| Failure::InputOutput(format!("git's request cannot be read: {error}")))?;
    Ok(text)
}

impl Asked {
    /// Reads git's lines; those that are not known are for others.
    fn of(text: &str) -> Self {
        let mut asked = Self::default();
        for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
            match key {
                "protocol" => value.clone_into(&mut asked.protocol),
                "host" => value.clone_into(&mut asked.host),
                "username" => asked.username = Some(value.to_owned()).filter(|name| !name.is_empty()),
                "password" => asked.password = Some(value.to_owned()),
                "capability[]" => asked.takes_schemes |= value == "authtype",
                "url" => {
                    if let Ok(url) = Url::parse(value) {
                        url.scheme().clone_into(&mut asked.protocol);
                        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
                        asked.host = format!("{}{port}", url.host_str().unwrap_or_default());
                    }
                }
                _ => {}
            }
        }
        asked
    }

    fn origin(&self) -> String {
        format!("{}://{}", self.protocol, self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_of_git_is_read_and_what_is_not_known_is_left_alone() {
        let text = "capability[]=authtype\ncapability[]=state\nprotocol=https\nhost=git.example:8443\npath=a/b.git\n\
                    wwwauth[]=Bearer realm=\"x\"\n\n";
        let asked = Asked::of(text);
        assert_eq!(asked.origin(), "https://git.example:8443");
        assert!(asked.takes_schemes && asked.username.is_none());
        let asked = Asked::of("url=https://git.example/a/b.git\nusername=ada\npassword=a=b\n");
        assert_eq!((asked.origin().as_str(), asked.password.as_deref()), ("https://git.example", Some("a=b")));
        assert_eq!(asked.username.as_deref(), Some("ada"));
        assert_eq!(Asked::of("nonsense\n"), Asked::default());
    }
}
