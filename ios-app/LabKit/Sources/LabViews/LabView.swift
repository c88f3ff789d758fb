import LabModel
import SwiftUI

/// The exercise's screen: who is signed in, the four buttons, the expenses and the log.
public struct LabView: View {
    private let model: LabModel
    @SwiftUI.State private var showsSettings = false
    @Environment(\.scenePhase) private var phase

    /// The screen of `model`.
    public init(model: LabModel) { self.model = model }

    public var body: some View {
        NavigationStack {
            List {
                Section("Session") {
                    SessionRows(model: model)
                }
                Section("Exercise") {
                    ActionButton("Log In", symbol: "person.crop.circle.badge.checkmark", .logIn, model)
                    ActionButton("Call API", symbol: "list.bullet.rectangle", .callAPI, model)
                    ActionButton("Refresh Token", symbol: "arrow.clockwise", .refreshToken, model)
                    ActionButton("Log Out", symbol: "rectangle.portrait.and.arrow.right", .logOut, model)
                }
                if !model.expenses.isEmpty {
                    Section("Expenses") {
                        ForEach(model.expenses) { ExpenseRow(expense: $0) }
                    }
                }
                Section("Log") {
                    LogRows(model: model)
                }
            }
            .navigationTitle("Hallpass Lab")
            .toolbar {
                ToolbarItem(placement: .primaryAction) {
                    Button { showsSettings = true } label: { Label("Settings", systemImage: "gearshape") }
                        .accessibilityIdentifier("settings")
                }
            }
            .sheet(isPresented: $showsSettings) { SettingsView(model: model) }
        }
        .task { model.start() }
        .onChange(of: phase) { _, phase in if phase == .active { Task { await model.reload() } } }
        .onOpenURL { url in Task { await model.resume(url) } }
    }
}

/// One of the four buttons.
private struct ActionButton: View {
    private let title: LocalizedStringKey
    private let symbol: String
    private let action: LabModel.Action
    private let model: LabModel

    init(_ title: LocalizedStringKey, symbol: String, _ action: LabModel.Action, _ model: LabModel) {
        (self.title, self.symbol, self.action, self.model) = (title, symbol, action, model)
    }

    var body: some View {
        Button { Task { await model.perform(action) } } label: { Label(title, systemImage: symbol) }
            .disabled(model.running != nil)
            .accessibilityIdentifier("\(action)")
    }
}

/// Who is signed in, and for how long the access token lasts.
private struct SessionRows: View {
    let model: LabModel

    var body: some View {
        switch model.state {
        case .restoring(nil): ProgressView()
        case .restoring(.some):
            Button("Try Again") { Task { await model.reload() } }.accessibilityIdentifier("reload")
        case .signedOut:
            Text("No one is signed in").accessibilityIdentifier("state")
        case .signedIn(let user):
            LabeledContent("Signed in") { Text(verbatim: user.name ?? user.sub) }
                .accessibilityIdentifier("state")
        case .loginRequired(let user, _):
            LabeledContent("Signed in before") { Text(verbatim: user.name ?? user.sub) }
                .accessibilityIdentifier("state")
            ActionButton("Sign In Again", symbol: "person.crop.circle.badge.exclamationmark", .logIn, model)
        }
        if let obstacle = model.obstacle {
            Text(verbatim: obstacle).foregroundStyle(.secondary).accessibilityIdentifier("obstacle")
        }
        if model.expiresAt != nil {
            TimelineView(PeriodicTimelineSchedule(from: .now, by: 1)) { context in
                LabeledContent("Access token expires in") {
                    Text("\(model.secondsLeft(at: context.date) ?? 0) s").font(.body.monospacedDigit())
                }
            }
            .accessibilityIdentifier("countdown")
            .accessibilityAddTraits(.updatesFrequently)
        }
        if let failure = model.failure {
            Text(verbatim: failure).foregroundStyle(.red).accessibilityIdentifier("failure")
        }
    }
}

private struct ExpenseRow: View {
    let expense: Expense

    var body: some View {
        VStack(alignment: .leading) {
            Text(verbatim: expense.description).font(.headline)
            Text(verbatim: expense.value.formatted(.currency(code: "USD"))).font(.caption).foregroundStyle(.secondary)
        }
        .accessibilityIdentifier("expense")
    }
}

/// The debug area.
private struct LogRows: View {
    let model: LabModel

    var body: some View {
        ForEach(model.log) { entry in
            Text(verbatim: entry.text).font(.footnote.monospaced()).textSelection(.enabled)
        }
        ShareLink("Copy or Share", item: model.logText)
        Button("Clear") { model.clearLog() }
    }
}
