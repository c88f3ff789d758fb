//! The check that the invariants bite: each mutant breaks one rule, and has to be found.
//!
//! The mutants are deviations of the model client (`model.rs`), not of the engine, which has no switches for them. The
//! model without deviations has to pass the seeds in which the mutants are looked for.

use std::fmt;
use std::time::Instant;

use crate::client::Kind;
use crate::model::{Deviation, Policy};
use crate::summary::many;

/// Every mutant, by what it does wrong.
const MUTANTS: &[Policy] = &[
    mutant("publishes before it has saved", &[Deviation::PublishesFirst]),
    mutant("forgets a refresh token that could not be saved", &[Deviation::ForgetsUnsaved]),
    mutant("renews for each caller", &[Deviation::RenewsPerCaller]),
    mutant("lets the exchange end with its caller", &[Deviation::EndsWithCaller]),
    mutant("writes down no intent", &[Deviation::KeepsNoJournal]),
    mutant("gives up when no answer comes", &[Deviation::GivesUpUnanswered]),
    mutant("reads the store only once", &[Deviation::NeverReloads]),
    mutant("believes a refusal without a look at the store", &[Deviation::NeverCompares, Deviation::TakesNoLease]),
    mutant("takes no turns with other processes", &[Deviation::TakesNoLease]),
    mutant("takes any 4xx for the end", &[Deviation::EndsOnClientError]),
    mutant("takes 429 for the end", &[Deviation::EndsOnRateLimit]),
    mutant("takes 5xx for the end", &[Deviation::EndsOnServerError]),
    mutant("takes a captive portal for the end", &[Deviation::EndsOnGarbage]),
    mutant("does not wait as told", &[Deviation::NeverWaits]),
    mutant("throws answers with a short lifetime away", &[Deviation::DropsShortLifetimes]),
    mutant("gives out expired tokens", &[Deviation::IgnoresExpiry]),
    mutant("mixes audiences", &[Deviation::MixesAudiences]),
    mutant("takes a locked store for an empty one", &[Deviation::TakesFailureForAbsence]),
    mutant("polls while idle", &[Deviation::Polls]),
    mutant("shows what it sent in an error", &[Deviation::ShowsTokens]),
    mutant("forgets those who wait when a renewal fails", &[Deviation::ForgetsWaiters]),
];

const fn mutant(name: &'static str, deviations: &'static [Deviation]) -> Policy {
    Policy { name, deviations }
}

/// The model that keeps all rules.
pub(crate) const CORRECT: Policy = mutant("the model without a mutation", &[]);

/// What became of one mutant.
pub struct Verdict {
    /// What it does wrong.
    pub name: &'static str,
    /// The seed that found it, and the invariant that did not hold.
    pub found: Option<(u64, &'static str)>,
    seconds: f64,
}

/// Looks for each mutant in the first `seeds` seeds.
pub fn hunt(seeds: u64) -> impl Iterator<Item = Verdict> {
    MUTANTS.iter().map(move |mutant| judge(*mutant, seeds))
}

/// What the model without a mutation came to in the first `seeds` seeds.
pub fn control(seeds: u64) -> Verdict {
    judge(CORRECT, seeds)
}

fn judge(policy: Policy, seeds: u64) -> Verdict {
    let begun = Instant::now();
    let summary = many(0, seeds, Kind::Model(policy), true);
    let found = summary.failures.iter().next().map(|(seed, (rule, _))| (*seed, *rule));
    Verdict { name: policy.name, found, seconds: begun.elapsed().as_secs_f64() }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.found {
            Some((seed, rule)) => {
                write!(formatter, "found     {:<50} seed {seed}: {rule} ({:.1} s)", self.name, self.seconds)
            }
            None => write!(formatter, "NOT FOUND {:<50} ({:.1} s)", self.name, self.seconds),
        }
    }
}
