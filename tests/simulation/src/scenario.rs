//! What a seed stands for: a server's rules, the weather, and a sequence of deeds.

mod change;
mod third;

pub(crate) use change::change;

use crate::dice::Dice;
use crate::server::{RateLimit, Rules, Told};
use crate::world::Weather;

/// The vocabulary of faults that a seed is read with: a seed goes on telling its story when the vocabulary grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edition {
    /// Without the faults that the second one adds.
    First,
    /// With rate limits, lifetimes of refresh tokens, requests doubled later, suspension in the middle of the work, days
    /// asleep, a process that dies behind the browser, records of a newer version, and callers just after the expiry.
    Second,
    /// With what servers in use do besides: other words, odd answers, revocation of single tokens, refusals that pass, metadata
    /// and keys that change; with absence in the store, starts that cannot read it, and intents that race.
    Third,
}

/// Everything that was decided before a run begins.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) rules: Rules,
    pub(crate) weather: Weather,
    pub(crate) wall_offset: i64,
    pub(crate) server_offset: i64,
    pub(crate) processes: usize,
    pub(crate) beats: Vec<Beat>,
}

/// A deed, and how long nothing else is done after it, in milliseconds.
#[derive(Debug)]
pub(crate) struct Beat {
    /// The app (0) or the extension (1).
    pub(crate) place: usize,
    pub(crate) deed: Deed,
    pub(crate) pause: u64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Deed {
    Callers {
        count: u64,
        seed: u64,
    },
    Login(&'static str),
    Logout,
    Kill,
    /// At the step with this number from now on.
    KillSoon(u64),
    Suspend(u64),
    /// At the step with this number from now on, for this long.
    SuspendSoon(u64, u64),
    /// The process is killed while the browser is open, and the next one gets the callback.
    LoginAcrossDeath(&'static str),
    /// A caller comes just after the newest access token has expired; the process was opened anew before, or not.
    AskAfterExpiry {
        anew: bool,
    },
    SecondSession,
    /// While the code of a login is exchanged, so many milliseconds after the browser came back, the user does something else.
    Race {
        user: &'static str,
        then: Then,
        after: u64,
    },
    /// The API takes no token, and is called so often.
    CallInVain(u64),
    /// A token for each of so many audiences is asked for.
    AskForTenants(usize),
    /// The process is opened anew while the store is locked, for so many milliseconds.
    OpenLocked(u64),
    World(Change),
}

/// What takes the place of a login whose code is being exchanged.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Then {
    Logout,
    Login(&'static str),
}

/// Something that happens to the world. Durations are in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change {
    Offline(u64),
    Locked(u64),
    Failing(u64),
    Full(u64),
    Slow(u64),
    FailsNext(u32),
    StaleNext,
    Invalidated,
    WallBy(i64),
    Reboot,
    Revoked,
    /// The device sleeps, with all that runs on it.
    Sleep(u64),
    /// A newer version of the app writes the record.
    Upgraded,
    Downgraded,
    /// The session's entry is not to be seen for so long.
    Vanished(u64),
    /// The store takes no text that is longer.
    Limited(usize),
    /// The server signs with a new key, and names the old one for sessions from before.
    NewKey,
    /// The token endpoint moves.
    Moved,
    MetadataHangs(u64),
    /// The server gives nothing for this audience any more, or for all of them again.
    Denied(Option<&'static str>),
    /// It refuses every renewal in words of its own.
    Refusing(u64),
    /// The session before the last login is revoked.
    RevokedBefore,
}

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

pub(crate) fn plan(seed: u64, edition: Edition) -> Plan {
    let mut plan = first_edition(seed);
    if edition != Edition::First {
        extend(&mut plan, &mut Dice::of(seed, &[EXTENSION]));
    }
    if edition == Edition::Third {
        third::extend(&mut plan, &mut Dice::of(seed, &[THIRD]));
    }
    plan
}

fn first_edition(seed: u64) -> Plan {
    let mut dice = Dice::of(seed, &[PLAN]);
    let rules = Rules {
        rotation: dice.chance(800),
        reuse_interval: dice.pick(&[0, 0, 5, 30, 60]) * SECOND,
        lifetime: dice.pick(&[30, 300, 3_600, 3_600, 86_400]),
        id_token: dice.chance(500),
        ..Rules::PLAIN
    };
    let stormy = dice.pick(&[0, 10, 50, 150]);
    let mut share = |most: u64| if stormy == 0 { 0 } else { dice.below(stormy * most / 50 + 1) };
    let weather = Weather {
        request_lost: share(50),
        answer_lost: share(50),
        truncated: share(30),
        refused: share(50),
        garbled: share(50),
        unreachable: share(50),
        late: share(10),
        duplicated: share(5),
        ..Weather::default()
    };
    let weather = Weather { latency: dice.pick(&[20, 200, 2_000, 15_000]), ..weather };
    let off = |dice: &mut Dice| dice.pick(&[0, 0, 0, -7_200, 3_600, 40_000]) * 1_000;
    let (wall_offset, server_offset) = (off(&mut dice), off(&mut dice));
    let processes = if dice.chance(400) { 2 } else { 1 };
    let length = dice.between(4, 28);
    let beats = (0..length).map(|number| beat(&mut dice, number, processes)).collect();
    Plan { rules, weather, wall_offset, server_offset, processes, beats }
}

/// What the second edition adds.
fn extend(plan: &mut Plan, dice: &mut Dice) {
    let told = dice.pick(&[Told::Seconds, Told::Date, Told::Reset]);
    let window = dice.pick(&[10 * SECOND, MINUTE, 10 * MINUTE]);
    let requests = dice.pick(&[3, 5, 10]);
    plan.rules.rate_limit = dice.chance(250).then_some(RateLimit { requests, window, told });
    plan.rules.absolute_lifetime = dice.pick(&[None, None, None, Some(HOUR), Some(24 * HOUR), Some(72 * HOUR)]);
    plan.rules.idle_lifetime = dice.pick(&[None, None, None, Some(30 * MINUTE), Some(12 * HOUR), Some(48 * HOUR)]);
    if plan.weather.duplicated > 0 {
        plan.weather.duplicated_later = dice.below(10);
    }
    for _ in 0..dice.below(6) {
        let at = usize::try_from(dice.below(plan.beats.len() as u64 + 1)).unwrap_or_default();
        let place = if plan.processes == 2 && dice.chance(500) { 1 } else { 0 };
        let (deed, pause) = match dice.below(10) {
            0..3 => (Deed::SuspendSoon(dice.between(1, 16), dice.pick(&[5 * SECOND, MINUTE, HOUR, 30 * HOUR])), 0),
            3 => (Deed::World(Change::Sleep(dice.pick(&[MINUTE, 10 * HOUR, 100 * HOUR]))), 0),
            4 => (Deed::LoginAcrossDeath(dice.pick(&["ada", "ada", "grace"])), SECOND),
            5..7 => (Deed::AskAfterExpiry { anew: dice.chance(500) }, SECOND),
            7 => (Deed::World(Change::Upgraded), dice.pick(&[0, MINUTE, 2 * HOUR])),
            8 => (Deed::World(Change::Downgraded), 0),
            // Clocks that are set by local time step by an hour, twice a year.
            _ => (Deed::World(Change::WallBy(dice.pick(&[-3_600, 3_600]) * 1_000)), dice.below(MINUTE)),
        };
        plan.beats.insert(at, Beat { place, deed, pause });
        if let Deed::SuspendSoon(..) = deed {
            let callers = Deed::Callers { count: dice.pick(&[1, 5, 20]), seed: dice.next() };
            plan.beats.insert(at + 1, Beat { place, deed: callers, pause: dice.below(2 * MINUTE) });
        }
    }
}

fn beat(dice: &mut Dice, number: u64, processes: usize) -> Beat {
    let place = if processes == 2 && dice.chance(500) { 1 } else { 0 };
    let deed = match dice.below(100) {
        0..50 => Deed::Callers { count: dice.pick(&[1, 1, 2, 5, 20, 20, 300]), seed: number },
        50..52 => Deed::Login(dice.pick(&["ada", "ada", "grace"])),
        52..54 => Deed::Logout,
        54..56 => Deed::Kill,
        56..66 => Deed::KillSoon(dice.between(1, 16)),
        66..69 => Deed::Suspend(dice.pick(&[500, 5 * SECOND, MINUTE, HOUR])),
        69 => Deed::SecondSession,
        _ => Deed::World(any_change(dice)),
    };
    let pause = match dice.below(10) {
        0..5 => dice.below(3 * SECOND),
        5..7 => dice.below(2 * MINUTE),
        7..9 => dice.below(2 * HOUR),
        _ => dice.below(72 * HOUR),
    };
    Beat { place, deed, pause }
}

fn any_change(dice: &mut Dice) -> Change {
    let while_ = |dice: &mut Dice| dice.pick(&[2 * SECOND, 30 * SECOND, 10 * MINUTE, 3 * HOUR]);
    match dice.below(26) {
        0..4 => Change::Offline(dice.pick(&[10 * SECOND, 10 * MINUTE, 48 * HOUR])),
        4..6 => Change::Locked(while_(dice)),
        6..8 => Change::Failing(while_(dice)),
        8..10 => Change::Full(while_(dice)),
        10..13 => Change::Slow(while_(dice)),
        13..16 => Change::FailsNext(u32::try_from(dice.between(1, 3)).unwrap_or(1)),
        16..18 => Change::StaleNext,
        18 => Change::Invalidated,
        19..22 => Change::WallBy(dice.pick(&[-86_400, -3_600, -90, 90, 3_600, 90_000]) * 1_000),
        22..24 => Change::Reboot,
        _ => Change::Revoked,
    }
}

const PLAN: u64 = 20;
const EXTENSION: u64 = 21;
const THIRD: u64 = 22;
