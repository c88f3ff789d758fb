#if HALLPASS_STUBS
import AuthenticationServices
import Foundation
import Hallpass
import HallpassTesting
import LabSupport
import Testing
import UIKit

/// The browser sheet, driven by the stub that stands in for Apple's on this system (Stubs/README.md).
@Suite(.serialized, .timeLimit(.minutes(2)))
@MainActor
struct WebBrowserTests {
    /// The window in which the app is used.
    private let window: UIWindow

    init() {
        let scene = UIWindowScene()
        window = UIWindow(windowScene: scene)
        window.isKeyWindow = true
        scene.windows = [UIWindow(windowScene: scene), window]
        scene.activationState = .foregroundActive
        let behind = UIWindowScene()
        behind.windows = [UIWindow(windowScene: behind)]
        behind.activationState = .background
        UIApplication.current?.connectedScenes = [behind, scene]
    }

    private let page = URL(string: "https://login.example.com/authorize?x=1")!

    private func shown() async throws -> ASWebAuthenticationSession {
        while ASWebAuthenticationSession.shown.isEmpty { try await Task.sleep(for: .milliseconds(2)) }
        return ASWebAuthenticationSession.shown[0]
    }

    @Test func redirectIsReturnedAsItCame() async throws {
        let visit = Task { try await WebBrowser(ephemeral: true).open(page, redirectURI: "com.example.app:/callback") }
        let sheet = try await shown()
        #expect(sheet.url == page && sheet.callback.kind == .customScheme("com.example.app"))
        #expect(sheet.prefersEphemeralWebBrowserSession)
        let callback = URL(string: "com.example.app:/callback?code=a%20b&state=s")!
        sheet.complete(callback, nil)
        #expect(try await visit.value.absoluteString == callback.absoluteString)
    }

    @Test func httpsRedirectIsWaitedForByHostAndPath() async throws {
        let visit = Task { try await WebBrowser().open(page, redirectURI: "https://app.example.com/ios/callback") }
        let sheet = try await shown()
        #expect(sheet.callback.kind == .https(host: "app.example.com", path: "/ios/callback"))
        #expect(!sheet.prefersEphemeralWebBrowserSession)
        sheet.complete(nil, ASWebAuthenticationSessionError(.canceledLogin))
        await #expect(throws: BrowserError.cancelled) { try await visit.value }
    }

    @Test func errorOfTheSystemIsAFailureAndAClosedSheetIsNot() async throws {
        let outcomes: [(ASWebAuthenticationSessionError, BrowserError)] = [
            (.init(.canceledLogin), .cancelled), (.init(.presentationContextInvalid), .failed()),
        ]
        for (error, expected) in outcomes {
            let visit = Task { try await WebBrowser().open(page, redirectURI: "com.example.app:/callback") }
            try await shown().complete(nil, error)
            await #expect(throws: expected) { try await visit.value }
        }
    }

    /// How the system reports a domain without an association: as a sheet that its user closed, with a reason.
    @Test func httpsRedirectOfADomainThatIsNotTheAppsSaysWhatToDo() async throws {
        let reason = [NSLocalizedFailureReasonErrorKey: "Application is not associated with domain app.example.com"]
        let refused = ASWebAuthenticationSessionError(.canceledLogin, userInfo: reason)
        let visit = Task { try await WebBrowser().open(page, redirectURI: "https://app.example.com/callback") }
        try await shown().complete(nil, refused)
        await #expect(throws: BrowserError.redirectNotAssociated) { try await visit.value }

        let lab = try await LabServer()
        defer { lab.stop() }
        let session = try Session(lab.config(), store: .memory, browser: FakeBrowser { _, _ in throw BrowserError.redirectNotAssociated })
        do {
            try await session.login()
            Issue.record("signed in")
        } catch .misconfigured(let field, let fix) {
            #expect(field == "redirect_uri" && fix.contains("webcredentials:"))
        } catch {
            Issue.record("\(error)")
        }
        // With a scheme of the app's own there is nothing to associate.
        let other = Task { try await WebBrowser().open(page, redirectURI: "com.example.app:/callback") }
        try await shown().complete(nil, refused)
        await #expect(throws: BrowserError.cancelled) { try await other.value }
    }

    @Test func sheetOpensOverTheKeyWindowOfTheSceneInFront() async throws {
        let visit = Task { try await WebBrowser().open(page, redirectURI: "com.example.app:/callback") }
        let sheet = try await shown()
        #expect(sheet.anchor === window)
        sheet.complete(nil, ASWebAuthenticationSessionError(.canceledLogin))
        _ = try? await visit.value
        let own = UIWindow()
        let another = Task { try await WebBrowser(anchor: { own }).open(page, redirectURI: "com.example.app:/callback") }
        let second = try await shown()
        #expect(second.anchor === own)
        second.complete(nil, ASWebAuthenticationSessionError(.canceledLogin))
        _ = try? await another.value
    }

    @Test func appInTheBackgroundOpensNothingAndIsNotBroken() async throws {
        for scene in UIApplication.current?.connectedScenes ?? [] { scene.activationState = .background }
        await #expect(throws: BrowserError.cancelled) { try await WebBrowser().open(page, redirectURI: "com.example.app:/callback") }
        #expect(ASWebAuthenticationSession.shown.isEmpty)
    }

    @Test func extensionThatHasNoApplicationOpensASheet() async throws {
        let application = UIApplication.current
        UIApplication.current = nil
        defer { UIApplication.current = application }
        let visit = Task { try await WebBrowser().open(page, redirectURI: "com.example.app:/callback") }
        let sheet = try await shown()
        #expect(sheet.anchor != nil)
        sheet.complete(nil, ASWebAuthenticationSessionError(.canceledLogin))
        await #expect(throws: BrowserError.cancelled) { try await visit.value }
    }

    @Test func taskThatIsCancelledClosesTheSheet() async throws {
        let visit = Task { try await WebBrowser().open(page, redirectURI: "com.example.app:/callback") }
        let sheet = try await shown()
        visit.cancel()
        await #expect(throws: BrowserError.cancelled) { try await visit.value }
        #expect(sheet.isCancelled)
        // What it says afterwards is too late, and does no harm.
        sheet.complete(nil, ASWebAuthenticationSessionError(.canceledLogin))
    }

    @Test func sheetThatCannotStartIsAFailure() async throws {
        ASWebAuthenticationSession.canStart = false
        defer { ASWebAuthenticationSession.canStart = true }
        await #expect(throws: BrowserError.failed(.notShown)) { try await WebBrowser().open(page, redirectURI: "com.example.app:/callback") }
        await #expect(throws: BrowserError.failed()) { try await WebBrowser().open(page, redirectURI: "no redirect") }
    }

    @Test func wholeLoginGoesThroughTheSheetAndCancellingItsTaskClosesIt() async throws {
        let lab = try await LabServer()
        defer { lab.stop() }
        let session = try Session(lab.config(), store: .memory)
        let login = Task { try await session.login() }
        let sheet = try await shown()
        sheet.complete(try await LabBrowser().open(sheet.url, redirectURI: LabServer.redirectURI), nil)
        #expect(try await login.value.name == "Ada Lovelace")
        let again = Task { try await session.login() }
        let second = try await shown()
        again.cancel()
        await #expect(throws: HallpassError.cancelled) { try await again.value }
        while !second.isCancelled { try await Task.sleep(for: .milliseconds(2)) }
    }
}
#endif
