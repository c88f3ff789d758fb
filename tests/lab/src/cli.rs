//! The command line: every command, option and help text of `lab`.
#![allow(rustdoc::bare_urls, reason = "the comments here are the help texts of a terminal")]

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::settings::Setting;

const EXIT_CODES: &str = "\
Exit codes:
  0   done
  1   a step of the exercise failed, `doctor` found something to change, or a
      defect of Hallpass (report it)
  2   wrong command line, settings or property file
  3   a login is required
  4   offline: no response, or an unusable one; try again later
  5   the server refused
  6   a response failed a check
  7   the secure store cannot be used
  8   cancelled
  22  `call --fail`: the API answered with a status of 400 or more";

const SETTINGS: &str = "\
Where settings come from:
  An option overrides its environment variable (HALLPASS_DOMAIN for --domain, and so on), which overrides
  hallpass.toml in this folder or the nearest one above:

    domain = \"tenant.eu.auth0.com\"       # an Auth0 tenant; or, for any other OpenID Provider:
    # issuer = \"https://login.example.com/\"
    client_id = \"aBcD1234\"               # a native application (public client)
    audience = \"https://expenses-api\"
    scope = \"openid profile read:reports offline_access\"
    redirect_uri = \"http://127.0.0.1/callback\"
    api_origins = [\"https://api.example.com\"]

See `lab --help` for the exit codes.";

/// Hallpass in a terminal: the exercise, a server for the apps, a client for real tenants, a driver for tests.
#[derive(Debug, Parser)]
#[command(
    name = "lab",
    version,
    after_long_help = EXIT_CODES,
    args_conflicts_with_subcommands = true,
    max_term_width = 110
)]
pub struct Cli {
    /// What to do; by default, play the exercise.
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    walk: WalkArguments,
}

impl Cli {
    /// What to do.
    pub fn into_command(self) -> Command {
        self.command.unwrap_or(Command::Walk(self.walk))
    }
}

/// A command of `lab`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Play the whole exercise against an embedded tenant and API, and check every step. The default.
    ///
    /// Starts an authorization server and the expenses API in this process, on free ports of this machine, and plays the
    /// exercise with the real core: it fetches the login page, submits the form, exchanges the code, calls
    /// the API, waits until the token expires, renews it, and logs out. Each request and response is shown without its
    /// secrets, and each statement is checked against the servers' log. Takes about 15 seconds.
    Walk(WalkArguments),
    /// Serve the tenant and the expenses API on fixed ports, for the apps, simulators and emulators.
    ///
    /// Runs until interrupted with control-C. The dashboard at the tenant's address has the switches of the exercise
    /// (Allow Offline Access, Token Expiration, rotation), faults to try, and a live list of the requests seen.
    Serve(ServeArguments),
    /// Sign in at a tenant with the system browser, and store the session.
    #[command(after_long_help = SETTINGS)]
    Login(LoginArguments),
    /// Show who is signed in and how long the access token is valid. Sends nothing.
    #[command(after_long_help = SETTINGS)]
    Status(StatusArguments),
    /// Call an API with the access token: curl with sign-in.
    ///
    /// The access token is renewed before the call if it is about to expire. If the API answers 401, it is renewed and the
    /// request is repeated once. The response's body is written to standard output unchanged.
    ///
    /// The token is sent to the origin of URL, because you typed it; if `api_origins` is set, to those origins only.
    #[command(after_long_help = SETTINGS)]
    Call(CallArguments),
    /// Renew the access token now, valid or not.
    #[command(after_long_help = SETTINGS)]
    Renew(SessionArguments),
    /// Print a valid access token, renewed if needed, for other programs.
    ///
    /// A token is a secret as long as it is valid: do not leave it in a file or in a shell's history.
    #[command(after_long_help = SETTINGS)]
    Token(TokenArguments),
    /// Erase the session on this machine, and revoke it at the server.
    #[command(after_long_help = SETTINGS)]
    Logout(LogoutArguments),
    /// Show the provider's claims about the signed-in user (the userinfo endpoint).
    #[command(after_long_help = SETTINGS)]
    Userinfo(SessionArguments),
    /// List the accounts that are stored for this tenant and client, and who is signed in there. Sends nothing.
    #[command(after_long_help = SETTINGS)]
    Accounts(SessionArguments),
    /// Use another account from now on: writes `account` to hallpass.toml.
    #[command(after_long_help = SETTINGS)]
    Switch(SwitchArguments),
    /// Check a tenant, and say what to change there or in the settings.
    ///
    /// Reads the provider's metadata and keys, tests the redirect URI without showing a page, and says what is wrong and how to
    /// fix it. With --login it also signs in, without touching the stored session, and measures what only tokens show: whether
    /// there is a refresh token, whether it rotates, and how long a spent one is still accepted. That decides whether a lost
    /// response can sign a user out. The tokens that it got are revoked.
    ///
    /// Exits with 1 if something has to be changed.
    #[command(after_long_help = SETTINGS)]
    Doctor(DoctorArguments),
    /// Give git an access token for a server in `api_origins` (git's credential helper protocol).
    ///
    /// To use it: `git config --global credential.https://git.example.com.helper '!lab git-credential'`. The token goes to the
    /// origins in `api_origins` only; git gets nothing for any other host.
    #[command(after_long_help = SETTINGS)]
    GitCredential(GitCredentialArguments),
    /// Print a script that completes words of `lab` in a shell.
    ///
    /// bash: `lab completion bash > ~/.local/share/bash-completion/completions/lab`. zsh: `lab completion zsh > "${fpath[1]}/_lab"`.
    /// fish: `lab completion fish > ~/.config/fish/completions/lab.fish`.
    Completion(CompletionArguments),
    /// Print a manual page: `lab man | man -l -`, or `lab man login | man -l -` for a command's.
    Man(ManArguments),
    /// Drive the core by JSON lines on standard input, for test suites in any language.
    ///
    /// Each line on standard input is a request object; each line on standard output is an answer with the same `id`, in any
    /// order. Logs go to standard error (HALLPASS_LOG=debug for more). Ends at the end of input, after the last answer. The
    /// operations and error codes are in tests/lab/README.md.
    Drive,
}

