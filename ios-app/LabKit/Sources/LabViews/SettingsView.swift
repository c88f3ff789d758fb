import LabModel
import SwiftUI

/// Which tenant, which scopes, and how the session is kept.
struct SettingsView: View {
    private let model: LabModel
    @SwiftUI.State private var settings: LabSettings
    @Environment(\.dismiss) private var dismiss

    init(model: LabModel) {
        self.model = model
        _settings = SwiftUI.State(initialValue: model.settings)
    }

    var body: some View {
        NavigationStack {
            Form {
                Section("Tenant") {
                    field("Issuer", $settings.issuer)
                    field("Client ID", $settings.clientID)
                    field("Audience", $settings.audience)
                    field("API address", $settings.apiAddress)
                }
                Section("Scopes") {
                    field("Scope", $settings.scope)
                    Toggle("Ask for offline access", isOn: $settings.asksForOfflineAccess)
                }
                Section("This device") {
                    Toggle("Biometric lock", isOn: $settings.asksForBiometry)
                    Toggle("Private browsing", isOn: $settings.usesPrivateBrowsing)
                }
            }
            .navigationTitle("Settings")
            .toolbar {
                ToolbarItem(placement: .cancellationAction) { Button("Cancel") { dismiss() } }
                ToolbarItem(placement: .confirmationAction) {
                    Button("Done") {
                        model.apply(settings)
                        dismiss()
                    }
                }
            }
        }
    }

    private func field(_ title: LocalizedStringKey, _ text: Binding<String>) -> some View {
        LabeledContent(title) { TextField(title, text: text) }
            .autocorrectionDisabled()
            #if !os(macOS)
            .textInputAutocapitalization(.never)
            #endif
    }
}
