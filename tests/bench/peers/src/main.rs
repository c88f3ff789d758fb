//! `hallpass-bench-peers LIBRARY TASK WORD…`: another library that does what a benchmark of Hallpass measures.
//!
//! It prints `ready` once it is set up, then reads a number of iterations a line and answers with the nanoseconds that they
//! took. A task that the library does not have is answered with `no such task`.

mod josekit_peer;
mod jsonwebtoken_peer;
mod openidconnect_peer;
mod task;

use std::io::{BufRead, Write};
use std::time::Duration;

use anyhow::{Context, Result, bail};

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let work = match words[..] {
        ["openidconnect", "id-token", file] => openidconnect_peer::id_token(file)?,
        ["openidconnect", "login", issuer, client_id, redirect_uri] => {
            openidconnect_peer::login(issuer, client_id, redirect_uri)?
        }
        ["openidconnect", "first-login", issuer, client_id, redirect_uri] => {
            openidconnect_peer::first_login(issuer, client_id, redirect_uri)?
        }
        ["jsonwebtoken", "id-token", file] => jsonwebtoken_peer::id_token(file)?,
        ["josekit", "id-token", file] => josekit_peer::id_token(file)?,
        [_, _, ..] => {
            println!("no such task");
            return Ok(());
        }
        _ => bail!("say which library and which task"),
    };
    serve(work)
}

/// What does some iterations and says how long they took.
type Work = Box<dyn FnMut(u32) -> Result<Duration>>;

fn serve(mut work: Work) -> Result<()> {
    // Once, so that what is broken is broken before anything is measured.
    work(1)?;
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        let iterations = line?.trim().parse().context("a number of iterations")?;
        println!("{}", work(iterations)?.as_nanos());
        std::io::stdout().flush()?;
    }
    Ok(())
}