impl Command {
    /// Whether results, and with them errors, are for machines.
    pub fn is_json(&self) -> bool {
        match self {
            Command::Walk(arguments) => arguments.json,
            Command::Serve(arguments) => arguments.json,
            Command::Login(arguments) => arguments.json,
            Command::Status(arguments) => arguments.json,
            Command::Renew(arguments) | Command::Userinfo(arguments) | Command::Accounts(arguments) => arguments.json,
            Command::Token(arguments) => arguments.json,
            Command::Logout(arguments) => arguments.json,
            Command::Doctor(arguments) => arguments.json,
            Command::Call(_)
            | Command::Switch(_)
            | Command::GitCredential(_)
            | Command::Completion(_)
            | Command::Man(_)
            | Command::Drive => false,
        }
    }
}

/// Options of `lab walk`.
#[derive(Debug, Clone, Default, Args)]
pub struct WalkArguments {
    /// Sign in yourself in the system browser, instead of by script.
    #[arg(long)]
    pub open: bool,
    /// Write JSON for machines, one object on each line.
    #[arg(long)]
    pub json: bool,
}

/// Options of `lab serve`.
#[derive(Debug, Args)]
pub struct ServeArguments {
    /// The tenant's port; 0 takes a free one and prints it.
    #[arg(long, value_name = "PORT", default_value_t = 3000)]
    pub port: u16,
    /// The expenses API's port; 0 takes a free one.
    #[arg(long, value_name = "PORT", default_value_t = 3001)]
    pub api_port: u16,
    /// The host in the issuer and in the addresses shown, such as 10.0.2.2 for an Android emulator.
    ///
    /// By default the issuer uses the host name of the request: an iOS simulator may use localhost and an Android emulator
    /// 10.0.2.2 at the same time. The servers listen on this machine's loopback addresses only.
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,
    /// Use this seed, so that the same requests get the same codes and tokens again.
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// Write the addresses as JSON for machines, in one line.
    #[arg(long)]
    pub json: bool,
}

