//! `hallpass-bench NAME…`: takes the measures named, or all, and prints one line a number.

use std::process::ExitCode;

use hallpass_bench::report::counted;
use hallpass_bench::{counts, measures};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => measures::NAMES.iter().try_for_each(|name| measures::take(name)),
        // What `idle` starts, to have a process that does nothing.
        ["idle-process", issuer] => measures::idle::process(issuer),
        // For the file that says what each count was.
        ["counts"] => counts::all().map(|counts| {
            for (name, count) in counts {
                counted(&name, count);
            }
        }),
        ref named => named.iter().try_for_each(|name| measures::take(name)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
