//! What does not hold in the short stories and is not the engine's to prevent, each with its reason. A test takes a line off
//! this list that holds again.

use super::{Chosen, Story};

/// The number of the fault "a passing `invalid_grant`" in the list of a renewal.
const HICCUP: usize = 17;

const TWICE: &str = "the server said `invalid_grant` twice in a row: the second time it is believed (rule 6)";
const HIDDEN_LOGOUT: &str =
    "the user logged out while the store did not show the record; the judge takes the hidden one for a session";
const OVER: &str = "the user logged out while the renewal was on its way, so nothing is asked again";
const HIDDEN_START: &str =
    "a process that starts while the store does not show the record cannot know of a renewal left behind";
const HIDDEN_RENEWAL: &str = "two processes renewed while the store did not show one of them the other's token";
const KEY_LOST: &str = "the store lost its key, and the newer token of the other process with it";

/// Story, faults, reason.
const KNOWN: [(&str, &[Chosen], &str); 14] = [
    ("a logout", &[(6, 3), (24, 0)], HIDDEN_LOGOUT),
    ("two processes and one renewal", &[(26, 3), (33, 0)], HIDDEN_RENEWAL),
    ("two processes and one renewal", &[(26, 3), (34, 0)], HIDDEN_RENEWAL),
    ("a logout during a renewal", &[(7, 0), (17, 3)], HIDDEN_START),
    ("a logout during a renewal", &[(8, 0), (18, 3)], HIDDEN_START),
    ("a logout during a renewal", &[(10, 0), (20, 3)], HIDDEN_START),
    ("a logout during a renewal", &[(11, 0), (21, 3)], HIDDEN_START),
    ("a logout during a renewal", &[(13, 0), (23, 3)], HIDDEN_START),
    ("a logout during a renewal", &[(14, 0), (24, 3)], HIDDEN_START),
    ("a logout during a renewal", &[(23, 3), (41, 0)], HIDDEN_LOGOUT),
    ("a logout during a renewal", &[(9, 3), (15, 3)], OVER),
    ("a logout during a renewal", &[(9, 9), (15, 3)], OVER),
    ("a logout in the other process, and a revocation ends one token", &[(46, 2)], KEY_LOST),
    ("a logout in the other process, and a revocation ends one token", &[(46, 3)], HIDDEN_LOGOUT),
];

/// Why what does not hold in `story` with the faults `chosen` is not the engine's, if it is not.
#[must_use]
pub fn known(story: &Story, chosen: &[Chosen]) -> Option<&'static str> {
    if chosen.len() == 2 && chosen.iter().all(|(_, fault)| *fault == HICCUP) {
        return Some(TWICE);
    }
    let line = KNOWN.iter().find(|(name, faults, _)| *name == story.name && *faults == chosen);
    line.map(|(_, _, reason)| *reason)
}

/// The lines of the list with a single fault: how many failures a run with single faults has to find.
#[must_use]
pub fn known_with_one() -> usize {
    KNOWN.iter().filter(|(_, faults, _)| faults.len() == 1).count()
}
