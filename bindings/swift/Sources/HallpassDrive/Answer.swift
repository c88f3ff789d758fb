import Hallpass

/// The lines that say why there is no result.
enum Answer {
    static func failure(_ id: JSON, _ error: any Error) -> JSON {
        switch error {
        case let error as HallpassError: .object(["id": id, "error": .object(members(of: error))])
        case let refusal as Refusal: self.refusal(id, refusal)
        default: refusal(id, Refusal(.notARequest, "\(error)"))
        }
    }

    static func refusal(_ id: JSON, _ refusal: Refusal) -> JSON {
        .object([
            "id": id,
            "error": .object([
                "kind": "InvalidRequest", "code": .string(refusal.code.rawValue), "retryable": false,
                "message": .string(refusal.message),
            ]),
        ])
    }

    private static func members(of error: HallpassError) -> [String: JSON] {
        var members: [String: JSON] = [
            "kind": .string(kind(of: error)), "code": .string(error.code), "retryable": .bool(error.isRetryable),
            "message": .string(error.description),
        ]
        if case .offline(_, let wait?) = error { members["retry_after"] = .double(wait / .seconds(1)) }
        return members
    }

    private static func kind(of error: HallpassError) -> String {
        switch error {
        case .cancelled: "Cancelled"
        case .loginRequired: "LoginRequired"
        case .offline: "Offline"
        case .stepUpRequired: "StepUpRequired"
        case .denied: "Denied"
        case .storage: "Storage"
        case .untrusted: "Untrusted"
        case .misconfigured: "Misconfigured"
        case .internal: "Internal"
        }
    }
}

/// Why a line is no request to this driver.
struct Refusal: Error {
    enum Code: String {
        case lineTooLong = "line_too_long"
        case notJSON = "not_json"
        case notARequest = "not_a_request"
        case unknownOp = "unknown_op"
        case unknownSession = "unknown_session"
        case sessionBusy = "session_busy"
    }

    let code: Code
    /// For whoever writes the test.
    let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}
