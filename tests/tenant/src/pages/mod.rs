//! What people see. HTML is written with maud: text is escaped unless it says otherwise, and tags that do not close do not
//! compile.

mod dashboard;
mod interaction;
mod request_table;

use axum::{http::StatusCode, response::Response};
use maud::{DOCTYPE, Markup, html};

use crate::answer;

pub(crate) use dashboard::{Dashboard, dashboard};
pub(crate) use interaction::{
    ConsentPage, LoginPage, activate, activated, confirm_logout, consent, logged_out, login, problem,
};
pub(crate) use request_table::request_rows;

pub(crate) const STYLE_SHEET: &str = include_str!("style.css");
pub(crate) const SCRIPT: &str = include_str!("dashboard.js");

pub(crate) fn response(status: StatusCode, page: Markup) -> Response {
    let mut response = answer::with_body(status, "text/html; charset=utf-8", page.into_string());
    answer::forbid_storing(response.headers_mut());
    response
}

fn document(title: &str, class: &str, main: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="/assets/tenant.css";
            }
            body class=(class) { (main) }
        }
    }
}
