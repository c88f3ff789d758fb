// swift-tools-version: 6.0
import PackageDescription

// The repository of a release; a real app names its address on the net.
let repository = Context.environment["HALLPASS_REPOSITORY"] ?? "."
let version = Version(Context.environment["HALLPASS_VERSION"] ?? "0.0.0")!

let package = Package(
    name: "Consumer",
    platforms: [.iOS(.v16), .macOS(.v13)],
    dependencies: [.package(url: repository, exact: version)],
    targets: [
        .executableTarget(name: "Consumer", dependencies: [.product(name: "Hallpass", package: "hallpass-swift")])
    ],
    swiftLanguageModes: [.v6]
)
