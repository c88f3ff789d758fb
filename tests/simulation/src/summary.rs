//! Many runs at once, and what they came to.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use ring::rand::{SecureRandom, SystemRandom};

use crate::ending::Cause;
use crate::run::{Report, engine as engine_run};
use crate::scenario::Edition;

/// What many runs came to.
#[derive(Debug, Default)]
pub struct Summary {
    /// The seeds whose invariants did not hold, with the first violation of each.
    pub failures: BTreeMap<u64, (&'static str, String)>,
    runs: u64,
    renewals: u64,
    answers: u64,
    days: u64,
    floor: BTreeMap<Cause, u64>,
    sign_outs: BTreeMap<&'static str, u64>,
}

/// Where a range of seeds begins that nobody has played before: drawn by the operating system.
pub fn fresh() -> u64 {
    let mut bytes = [0; 8];
    SystemRandom::new().fill(&mut bytes).expect("there is randomness");
    // Short enough to be typed.
    u64::from_le_bytes(bytes) % 1_000_000_000_000
}

/// Runs the engine with `count` seeds from `first` on, on all processors; `until_failure` stops at the first one.
pub fn engine(first: u64, count: u64, edition: Edition, until_failure: bool) -> Summary {
    let next = AtomicU64::new(first);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let end = first + count;
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut summary = Summary::default();
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= end {
                            return summary;
                        }
                        summary.add(engine_run(seed, edition, false));
                        if until_failure && !summary.failures.is_empty() {
                            next.store(end, Ordering::Relaxed);
                        }
                    }
                })
            })
            .collect();
        workers.into_iter().fold(Summary::default(), |sum, worker| match worker.join() {
            Ok(part) => sum.merge(part),
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })
}

impl Summary {
    fn add(&mut self, report: Report) {
        if let Some((_, rule, what)) = report.violations.into_iter().next() {
            self.failures.insert(report.seed, (rule, what));
        }
        self.runs += 1;
        self.renewals += report.renewals;
        self.answers += report.answers;
        self.days += report.days;
        add_up(&mut self.floor, report.floor);
        add_up(&mut self.sign_outs, report.sign_outs);
    }

    /// What both came to together.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.failures.extend(other.failures);
        self.runs += other.runs;
        self.renewals += other.renewals;
        self.answers += other.answers;
        self.days += other.days;
        add_up(&mut self.floor, other.floor);
        add_up(&mut self.sign_outs, other.sign_outs);
        self
    }
}

fn add_up<K: Ord>(sum: &mut BTreeMap<K, u64>, part: BTreeMap<K, u64>) {
    for (key, count) in part {
        *sum.entry(key).or_default() += count;
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "{} seeds: {} renewals sent, {} callers answered, {} days of virtual time",
            self.runs, self.renewals, self.answers, self.days
        )?;
        writeln!(formatter, "sessions ended, by the reason told (each process tells):")?;
        for (reason, count) in &self.sign_outs {
            writeln!(formatter, "  {count:>6}  {reason}")?;
        }
        writeln!(formatter, "of these, sessions lost by accident, by cause (all but what was given up is the floor):")?;
        for (cause, count) in &self.floor {
            writeln!(formatter, "  {count:>6}  {}", cause.name())?;
        }
        writeln!(formatter, "violations: {}", self.failures.len())?;
        for (seed, (rule, what)) in &self.failures {
            writeln!(formatter, "  seed {seed}: {rule}: {what}")?;
            writeln!(formatter, "    cargo run -p hallpass-simulation -- run --seed {seed} --trace")?;
        }
        Ok(())
    }
}
