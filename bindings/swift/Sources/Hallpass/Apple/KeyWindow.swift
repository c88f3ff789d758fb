#if canImport(AuthenticationServices)
import AuthenticationServices

#if canImport(UIKit)
import UIKit

extension ASPresentationAnchor {
    /// The key window of the scene that the user looks at; `nil` when the app is in the background, and the sheet would open in
    /// no scene. In an extension the system knows the window itself.
    @MainActor static var inUse: ASPresentationAnchor? {
        guard let application = UIApplication.ofThisProcess else { return ASPresentationAnchor() }
        let scenes = application.connectedScenes.compactMap { $0 as? UIWindowScene }
        // An alert of the system's, or a launch that is not over, makes a scene inactive and leaves it in front.
        let active = scenes.first { $0.activationState == .foregroundActive }
        guard let scene = active ?? scenes.first(where: { $0.activationState == .foregroundInactive }) else { return nil }
        return scene.windows.first { $0.isKeyWindow } ?? scene.windows.first ?? UIWindow(windowScene: scene)
    }
}

extension UIApplication {
    /// `shared`, which code that may be part of an extension cannot name. An extension has none.
    fileprivate static var ofThisProcess: UIApplication? {
        let shared = Selector(("sharedApplication"))
        guard !Bundle.main.bundlePath.hasSuffix(".appex"), responds(to: shared) else { return nil }
        return perform(shared)?.takeUnretainedValue() as? UIApplication
    }
}
#elseif canImport(AppKit)
import AppKit

extension ASPresentationAnchor {
    /// The key window; a new one for a program that has none, such as one that lives in the menu bar.
    @MainActor static var inUse: ASPresentationAnchor? {
        NSApplication.shared.keyWindow ?? NSApplication.shared.mainWindow ?? ASPresentationAnchor()
    }
}
#endif
#endif
