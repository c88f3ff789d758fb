import Foundation

/// An expense, as the lab's API has it.
public struct Expense: Decodable, Sendable, Hashable, Identifiable {
    public let description: String
    public let value: Double
    public let date: Date

    public var id: String { "\(description) \(date.timeIntervalSince1970) \(value)" }

    /// An expense; for previews.
    public init(description: String, value: Double, date: Date) {
        self.description = description
        self.value = value
        self.date = date
    }
}
