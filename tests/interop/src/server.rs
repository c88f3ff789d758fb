//! What the story has to know of a server.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use hallpass_core::protocol::authorize::Prompt;
use hallpass_core::{Config, Login};
use url::Url;

use crate::http::Http;
use crate::person::{Journey, Person};
use crate::process::Launch;

/// The redirect URI that every server knows the app by.
pub(crate) const REDIRECT_URI: &str = "com.example.hallpass:/callback";
/// Where a logout in the browser leads.
pub(crate) const LOGGED_OUT_URI: &str = "com.example.hallpass:/logged-out";

/// An authorization server that can be started as often as the story wants, always at the same address.
#[async_trait]
pub(crate) trait Server: Send + Sync {
    /// What is known of it before it runs.
    fn facts(&self) -> &Facts;

    /// How to start it.
    fn launch(&self) -> Launch;

    /// Sets up what it does not have from the beginning, once, when it has been started for the first time.
    ///
    /// # Errors
    /// When the server refuses.
    async fn provision(&self, _http: &Http) -> Result<()> {
        Ok(())
    }

    /// Signs the user out as an administrator would.
    ///
    /// # Errors
    /// When the server refuses.
    async fn sign_out(&self, http: &Http) -> Result<()>;

    /// Breaks something that the server needs, so that it fails while it runs. Returns what; `None` when nothing was done.
    ///
    /// # Errors
    /// When it cannot be broken.
    fn break_down(&self) -> Result<Option<&'static str>> {
        Ok(None)
    }

    /// Mends what [`Server::break_down`] has broken.
    ///
    /// # Errors
    /// When it cannot be mended.
    fn mend(&self) -> Result<()> {
        Ok(())
    }

    /// Goes through the pages from `url` to `home`, giving a wrong password first if `mistaken`.
    ///
    /// # Errors
    /// Those of [`Person::go`].
    async fn visit(&self, person: &Person, url: &Url, home: &Url, mistaken: bool) -> Result<Journey> {
        person.go(url, home, mistaken).await
    }
}

/// Where a server's files are.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The name in the table, which is that of its folder in `work`.
    pub(crate) name: &'static str,
    /// The folder of all installed servers.
    pub(crate) tools: PathBuf,
    /// The folder for what this one writes.
    pub(crate) work: PathBuf,
}

impl Place {
    pub(crate) fn new(name: &'static str, tools: &Path, work: &Path) -> Self {
        Self { name, tools: tools.to_owned(), work: work.join(name) }
    }
}

/// A server, before it runs.
pub(crate) struct Facts {
    /// Its name in the table.
    pub(crate) name: &'static str,
    /// Its version.
    pub(crate) version: String,
    /// The folder for its log.
    pub(crate) folder: PathBuf,
    /// The settings of the app.
    pub(crate) config: Config,
    /// `client_id` in them.
    pub(crate) client_id: &'static str,
    /// What the login has to say beyond them.
    pub(crate) prompt: Option<Prompt>,
    /// Where tokens are exchanged.
    pub(crate) token_endpoint: Url,
    /// What takes the access token and refuses it once it has expired.
    pub(crate) api: Api,
    /// The user name and password of the one user.
    pub(crate) user: (&'static str, &'static str),
    /// The buttons of its pages that say yes.
    pub(crate) agrees: &'static [&'static str],
    /// How it behaves, where servers differ.
    pub(crate) manners: Manners,
    /// What it does other than the specifications say, and what follows for an app.
    pub(crate) deviations: &'static [&'static str],
}

impl Facts {
    /// What to log in with.
    pub(crate) fn login(&self) -> Login {
        let login = Login::new();
        if let Some(prompt) = self.prompt { login.prompt(prompt) } else { login }
    }
}

/// What the access token is for.
pub(crate) enum Api {
    /// An API that judges the token itself.
    Own(Url),
    /// The server has none; its userinfo endpoint stands for one.
    UserInfo(Url),
}

impl Api {
    /// Its address.
    pub(crate) fn url(&self) -> &Url {
        match self {
            Api::Own(url) | Api::UserInfo(url) => url,
        }
    }
}

/// How a server behaves, where the specifications leave it a choice.
pub(crate) struct Manners {
    /// The members of the ID token and of the answer of the userinfo endpoint that name the user, and the name.
    pub(crate) name: (&'static str, &'static str),
    /// Whether the userinfo endpoint takes the access token of the login.
    pub(crate) userinfo: Offered,
    /// `token_type` as it writes it.
    pub(crate) token_type: &'static str,
    /// Status and code for a refresh token that it does not take; without a code, the core cannot know that the session is
    /// over, and must not guess.
    pub(crate) refusal: (u16, &'static str),
    /// What comes of a refresh token that was used before.
    pub(crate) reuse: Reuse,
    /// What it knows after a restart.
    pub(crate) restart: Restart,
    /// Whether it has a page that ends its own session.
    pub(crate) end_session: Offered,
    /// Whether it has a revocation endpoint.
    pub(crate) revocation: Offered,
}

/// What comes of a refresh token that was used before.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reuse {
    /// Refused, and the whole session with it (RFC 9700 §4.14.2).
    EndsSession,
    /// Taken for some seconds, then as [`Reuse::EndsSession`].
    Forgiven {
        /// For how long, counted from its first use.
        interval: Duration,
    },
}

/// What a server knows after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Restart {
    /// Everything.
    Kept,
    /// Nothing.
    Lost,
}

/// Whether a server has something.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Offered {
    /// It has.
    Yes,
    /// It has not, for this reason.
    No(&'static str),
}
