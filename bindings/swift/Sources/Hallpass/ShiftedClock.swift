internal import HallpassBindings

/// The device's clocks, moved: for tests of what happens when time has passed. Several sessions may share one.
public final class ShiftedClock: Sendable {
    let core = HallpassBindings.ShiftedClock()

    /// Clocks that have not been moved yet.
    public init() {}

    /// Moves the time, in whole milliseconds. A negative duration sets the wall clock back, as a user can; the boot clock
    /// never goes back.
    public func advance(by duration: Duration) {
        core.advance(milliseconds: duration.signedMilliseconds)
    }
}
