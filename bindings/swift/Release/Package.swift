// swift-tools-version: 6.0
import PackageDescription

// The manifest of a release: `cargo xtask release` fills in address and checksum, and puts the sources beside it.
#if os(Linux)
// From the archive libhallpass of the same release: PKG_CONFIG_PATH names its folder lib/pkgconfig.
let ffi = Target.systemLibrary(name: "HallpassFFI", pkgConfig: "hallpass")
let ffiLinking: [LinkerSetting] = []
#else
let ffi = Target.binaryTarget(name: "HallpassFFI", url: "{url}", checksum: "{checksum}")
let ffiLinking: [LinkerSetting] = [.linkedFramework("Security")]
#endif

let package = Package(
    name: "Hallpass",
    // `Duration` and `Clock` came with these.
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [
        .library(name: "Hallpass", targets: ["Hallpass"]),
        .library(name: "HallpassTesting", targets: ["HallpassTesting"]),
    ],
    targets: [
        ffi,
        // Generated; see mozilla/uniffi-rs#2929.
        .target(
            name: "HallpassBindings", dependencies: ["HallpassFFI"], swiftSettings: [.swiftLanguageMode(.v5)],
            linkerSettings: ffiLinking),
        .target(name: "Hallpass", dependencies: ["HallpassBindings"], resources: [.copy("PrivacyInfo.xcprivacy")]),
        .target(name: "HallpassTesting", dependencies: ["Hallpass"]),
    ],
    swiftLanguageModes: [.v6]
)
