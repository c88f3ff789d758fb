//! The table of the requests seen.

use maud::{Markup, html};

use crate::{
    endpoint::Endpoint,
    request_log::{BodyFormat, LoggedRequest, Outcome},
};

pub(super) fn request_table(requests: &[&LoggedRequest]) -> Markup {
    html! {
        section.panel.requests #requests aria-labelledby="requests-title" tabindex="-1" {
            div.heading {
                h2 #requests-title { "Requests seen" }
                form.inline method="post" action="/dashboard/actions" {
                    // Without a fragment: with one a browser only scrolls.
                    a.button href="/dashboard" id="refresh" { "Refresh" }
                    button type="submit" name="action" value="clear-requests" { "Clear" }
                }
            }
            div.scroll tabindex="0" role="region" aria-label="Table of requests" {
                table {
                    thead {
                        tr {
                            th scope="col" { "No." }
                            th scope="col" { "Time" }
                            th scope="col" { "Answer" }
                            th scope="col" { "Request" }
                            th scope="col" { "Grant" }
                            th scope="col" { "Body" }
                            th scope="col" { "Fault" }
                            th scope="col" { "Note" }
                        }
                    }
                    tbody id="request-rows" { (request_rows(requests.iter().copied())) }
                }
            }
        }
    }
}

/// The table's rows, latest first.
pub(crate) fn request_rows<'a>(requests: impl Iterator<Item = &'a LoggedRequest>) -> Markup {
    let mut requests = requests.peekable();
    html! {
        @if requests.peek().is_none() {
            tr { td.quiet colspan="8" { "None yet." } }
        }
        @for request in requests {
            tr {
                td.number { (request.number) }
                td { (request.at.time_of_day()) }
                td { (outcome(request.outcome)) }
                td { code { (request.method) " " (request.path) } @if request.endpoint == Endpoint::Api { " " span.tag { "API" } } }
                td { (request.grant_type.as_deref().unwrap_or_default()) }
                td { (request.body.map(body_format).unwrap_or_default()) }
                td { (request.fault.unwrap_or_default()) }
                td { (request.note.as_deref().unwrap_or_default()) }
            }
        }
    }
}

fn outcome(outcome: Outcome) -> Markup {
    match outcome {
        Outcome::Pending => html! { span.status.pending { "pending" } },
        Outcome::Dropped => html! { span.status.bad { "no answer" } },
        Outcome::Answered { status } if status < 300 => html! { span.status.good { (status) } },
        Outcome::Answered { status } if status < 400 => html! { span.status.moved { (status) } },
        Outcome::Answered { status } => html! { span.status.bad { (status) } },
    }
}

fn body_format(format: BodyFormat) -> &'static str {
    match format {
        BodyFormat::Form => "form",
        BodyFormat::Json => "JSON",
        BodyFormat::Other => "other",
    }
}
