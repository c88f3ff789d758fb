// swift-tools-version: 6.0
import PackageDescription

#if os(Linux)
// Stand in for Apple's, so that the views and the tests that only Xcode runs are type-checked. See Stubs/README.md.
let stubs: [Target] = [
    .target(name: "SwiftUI", path: "Stubs/SwiftUI", swiftSettings: [.swiftLanguageMode(.v5)]),
    .target(name: "XCUIAutomation", path: "Stubs/XCUIAutomation"),
    .target(
        name: "HostedTests",
        dependencies: [
            "LabModel", .product(name: "Hallpass", package: "Hallpass"), .product(name: "SecurityStub", package: "Hallpass"),
            .product(name: "HallpassTesting", package: "Hallpass"), .product(name: "LabSupport", package: "Hallpass"),
        ], path: "HostedTests"),
    .target(name: "UITests", dependencies: ["XCUIAutomation"], path: "UITests"),
]
let interface: [Target.Dependency] = ["SwiftUI"]
// ld.bfd refuses a symbol of Swift 6.0's libswiftObservation.so (swiftlang/swift#75670).
let linking: [LinkerSetting] = [.unsafeFlags(["-use-ld=lld"])]
#else
let stubs: [Target] = []
let interface: [Target.Dependency] = []
let linking: [LinkerSetting] = []
#endif

let package = Package(
    name: "LabKit",
    defaultLocalization: "en",
    platforms: [.iOS(.v17), .macOS(.v14)],
    products: [
        .library(name: "LabModel", targets: ["LabModel"]),
        .library(name: "LabViews", targets: ["LabViews"]),
    ],
    dependencies: [.package(name: "Hallpass", path: "../../bindings/swift")],
    targets: [
        // What the app does, without SwiftUI.
        .target(name: "LabModel", dependencies: [.product(name: "Hallpass", package: "Hallpass")]),
        // How it looks.
        .target(name: "LabViews", dependencies: ["LabModel"] + interface),
        .testTarget(
            name: "LabModelTests",
            dependencies: [
                "LabModel", "LabViews", .product(name: "Hallpass", package: "Hallpass"),
                .product(name: "HallpassTesting", package: "Hallpass"), .product(name: "LabSupport", package: "Hallpass"),
            ], linkerSettings: linking),
    ] + stubs,
    swiftLanguageModes: [.v6]
)
