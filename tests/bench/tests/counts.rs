//! What does not depend on the machine is asserted, not only measured.

use std::path::Path;
use std::time::Duration;

use hallpass_bench::allocations::count;
use hallpass_bench::counts;
use hallpass_bench::fixture::{ALGORITHMS, Login};
use hallpass_bench::measures::{idle, store};

#[test]
fn every_count_is_what_the_file_says_it_was() {
    let file = include_str!("../counts.toml").parse::<toml::Table>().unwrap();
    let counted: Vec<(String, i64)> =
        counts::all().unwrap().into_iter().map(|(name, count)| (name, i64::try_from(count).unwrap())).collect();
    let known: Vec<(String, i64)> = file["counts"]
        .as_table()
        .unwrap()
        .iter()
        .map(|(name, count)| (name.clone(), count.as_integer().unwrap()))
        .collect();
    let differs: Vec<String> = counted
        .iter()
        .filter(|one| !known.contains(one))
        .map(|(name, count)| format!("{name} is {count}"))
        .chain(known.iter().filter(|one| !counted.contains(one)).map(|(name, count)| format!("{name} was {count}")))
        .collect();
    assert!(differs.is_empty(), "`cargo xtask bench --renew` writes what is: {differs:#?}");
}

#[test]
fn an_app_that_starts_reads_its_store_once() {
    assert_eq!(store::count().unwrap().reads_to_restore, 1);
}

#[test]
fn a_renewal_with_a_reusable_token_writes_once_before_any_caller_goes_on() {
    let counts = store::count().unwrap();
    assert_eq!((counts.reusable.1, counts.late_writes), (1, 0), "{counts:?}");
}

#[test]
fn a_renewal_with_a_token_for_one_use_also_writes_its_intent() {
    let counts = store::count().unwrap();
    assert_eq!((counts.rotating.1, counts.late_writes), (2, 0), "{counts:?}");
}

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

#[test]
#[cfg(target_os = "linux")]
fn a_process_that_has_renewed_and_has_nothing_to_do_does_not_wake_up() {
    let seen = idle::watch(Path::new(env!("CARGO_BIN_EXE_hallpass-bench")), Duration::from_secs(10)).unwrap();
    assert_eq!(seen.wake_ups, 0, "{seen:?}");
}
