import Foundation

/// A request to an API, without its authorization; ``Session/call(_:)`` sends it.
public struct ApiRequest: Sendable, Hashable {
    /// `GET`, `POST`, `PUT`, `PATCH`, `DELETE`, `HEAD` or `OPTIONS`.
    public var method: String
    /// An absolute URL below one of ``Config/apiOrigins``.
    public var url: URL
    /// The header fields, in order.
    public var headers: [HTTPHeader]
    /// The body. It is kept for a repeat.
    public var body: Data
    /// For how long the access token has to be valid at least.
    public var minTTL: Duration
    /// For another API than the one of the login (Auth0).
    public var audience: String?
    /// With a narrower scope than the one of the login.
    public var scope: String?

    /// A request with any method.
    public init(_ method: String, _ url: URL, headers: [HTTPHeader] = [], body: Data = Data()) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        minTTL = Session.defaultMinTTL
    }

    /// A `GET` request.
    public static func get(_ url: URL) -> ApiRequest { ApiRequest("GET", url) }

    /// A `POST` request with a JSON body.
    ///
    /// - Throws: `EncodingError`.
    public static func post(_ url: URL, json value: some Encodable, encoder: JSONEncoder = JSONEncoder()) throws -> ApiRequest {
        let headers = [HTTPHeader(name: "Content-Type", value: "application/json")]
        return ApiRequest("POST", url, headers: headers, body: try encoder.encode(value))
    }
}

/// What an API answered.
public struct ApiReply: Sendable, Hashable {
    /// The status code. A 401 here is the API's answer to a token that was renewed just now.
    public let status: Int
    /// The header fields, in order.
    public let headers: [HTTPHeader]
    /// The body, as it came; 16 MiB at most.
    public let body: Data
    /// How often the access token was renewed for this call: 0 or 1.
    public let renewals: Int

    /// A reply as a session returns one; for tests and previews.
    public init(status: Int, headers: [HTTPHeader] = [], body: Data = Data(), renewals: Int = 0) {
        self.status = status
        self.headers = headers
        self.body = body
        self.renewals = renewals
    }

    /// The body, decoded from JSON.
    ///
    /// - Throws: `DecodingError`.
    public func decoded<Value: Decodable>(as type: Value.Type, decoder: JSONDecoder = JSONDecoder()) throws -> Value {
        try decoder.decode(type, from: body)
    }
}

/// One header field. Its description shows the name only: the value may be a token.
public struct HTTPHeader: Sendable, Hashable {
    /// The name; case does not matter (RFC 9110 §5.1).
    public var name: String
    /// The value.
    public var value: String

    /// A header field.
    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}

extension ApiRequest: RedactedDescription {
    /// The method and the size of the body.
    public var description: String { "ApiRequest(\(method), \(body.count) bytes)" }
}

extension ApiReply: RedactedDescription {
    /// The status and the size of the body.
    public var description: String { "ApiReply(\(status), \(body.count) bytes)" }
}

extension HTTPHeader: RedactedDescription {
    /// The name.
    public var description: String { "HTTPHeader(\(name))" }
}