/// Which tenant, client and account: all that commands for real tenants share.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Tenant")]
pub struct TenantArguments {
    /// The domain of an Auth0 tenant, such as tenant.eu.auth0.com.
    #[arg(long, value_name = "DOMAIN", conflicts_with = "issuer")]
    pub domain: Option<String>,
    /// The issuer of any OpenID Provider, exactly as in its metadata, such as https://login.example.com/.
    #[arg(long, value_name = "URL")]
    pub issuer: Option<String>,
    /// The client id of the application, a public client.
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// The API that the access token is for.
    #[arg(long, value_name = "AUDIENCE")]
    pub audience: Option<String>,
    /// The scope to ask for, separated by spaces [default: openid profile offline_access].
    #[arg(long, value_name = "SCOPE")]
    pub scope: Option<String>,
    /// Where the browser returns to [default: http://127.0.0.1/callback, on a free port].
    #[arg(long, value_name = "URI")]
    pub redirect_uri: Option<String>,
    /// Where the browser returns to after `logout --end-session`.
    #[arg(long, value_name = "URI")]
    pub post_logout_redirect_uri: Option<String>,
    /// An origin that may get the access token, such as https://api.example.com; may be given several times.
    #[arg(long = "api-origin", value_name = "ORIGIN")]
    pub api_origins: Vec<String>,
    /// The organization to sign in to.
    #[arg(long, value_name = "ID")]
    pub organization: Option<String>,
    /// Which of several accounts [default: default].
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// The property file, instead of the nearest hallpass.toml (HALLPASS_CONFIG).
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where the session is stored: `system` (Keychain, Secret Service) or, unprotected, `file:PATH`.
    ///
    /// With `file:PATH`, tokens are in plain text in the folder PATH: everyone who can read your files or a backup of them can
    /// use your session.
    #[arg(long, value_name = "STORE")]
    pub store: Option<String>,
    /// Bind the tokens of a login to a key of this device (DPoP), so that a stolen token cannot be used elsewhere.
    #[arg(long)]
    pub dpop: bool,
    /// Push the parameters of a login to the server before the browser opens (PAR). Always done if the server's metadata
    /// requires it.
    #[arg(long)]
    pub par: bool,
    /// Allow plain HTTP to a tenant and an API on this machine, such as `lab serve`.
    #[arg(long)]
    pub danger_allow_loopback_http: bool,
    /// Show each request and response on standard error: method, address, status and time, without secrets.
    #[arg(short, long, help_heading = "Options")]
    pub verbose: bool,
    /// Give up after so many seconds; a login otherwise waits five minutes for the browser.
    #[arg(long, value_name = "SECONDS", help_heading = "Options")]
    pub timeout: Option<u64>,
}

impl TenantArguments {
    /// What was given, by setting.
    pub fn given(&self) -> Vec<(Setting, Vec<String>)> {
        Setting::ALL
            .into_iter()
            .map(|setting| (setting, self.values(setting)))
            .filter(|(_, values)| !values.is_empty())
            .collect()
    }

    fn values(&self, setting: Setting) -> Vec<String> {
        let one = |value: &Option<String>| value.iter().cloned().collect();
        let on = |given: bool| given.then(|| "true".to_owned()).into_iter().collect();
        match setting {
            Setting::Domain => one(&self.domain),
            Setting::Issuer => one(&self.issuer),
            Setting::ClientId => one(&self.client_id),
            Setting::Audience => one(&self.audience),
            Setting::Scope => one(&self.scope),
            Setting::RedirectUri => one(&self.redirect_uri),
            Setting::PostLogoutRedirectUri => one(&self.post_logout_redirect_uri),
            Setting::ApiOrigins => self.api_origins.clone(),
            Setting::Organization => one(&self.organization),
            Setting::Account => one(&self.account),
            Setting::Store => one(&self.store),
            Setting::Dpop => on(self.dpop),
            Setting::Par => on(self.par),
            Setting::DangerAllowLoopbackHttp => on(self.danger_allow_loopback_http),
        }
    }
}

/// Options of commands that only need to know the session.
#[derive(Debug, Args)]
pub struct SessionArguments {
    /// Write JSON for machines.
    #[arg(long)]
    pub json: bool,
    /// Which tenant, client and account.
    #[command(flatten)]
    pub tenant: TenantArguments,
}

/// Options of `lab status`.
#[derive(Debug, Args)]
pub struct StatusArguments {
    /// Show all that is known of the session, for a support case: why it is as it is. No secret is in it.
    #[arg(long)]
    pub report: bool,
    /// Write JSON for machines.
    #[arg(long)]
    pub json: bool,
    /// Which tenant, client and account.
    #[command(flatten)]
    pub tenant: TenantArguments,
}

