//! What a seed stands for: a server's rules, the weather, and a sequence of deeds.

use crate::dice::Dice;
use crate::server::Rules;
use crate::world::{State, Weather};

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
    SecondSession,
    World(Change),
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
}

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

pub(crate) fn plan(seed: u64) -> Plan {
    let mut dice = Dice::of(seed, &[PLAN]);
    let rules = Rules {
        rotation: dice.chance(800),
        reuse_interval: dice.pick(&[0, 0, 5, 30, 60]) * SECOND,
        lifetime: dice.pick(&[30, 300, 3_600, 3_600, 86_400]),
        id_token: dice.chance(500),
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
        latency: 0,
        offline_until: 0,
    };
    let weather = Weather { latency: dice.pick(&[20, 200, 2_000, 15_000]), ..weather };
    let off = |dice: &mut Dice| dice.pick(&[0, 0, 0, -7_200, 3_600, 40_000]) * 1_000;
    let (wall_offset, server_offset) = (off(&mut dice), off(&mut dice));
    let processes = if dice.chance(400) { 2 } else { 1 };
    let length = dice.between(4, 28);
    let beats = (0..length).map(|number| beat(&mut dice, number, processes)).collect();
    Plan { rules, weather, wall_offset, server_offset, processes, beats }
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

/// Lets `change` happen.
pub(crate) fn change(state: &mut State, change: Change) {
    state.tell(&format!("world     {change:?}"));
    let now = state.now();
    match change {
        Change::Offline(duration) => state.weather.offline_until = now + duration,
        Change::Locked(duration) => state.storage.locked_until = now + duration,
        Change::Failing(duration) => state.storage.failing_until = now + duration,
        Change::Full(duration) => state.storage.full_until = now + duration,
        Change::Slow(duration) => state.storage.slow_until = now + duration,
        Change::FailsNext(count) => state.storage.failures = count,
        Change::StaleNext => state.storage.stale_reads = 1,
        Change::Invalidated => {
            state.ledger.lose_notes();
            state.storage.invalidate();
        }
        Change::WallBy(millis) => {
            state.device.disturbed |= millis < 0;
            state.device.wall_offset += millis;
        }
        Change::Reboot => {
            for process in 0..state.processes.len() {
                state.kill(process, "ends with the device");
            }
            state.device.booted = now;
        }
        Change::Revoked => {
            if let Some(last) = state.server.families.len().checked_sub(1) {
                state.server.end(last);
            }
        }
    }
}

const PLAN: u64 = 20;
