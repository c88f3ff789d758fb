// Stands in for SwiftUI on Linux. See Stubs/README.md.

public struct Text: SystemView {
    public init(_ key: LocalizedStringKey) {}
    public init(verbatim: String) {}
}
public struct Image: SystemView { public init(systemName: String) {} }
public struct Label<Title, Icon>: SystemView {}
extension Label where Title == Text, Icon == Image { public init(_ title: LocalizedStringKey, systemImage: String) {} }

public struct HorizontalAlignment: Sendable { public static let leading = Self(), center = Self() }
public struct VStack<Content: View>: SystemView {
    public init(alignment: HorizontalAlignment = .center, spacing: CGFloat? = nil, @ViewBuilder content: () -> Content) {}
}
public struct Form<Content: View>: SystemView { public init(@ViewBuilder content: () -> Content) {} }
public struct List<Content: View>: SystemView { public init(@ViewBuilder content: () -> Content) {} }
public struct Section<Content: View>: SystemView {
    public init(_ title: LocalizedStringKey, @ViewBuilder content: () -> Content) {}
}
public struct NavigationStack<Root: View>: SystemView { public init(@ViewBuilder root: () -> Root) {} }
public struct ForEach<Data: RandomAccessCollection, Content: View>: SystemView where Data.Element: Identifiable {
    public init(_ data: Data, @ViewBuilder content: @escaping (Data.Element) -> Content) {}
}
public struct LabeledContent<Label, Content>: SystemView {}
extension LabeledContent where Label == Text, Content: View {
    public init(_ title: LocalizedStringKey, @ViewBuilder content: () -> Content) {}
}

public struct ButtonRole: Sendable { public static let destructive = Self(), cancel = Self() }
public struct Button<Label: View>: SystemView {
    public init(role: ButtonRole? = nil, action: @escaping @MainActor () -> Void, @ViewBuilder label: () -> Label) {}
}
extension Button where Label == Text { public init(_ title: LocalizedStringKey, action: @escaping @MainActor () -> Void) {} }
public struct TextField: SystemView { public init(_ title: LocalizedStringKey, text: Binding<String>) {} }
public struct Toggle: SystemView { public init(_ title: LocalizedStringKey, isOn: Binding<Bool>) {} }
public struct ProgressView: SystemView { public init() {} }
public struct ShareLink: SystemView { public init(_ title: LocalizedStringKey, item: String) {} }

public struct TimelineViewContext { public var date: Date { stub() } }
public struct TimelineView<Schedule, Content: View>: SystemView {
    public init(_ schedule: Schedule, @ViewBuilder content: @escaping (TimelineViewContext) -> Content) {}
}

public struct ToolbarItemPlacement { public static let primaryAction = Self(), cancellationAction = Self(), confirmationAction = Self() }
@MainActor @preconcurrency public protocol ToolbarContent {}
public struct ToolbarItem<Content: View>: ToolbarContent {
    public init(placement: ToolbarItemPlacement, @ViewBuilder content: () -> Content) {}
}
public struct ToolbarItems<Items>: ToolbarContent {}
@resultBuilder public enum ToolbarContentBuilder {
    public static func buildBlock<each Item: ToolbarContent>(_ item: repeat each Item) -> ToolbarItems<(repeat each Item)> { stub() }
}
public struct PeriodicTimelineSchedule { public init(from start: Date, by interval: TimeInterval) {} }
