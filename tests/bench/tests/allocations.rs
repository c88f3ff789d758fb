//! What does not depend on the machine is asserted, not only measured.

use hallpass_bench::allocations::count;
use hallpass_bench::fixture::{ALGORITHMS, Login};

#[test]
fn validating_an_id_token_allocates_at_most_five_times_on_top_of_ring() {
    for algorithm in ALGORITHMS {
        let login = Login::new(algorithm);
        let limit = count(|| login.verify());
        for own in [
            count(|| login.validate()) - limit,
            count(|| login.validate_with_access_token()) - limit,
            count(|| login.validate_among_100_keys()) - limit,
        ] {
            assert!(own <= 5, "{algorithm:?}: {own}");
        }
    }
}