/// Options of `lab login`.
#[derive(Debug, Args)]
pub struct LoginArguments {
    /// Open the system browser. This is the default.
    #[arg(long, overrides_with = "no_open")]
    pub open: bool,
    /// Do not open a browser: print the address, to be opened on this machine.
    #[arg(long, overrides_with = "open")]
    pub no_open: bool,
    /// Print the address, to be opened anywhere, and read the URL of the redirect from standard input.
    ///
    /// For a machine without a browser, and for a redirect URI that leads to an app.
    #[arg(long, conflicts_with_all = ["open", "no_open"])]
    pub paste: bool,
    /// Show a code to enter in a browser on any other device, for a machine without a browser (RFC 8628).
    #[arg(long, conflicts_with_all = ["open", "no_open", "paste", "prompt"])]
    pub device: bool,
    /// After the login, write the settings to hallpass.toml in this folder, so that the next commands need no options.
    #[arg(long)]
    pub save: bool,
    /// What the page asks the user for: none, login, consent, select_account or create (to sign up); may be given several
    /// times.
    #[arg(long, value_name = "PROMPT", value_parser = ["none", "login", "consent", "select_account", "create"])]
    pub prompt: Vec<String>,
    /// The authentication context classes to ask for, separated by spaces, such as an API asked for them.
    #[arg(long, value_name = "VALUES")]
    pub acr_values: Option<String>,
    /// How long ago the sign-in may be at most, in seconds; an older one is done again.
    #[arg(long, value_name = "SECONDS")]
    pub max_age: Option<u64>,
    /// The user who signs in, such as an e-mail address.
    #[arg(long, value_name = "NAME")]
    pub login_hint: Option<String>,
    /// The connection (identity provider) to use, at an Auth0 tenant.
    #[arg(long, value_name = "NAME")]
    pub connection: Option<String>,
    /// Write JSON for machines.
    #[arg(long)]
    pub json: bool,
    /// Which tenant, client and account.
    #[command(flatten)]
    pub tenant: TenantArguments,
}

/// Options of `lab call`.
#[derive(Debug, Args)]
pub struct CallArguments {
    /// The address to call; a path such as /reports if `api_origins` has one entry.
    pub url: String,
    /// The method [default: GET, or POST with --data].
    #[arg(short = 'X', long = "request", value_name = "METHOD")]
    pub method: Option<String>,
    /// A header field, as `Name: value`; may be given several times.
    #[arg(short = 'H', long = "header", value_name = "FIELD")]
    pub headers: Vec<String>,
    /// The body; `@FILE` reads it from a file, `@-` from standard input.
    ///
    /// As with curl, its type is application/x-www-form-urlencoded unless -H says otherwise.
    #[arg(short = 'd', long = "data", value_name = "DATA")]
    pub data: Option<String>,
    /// The body exactly as given, also if it begins with `@`.
    #[arg(long, value_name = "DATA", conflicts_with = "data")]
    pub data_raw: Option<String>,
    /// A part of the body, percent-encoded as curl does it: CONTENT, =CONTENT, NAME=CONTENT, @FILE or NAME@FILE; may be given
    /// several times, and after --data.
    #[arg(long, value_name = "DATA")]
    pub data_urlencode: Vec<String>,
    /// Show the status and the header fields of the response before its body.
    #[arg(short = 'i', long)]
    pub include: bool,
    /// Ask only for the header fields (HEAD), and show them.
    #[arg(short = 'I', long, conflicts_with_all = ["data", "data_raw", "data_urlencode", "method"])]
    pub head: bool,
    /// Follow redirects, but only to origins that may get the access token.
    #[arg(short = 'L', long)]
    pub location: bool,
    /// Write the response's body to a file.
    #[arg(short = 'o', long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Print nothing but the response and errors.
    #[arg(short = 's', long, conflicts_with = "verbose")]
    pub silent: bool,
    /// Exit with 22, without the body, if the API answers with a status of 400 or more.
    #[arg(short = 'f', long)]
    pub fail: bool,
    /// Which tenant, client and account. --audience and --scope choose another access token than the login's.
    #[command(flatten)]
    pub tenant: TenantArguments,
}

/// Options of `lab token`.
#[derive(Debug, Args)]
pub struct TokenArguments {
    /// How long the token has to be valid at least, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub min_ttl: u64,
    /// Write the token in the form of a kubectl plugin (`ExecCredential` of client.authentication.k8s.io), with its expiry.
    #[arg(long, conflicts_with = "json")]
    pub exec_credential: bool,
    /// Print the ID token instead, for a service that takes it as proof of who the user is.
    #[arg(long, conflicts_with_all = ["audience", "scope"])]
    pub id_token: bool,
    /// Write JSON for machines: the token, its type, its scope and when it expires.
    #[arg(long)]
    pub json: bool,
    /// Which tenant, client and account. --audience and --scope choose another access token than the login's.
    #[command(flatten)]
    pub tenant: TenantArguments,
}

