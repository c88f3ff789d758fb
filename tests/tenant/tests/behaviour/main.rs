//! What the tenant does, seen over HTTP by an app and a browser.

mod exercise;
mod support;
