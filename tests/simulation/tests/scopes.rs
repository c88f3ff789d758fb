//! The short stories with every fault, as a test. Pairs of faults are for `cargo xtask simulate --exhaustive`, which is built
//! for speed.

use hallpass_simulation::scopes::{explore, known, known_with_one, miscounted};

#[test]
fn every_fault_at_every_point_of_the_short_stories_breaks_no_invariant() {
    let tallies = explore("", false);
    let failures: Vec<_> = tallies
        .iter()
        .flat_map(|(story, tally)| tally.failures.iter().map(move |(chosen, rule, what)| (*story, chosen, rule, what)))
        .collect();
    for (story, chosen, rule, what) in &failures {
        assert!(known(story, chosen).is_some(), "{} {chosen:?}: {rule}: {what}", story.name);
    }
    assert_eq!(failures.len(), known_with_one(), "a line of the list of what is known holds again: take it off");
    let miscounted = miscounted(&tallies, false);
    assert!(miscounted.is_empty(), "{miscounted:?}");
}
