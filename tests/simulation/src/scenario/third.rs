//! What the third edition adds: servers as they are, and races of intents.

use super::{Beat, Change, Deed, HOUR, MINUTE, Plan, SECOND, Then};
use crate::dice::Dice;
use crate::server::{Reuse, Revocation, Words};

/// A record with the login's own tokens fits into this many bytes, one with many audiences does not.
const NARROW: usize = 4_000;

pub(super) fn extend(plan: &mut Plan, dice: &mut Dice) {
    let rules = &mut plan.rules;
    rules.reuse = dice.pick(&[Reuse::EndsFamily, Reuse::EndsFamily, Reuse::EndsUser, Reuse::Refuses]);
    rules.revocation = dice.pick(&[Revocation::Family, Revocation::Single, Revocation::User]);
    rules.words = match dice.below(12) {
        0 => Words::SaysReuse,
        1 => Words::Latin1,
        2 => Words::InSuccess,
        3 => Words::Dex,
        4 => Words::Gitea,
        5 => Words::Supabase,
        6 => Words::Empty,
        7 => Words::BadRefreshToken,
        _ => Words::InvalidGrant,
    };
    rules.offline_access = !dice.chance(40);
    rules.odd = dice.pick(&[0, 0, 20, 200]);
    rules.hiccups = dice.pick(&[0, 0, 20, 100]);
    rules.metadata_lifetime = dice.pick(&[None, None, Some(300), Some(3_600)]);
    if plan.weather.request_lost > 0 {
        plan.weather.fails_afterwards = dice.below(40);
        plan.weather.cut_at_the_end = dice.below(10);
    }
    for _ in 0..dice.below(5) {
        let at = usize::try_from(dice.below(plan.beats.len() as u64 + 1)).unwrap_or_default();
        let place = if plan.processes == 2 && dice.chance(500) { 1 } else { 0 };
        let (deed, pause) = deed(dice);
        plan.beats.insert(at, Beat { place, deed, pause });
        let callers = Deed::Callers { count: dice.pick(&[1, 5]), seed: dice.next() };
        plan.beats.insert(at + 1, Beat { place, deed: callers, pause: dice.below(2 * MINUTE) });
    }
}

fn deed(dice: &mut Dice) -> (Deed, u64) {
    let while_ = |dice: &mut Dice| dice.pick(&[10 * SECOND, 10 * MINUTE, 26 * HOUR]);
    let change = |change| Deed::World(change);
    match dice.below(24) {
        0..6 => {
            let then = dice.pick(&[Then::Logout, Then::Login("ada"), Then::Login("grace")]);
            let after = dice.pick(&[0, 10, 100, 1_000, 10_000, 40_000]);
            (Deed::Race { user: dice.pick(&["ada", "grace"]), then, after }, dice.below(MINUTE))
        }
        6 => (Deed::CallInVain(dice.pick(&[10, 40])), SECOND),
        7 => (change(Change::Limited(NARROW)), 0),
        8 => (Deed::AskForTenants(dice.pick(&[10, 40])), SECOND),
        9..11 => (Deed::OpenLocked(dice.pick(&[SECOND, MINUTE, HOUR])), dice.below(MINUTE)),
        11..14 => (change(Change::Vanished(while_(dice))), dice.below(MINUTE)),
        14..16 => (change(Change::NewKey), 0),
        16 => (change(Change::Moved), 0),
        17..19 => (change(Change::MetadataHangs(while_(dice))), dice.below(30 * HOUR)),
        19 => (change(Change::Denied(dice.pick(&[Some("reports"), Some("files"), None]))), 0),
        20..22 => (change(Change::Refusing(while_(dice))), dice.below(HOUR)),
        22 => (change(Change::RevokedBefore), 0),
        _ => (change(Change::Revoked), dice.below(MINUTE)),
    }
}
