//! The dashboard's page.

use maud::{Markup, html};
use serde_json::Value;

use super::{document, request_table::request_table};
use crate::{
    clock::Timestamp,
    dashboard::{Control, Field, GROUPS, KINDS},
    directory::{Client, User},
    endpoint::Endpoint,
    faults::{Fault, Times},
    request_log::LoggedRequest,
    settings::Settings,
};

/// What the dashboard shows.
pub(crate) struct Dashboard<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) api_url: &'a str,
    pub(crate) audience: &'a str,
    pub(crate) clients: &'a [Client],
    pub(crate) users: &'a [User],
    pub(crate) seed: u64,
    pub(crate) now: Timestamp,
    pub(crate) settings: &'a Settings,
    pub(crate) faults: &'a [Fault],
    /// Latest first.
    pub(crate) requests: Vec<&'a LoggedRequest>,
    pub(crate) done: Option<&'a str>,
    pub(crate) problem: Option<&'a str>,
}

pub(crate) fn dashboard(page: &Dashboard<'_>) -> Markup {
    document(
        "Tenant dashboard",
        "dashboard",
        &html! {
            a.skip href="#requests" { "Skip to the requests" }
            header {
                h1 { "Tenant dashboard" }
                (facts(page))
            }
            main {
                @if let Some(done) = page.done { p.notice role="status" { (done) } }
                @if let Some(problem) = page.problem { p.alert role="alert" { (problem) } }
                (request_table(&page.requests))
                (settings(page.settings))
                div.side { (actions()) (faults(page.faults)) }
            }
            script src="/assets/dashboard.js" defer {}
        },
    )
}

fn facts(page: &Dashboard<'_>) -> Markup {
    html! {
        dl.facts {
            div { dt { "Issuer" } dd { code { (page.issuer) } } }
            div { dt { "Expenses API" } dd { code { (page.api_url) } } }
            div { dt { "Audience" } dd { code { (page.audience) } } }
            @for client in page.clients { div { dt { "Client" } dd { code { (client.id) } } } }
            @for user in page.users { div { dt { "User" } dd { code { (user.username) } " " span.quiet { "“" (user.password) "”" } } } }
            div { dt { "Time" } dd { (page.now.time_of_day()) " UTC" } }
            div { dt { "Seed" } dd { (page.seed) } }
        }
    }
}

fn settings(settings: &Settings) -> Markup {
    let values = serde_json::to_value(settings).unwrap_or_default();
    html! {
        section.panel.settings aria-labelledby="settings-title" {
            h2 #settings-title { "Settings" }
            form method="post" action="/dashboard/settings" {
                div.groups {
                    @for group in &GROUPS {
                        fieldset {
                            legend { (group.title) }
                            @for field in group.fields { (setting(field, &values[field.name])) }
                        }
                    }
                }
                button.primary type="submit" { "Save settings" }
            }
        }
    }
}

