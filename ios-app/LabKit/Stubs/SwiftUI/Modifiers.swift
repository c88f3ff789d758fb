// Stands in for SwiftUI on Linux. See Stubs/README.md.

public struct Font: Sendable {
    public static let headline = Self(), body = Self(), caption = Self(), footnote = Self()
    public func monospaced() -> Font { self }
    public func monospacedDigit() -> Font { self }
}
public protocol ShapeStyle: Sendable {}
public struct Color: ShapeStyle { public static let red = Color(), secondary = Color() }
extension ShapeStyle where Self == Color {
    public static var red: Color { Color() }
    public static var secondary: Color { Color() }
}
public struct TextInputAutocapitalization { public static var never: Self { Self() } }
public struct AccessibilityTraits: Sendable { public static let updatesFrequently = Self() }

extension View {
    public func font(_ font: Font?) -> some View { self }
    public func foregroundStyle<Style: ShapeStyle>(_ style: Style) -> some View { self }
    public func disabled(_ isDisabled: Bool) -> some View { self }
    public func task(@_inheritActorContext _ action: @escaping @Sendable () async -> Void) -> some View { self }
    public func onChange<Value: Equatable>(of value: Value, _ action: @escaping (_ old: Value, _ new: Value) -> Void) -> some View { self }
    public func onOpenURL(perform action: @escaping (URL) -> Void) -> some View { self }
    public func autocorrectionDisabled(_ isDisabled: Bool = true) -> some View { self }
    public func textInputAutocapitalization(_ kind: TextInputAutocapitalization?) -> some View { self }
    public func textSelection(_ selectability: EnabledTextSelectability) -> some View { self }
    public func accessibilityIdentifier(_ identifier: String) -> some View { self }
    public func accessibilityLabel(_ label: LocalizedStringKey) -> some View { self }
    public func accessibilityAddTraits(_ traits: AccessibilityTraits) -> some View { self }
    public func navigationTitle(_ title: LocalizedStringKey) -> some View { self }
    public func toolbar<Content: ToolbarContent>(@ToolbarContentBuilder content: () -> Content) -> some View { self }
    public func sheet<Content: View>(isPresented: Binding<Bool>, @ViewBuilder content: @escaping () -> Content) -> some View { self }
}

public struct EnabledTextSelectability: Sendable { public static var enabled: Self { Self() } }

@MainActor @preconcurrency public protocol Scene {
    associatedtype Body: Scene
    @MainActor var body: Body { get }
}
extension Never: Scene {}
public struct WindowGroup<Content: View>: Scene {
    public init(@ViewBuilder content: () -> Content) {}
    public var body: Never { stub() }
}
@MainActor @preconcurrency public protocol App {
    associatedtype Body: Scene
    @MainActor var body: Body { get }
    @MainActor init()
}
