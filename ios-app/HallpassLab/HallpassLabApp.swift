import Hallpass
import LabModel
import LabViews
import SwiftUI

/// The exercise as an app.
@main
struct HallpassLabApp: App {
    @SwiftUI.State private var model = LabModel(settings: StoredSettings.read()) { settings in
        StoredSettings.write(settings)
        return try Session(
            settings.config, store: settings.store, browser: WebBrowser(ephemeral: settings.usesPrivateBrowsing))
    }

    var body: some Scene {
        WindowGroup { LabView(model: model) }
    }
}

/// The settings, kept between launches. They hold no secret.
private enum StoredSettings {
    private static let key = "settings"

    /// Those that were written last; the lab's own when there are none. A test of the app starts with the lab's own.
    static func read() -> LabSettings {
        guard !ProcessInfo.processInfo.arguments.contains("-fresh"),
            let data = UserDefaults.standard.data(forKey: key),
            let settings = try? JSONDecoder().decode(LabSettings.self, from: data)
        else { return LabSettings() }
        return settings
    }

    static func write(_ settings: LabSettings) {
        UserDefaults.standard.set(try? JSONEncoder().encode(settings), forKey: key)
    }
}
