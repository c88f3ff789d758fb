//! Small scopes, exhaustively: short stories, each played with every fault at every point of it, and the shortest with every
//! pair of faults. Nothing is drawn, so what is not found here is not there, within these bounds.
//!
//! A story is first played without a fault, and the points that its processes come along are counted (`script.rs`). Then
//! it is played once for each fault at each of them. With two faults, what follows the first one is counted anew.

mod counts;
mod known;
mod stories;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::time::{Duration, sleep};

pub use counts::{miscounted, write};
pub use known::known;
pub use stories::{STORIES, Story};

use crate::fate::Fate;
use crate::finale;
use crate::network::Endpoint;
use crate::run::{Driver, Report, simulate};
use crate::scenario;
use crate::script::{Fault, Kind, Point, Script};
use crate::server::Oddity;
use crate::world::Weather;
use stories::Act;

/// With how many faults at once a story is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Without, and with each one.
    One,
    /// With each pair as well.
    Two,
}

/// A fault by its numbers: of the point, and in the list of what can go wrong there.
pub type Chosen = (usize, usize);

/// What playing a story with everything came to.
#[derive(Debug, Default)]
pub struct Tally {
    /// How often it was played with no fault or one, and with two.
    pub played: [u64; 2],
    /// What did not hold: the faults, which rule, what.
    pub failures: Vec<(Vec<Chosen>, &'static str, String)>,
}

/// Plays each story whose name holds `part`, on all processors; with pairs of faults where the story says so and `pairs`
/// allows it. The tallies are in the order of [`STORIES`].
pub fn explore(part: &str, pairs: bool) -> Vec<(&'static Story, Tally)> {
    let stories: Vec<&Story> = STORIES.iter().filter(|story| story.name.contains(part)).collect();
    let mut tallies: Vec<(&Story, Tally)> = Vec::new();
    let mut work: Vec<(usize, Chosen)> = Vec::new();
    for story in stories {
        let mut tally = Tally::default();
        let points = tally.play(story, &[]);
        work.extend(all(&points, 0, faults).map(|chosen| (tallies.len(), chosen)));
        tallies.push((story, tally));
    }
    let tallies = Mutex::new(tallies);
    let (next, threads) = (AtomicUsize::new(0), std::thread::available_parallelism().map_or(1, usize::from));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((number, chosen)) = work.get(next.fetch_add(1, Ordering::Relaxed)).copied() {
                    let story = tallies.lock().unwrap_or_else(PoisonError::into_inner)[number].0;
                    let mut tally = Tally::default();
                    let points = tally.play(story, &[chosen]);
                    // Of a pair, both are of the shorter list.
                    let is_first_of_two =
                        faults_of_pairs(points[chosen.0]).contains(&faults(points[chosen.0])[chosen.1]);
                    if pairs && story.scope == Scope::Two && is_first_of_two {
                        let second = |point: Point| {
                            let listed = faults(point);
                            let place = |fault: &Fault| listed.iter().position(|other| other == fault);
                            faults_of_pairs(point).iter().filter_map(place).collect::<Vec<_>>()
                        };
                        for (at, point) in points.iter().enumerate().skip(chosen.0 + 1) {
                            for fault in second(*point) {
                                tally.play(story, &[chosen, (at, fault)]);
                            }
                        }
                    }
                    tallies.lock().unwrap_or_else(PoisonError::into_inner)[number].1.add(tally);
                }
            });
        }
    });
    tallies.into_inner().unwrap_or_else(PoisonError::into_inner)
}

impl Tally {
    /// Plays `story` with what was chosen; returns the points along the way.
    fn play(&mut self, story: &Story, chosen: &[Chosen]) -> Vec<Point> {
        let (report, points) = play(story, chosen, false);
        self.played[usize::from(chosen.len() == 2)] += 1;
        if let Some((_, rule, what)) = report.violations.into_iter().next() {
            self.failures.push((chosen.to_vec(), rule, what));
        }
        points
    }

    fn add(&mut self, other: Self) {
        for (sum, part) in self.played.iter_mut().zip(other.played) {
            *sum += part;
        }
        self.failures.extend(other.failures);
    }
}

/// Plays the story of this name with these faults, and tells it, a line an event.
pub fn tell(name: &str, chosen: &[Chosen]) -> Option<Report> {
    let story = STORIES.iter().find(|story| story.name == name)?;
    Some(play(story, chosen, true).0)
}

fn play(story: &Story, chosen: &[Chosen], readable: bool) -> (Report, Vec<Point>) {
    let mut script = Script::default();
    for (at, fault) in chosen {
        script.choose(*at, *fault);
    }
    let (report, script) = simulate(0, story.rules, script, story.processes, readable, async |driver| {
        driver.world.state().weather = Weather { latency: 100, ..Weather::default() };
        for place in 0..story.processes {
            driver.open(place);
        }
        if story.signed_in {
            driver.log_in(0, "ada").await;
        }
        driver.world.state().script.is_on = true;
        for act in story.acts {
            driver.reopen_dead(crate::dice::Dice::of(0, &[]), true);
            driver.act(*act).await;
            driver.look();
        }
        // What the last fault left is finished, or finished off.
        driver.reopen_dead(crate::dice::Dice::of(0, &[]), true);
        sleep(Duration::from_secs(60)).await;
        driver.world.state().script.is_on = false;
        finale::play(driver).await;
    });
    (report, script.points)
}

