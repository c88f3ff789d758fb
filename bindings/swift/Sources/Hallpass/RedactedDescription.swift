/// A value that may carry a token or personal data: whatever prints it shows its description and no member.
public protocol RedactedDescription: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {}

extension RedactedDescription {
    /// The same as `description`.
    public var debugDescription: String { description }

    /// Without children: `dump` and the debugger look here.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}
