//! HTTP below the endpoints: listening, and what happens to every request.

mod broken_off;
mod common_headers;
mod exchange;
mod listener;
mod operator;
mod pipeline;
mod replaced_answer;

pub(crate) use exchange::{Exchange, session_cookie_name};
pub(crate) use listener::{Bound, serve};
pub(crate) use pipeline::{Pipeline, Server};
