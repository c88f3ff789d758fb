//! What validating an ID token costs on top of verifying its signature with `ring`.
//!
//! `cargo bench -p hallpass-bench --bench id_token`

use hallpass_bench::allocations::count;
use hallpass_bench::fixture::{ALGORITHMS, Login};
use hallpass_bench::rounds::{Contender, ROUNDS, compare};
use hallpass_protocol::jws::Algorithm;

/// The most that validation may take, as a multiple of the verification.
fn goal(algorithm: Algorithm) -> f64 {
    if matches!(algorithm, Algorithm::Rs256 | Algorithm::Ps256) { 1.12 } else { 1.06 }
}

/// The most that 100 keys may take, as a multiple of one key.
const GOAL_OF_100_KEYS: f64 = 1.02;
/// The most that validation may allocate on top of the verification.
const GOAL_OF_ALLOCATIONS: usize = 5;

fn main() {
    println!("id_token::validate against ring's verification; medians of {ROUNDS} rounds, side by side\n");
    println!(
        "{:<6} {:>9} {:>10} {:>7} {:>6} {:>10} {:>6} {:>10} {:>12}",
        "", "ring", "validate", "ratio", "goal", "100 keys/1", "goal", "+ at_hash", "allocations"
    );
    let mut all_met = true;
    for algorithm in ALGORITHMS {
        let login = Login::new(algorithm);
        let timings = compare(vec![
            Contender::new("ring", || login.verify()),
            Contender::new("validate", || login.validate()),
            Contender::new("at_hash", || login.validate_with_access_token()),
        ]);
        let by_keys = compare(vec![
            Contender::new("1 key", || login.validate()),
            Contender::new("100 keys", || login.validate_among_100_keys()),
        ]);
        let own = count(|| login.validate()) - count(|| login.verify());
        let met =
            timings[1].ratio <= goal(algorithm) && by_keys[1].ratio <= GOAL_OF_100_KEYS && own <= GOAL_OF_ALLOCATIONS;
        all_met &= met;
        println!(
            "{:<6} {:>6.1} µs {:>7.1} µs {:>7.3} {:>6.2} {:>10.3} {:>6.2} {:>10.3} {:>12}{}",
            algorithm.name(),
            timings[0].time.as_secs_f64() * 1e6,
            timings[1].time.as_secs_f64() * 1e6,
            timings[1].ratio,
            goal(algorithm),
            by_keys[1].ratio,
            GOAL_OF_100_KEYS,
            timings[2].ratio,
            format!("{own} ({})", count(|| login.validate())),
            if met { "" } else { "   over" },
        );
    }
    println!("\nallocations: on top of ring's, and with ring's in brackets; goal at most {GOAL_OF_ALLOCATIONS}");
    println!("{}", if all_met { "all goals met" } else { "not all goals met" });
}
