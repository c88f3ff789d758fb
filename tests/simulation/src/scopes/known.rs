//! What does not hold in the short stories and is not the engine's to prevent.

use super::Chosen;

/// The number of the fault "a passing `invalid_grant`" in the list of a renewal.
const HICCUP: usize = 17;

const TWICE: &str = "the server said `invalid_grant` twice in a row: the second time it is believed (rule 6)";

/// Why what does not hold in a story with the faults `chosen` is not the engine's, if it is not.
#[must_use]
pub fn known(chosen: &[Chosen]) -> Option<&'static str> {
    (chosen.len() == 2 && chosen.iter().all(|(_, fault)| *fault == HICCUP)).then_some(TWICE)
}
