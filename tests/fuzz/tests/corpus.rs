//! Each committed seed through its target, as an ordinary test.
#![allow(clippy::unwrap_used, reason = "in a test a panic is a failure")]

use std::fs;
use std::path::{Path, PathBuf};

use hallpass_fuzz::Target;

#[test]
fn every_seed_holds_for_its_target() {
    for target in Target::ALL {
        let seeds = seeds(target);
        assert!(seeds.len() >= 3, "{} has {} seeds", target.name(), seeds.len());
        for seed in seeds {
            // The name of a seed that fails stands above the panic.
            println!("{}", seed.display());
            target.run(&fs::read(&seed).unwrap());
        }
    }
}

/// What a fuzzer does first; cheap, and it finds what falls over a length.
#[test]
fn every_seed_cut_short_anywhere_holds_for_its_target() {
    for target in Target::ALL {
        for seed in seeds(target) {
            println!("{}", seed.display());
            let data = fs::read(&seed).unwrap();
            (0..data.len()).for_each(|end| target.run(&data[..end]));
        }
    }
}

#[test]
fn folder_without_a_target_is_not_in_the_corpus() {
    for entry in fs::read_dir(corpus()).unwrap() {
        let name = entry.unwrap().file_name();
        assert!(Target::of_name(name.to_str().unwrap()).is_some(), "{name:?}");
    }
}

#[test]
fn every_target_is_found_by_its_name() {
    for target in Target::ALL {
        assert_eq!(Target::of_name(target.name()), Some(target));
    }
}

fn seeds(target: Target) -> Vec<PathBuf> {
    let mut seeds: Vec<PathBuf> =
        fs::read_dir(corpus().join(target.name())).unwrap().map(|entry| entry.unwrap().path()).collect();
    seeds.sort();
    seeds
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}
