/// What is known of a session, for a log or a support case: why it is as it is, and what its last renewals came to. Log-safe: no
/// token, no name of a user and no text of a server's but the name of a request is in it.
public struct Report: Sendable, Hashable {
    /// Values by name, in the manner of OpenTelemetry's attributes; what is not known is left out.
    public let attributes: [String: String]

    /// A report as a session makes one; for tests and previews.
    public init(attributes: [String: String]) { self.attributes = attributes }
}

extension Report: CustomStringConvertible {
    /// The attributes, one a line as `name=value`, in order of their names.
    public var description: String {
        attributes.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: "\n")
    }
}
