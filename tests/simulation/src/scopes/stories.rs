//! The short stories that are played with every fault at every point of them.

use super::Scope;
use crate::client::Verb;
use crate::scenario::{Change, Then};
use crate::server::{Reuse, Revocation, Rules, Words};

/// A short story.
#[derive(Debug)]
pub struct Story {
    /// What it tells.
    pub name: &'static str,
    /// With one fault, or with two as well.
    pub scope: Scope,
    pub(super) rules: Rules,
    pub(super) processes: usize,
    /// Whether somebody has signed in before it begins, while nothing went wrong.
    pub(super) signed_in: bool,
    pub(super) acts: &'static [Act],
}

/// Something that happens in one. Times are in milliseconds; the place is the app (0) or the extension (1).
#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    /// A caller asks, and has half a minute.
    Ask(usize, Verb, &'static str),
    /// A caller begins to ask.
    Begin(usize, Verb, &'static str),
    Login(usize, &'static str),
    Logout(usize),
    Race(usize, &'static str, Then, u64),
    Wait(u64),
    /// The process is killed, and opened again at once.
    Restart(usize),
    OpenLocked(usize, u64),
    CallInVain(usize, u64),
    AskForTenants(usize, usize),
    /// A caller has a token before so many milliseconds are over.
    AskSoon(usize, u64),
    World(Change),
}

const ROTATES: Rules = Rules { rotation: true, id_token: true, ..Rules::PLAIN };
const FORGIVES: Rules = Rules { reuse_interval: 60_000, ..ROTATES };
const RENEW: Act = Act::Ask(0, Verb::Renew, "");
const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

/// Somebody has signed in, at a server that rotates refresh tokens and forgives no second use; one process; one fault.
const fn story(name: &'static str, acts: &'static [Act]) -> Story {
    Story { name, scope: Scope::One, rules: ROTATES, processes: 1, signed_in: true, acts }
}

/// All of them.
pub static STORIES: [Story; 28] = [
    Story { scope: Scope::Two, signed_in: false, ..story("a login", &[Act::Login(0, "ada")]) },
    Story { scope: Scope::Two, ..story("a renewal", &[RENEW]) },
    Story { scope: Scope::Two, rules: FORGIVES, ..story("a renewal, and a second use is forgiven", &[RENEW]) },
    Story { scope: Scope::Two, ..story("a logout", &[Act::Logout(0)]) },
    Story {
        scope: Scope::Two,
        ..story(
            "a start that finds a renewal interrupted",
            &[Act::Begin(0, Verb::Renew, ""), Act::Wait(30), Act::Restart(0), Act::Wait(MINUTE)],
        )
    },
    Story {
        scope: Scope::Two,
        signed_in: false,
        ..story("a logout while the code is exchanged", &[Act::Race(0, "ada", Then::Logout, 50)])
    },
    Story {
        scope: Scope::Two,
        processes: 2,
        ..story(
            "two processes and one renewal",
            &[Act::Begin(0, Verb::Renew, ""), Act::Begin(1, Verb::Renew, ""), Act::Wait(MINUTE)],
        )
    },
    Story {
        scope: Scope::Two,
        rules: Rules { rotation: false, ..ROTATES },
        ..story("two renewals with a token that stays", &[RENEW, RENEW])
    },
    Story { scope: Scope::Two, ..story("two renewals", &[RENEW, RENEW]) },
    Story { scope: Scope::Two, ..story("another user signs in", &[RENEW, Act::Login(0, "grace"), RENEW]) },
    Story {
        rules: Rules { revocation: Revocation::User, ..ROTATES },
        ..story("a second login of the same user, and a revocation ends all of hers", &[Act::Login(0, "ada"), RENEW])
    },
    story("another login while the code is exchanged", &[Act::Race(0, "ada", Then::Login("grace"), 50), RENEW]),
    Story {
        scope: Scope::Two,
        ..story("a logout during a renewal", &[Act::Begin(0, Verb::Renew, ""), Act::Wait(30), Act::Logout(0)])
    },
    Story {
        rules: Rules { reuse: Reuse::EndsUser, revocation: Revocation::User, ..ROTATES },
        ..story(
            "a login during a renewal, and a reuse ends all of the user's",
            &[Act::Begin(0, Verb::Renew, ""), Act::Race(0, "ada", Then::Login("ada"), 50), RENEW],
        )
    },
    Story {
        processes: 2,
        rules: Rules { revocation: Revocation::Single, ..ROTATES },
        ..story(
            "a logout in the other process, and a revocation ends one token",
            &[RENEW, Act::Ask(1, Verb::Renew, ""), Act::Logout(0), Act::Ask(1, Verb::Credentials(60), "")],
        )
    },
    Story {
        processes: 2,
        ..story(
            "a login in the other process",
            &[Act::Ask(1, Verb::Renew, ""), Act::Login(0, "grace"), Act::Ask(1, Verb::Credentials(60), ""), RENEW],
        )
    },
    Story {
        scope: Scope::Two,
        ..story(
            "an upgrade of the record, and back",
            &[RENEW, Act::World(Change::Upgraded), RENEW, Act::World(Change::Downgraded), RENEW],
        )
    },
    story(
        "an audience that is refused",
        &[
            Act::World(Change::Denied(Some("reports"))),
            Act::Ask(0, Verb::Credentials(60), "reports"),
            Act::Ask(0, Verb::Credentials(60), "files"),
            RENEW,
        ],
    ),
    Story {
        scope: Scope::Two,
        ..story("the store loses its key", &[Act::World(Change::Invalidated), RENEW, Act::Restart(0), RENEW])
    },
    Story {
        scope: Scope::Two,
        ..story(
            "the record vanishes for a minute",
            &[Act::World(Change::Vanished(MINUTE)), RENEW, Act::Restart(0), Act::Wait(2 * MINUTE), RENEW],
        )
    },
    Story {
        rules: Rules { words: Words::Dex, ..ROTATES },
        ..story(
            "a dead token in other words",
            &[Act::World(Change::Revoked), RENEW, Act::Wait(5_000), RENEW, Act::Wait(3 * MINUTE), RENEW],
        )
    },
    Story {
        scope: Scope::Two,
        ..story("the server has a new key, and names the old one", &[Act::World(Change::NewKey), RENEW, RENEW])
    },
    Story {
        rules: Rules { offline_access: false, ..ROTATES },
        ..story(
            "a login that brings no refresh token",
            &[
                Act::Ask(0, Verb::Credentials(60), ""),
                RENEW,
                Act::Wait(2 * HOUR),
                Act::Ask(0, Verb::Credentials(60), ""),
            ],
        )
    },
    story(
        "a day later the metadata hangs",
        &[Act::Wait(25 * HOUR), Act::World(Change::MetadataHangs(HOUR)), Act::AskSoon(0, 5_000)],
    ),
    story("the token endpoint moves", &[RENEW, Act::World(Change::Moved), RENEW, RENEW]),
    story("an API takes no token", &[Act::CallInVain(0, 8)]),
    Story {
        scope: Scope::Two,
        ..story("a start behind a locked screen", &[Act::OpenLocked(0, MINUTE), RENEW, Act::Wait(2 * MINUTE), RENEW])
    },
    story("a store that takes no more", &[Act::World(Change::Limited(2_600)), Act::AskForTenants(0, 6), RENEW]),
];
