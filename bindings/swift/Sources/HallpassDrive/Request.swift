/// A line of input: what to do, and the name for its answer.
struct Request: Sendable {
    let id: JSON
    let operation: String
    let members: Members

    struct Refused: Error {
        let id: JSON
        let refusal: Refusal
    }

    /// The members of each operation besides `id` and `op`.
    static let operations: [String: Set<String>] = [
        "open": ["config", "store", "account"], "login_start": ["session", "params"],
        "login_finish": ["session", "callback"], "device_start": ["session", "params"],
        "device_finish": ["session"], "login_cancel": ["session"],
        "credentials": ["session", "min_ttl", "audience", "scope"], "renew": ["session"], "userinfo": ["session"],
        "user": ["session"], "state": ["session"], "reload": ["session"], "events": ["session", "count"],
        "call": ["session", "method", "url", "headers", "body"],
        "revoke": ["session"], "logout_url": ["session", "post_logout_redirect_uri"], "logout": ["session"],
        "advance": ["seconds"], "close": ["session"], "counters": ["session"],
    ]

    static func read(_ line: String) -> Result<Request, Refused> {
        guard let json = JSON(text: line) else {
            return .failure(Refused(id: .null, refusal: Refusal(.notJSON, "the line is not JSON")))
        }
        guard case .object(var members) = json else {
            return .failure(Refused(id: .null, refusal: Refusal(.notARequest, "a request is an object")))
        }
        let id: JSON
        switch members.removeValue(forKey: "id") {
        case let given? where given.isName: id = given
        case .some, .none:
            return .failure(Refused(id: .null, refusal: Refusal(.notARequest, "`id` is a number or a string")))
        }
        guard case .string(let operation)? = members.removeValue(forKey: "op") else {
            return .failure(Refused(id: id, refusal: Refusal(.notARequest, "`op` is a string")))
        }
        guard let known = operations[operation] else {
            return .failure(Refused(id: id, refusal: Refusal(.unknownOp, "there is no operation `\(operation)`")))
        }
        do {
            return .success(Request(id: id, operation: operation, members: try Members(members, of: operation, known: known)))
        } catch {
            return .failure(Refused(id: id, refusal: error))
        }
    }
}

/// The members of an object, read strictly.
struct Members: Sendable {
    private let values: [String: JSON]
    private let owner: String

    init(_ values: [String: JSON], of owner: String, known: Set<String>) throws(Refusal) {
        for name in values.keys where !known.contains(name) {
            throw Refusal(.notARequest, "`\(owner)`: unknown member `\(name)`")
        }
        self.values = values
        self.owner = owner
    }

    func string(_ name: String) throws(Refusal) -> String {
        guard let text = try text(name) else { throw missing(name) }
        return text
    }

    /// `nil` when there is none; null counts as none.
    func text(_ name: String) throws(Refusal) -> String? {
        switch values[name] {
        case .none, .null: nil
        case .string(let text): text
        case .some: throw wrong(name, "a string")
        }
    }

    func bool(_ name: String) throws(Refusal) -> Bool? {
        switch values[name] {
        case .none, .null: nil
        case .bool(let value): value
        case .some: throw wrong(name, "true or false")
        }
    }

    func seconds(_ name: String) throws(Refusal) -> Duration? {
        switch values[name] {
        case .none, .null: nil
        case .integer(let seconds) where seconds >= 0: .seconds(seconds)
        case .some: throw wrong(name, "a whole number of seconds")
        }
    }

    func count(_ name: String) throws(Refusal) -> Int? {
        switch values[name] {
        case .none, .null: nil
        case .integer(let count) where count >= 0: Int(clamping: count)
        case .some: throw wrong(name, "a whole number")
        }
    }

    func number(_ name: String) throws(Refusal) -> Double {
        switch values[name] {
        case .none: throw missing(name)
        case .integer(let number): Double(number)
        case .double(let number): number
        case .some: throw wrong(name, "a number")
        }
    }

    func texts(_ name: String) throws(Refusal) -> [String] {
        guard let value = values[name] else { return [] }
        guard case .array(let items) = value else { throw wrong(name, "a list of strings") }
        var texts: [String] = []
        for item in items {
            guard case .string(let text) = item else { throw wrong(name, "a list of strings") }
            texts.append(text)
        }
        return texts
    }

    func map(_ name: String) throws(Refusal) -> [String: String] {
        guard let value = values[name] else { return [:] }
        guard case .object(let object) = value else { throw wrong(name, "an object of strings") }
        var map: [String: String] = [:]
        for (key, value) in object {
            guard case .string(let text) = value else { throw wrong(name, "an object of strings") }
            map[key] = text
        }
        return map
    }

    func members(_ name: String, known: Set<String>) throws(Refusal) -> Members? {
        switch values[name] {
        case .none: nil
        case .object(let object): try Members(object, of: name, known: known)
        case .some: throw wrong(name, "an object")
        }
    }

    func missing(_ name: String) -> Refusal { Refusal(.notARequest, "`\(owner)`: missing member `\(name)`") }

    func wrong(_ name: String, _ right: String) -> Refusal {
        Refusal(.notARequest, "`\(owner)`: `\(name)` is \(right)")
    }
}

extension JSON {
    fileprivate var isName: Bool {
        switch self {
        case .integer, .double, .string: true
        case .null, .bool, .array, .object: false
        }
    }
}
