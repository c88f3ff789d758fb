//! The pages that a login leads through.

use maud::{Markup, html};

use super::document;

/// What the login page shows.
pub(crate) struct LoginPage<'a> {
    pub(crate) client_name: &'a str,
    pub(crate) organization: Option<&'a str>,
    pub(crate) transaction: &'a str,
    pub(crate) username: &'a str,
    /// Whether the username or the password was wrong.
    pub(crate) failed: bool,
}

pub(crate) fn login(page: &LoginPage<'_>) -> Markup {
    let title = if page.failed { "Wrong username or password – Log in" } else { "Log in" };
    // Where typing goes on: to the password, when the username is there.
    let username_known = !page.username.is_empty();
    card(
        title,
        &html! {
            h1 { "Log in" }
            p.lead {
                "to continue to " strong { (page.client_name) }
                @if let Some(organization) = page.organization { " as a member of " strong { (organization) } }
            }
            @if page.failed {
                p.alert role="alert" id="problem" { "Wrong username or password." }
            }
            form method="post" action="/u/login" {
                input type="hidden" name="transaction" value=(page.transaction);
                div.field {
                    label for="username" { "Username" }
                    input id="username" name="username" type="text" inputmode="email" autocomplete="username"
                        autocapitalize="none" spellcheck="false" required value=(page.username)
                        aria-invalid=[page.failed.then_some("true")]
                        aria-describedby=[page.failed.then_some("problem")]
                        autofocus[!username_known];
                }
                div.field {
                    label for="password" { "Password" }
                    input id="password" name="password" type="password" autocomplete="current-password" required
                        aria-invalid=[page.failed.then_some("true")]
                        aria-describedby=[page.failed.then_some("problem")]
                        autofocus[username_known];
                }
                div.buttons {
                    button.primary type="submit" name="action" value="continue" { "Continue" }
                    button type="submit" name="action" value="cancel" formnovalidate { "Cancel" }
                }
            }
        },
    )
}

/// What the consent page shows.
pub(crate) struct ConsentPage<'a> {
    pub(crate) client_name: &'a str,
    pub(crate) user_name: &'a str,
    pub(crate) username: &'a str,
    pub(crate) audience: Option<&'a str>,
    pub(crate) scopes: Vec<&'a str>,
    pub(crate) transaction: &'a str,
}

pub(crate) fn consent(page: &ConsentPage<'_>) -> Markup {
    let title = format!("{} asks for access", page.client_name);
    card(
        &title,
        &html! {
            h1 { (title) }
            p.lead { "You are " strong { (page.user_name) } " (" (page.username) ")." }
            @if page.scopes.is_empty() {
                p { "It asks for nothing but to know that you are here." }
            } @else {
                p id="asked" { "It wants to:" }
                ul.scopes aria-labelledby="asked" {
                    @for scope in &page.scopes {
                        li { span { (purpose(scope)) } " " code { (scope) } }
                    }
                }
            }
            @if let Some(audience) = page.audience { p.small { "For the API " code { (audience) } "." } }
            form method="post" action="/u/consent" {
                input type="hidden" name="transaction" value=(page.transaction);
                div.buttons {
                    button.primary type="submit" name="action" value="accept" { "Accept" }
                    button type="submit" name="action" value="decline" { "Decline" }
                }
            }
        },
    )
}

/// Where a device's code is entered (RFC 8628 §3.3). A person who came by a link has to see whose device it is.
pub(crate) fn activate(user_code: &str, client_name: Option<&str>, failed: bool) -> Markup {
    let title = if failed { "Wrong code – Connect a device" } else { "Connect a device" };
    card(
        title,
        &html! {
            h1 { "Connect a device" }
            p.lead {
                @match client_name {
                    Some(name) => { "to " strong { (name) } ". Go on only if the device beside you shows this code." }
                    None => "Enter the code that the device shows.",
                }
            }
            @if failed {
                p.alert role="alert" id="problem" { "No device waits for this code. It may be over." }
            }
            form method="post" action="/activate" {
                div.field {
                    label for="user_code" { "Code" }
                    input id="user_code" name="user_code" type="text" autocomplete="one-time-code"
                        autocapitalize="characters" spellcheck="false" required value=(user_code)
                        aria-invalid=[failed.then_some("true")] aria-describedby=[failed.then_some("problem")] autofocus;
                }
                div.buttons { button.primary type="submit" { "Continue" } }
            }
        },
    )
}

pub(crate) fn activated(approved: bool) -> Markup {
    let (title, text) = if approved {
        ("Device connected", "Go back to the device.")
    } else {
        ("Device not connected", "The device was told that you said no.")
    };
    card(title, &html! { h1 { (title) } p { (text) } p.small { "You can close this page." } })
}

/// Something that only the person in front of the browser can be told.
pub(crate) fn problem(title: &str, text: &str) -> Markup {
    card(title, &html! { h1 { (title) } p { (text) } p.small { "You can close this page." } })
}

pub(crate) fn logged_out() -> Markup {
    card(
        "Logged out",
        &html! { h1 { "Logged out" } p { "This browser is no longer logged in." } p.small { "You can close this page." } },
    )
}

pub(crate) fn confirm_logout(name: Option<&str>, kept: &[(&str, &str)]) -> Markup {
    card(
        "Log out?",
        &html! {
            h1 { "Log out?" }
            p.lead {
                "An app asks to log "
                @match name { Some(name) => strong { (name) }, None => "you" }
                " out of this browser."
            }
            form method="post" action="/oidc/logout" {
                @for (name, value) in kept { input type="hidden" name=(name) value=(value); }
                div.buttons { button.primary type="submit" name="action" value="log out" { "Log out" } }
            }
            p.small { "To stay logged in, close this page." }
        },
    )
}

fn card(title: &str, content: &Markup) -> Markup {
    document(
        title,
        "interaction",
        &html! {
            main.card { (content) }
            footer { p { "Hallpass tenant, an authorization server for tests" } }
        },
    )
}

fn purpose(scope: &str) -> &str {
    match scope {
        "openid" => "Know who you are",
        "profile" => "See your name",
        "email" => "See your email address",
        "offline_access" => "Stay connected while you are away",
        "read:reports" => "Read your expense reports",
        "write:reports" => "Write your expense reports",
        _ => "Use",
    }
}
