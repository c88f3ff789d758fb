//! When a process is killed, and where that has hit it.

use std::time::Duration;

use anyhow::{Result, bail};
use hallpass_tenant::{Endpoint, Fault, FaultKind, Outcome};
use tokio::time::{Instant, sleep};

use crate::child::{Driver, PATIENCE};
use crate::device::Device;
use crate::random::Random;
use crate::record::{self, Record};

/// How long the tenant holds a request or an answer back, in milliseconds, when a process is to be killed meanwhile.
const HELD: u64 = 150;

/// What is waited for before the kill.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Aim {
    /// Nothing: any instant from the call on.
    AnyInstant,
    /// The tenant has the request and has not acted on it.
    BeforeTheServerActs,
    /// The tenant has acted, and holds its answer back.
    BeforeTheAnswer,
    /// The answer is on its way.
    AtTheAnswer,
    /// A save has begun: its temporary file is there.
    AtASave,
}

/// What was there before the renewal that is to be hit.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) device: &'a Device,
    /// Renewals.
    pub(crate) seen: usize,
    /// Saves that a process killed before did not finish.
    pub(crate) left_behind: usize,
}

impl Aim {
    pub(crate) fn drawn(random: &mut Random) -> Self {
        match random.below(8) {
            0 | 1 => Self::AnyInstant,
            2 => Self::BeforeTheServerActs,
            3 | 4 => Self::BeforeTheAnswer,
            5 => Self::AtTheAnswer,
            _ => Self::AtASave,
        }
    }

    /// What the tenant does to the next renewal.
    pub(crate) fn fault(self, random: &mut Random) -> Option<Fault> {
        let kind = match self {
            Self::AnyInstant | Self::AtTheAnswer => return None,
            Self::BeforeTheServerActs => FaultKind::Delay { milliseconds: HELD },
            Self::BeforeTheAnswer => FaultKind::DelayedAnswer { milliseconds: HELD },
            // The first save is the note of the renewal, which needs no help; the second one follows the answer.
            Self::AtASave => FaultKind::DelayedAnswer { milliseconds: 1 + random.below(20) },
        };
        Some(Fault::once(Endpoint::Token, kind).for_grant_type("refresh_token"))
    }

    /// Waits for the instant.
    pub(crate) async fn wait(
        self,
        scene: Scene<'_>,
        driver: &mut Driver,
        renewal: u64,
        random: &mut Random,
    ) -> Result<()> {
        let Scene { device, seen, left_behind } = scene;
        match self {
            Self::AnyInstant => sleep(Duration::from_micros(random.below(40_000))).await,
            Self::BeforeTheServerActs | Self::BeforeTheAnswer => {
                until(driver, renewal, || Ok(device.renewals().len() > seen)).await?;
                sleep(Duration::from_millis(random.below(HELD / 2))).await;
            }
            Self::AtTheAnswer => {
                let answered = || device.renewals().get(seen).is_some_and(|renewal| renewal.status().is_some());
                until(driver, renewal, || Ok(answered())).await?;
                sleep(Duration::from_micros(random.below(5_000))).await;
            }
            Self::AtASave => {
                if random.below(3) > 0 {
                    until(driver, renewal, || Ok(device.renewals().len() > seen)).await?;
                }
                until(driver, renewal, || Ok(record::unfinished_saves(&device.store())? > left_behind)).await?;
            }
        }
        Ok(())
    }
}

/// Waits until `happened`, or until the renewal is answered: a save may be over before anybody looks, and a renewal that
/// a process before did not finish is finished when the session is opened, so that this one may send nothing itself.
async fn until(driver: &mut Driver, renewal: u64, happened: impl Fn() -> Result<bool>) -> Result<()> {
    let limit = Instant::now() + PATIENCE;
    while !happened()? && !driver.has_answered(renewal).await {
        if Instant::now() > limit {
            bail!("what a kill waits for did not happen in time, and neither did an answer");
        }
    }
    Ok(())
}

/// Where a kill has hit a renewal, told by the tenant's log and by what the store then held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hit {
    /// Nothing was written yet.
    BeforeTheNote,
    /// While the note of the renewal, or its end, was written.
    DuringASave,
    /// The note is durable; the tenant has seen nothing.
    BeforeItWasSent,
    /// The tenant had the request or held its answer back: the next refresh token is lost with the process.
    WhileTheServerHadIt,
    /// The tenant has answered, and the next refresh token is lost with the process.
    BeforeTheAnswerWasSaved,
    /// The next refresh token is durable.
    AfterTheSave,
}

impl Hit {
    pub(crate) const ALL: [Self; 6] = [
        Self::BeforeTheNote,
        Self::DuringASave,
        Self::BeforeItWasSent,
        Self::WhileTheServerHadIt,
        Self::BeforeTheAnswerWasSaved,
        Self::AfterTheSave,
    ];

    /// Where kills have to have hit before a run may call itself one.
    pub(crate) const ESSENTIAL: [Self; 2] = [Self::WhileTheServerHadIt, Self::AfterTheSave];

    /// Where a long run has to have hit: wherever something is lost, or could be.
    pub(crate) const ALL_THAT_LOSE: [Self; 5] = [
        Self::DuringASave,
        Self::BeforeItWasSent,
        Self::WhileTheServerHadIt,
        Self::BeforeTheAnswerWasSaved,
        Self::AfterTheSave,
    ];

    /// By the records before and after, how the renewal stood with the tenant at the kill, and the saves not finished.
    pub(crate) fn of(before: &Record, after: &Record, renewal: Option<Outcome>, unfinished: usize) -> Self {
        if unfinished > 0 {
            return Self::DuringASave;
        }
        if after.generation > before.generation {
            return Self::AfterTheSave;
        }
        match renewal {
            Some(Outcome::Answered { .. }) => Self::BeforeTheAnswerWasSaved,
            Some(Outcome::Dropped | Outcome::Pending) => Self::WhileTheServerHadIt,
            None if after.interrupted => Self::BeforeItWasSent,
            None => Self::BeforeTheNote,
        }
    }

    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::BeforeTheNote => "before anything was written",
            Self::DuringASave => "during a save",
            Self::BeforeItWasSent => "noted, not yet sent",
            Self::WhileTheServerHadIt => "sent, not yet answered",
            Self::BeforeTheAnswerWasSaved => "answered, not yet saved",
            Self::AfterTheSave => "after the save",
        }
    }
}