impl Driver {
    async fn act(&mut self, act: Act) {
        match act {
            Act::Ask(place, verb, audience) => {
                self.begin(place, verb, audience);
                sleep(Duration::from_secs(30)).await;
            }
            Act::Begin(place, verb, audience) => self.begin(place, verb, audience),
            Act::Login(place, user) => self.log_in(place, user).await,
            Act::Logout(place) => {
                if let Some(running) = self.running[place].clone() {
                    self.log_out(&running);
                }
                sleep(Duration::from_secs(60)).await;
            }
            Act::Race(place, user, then, after) => {
                self.race(place, user, then, after).await;
                sleep(Duration::from_secs(60)).await;
            }
            Act::Wait(millis) => sleep(Duration::from_millis(millis)).await,
            Act::Restart(place) => {
                if let Some(running) = self.running[place].take() {
                    self.world.state().kill(running.process, "is killed");
                    drop(running);
                    self.open(place);
                }
            }
            Act::OpenLocked(place, millis) => {
                self.open_locked(place, millis);
                sleep(Duration::from_secs(1)).await;
            }
            Act::CallInVain(place, calls) => self.call_in_vain(place, calls).await,
            Act::AskForTenants(place, count) => {
                self.ask_for_tenants(place, count).await;
                sleep(Duration::from_secs(30)).await;
            }
            Act::AskSoon(place, millis) => self.ask_soon(place, millis).await,
            Act::World(change) => {
                let mut state = self.world.state();
                scenario::change(&mut state, change);
            }
        }
    }
}

/// Every place of `points` from `first` on, with every fault of the list.
fn all(points: &[Point], first: usize, list: fn(Point) -> Vec<Fault>) -> impl Iterator<Item = Chosen> {
    let each = points.iter().enumerate().skip(first).map(move |(at, point)| (at, list(*point).len()));
    each.flat_map(|(at, count)| (0..count).map(move |fault| (at, fault))).collect::<Vec<_>>().into_iter()
}

const PORTAL: Fate = Fate::Instead(200, None, "<html>Welcome to the hotel. Please accept our terms.</html>");

/// What can go wrong at a point.
pub(crate) fn faults(point: Point) -> Vec<Fault> {
    let network = |fates: &[Fate]| fates.iter().cloned().map(Fault::Network).collect::<Vec<_>>();
    match point {
        Point::Step => vec![Fault::Kill, Fault::Suspend(90_000)],
        Point::Renewal => {
            let mut faults = network(&[
                Fate::RequestLost,
                Fate::AnswerLost,
                Fate::Unreachable,
                Fate::Truncated,
                Fate::CutAtTheEnd,
                Fate::TooLarge,
                Fate::Duplicated,
                Fate::FailsAfterwards(408, None),
                Fate::FailsAfterwards(500, None),
                Fate::FailsAfterwards(503, None),
                Fate::FailsAfterwards(503, Some(20)),
                Fate::Instead(429, None, "{}"),
                Fate::Instead(429, Some(20), "{}"),
                Fate::Instead(503, None, "{}"),
                Fate::Instead(401, None, r#"{"message":"unauthorized"}"#),
                Fate::Instead(400, None, r#"{"error":"something_new"}"#),
                PORTAL,
            ]);
            faults.push(Fault::Hiccup);
            faults.extend(Oddity::ALL.map(Fault::Odd));
            faults
        }
        Point::Request(Endpoint::Token) => network(&[
            Fate::RequestLost,
            Fate::AnswerLost,
            Fate::Unreachable,
            Fate::Truncated,
            Fate::FailsAfterwards(503, None),
            Fate::Instead(429, Some(20), "{}"),
            PORTAL,
        ]),
        Point::Request(Endpoint::Metadata | Endpoint::Keys | Endpoint::Revocation | Endpoint::Api) => {
            network(&[Fate::RequestLost, Fate::Unreachable, Fate::Instead(503, None, "{}"), PORTAL])
        }
        Point::Load(Kind::Session) => {
            vec![Fault::Locked, Fault::Fails, Fault::KeyGone, Fault::Vanishes(10_000), Fault::Stale]
        }
        Point::Load(Kind::Login) => vec![Fault::Locked, Fault::Fails],
        Point::Save(Kind::Session) => vec![Fault::Fails, Fault::KeyGone],
        Point::Load(Kind::Other) | Point::Save(Kind::Login | Kind::Other) | Point::Delete(_) => vec![Fault::Fails],
    }
}

/// What goes wrong twice in a story: of what is alike, one.
fn faults_of_pairs(point: Point) -> Vec<Fault> {
    let network = |fates: &[Fate]| fates.iter().cloned().map(Fault::Network).collect::<Vec<_>>();
    match point {
        Point::Step => vec![Fault::Kill],
        Point::Renewal => {
            let mut faults = network(&[
                Fate::RequestLost,
                Fate::AnswerLost,
                Fate::Truncated,
                Fate::FailsAfterwards(503, None),
                Fate::Instead(429, Some(20), "{}"),
                Fate::Instead(400, None, r#"{"error":"something_new"}"#),
            ]);
            let odd = [Oddity::NoTokenType, Oddity::OnlyRefreshToken, Oddity::WrongKey, Oddity::OtherUser];
            faults.push(Fault::Hiccup);
            faults.extend(odd.map(Fault::Odd));
            faults
        }
        Point::Request(Endpoint::Token) => network(&[Fate::RequestLost, Fate::AnswerLost, Fate::Unreachable]),
        Point::Request(Endpoint::Metadata | Endpoint::Keys | Endpoint::Revocation | Endpoint::Api) => {
            network(&[Fate::RequestLost])
        }
        Point::Load(Kind::Session) => vec![Fault::Fails, Fault::KeyGone, Fault::Vanishes(10_000), Fault::Stale],
        Point::Load(Kind::Login) | Point::Save(_) | Point::Delete(_) => vec![Fault::Fails],
        Point::Load(Kind::Other) => Vec::new(),
    }
}
