// Stands in for Apple's XCUIAutomation on Linux. See Stubs/README.md.
import Foundation

@MainActor open class XCUIElement {
    public var buttons: XCUIElementQuery { XCUIElementQuery() }
    public var staticTexts: XCUIElementQuery { XCUIElementQuery() }
    public var textFields: XCUIElementQuery { XCUIElementQuery() }
    public var secureTextFields: XCUIElementQuery { XCUIElementQuery() }
    public var webViews: XCUIElementQuery { XCUIElementQuery() }

    public func waitForExistence(timeout: TimeInterval) -> Bool { false }
    public func tap() {}
    public func swipeUp() {}
    public func swipeDown() {}
    public func typeText(_ text: String) {}
}

@MainActor public final class XCUIElementQuery {
    public var firstMatch: XCUIElement { XCUIApplication() }
    public subscript(key: String) -> XCUIElement { firstMatch }
    public func matching(_ predicate: NSPredicate) -> XCUIElementQuery { self }
}

@MainActor public final class XCUIApplication: XCUIElement {
    public var launchArguments: [String] = []

    public override init() {}
    public init(bundleIdentifier: String) {}
    public func launch() {}
}

extension NSPredicate {
    /// Foundation on Linux takes no format.
    public convenience init(format: String, _ arguments: any CVarArg...) { self.init { _, _ in false } }
}
