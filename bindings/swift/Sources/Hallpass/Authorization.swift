import Foundation
internal import HallpassBindings

/// The authorization of one request of the app's own HTTP client, by ``Session/authorize(_:_:minTTL:audience:scope:)``.
public struct Authorization: Sendable {
    /// The fields to set on the request, each in place of a field of the same name: `Authorization`, and `DPoP` when the access
    /// token is bound to a key. A proof is for this method and this URL (without its query), and for once.
    public let headers: [HTTPHeader]

    let receipt: HallpassBindings.Receipt?

    init(headers: [HTTPHeader], receipt: HallpassBindings.Receipt?) {
        self.headers = headers
        self.receipt = receipt
    }

    /// An authorization that belongs to no session; for tests and previews.
    public init(headers: [HTTPHeader]) { self.init(headers: headers, receipt: nil) }
}

extension Authorization: RedactedDescription {
    /// How many fields there are.
    public var description: String { "Authorization(\(headers.count) fields)" }
}
