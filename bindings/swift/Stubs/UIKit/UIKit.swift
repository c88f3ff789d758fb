// Stands in for Apple's UIKit on Linux. See Stubs/README.md.
import Foundation

/// The name of a method.
public struct Selector: Equatable, Sendable {
    let name: String
    public init(_ name: String) { self.name = name }
}

@MainActor open class UIResponder: NSObject {
    public nonisolated override init() {}
}

/// Not to be named in an app extension: `shared` is reached by its selector.
open class UIApplication: UIResponder {
    /// Not in Apple's: the application of this process, for tests.
    public static var current: UIApplication? = UIApplication()

    public var connectedScenes: Set<UIScene> = []

    public class func responds(to selector: Selector!) -> Bool { selector == Selector("sharedApplication") }

    public class func perform(_ selector: Selector!) -> Unmanaged<AnyObject>! { current.map { Unmanaged.passUnretained($0) } }
}

open class UIScene: UIResponder {
    public enum ActivationState: Int, Sendable {
        case unattached = -1
        case foregroundActive
        case foregroundInactive
        case background
    }

    public var activationState = ActivationState.unattached
}

open class UIWindowScene: UIScene {
    public var windows: [UIWindow] = []
}

open class UIWindow: UIResponder {
    public weak var windowScene: UIWindowScene?
    public var isKeyWindow = false

    public convenience init(windowScene: UIWindowScene) {
        self.init()
        self.windowScene = windowScene
    }
}
