//! Contenders that take turns.
//!
//! A machine that is busy, or that changes its clock rate, is slow for all contenders of a round alike, as long as they
//! run one right after the other. So each round lets every contender run once, and the order rotates from round to
//! round: nobody always runs first, when the others have just slowed them down. A round yields one ratio to the
//! limit for each contender; the median over the rounds is the result.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// How long to compare.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How many rounds there are.
    pub rounds: usize,
    /// How long one contender runs in a round, roughly. Short, so that a round is over before the machine changes its
    /// mind.
    pub turn: Duration,
}

impl Plan {
    /// For what takes nanoseconds or microseconds.
    pub const SHORT: Self = Self { rounds: 401, turn: Duration::from_micros(500) };
    /// For what takes milliseconds, or runs in another process.
    pub const LONG: Self = Self { rounds: 41, turn: Duration::from_millis(20) };
    /// For what takes tens of milliseconds each time, however often.
    pub const ONE_BY_ONE: Self = Self { rounds: 41, turn: Duration::ZERO };
}

/// What is compared: a name, and what does some iterations and tells how long they took.
pub struct Contender<'a> {
    name: String,
    run: Box<dyn FnMut(u32) -> Duration + 'a>,
}

impl<'a> Contender<'a> {
    /// A contender whose iterations are timed together; each result is used, as far as the optimiser knows.
    pub fn new<T>(name: &str, mut work: impl FnMut() -> T + 'a) -> Self {
        Self::timed(name, move |iterations| {
            let start = Instant::now();
            for _ in 0..iterations {
                drop(black_box(work()));
            }
            start.elapsed()
        })
    }

    /// A contender that is given a number of iterations and tells how long they took.
    pub fn timed(name: &str, run: impl FnMut(u32) -> Duration + 'a) -> Self {
        Self { name: name.to_owned(), run: Box::new(run) }
    }

    /// How often the work fits into `turn`, after it has warmed up.
    fn iterations(&mut self, turn: Duration) -> u32 {
        let mut iterations = 1;
        while (self.run)(iterations) < turn {
            iterations *= 2;
        }
        iterations
    }
}

/// The result of one contender.
#[derive(Debug, Clone)]
pub struct Timing {
    /// Its name.
    pub name: String,
    /// The median time of one iteration.
    pub time: Duration,
    /// The median, over the rounds, of its time divided by that of the first contender in the same round.
    pub ratio: f64,
}

/// Runs `contenders`, of which the first is the limit, and returns a result for each, in their order.
pub fn compare(plan: Plan, mut contenders: Vec<Contender<'_>>) -> Vec<Timing> {
    let iterations: Vec<u32> = contenders.iter_mut().map(|contender| contender.iterations(plan.turn)).collect();
    let mut times = vec![Vec::with_capacity(plan.rounds); contenders.len()];
    for round in 0..plan.rounds {
        for turn in 0..contenders.len() {
            let index = (round + turn) % contenders.len();
            let time = (contenders[index].run)(iterations[index]);
            times[index].push(time.as_secs_f64() / f64::from(iterations[index]));
        }
    }
    contenders
        .iter()
        .zip(&times)
        .map(|(contender, own)| Timing {
            name: contender.name.clone(),
            time: Duration::from_secs_f64(median(own.clone())),
            ratio: median(own.iter().zip(&times[0]).map(|(own, limit)| own / limit).collect()),
        })
        .collect()
}

/// The middle one, or the upper of the two.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contender_that_does_twice_the_work_takes_about_twice_as_long() {
        let work =
            |times: u64| move || (0..times * 1_000).fold(0_u64, |sum, n| black_box(sum ^ n.wrapping_mul(sum | 1)));
        let contenders = vec![Contender::new("one", work(1)), Contender::new("two", work(2))];
        let timings = compare(Plan::SHORT, contenders);
        assert_eq!(timings[0].ratio.to_bits(), 1.0_f64.to_bits());
        assert!((1.5..2.7).contains(&timings[1].ratio), "{timings:?}");
        assert!(timings.iter().all(|timing| timing.time > Duration::ZERO));
    }

    #[test]
    fn contenders_that_tell_their_own_times_are_compared_by_them() {
        let telling =
            |name, micros: u64| Contender::timed(name, move |iterations| Duration::from_micros(micros) * iterations);
        let timings = compare(Plan::SHORT, vec![telling("one", 10), telling("three", 30)]);
        assert!((timings[1].ratio - 3.0).abs() < 1e-9, "{timings:?}");
        assert_eq!(timings[1].time, Duration::from_micros(30));
    }

    #[test]
    fn the_median_of_an_odd_number_is_the_middle_one() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]).to_bits(), 2.0_f64.to_bits());
    }
}
