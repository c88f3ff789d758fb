//! The short stories with every fault, as a test. Pairs of faults are for `cargo xtask simulate --exhaustive`, which is built
//! for speed.

use hallpass_simulation::scopes::{explore, miscounted};

#[test]
fn every_fault_at_every_point_of_the_short_stories_breaks_no_invariant() {
    let tallies = explore("", false);
    let failures: Vec<_> =
        tallies.iter().flat_map(|(story, tally)| tally.failures.iter().map(|failure| (story.name, failure))).collect();
    assert!(failures.is_empty(), "{failures:?}");
    let miscounted = miscounted(&tallies, false);
    assert!(miscounted.is_empty(), "{miscounted:?}");
}