/// Options of `lab doctor`.
#[derive(Debug, Args)]
pub struct DoctorArguments {
    /// Also sign in with the system browser, and measure what only tokens show. The stored session is not touched.
    #[arg(long)]
    pub login: bool,
    /// Do not open a browser for it: print the address, to be opened on this machine.
    #[arg(long, requires = "login")]
    pub no_open: bool,
    /// The longest reuse interval of refresh tokens to look for, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "login")]
    pub reuse_limit: u64,
    /// Write JSON for machines.
    #[arg(long)]
    pub json: bool,
    /// Which tenant, client and account.
    #[command(flatten)]
    pub tenant: TenantArguments,
}

/// Options of `lab git-credential`.
#[derive(Debug, Args)]
pub struct GitCredentialArguments {
    /// Git's operation: `get` a credential, `store` one that worked, or `erase` one that did not.
    #[arg(value_name = "OPERATION")]
    pub operation: String,
    /// The user name for the token, if git gives none.
    #[arg(long, value_name = "NAME", default_value = "oauth2")]
    pub username: String,
    /// Which tenant, client and account. --audience and --scope choose another access token than the login's.
    #[command(flatten)]
    pub tenant: TenantArguments,
}

/// Options of `lab completion`.
#[derive(Debug, Args)]
pub struct CompletionArguments {
    /// Which shell.
    #[arg(value_enum)]
    pub shell: Shell,
}

/// The shells that `lab completion` knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Shell {
    /// GNU Bash
    Bash,
    /// The Z shell
    Zsh,
    /// fish
    Fish,
}

/// Options of `lab man`.
#[derive(Debug, Args)]
pub struct ManArguments {
    /// The command whose page to print; by default that of `lab` itself.
    pub command: Option<String>,
}

/// Options of `lab switch`.
#[derive(Debug, Args)]
pub struct SwitchArguments {
    /// The account to use, one of those that `lab accounts` lists or a new one.
    pub name: String,
    /// Which tenant, client and account.
    #[command(flatten)]
    pub tenant: TenantArguments,
}

/// Options of `lab logout`.
#[derive(Debug, Args)]
pub struct LogoutArguments {
    /// Also end the server's own session in the system browser, so that the next login asks for the password.
    #[arg(long)]
    pub end_session: bool,
    /// Do not open a browser for it: print the address, to be opened on this machine.
    #[arg(long, requires = "end_session")]
    pub no_open: bool,
    /// Write JSON for machines.
    #[arg(long)]
    pub json: bool,
    /// Which tenant, client and account.
    #[command(flatten)]
    pub tenant: TenantArguments,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_command_plays_the_exercise_with_its_options() {
        let command = Cli::try_parse_from(["lab", "--json"]).unwrap().into_command();
        assert!(matches!(command, Command::Walk(WalkArguments { json: true, open: false })));
        let command = Cli::try_parse_from(["lab", "walk", "--open"]).unwrap().into_command();
        assert!(matches!(command, Command::Walk(WalkArguments { json: false, open: true })));
    }

    #[test]
    fn every_setting_has_its_option() {
        let command = Cli::command();
        let status = command.find_subcommand("status").unwrap();
        for setting in Setting::ALL {
            let option = setting.flag().trim_start_matches('-');
            assert!(status.get_arguments().any(|argument| argument.get_long() == Some(option)), "{option}");
        }
    }

    #[test]
    fn every_command_and_option_is_explained() {
        for command in Cli::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
            }
        }
    }

    #[test]
    fn last_of_open_and_no_open_wins_and_paste_stands_alone() {
        let parse =
            |words: &[&str]| match Cli::try_parse_from(["lab", "login"].iter().chain(words)).map(Cli::into_command) {
                Ok(Command::Login(login)) => Some((login.no_open, login.paste)),
                Ok(_) | Err(_) => None,
            };
        assert_eq!(parse(&["--no-open", "--open"]), Some((false, false)));
        assert_eq!(parse(&["--open", "--no-open"]), Some((true, false)));
        assert_eq!(parse(&["--paste"]), Some((false, true)));
        assert_eq!(parse(&["--paste", "--open"]), None);
    }
}
