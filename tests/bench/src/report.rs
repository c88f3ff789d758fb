//! What a measure says: one line a number, for people and for `cargo xtask bench`.

/// Prints that `name` was measured as `value`, in the unit that `tests/bench/goals.toml` has for it.
pub fn measured(name: &str, value: f64) {
    println!("measured {name} {value:.4}");
}

/// Prints a count.
pub fn counted(name: &str, count: usize) {
    println!("measured {name} {count}");
}
