//! Times contenders side by side.
//!
//! In every round each contender runs once, for the same number of iterations, and each round begins with another
//! one, so that whatever slows the machine down for a while slows all of them down. A round yields one ratio to the
//! limit for each contender; the median over the rounds is the result.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// How many rounds there are.
pub const ROUNDS: usize = 401;

/// How long one contender runs in a round, roughly. Short, so that a round is over before the machine changes its mind.
const TURN: Duration = Duration::from_micros(500);

/// What is compared: a name and the work of one iteration.
pub struct Contender<'a> {
    name: &'a str,
    work: Box<dyn FnMut() + 'a>,
}

impl<'a> Contender<'a> {
    /// A contender whose result is used, as far as the optimiser knows.
    pub fn new<T>(name: &'a str, mut work: impl FnMut() -> T + 'a) -> Self {
        Self { name, work: Box::new(move || drop(black_box(work()))) }
    }

    fn time(&mut self, iterations: u32) -> Duration {
        let start = Instant::now();
        for _ in 0..iterations {
            (self.work)();
        }
        start.elapsed()
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

/// Runs `contenders`, of which the first is the limit, and returns a result for each.
///
/// # Panics
/// When there is no contender.
pub fn compare(mut contenders: Vec<Contender<'_>>) -> Vec<Timing> {
    let iterations = iterations(&mut contenders[0]);
    let mut times = vec![Vec::with_capacity(ROUNDS); contenders.len()];
    for round in 0..ROUNDS {
        for turn in 0..contenders.len() {
            let index = (round + turn) % contenders.len();
            times[index].push(contenders[index].time(iterations).as_secs_f64() / f64::from(iterations));
        }
    }
    let limit = &times[0];
    contenders
        .iter()
        .zip(&times)
        .map(|(contender, own)| Timing {
            name: contender.name.to_owned(),
            time: Duration::from_secs_f64(median(own.clone())),
            ratio: median(own.iter().zip(limit).map(|(own, limit)| own / limit).collect()),
        })
        .collect()
}

/// How often the work fits into a turn, after it has warmed up.
fn iterations(contender: &mut Contender<'_>) -> u32 {
    let mut iterations = 1;
    while contender.time(iterations) < TURN {
        iterations *= 2;
    }
    iterations
}

fn median(mut values: Vec<f64>) -> f64 {
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
        let timings = compare(vec![Contender::new("one", work(1)), Contender::new("two", work(2))]);
        assert_eq!(timings[0].ratio.to_bits(), 1.0_f64.to_bits());
        assert!((1.5..2.7).contains(&timings[1].ratio), "{timings:?}");
        assert!(timings.iter().all(|timing| timing.time > Duration::ZERO));
    }

    #[test]
    fn the_median_of_an_odd_number_is_the_middle_one() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]).to_bits(), 2.0_f64.to_bits());
    }
}
