import XCTest
#if canImport(XCUIAutomation)
import XCUIAutomation
#endif

/// Plays the exercise in the app, against `lab serve` on this Mac.
@MainActor
final class ExerciseTests: XCTestCase {
    // Lazy: what makes a test case is bound to no actor, and an application is.
    private lazy var app = XCUIApplication()

    override func setUp() async throws {
        continueAfterFailure = false
        app.launchArguments = ["-fresh"]
        app.launch()
        if app.staticTexts["Signed in"].waitForExistence(timeout: 2) {
            app.buttons["logOut"].tap()
            allowTheBrowser()
        }
        XCTAssertTrue(app.staticTexts["No one is signed in"].waitForExistence(timeout: 20))
    }

    func testRefreshTokenBeforeLoginSaysThatThereIsNone() {
        app.buttons["refreshToken"].tap()
        XCTAssertTrue(app.staticTexts["No Refresh Token found"].waitForExistence(timeout: 10))
    }

    func testExerciseFromLoginToLogout() {
        app.buttons["logIn"].tap()
        signIn()
        XCTAssertTrue(app.staticTexts["Ada Lovelace"].waitForExistence(timeout: 20))
        app.buttons["callAPI"].tap()
        XCTAssertTrue(app.staticTexts["Pizza for a Coding Dojo session."].waitForExistence(timeout: 10))
        app.buttons["refreshToken"].tap()
        // The list makes rows that are on the screen only, and the log is below.
        scroll(to: text(beginning: "New access token"), by: { $0.swipeUp() })
        scroll(to: app.buttons["logOut"], by: { $0.swipeDown() })
        app.buttons["logOut"].tap()
        allowTheBrowser()
        XCTAssertTrue(app.staticTexts["No one is signed in"].waitForExistence(timeout: 20))
    }

    /// Fills in the tenant's page in the browser sheet, which is a process of its own.
    private func signIn() {
        allowTheBrowser()
        let page = app.webViews.firstMatch
        let username = page.textFields.firstMatch
        XCTAssertTrue(username.waitForExistence(timeout: 20))
        username.tap()
        username.typeText("ada@example.com")
        let password = page.secureTextFields.firstMatch
        password.tap()
        password.typeText("correct horse\n")
        // "Save Password?" would cover the sheet.
        let offer = XCUIApplication(bundleIdentifier: "com.apple.springboard").buttons["Not Now"]
        if offer.waitForExistence(timeout: 2) { offer.tap() }
    }

    /// "Hallpass Lab wants to use localhost to sign in".
    private func allowTheBrowser() {
        let question = XCUIApplication(bundleIdentifier: "com.apple.springboard").buttons["Continue"]
        if question.waitForExistence(timeout: 5) { question.tap() }
    }

    private func scroll(to element: XCUIElement, by swipe: (XCUIElement) -> Void) {
        for _ in 0..<6 where !element.waitForExistence(timeout: 2) { swipe(app) }
        XCTAssertTrue(element.waitForExistence(timeout: 5))
    }

    private func text(beginning start: String) -> XCUIElement {
        app.staticTexts.matching(NSPredicate(format: "label BEGINSWITH %@", start)).firstMatch
    }
}
