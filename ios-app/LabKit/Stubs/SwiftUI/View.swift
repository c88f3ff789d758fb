// Stands in for SwiftUI on Linux: signatures, no behaviour. See Stubs/README.md.
@_exported import Foundation
@_exported import Observation

@MainActor @preconcurrency public protocol View {
    associatedtype Body: View
    @ViewBuilder @MainActor @preconcurrency var body: Body { get }
}

/// A view that the system draws.
@MainActor @preconcurrency public protocol SystemView: View where Body == Never {}
extension SystemView { public var body: Never { stub() } }
extension Never: View { public var body: Never { stub() } }
extension Optional: View where Wrapped: View { public var body: Never { stub() } }

public func stub() -> Never { fatalError("a stub of SwiftUI was run") }

public struct EmptyView: SystemView { public init() {} }
public struct TupleView<Views>: SystemView {}
public struct EitherView<First: View, Second: View>: SystemView {}

@resultBuilder public enum ViewBuilder {
    public static func buildExpression<Content: View>(_ content: Content) -> Content { content }
    public static func buildBlock() -> EmptyView { EmptyView() }
    public static func buildBlock<Content: View>(_ content: Content) -> Content { content }
    public static func buildBlock<each Content: View>(_ content: repeat each Content) -> TupleView<(repeat each Content)> { stub() }
    public static func buildIf<Content: View>(_ content: Content?) -> Content? { content }
    public static func buildEither<First: View, Second: View>(first: First) -> EitherView<First, Second> { stub() }
    public static func buildEither<First: View, Second: View>(second: Second) -> EitherView<First, Second> { stub() }
}

@propertyWrapper public struct State<Value> {
    public var wrappedValue: Value { get { stub() } nonmutating set {} }
    public var projectedValue: Binding<Value> { stub() }
    public init(wrappedValue: Value) {}
    public init(initialValue: Value) {}
}

@propertyWrapper @dynamicMemberLookup public struct Binding<Value> {
    public var wrappedValue: Value { get { stub() } nonmutating set {} }
    public var projectedValue: Binding<Value> { self }
    public init(get: @escaping () -> Value, set: @escaping (Value) -> Void) {}
    public subscript<Member>(dynamicMember path: WritableKeyPath<Value, Member>) -> Binding<Member> { stub() }
}

@propertyWrapper public struct Environment<Value> {
    public var wrappedValue: Value { stub() }
    public init(_ path: KeyPath<EnvironmentValues, Value>) {}
}

@MainActor @preconcurrency public struct DismissAction: Sendable { public func callAsFunction() {} }
public enum ScenePhase: Sendable { case background, inactive, active }
public struct EnvironmentValues {
    public var dismiss: DismissAction { stub() }
    public var scenePhase: ScenePhase { stub() }
}

public struct LocalizedStringKey: ExpressibleByStringInterpolation {
    public init(stringLiteral value: String) {}
}
