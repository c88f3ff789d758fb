//! The engine against a server, a store and a clock that do on cue what real ones do at the worst moment. The tests are
//! named after the rules of the design that they hold the engine to.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, a panic is how a failure is told")]

mod support;

mod absence;
mod audiences;
mod authorize;
mod backoff;
mod bounded;
mod browser_login;
mod callers;
mod calls;
mod device_login;
mod doubt;
mod dpop;
mod intent;
mod limits;
mod login;
mod login_answers;
mod logout;
mod logout_elsewhere;
mod lost;
mod many_processes;
mod observer;
mod odd_answers;
mod par;
mod provider;
mod refused;
mod renewal;
mod report;
mod save_first;
mod secrets;
mod sign_out;
mod signers;
mod simulated;
mod storage;
mod time;