fn setting(field: &Field, value: &Value) -> Markup {
    let hint_id = format!("{}-hint", field.name);
    let described_by = (!field.hint.is_empty()).then_some(hint_id.as_str());
    let hint = html! { @if let Some(id) = described_by { span.hint id=(id) { (field.hint) } } };
    let name = field.name;
    let text = text(value);
    match field.control {
        Control::Switch => html! {
            div.field.switch {
                input type="checkbox" id=(name) name=(name) checked[value == true] aria-describedby=[described_by];
                label for=(name) { (field.label) }
                (hint)
            }
        },
        Control::Number | Control::OptionalNumber => html! {
            div.field {
                label for=(name) { (field.label) }
                input type="number" min="0" id=(name) name=(name) value=(text) aria-describedby=[described_by]
                    required[matches!(field.control, Control::Number)];
                (hint)
            }
        },
        Control::Text | Control::OptionalText | Control::Words => html! {
            div.field {
                label for=(name) { (field.label) }
                input type="text" autocapitalize="none" spellcheck="false" id=(name) name=(name) value=(text)
                    aria-describedby=[described_by] required[matches!(field.control, Control::Text)];
                (hint)
            }
        },
        Control::Choice(choices) => html! {
            div.field {
                label for=(name) { (field.label) }
                select id=(name) name=(name) aria-describedby=[described_by] {
                    @for (choice, label) in choices { option value=(choice) selected[*choice == text] { (label) } }
                }
                (hint)
            }
        },
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(" "),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

fn actions() -> Markup {
    html! {
        section.panel aria-labelledby="actions-title" {
            h2 #actions-title { "Actions" }
            form.actions method="post" action="/dashboard/actions" {
                @for (action, label) in [
                    ("expire-access-tokens", "Expire access tokens"),
                    ("roll-keys", "Roll keys"),
                    ("revoke-refresh-tokens", "Revoke refresh tokens"),
                    ("revoke-sessions", "Log out browsers"),
                    ("reset", "Reset the tenant"),
                ] {
                    button type="submit" name="action" value=(action) { (label) }
                }
            }
            form.row method="post" action="/dashboard/actions" {
                div.field {
                    label for="seconds" { "Move the clock (seconds)" }
                    input type="number" id="seconds" name="seconds" value="10" required;
                }
                button type="submit" name="action" value="advance" { "Advance" }
            }
        }
    }
}

fn faults(planned: &[Fault]) -> Markup {
    html! {
        section.panel aria-labelledby="faults-title" {
            h2 #faults-title { "Faults" }
            @if planned.is_empty() {
                p.quiet { "None: the tenant does nothing wrong." }
            } @else {
                ul.faults {
                    @for (index, fault) in planned.iter().enumerate() { (planned_fault(index, fault)) }
                }
                form method="post" action="/dashboard/actions" {
                    button type="submit" name="action" value="clear-faults" { "Remove all faults" }
                }
            }
            form method="post" action="/dashboard/faults" {
                (choice("endpoint", "Where", &Endpoint::ALL.map(|endpoint| (name(&endpoint), name(&endpoint)))))
                (choice("kind", "What", &KINDS.map(|(kind, label)| (kind.to_owned(), label.to_owned()))))
                div.pair {
                    div.field {
                        label for="times" { "How often" }
                        input type="number" min="1" id="times" name="times" value="1" aria-describedby="times-hint";
                        span.hint #times-hint { "Empty: always." }
                    }
                    div.field {
                        label for="number" { "Number" }
                        input type="number" id="number" name="number" aria-describedby="number-hint";
                        span.hint #number-hint { "Empty: as usual." }
                    }
                }
                div.field {
                    label for="fault-text" { "Text" }
                    input type="text" autocapitalize="none" spellcheck="false" id="fault-text" name="text";
                }
                (choice("grant_type", "Token requests", &[
                    ("", "all"), ("authorization_code", "authorization_code"), ("refresh_token", "refresh_token"),
                ]))
                (choice("retry_after", "Retry-After of a 429 or 503", &[
                    ("seconds", "seconds"), ("http_date", "a date"), ("absent", "none"),
                ]))
                div.field.switch {
                    input type="checkbox" id="after_processing" name="after_processing" aria-describedby="after-hint";
                    label for="after_processing" { "Process first" }
                    span.hint #after-hint { "Where the answer is replaced: process the request all the same." }
                }
                button.primary type="submit" { "Plan fault" }
            }
        }
    }
}

fn planned_fault(index: usize, fault: &Fault) -> Markup {
    let label = KINDS.iter().find(|(kind, _)| *kind == fault.kind.name()).map_or("", |(_, label)| label);
    let what = label.split(" (").next().unwrap_or_default();
    let times = match fault.times {
        Times::Always => "always".to_owned(),
        Times::Next(1) => "once".to_owned(),
        Times::Next(times) => format!("{times} times"),
    };
    html! {
        li {
            span {
                strong { (what) } " at " code { (name(&fault.endpoint)) }
                @if let Some(grant_type) = &fault.grant_type { " for " code { (grant_type) } }
                ", " (times)
                @if fault.after_processing { ", after processing" }
            }
            form method="post" action="/dashboard/actions" {
                input type="hidden" name="index" value=(index);
                button type="submit" name="action" value="remove-fault" aria-label={ "Remove fault " (index + 1) ": " (what) } {
                    "Remove"
                }
            }
        }
    }
}

fn choice<S: AsRef<str>, const N: usize>(id: &str, label: &str, options: &[(S, S); N]) -> Markup {
    html! {
        div.field {
            label for=(id) { (label) }
            select id=(id) name=(id) {
                @for (value, label) in options { option value=(value.as_ref()) { (label.as_ref()) } }
            }
        }
    }
}

/// The name of a value in JSON.
fn name(value: &impl serde::Serialize) -> String {
    text(&serde_json::to_value(value).unwrap_or_default())
}
