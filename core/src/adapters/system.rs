//! The operating system's clocks and its randomness.

// A platform has one file, and each has `elapsed()` and `elapsed_at_most()`.
#[cfg_attr(any(target_os = "linux", target_os = "android"), path = "system/boottime.rs")]
#[cfg_attr(target_vendor = "apple", path = "system/monotonic.rs")]
#[cfg_attr(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")), path = "system/instant.rs")]
mod running;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hallpass_protocol::time::Timestamp;
use ring::rand::SecureRandom;

use crate::ports::{Clock, Random, RandomUnavailable};

/// The device's clocks. Reading either costs as much as [`SystemTime::now`]: no system call where the kernel maps its
/// clocks into the process.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(unix_millis(SystemTime::now()))
    }

    fn elapsed(&self) -> Duration {
        running::elapsed()
    }

    fn elapsed_at_most(&self) -> Duration {
        running::elapsed_at_most()
    }
}

/// Milliseconds since the epoch, rounded towards the past, also before it.
fn unix_millis(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        Err(before) => {
            i64::try_from(before.duration().as_nanos().div_ceil(1_000_000)).map_or(i64::MIN, |millis| -millis)
        }
    }
}

/// The operating system's generator, by way of `ring`.
#[derive(Debug, Clone)]
pub struct SystemRandom(ring::rand::SystemRandom);

impl Default for SystemRandom {
    fn default() -> Self {
        Self(ring::rand::SystemRandom::new())
    }
}

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
        self.0.fill(bytes).map_err(|_| RandomUnavailable)
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::time::Instant;

    use super::*;

    #[test]
    fn the_wall_clock_read_twice_stands_between_two_readings_of_the_system() {
        let before = unix_millis(SystemTime::now());
        let now = SystemClock.now().unix_millis();
        assert!((before..=unix_millis(SystemTime::now())).contains(&now));
    }

    #[test]
    fn a_wall_clock_before_the_epoch_is_told_as_a_negative_time() {
        assert_eq!(unix_millis(UNIX_EPOCH - Duration::from_millis(1500)), -1500);
        assert_eq!(unix_millis(UNIX_EPOCH - Duration::from_micros(1)), -1);
        assert_eq!(unix_millis(UNIX_EPOCH), 0);
    }

    #[test]
    fn the_running_clock_advances_as_an_instant_does_and_never_back() {
        let (instant, before) = (Instant::now(), SystemClock.elapsed());
        std::thread::sleep(Duration::from_millis(20));
        let between = SystemClock.elapsed() - before;
        assert!(between >= Duration::from_millis(20) && between <= instant.elapsed() + Duration::from_millis(1));

        let mut last = Duration::ZERO;
        for _ in 0..100_000 {
            let now = SystemClock.elapsed();
            assert!(now >= last);
            last = now;
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_running_clock_is_the_time_since_boot() {
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let seconds: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        assert!((SystemClock.elapsed().as_secs_f64() - seconds).abs() < 5.0);
    }

    #[test]
    fn the_running_clock_read_roughly_is_never_behind_and_at_most_a_little_ahead() {
        for _ in 0..2_000 {
            let before = SystemClock.elapsed();
            let roughly = SystemClock.elapsed_at_most();
            let after = SystemClock.elapsed();
            assert!(roughly >= before, "{roughly:?} is behind {before:?}");
            assert!(roughly <= after + Duration::from_millis(110), "{roughly:?} is far ahead of {after:?}");
            std::thread::sleep(Duration::from_micros(50));
        }
    }

    /// The hot path reads this clock once; a system call would cost ten times as much as it may.
    #[test]
    fn reading_the_running_clock_costs_about_what_reading_the_wall_clock_costs() {
        let wall = fastest(SystemTime::now);
        let running = fastest(|| SystemClock.elapsed());
        println!("for 20,000 readings: running clock {running:?}, wall clock {wall:?}");
        assert!(running < wall * 4, "running {running:?}, wall {wall:?} for 20,000 readings");
    }

    fn fastest<T>(read: impl Fn() -> T) -> Duration {
        let rounds = (0..9).map(|_| {
            let start = Instant::now();
            (0..20_000).for_each(|_| {
                black_box(read());
            });
            start.elapsed()
        });
        rounds.min().unwrap()
    }

    #[test]
    fn randomness_drawn_twice_differs() {
        let (mut one, mut other) = ([0; 32], [0; 32]);
        SystemRandom::default().fill(&mut one).unwrap();
        SystemRandom::default().fill(&mut other).unwrap();
        assert_ne!(one, other);
        assert_ne!(one, [0; 32]);
    }
}
