#if HALLPASS_STUBS
import AuthenticationServices
import Foundation
import Hallpass
import HallpassTesting
import LabSupport
import Testing

/// The browser sheet, driven by the stub that stands in for Apple's on this system (Stubs/README.md).
@Suite(.serialized, .timeLimit(.minutes(2)))
@MainActor
struct WebBrowserTests {
    private let page = URL(string: "https://login.example.com/authorize?x=1")!

    private func shown() async throws -> ASWebAuthenticationSession {
        while ASWebAuthenticationSession.shown.isEmpty { try await Task.sleep(for: .milliseconds(2)) }
        return ASWebAuthenticationSession.shown[0]
    }

    @Test func redirectIsReturnedAsItCame() async throws {
        let visit = Task { try await WebBrowser(ephemeral: true).open(page, redirectURI: "com.example.app:/callback") }
        let sheet = try await shown()
        #expect(sheet.url == page && sheet.callback == .customScheme("com.example.app"))
        #expect(sheet.prefersEphemeralWebBrowserSession)
        let callback = URL(string: "com.example.app:/callback?code=a%20b&state=s")!
        sheet.complete(callback, nil)
        #expect(try await visit.value.absoluteString == callback.absoluteString)
    }

    @Test func httpsRedirectIsWaitedForByHostAndPath() async throws {
        let visit = Task { try await WebBrowser().open(page, redirectURI: "https://app.example.com/ios/callback") }
        let sheet = try await shown()
        #expect(sheet.callback == .https(host: "app.example.com", path: "/ios/callback"))
        #expect(!sheet.prefersEphemeralWebBrowserSession)
        sheet.complete(nil, ASWebAuthenticationSessionError(.canceledLogin))
        await #expect(throws: BrowserError.cancelled) { try await visit.value }
    }

    @Test func errorOfTheSystemIsAFailureAndAClosedSheetIsNot() async throws {
        let outcomes: [(ASWebAuthenticationSessionError, BrowserError)] = [
            (.init(.canceledLogin), .cancelled), (.init(.presentationContextInvalid), .failed),
        ]
        for (error, expected) in outcomes {
            let visit = Task { try await WebBrowser().open(page, redirectURI: "com.example.app:/callback") }
            try await shown().complete(nil, error)
            await #expect(throws: expected) { try await visit.value }
        }
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
        await #expect(throws: BrowserError.failed) { try await WebBrowser().open(page, redirectURI: "com.example.app:/callback") }
        await #expect(throws: BrowserError.failed) { try await WebBrowser().open(page, redirectURI: "no redirect") }
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
