import Foundation
import Testing

/// The files that only Xcode reads, held together: what each names has to exist.
struct ProjectTests {
    private let app: URL = {
        var folder = URL(fileURLWithPath: #filePath)
        for _ in 0..<4 { folder.deleteLastPathComponent() }
        return folder
    }()

    private func text(_ path: String) throws -> String {
        try String(contentsOf: app.appendingPathComponent(path), encoding: .utf8)
    }

    private func propertyList(_ path: String) throws -> [String: Any] {
        let data = try Data(contentsOf: app.appendingPathComponent(path))
        return try #require(try PropertyListSerialization.propertyList(from: data, format: nil) as? [String: Any])
    }

    /// The project is a property list in the old ASCII form.
    private func objects() throws -> [String: [String: Any]] {
        let project = try propertyList("HallpassLab.xcodeproj/project.pbxproj")
        #expect(project["objectVersion"] as? String == "77")
        let objects = try #require(project["objects"] as? [String: [String: Any]])
        #expect(objects[project["rootObject"] as? String ?? ""]?["isa"] as? String == "PBXProject")
        return objects
    }

    @Test func everyObjectThatTheProjectRefersToIsInIt() throws {
        let objects = try objects()
        func check(_ value: Any) {
            if let text = value as? String, text.hasPrefix("A1"), text.count == 24 {
                #expect(objects[text] != nil, "no object \(text)")
            } else if let list = value as? [Any] {
                list.forEach(check)
            } else if let table = value as? [String: Any] {
                table.values.forEach(check)
            }
        }
        objects.values.forEach { check($0) }
    }

    @Test func everyFolderPackageAndFileThatTheProjectNamesExists() throws {
        for object in try objects().values {
            let isa = object["isa"] as? String
            let settings = object["buildSettings"] as? [String: Any] ?? [:]
            let paths = [
                isa == "PBXFileSystemSynchronizedRootGroup" ? object["path"] : nil,
                isa == "XCLocalSwiftPackageReference" ? object["relativePath"] : nil,
                settings["INFOPLIST_FILE"], settings["CODE_SIGN_ENTITLEMENTS"],
            ]
            for case let path as String in paths {
                #expect(FileManager.default.fileExists(atPath: app.appendingPathComponent(path).path), "\(path)")
            }
        }
    }

    @Test func schemeRunsTheAppAndItsTests() throws {
        let scheme = try text("HallpassLab.xcodeproj/xcshareddata/xcschemes/HallpassLab.xcscheme")
        let named = scheme.matches(of: /BlueprintIdentifier = "([^"]+)"/).map { String($0.1) }
        let targets = try objects().filter { $0.value["isa"] as? String == "PBXNativeTarget" }.keys
        #expect(Set(named) == Set(targets))
    }

    @Test func keychainTestsRunWithinTheAppAndItsEntitlements() throws {
        let objects = try objects()
        let hosted = try #require(
            objects.values.first { $0["productType"] as? String == "com.apple.product-type.bundle.unit-test" })
        let configurations = objects[hosted["buildConfigurationList"] as? String ?? ""]?["buildConfigurations"] as? [String] ?? []
        #expect(configurations.count == 2)
        for configuration in configurations {
            let settings = objects[configuration]?["buildSettings"] as? [String: Any] ?? [:]
            #expect(settings["TEST_HOST"] as? String == "$(BUILT_PRODUCTS_DIR)/HallpassLab.app/HallpassLab")
        }
        let groups = hosted["fileSystemSynchronizedGroups"] as? [String] ?? []
        #expect(groups.map { objects[$0]?["path"] as? String } == ["LabKit/HostedTests"])
    }

    @Test func eachProductThatATargetLinksIsOneOfItsPackages() throws {
        let objects = try objects()
        let products = Set(["Hallpass", "HallpassTesting", "LabSupport", "LabModel", "LabViews"])
        for target in objects.values where target["isa"] as? String == "PBXNativeTarget" {
            let dependencies = target["packageProductDependencies"] as? [String] ?? []
            #expect(Set(dependencies.compactMap { objects[$0]?["productName"] as? String }).isSubset(of: products))
            let phases = (target["buildPhases"] as? [String] ?? []).compactMap { objects[$0] }
            let files = phases.flatMap { $0["files"] as? [String] ?? [] }.compactMap { objects[$0]?["productRef"] as? String }
            // What is depended on is linked, and nothing else.
            #expect(Set(files) == Set(dependencies))
        }
    }

    @Test func appDeclaresItsSchemeAndLocalNetworkingOnly() throws {
        let info = try propertyList("HallpassLab/Info.plist")
        let types = try #require(info["CFBundleURLTypes"] as? [[String: Any]])
        #expect(types.compactMap { $0["CFBundleURLSchemes"] as? [String] } == [["com.example.hallpass.lab"]])
        let security = try #require(info["NSAppTransportSecurity"] as? [String: Any])
        #expect(security.keys.sorted() == ["NSAllowsLocalNetworking"])
        let entitlements = try propertyList("HallpassLab/HallpassLab.entitlements")
        #expect(entitlements.keys.sorted() == ["com.apple.security.application-groups", "keychain-access-groups"])
        let privacy = try propertyList("HallpassLab/PrivacyInfo.xcprivacy")
        #expect(privacy["NSPrivacyTracking"] as? Bool == false)
        // What an upload asks for: nothing but exempt encryption, and every orientation of an iPad (ITMS-90474).
        #expect(info["ITSAppUsesNonExemptEncryption"] as? Bool == false)
        #expect((info["UISupportedInterfaceOrientations"] as? [String])?.count == 4)
    }

    @Test func everyTextOfTheViewsIsInTheCatalog() throws {
        let data = try Data(contentsOf: app.appendingPathComponent("HallpassLab/Localizable.xcstrings"))
        let catalog = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let strings = try #require(catalog["strings"] as? [String: Any])
        let pattern =
            /(?:Text|Section|Label|Toggle|Button|LabeledContent|ActionButton|ShareLink|field|navigationTitle)\("([^"\\]+)"/
        var seen = 0
        for file in ["LabView", "SettingsView"] {
            for match in try text("LabKit/Sources/LabViews/\(file).swift").matches(of: pattern) {
                seen += 1
                #expect(strings[String(match.1)] != nil, "\(match.1)")
            }
        }
        #expect(seen > 20)
    }
}
