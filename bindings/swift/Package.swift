// swift-tools-version: 6.0
import PackageDescription

#if os(Linux)
// The library is what `cargo build -p hallpass` has made, unless HALLPASS_LIBRARY names another folder. It is shared, not
// static: SwiftPM does not link again when only a static library has changed, and would test the old one.
let libraryFolder =
    Context.environment["HALLPASS_LIBRARY"] ?? "\(Context.packageDirectory)/../../target/debug"
let ffi = Target.systemLibrary(name: "HallpassFFI")
let ffiLinking: [LinkerSetting] = [
    .linkedLibrary("hallpass"),
    .unsafeFlags(["-L\(libraryFolder)", "-Xlinker", "-rpath", "-Xlinker", libraryFolder]),
]
// ld.bfd refuses a symbol of Swift 6.0's libswiftObservation.so (swiftlang/swift#75670).
let programLinking: [LinkerSetting] = [.unsafeFlags(["-use-ld=lld"])]
// Stands in for Apple's frameworks, so that the sources for Apple's systems are compiled and tested. See Stubs/README.md.
let stubs: [Target] = [
    .target(
        name: "AuthenticationServices", dependencies: ["UIKit"], path: "Stubs/AuthenticationServices",
        swiftSettings: [.swiftLanguageMode(.v5)]),
    .target(name: "CryptoKit", dependencies: ["Security"], path: "Stubs/CryptoKit"),
    .target(name: "Security", path: "Stubs/Security"),
    .target(name: "UIKit", path: "Stubs/UIKit", swiftSettings: [.swiftLanguageMode(.v5)]),
]
// For the tests of the app, which need the same one.
let stubProducts: [Product] = [.library(name: "SecurityStub", targets: ["Security"])]
let apple: [Target.Dependency] = ["AuthenticationServices", "CryptoKit", "Security", "UIKit"]
// As on Apple's systems, a closure that is bound to an actor and called elsewhere ends the process.
let appleSettings: [SwiftSetting] = [.define("HALLPASS_STUBS"), .unsafeFlags(["-enable-actor-data-race-checks"])]
#else
// Made by `cargo xtask xcframework`; a release of this package names its address and checksum instead.
let ffi = Target.binaryTarget(name: "HallpassFFI", path: "HallpassFFI.xcframework")
let ffiLinking: [LinkerSetting] = [.linkedFramework("Security")]
let programLinking: [LinkerSetting] = []
let stubs: [Target] = []
let stubProducts: [Product] = []
let apple: [Target.Dependency] = []
let appleSettings: [SwiftSetting] = []
#endif

// Generated. Its asynchronous callbacks do not compile in Swift 6 mode (mozilla/uniffi-rs#2929): when a release of UniFFI has
// the fix, this target takes the package's own mode.
let bindings = Target.target(
    name: "HallpassBindings", dependencies: ["HallpassFFI"], swiftSettings: [.swiftLanguageMode(.v5)],
    linkerSettings: ffiLinking)

let sources: [Target] = [
    .target(
        name: "Hallpass", dependencies: ["HallpassBindings"] + apple, resources: [.copy("PrivacyInfo.xcprivacy")],
        swiftSettings: appleSettings),
    .target(name: "HallpassTesting", dependencies: ["Hallpass"]),
    // Starts `lab serve`, and signs in there without a screen: for the tests of this project.
    .target(name: "LabSupport", dependencies: ["Hallpass"]),
    .executableTarget(name: "HallpassDrive", dependencies: ["Hallpass"], linkerSettings: programLinking),
]

let testDependencies: [Target.Dependency] = ["Hallpass", "HallpassBindings", "HallpassTesting", "LabSupport", "HallpassDrive"]
let tests: [Target] = [
    .testTarget(
        name: "HallpassTests", dependencies: testDependencies + apple, swiftSettings: appleSettings,
        linkerSettings: programLinking),
    .testTarget(name: "HallpassXCTests", dependencies: testDependencies, linkerSettings: programLinking),
]

let package = Package(
    name: "Hallpass",
    // `Duration` and `Clock` came with these.
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [
        .library(name: "Hallpass", targets: ["Hallpass"]),
        .library(name: "HallpassTesting", targets: ["HallpassTesting"]),
        .library(name: "LabSupport", targets: ["LabSupport"]),
        .executable(name: "hallpass-drive", targets: ["HallpassDrive"]),
    ] + stubProducts,
    targets: [ffi, bindings] + sources + tests + stubs,
    swiftLanguageModes: [.v6]
)
