//! What happens to the world.

use super::Change;
use crate::world::State;

/// Lets `change` happen.
pub(crate) fn change(state: &mut State, change: Change) {
    state.tell(&format!("world     {change:?}"));
    let now = state.now();
    match change {
        Change::Offline(duration) => state.weather.offline_until = now + duration,
        Change::Locked(duration) => state.storage.locked_until = now + duration,
        Change::Failing(duration) => state.storage.failing_until = now + duration,
        Change::Full(duration) => state.storage.full_until = now + duration,
        Change::Slow(duration) => state.storage.slow_until = now + duration,
        Change::FailsNext(count) => state.storage.failures = count,
        Change::StaleNext => state.storage.stale_reads = 1,
        Change::Invalidated => {
            state.ledger.invalidated = true;
            state.storage.invalidate();
        }
        Change::WallBy(millis) => {
            state.device.set_back |= millis < 0;
            state.device.set_forward |= millis > 0;
            state.device.wall_offset += millis;
        }
        Change::Reboot => {
            for process in 0..state.processes.len() {
                state.kill(process, "ends with the device");
            }
            state.device.booted = now;
            state.device.rebooted = true;
        }
        Change::Sleep(duration) => {
            for process in 0..state.processes.len() {
                if state.processes[process].alive {
                    state.suspend(process, duration);
                }
            }
        }
        Change::Upgraded => state.storage.upgrade(now),
        Change::Downgraded => state.storage.downgrade(),
        Change::Revoked => {
            if let Some(last) = state.server.families.len().checked_sub(1) {
                state.server.end(last);
            }
        }
        Change::RevokedBefore => {
            if let Some(before) = state.server.families.len().checked_sub(2) {
                state.server.end(before);
            }
        }
        Change::Vanished(duration) => state.storage.hidden_until = now + duration,
        Change::Limited(limit) => state.storage.limit = Some(limit),
        Change::NewKey => state.server.has_new_key = true,
        Change::Moved => state.server.has_moved = true,
        Change::MetadataHangs(duration) => state.weather.metadata_hangs_until = now + duration,
        Change::Denied(audience) => state.server.denied = audience,
        Change::Refusing(duration) => state.server.refuses_until = now + duration,
    }
}
