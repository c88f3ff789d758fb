//! Which place wins, and what each mistake is told as.

use std::path::Path;

use super::*;

fn file(text: &str) -> Option<PropertyFile> {
    Some(PropertyFile::parse(Path::new(FILE_NAME), text).unwrap())
}

fn of_file(text: &str) -> Settings {
    Settings::gather(vec![], |_| None, file(text)).unwrap()
}

fn refusal(settings: &Settings) -> String {
    let error = settings.config().unwrap_err();
    format!("{error}; {}", error.next_step())
}

const GOOD: &str = "domain = \"tenant.eu.auth0.com\"\nclient_id = \"aBcD1234\"\naudience = \"https://expenses-api\"\n";

#[test]
fn file_that_names_domain_and_client_is_enough() {
    of_file(GOOD).config().unwrap();
}

#[test]
fn command_line_beats_environment_beats_file() {
    let environment = |name: &str| match name {
        "HALLPASS_CLIENT_ID" => Some("of-environment".to_owned()),
        "HALLPASS_AUDIENCE" => Some("https://of-environment".to_owned()),
        "HALLPASS_SCOPE" => Some(String::new()),
        _ => None,
    };
    let arguments = vec![(Setting::ClientId, vec!["of-flag".to_owned()]), (Setting::ApiOrigins, vec![])];
    let settings = Settings::gather(arguments, environment, file(GOOD)).unwrap();
    assert_eq!(settings.text(Setting::ClientId), Some("of-flag"));
    assert_eq!(settings.origin(Setting::ClientId).to_string(), "--client-id");
    assert_eq!(settings.origin(Setting::Audience).to_string(), "HALLPASS_AUDIENCE");
    assert_eq!(settings.origin(Setting::Domain).to_string(), "hallpass.toml:1");
    assert_eq!(settings.origin(Setting::Scope), Origin::Default);
    assert!(!settings.names_api_origins());
}

#[test]
fn issuer_on_the_command_line_replaces_the_domain_of_the_file() {
    let arguments = vec![(Setting::Issuer, vec!["https://issuer.example".to_owned()])];
    let settings = Settings::gather(arguments, |_| None, file(GOOD)).unwrap();
    assert_eq!(
        (settings.text(Setting::Issuer), settings.text(Setting::Domain)),
        (Some("https://issuer.example"), None)
    );
}

#[test]
fn domain_and_issuer_in_one_place_are_refused() {
    let text = "domain = \"a.example\"\nissuer = \"https://a.example/\"";
    let error = Settings::gather(vec![], |_| None, file(text)).unwrap_err();
    assert!(error.to_string().contains("hallpass.toml:1") && error.to_string().contains("hallpass.toml:2"), "{error}");
}

#[test]
fn setting_that_is_missing_is_told_with_every_way_to_give_it() {
    let refusal = refusal(&of_file("domain = \"tenant.eu.auth0.com\"\n"));
    for word in ["`client_id` is not set", "hallpass.toml", "--client-id", "HALLPASS_CLIENT_ID"] {
        assert!(refusal.contains(word), "{refusal}");
    }
    let nothing = Settings::gather(vec![], |_| None, None).unwrap();
    let error = nothing.config().unwrap_err();
    assert!(error.to_string().contains("`domain` is not set"), "{error}");
    assert!(error.next_step().contains("create a hallpass.toml"), "{}", error.next_step());
}

#[test]
fn setting_that_is_empty_is_told_with_its_line() {
    let refusal = refusal(&of_file("domain = \"tenant.eu.auth0.com\"\nclient_id = \" \"\n"));
    assert!(refusal.starts_with("hallpass.toml:2: `client_id` is empty"), "{refusal}");
}

#[test]
fn placeholder_in_any_setting_is_told_with_its_line() {
    for (text, line, value) in [
        ("domain = \"YOUR_DOMAIN\"\nclient_id = \"x\"", 1, "YOUR_DOMAIN"),
        ("domain = \"{yourDomain}\"\nclient_id = \"x\"", 1, "{yourDomain}"),
        ("domain = \"your-tenant.auth0.com\"\nclient_id = \"x\"", 1, "your-tenant.auth0.com"),
        ("domain = \"tenant.auth0.com\"\nclient_id = \"YOUR_CLIENT_ID\"", 2, "YOUR_CLIENT_ID"),
        ("domain = \"tenant.auth0.com\"\nclient_id = \"x\"\naudience = \"https://YOUR_API\"", 3, "https://YOUR_API"),
    ] {
        let refusal = refusal(&of_file(text));
        assert!(refusal.starts_with(&format!("hallpass.toml:{line}: ")), "{refusal}");
        assert!(refusal.contains(value) && refusal.contains("placeholder"), "{refusal}");
    }
}

#[test]
fn what_the_core_refuses_is_told_with_the_place_and_the_remedy() {
    let refusal = refusal(&of_file("domain = \"tenant.auth0.com\"\nclient_id = \"x\"\n\nscope = \"profile\"\n"));
    assert!(refusal.starts_with("hallpass.toml:4: `scope`"), "{refusal}");
    assert!(refusal.contains("openid"), "{refusal}");
}

#[test]
fn plain_http_is_refused_with_the_switch_that_allows_it() {
    let text = "issuer = \"http://127.0.0.1:3000/\"\nclient_id = \"x\"\n";
    assert!(refusal(&of_file(text)).contains("--danger-allow-loopback-http"));
    of_file(&format!("{text}danger_allow_loopback_http = true\n")).config().unwrap();
}

#[test]
fn template_that_is_filled_in_is_accepted_and_left_as_it_is_refused() {
    let template = include_str!("../../hallpass.example.toml");
    assert!(refusal(&of_file(template)).contains("YOUR_DOMAIN"));
    let filled_in = template.replace("YOUR_DOMAIN", "tenant.eu.auth0.com").replace("YOUR_CLIENT_ID", "aBcD1234");
    of_file(&filled_in).config().unwrap();
    let with_all = filled_in.replace("# api_origins", "api_origins");
    assert_eq!(of_file(&with_all).list(Setting::ApiOrigins), ["https://api.example.com"]);
}

#[test]
fn settings_written_to_a_file_are_read_again() {
    let arguments = vec![
        (Setting::ClientId, vec!["a\"b\\c".to_owned()]),
        (Setting::ApiOrigins, vec!["https://a.example".to_owned(), "https://b.example".to_owned()]),
        (Setting::DangerAllowLoopbackHttp, vec!["true".to_owned()]),
    ];
    let settings = Settings::gather(arguments, |_| None, file("domain = \"x.example\"")).unwrap();
    let again = of_file(&settings.to_file());
    for setting in Setting::ALL {
        assert_eq!(again.list(setting), settings.list(setting), "{}", setting.key());
    }
}

#[test]
fn store_is_the_systems_unless_files_are_asked_for() {
    assert_eq!(of_file("").store().unwrap(), StoreChoice::System);
    assert_eq!(of_file("store = \"system\"").store().unwrap(), StoreChoice::System);
    let files = StoreChoice::DangerPlainFiles(PathBuf::from("/tmp/x"));
    assert_eq!(of_file("store = \"file:/tmp/x\"").store().unwrap(), files);
    let beside = StoreChoice::DangerPlainFiles(PathBuf::from("/project/st"));
    let text = "store = \"file:st\"";
    let above = PropertyFile::parse(Path::new("/project/hallpass.toml"), text).unwrap();
    let settings = Settings::of_file(above).unwrap();
    assert_eq!(settings.store().unwrap(), beside, "a relative path in a file is seen from the file's folder");
    assert_eq!(of_file(&settings.to_file()).store().unwrap(), beside, "also when it is written to another file");
    let flag = vec![(Setting::Store, vec!["file:st".to_owned()])];
    let settings = Settings::gather(flag, |_| None, file(GOOD)).unwrap();
    assert_eq!(settings.store().unwrap(), StoreChoice::DangerPlainFiles(PathBuf::from("st")));
    for wrong in ["store = \"file:\"", "store = \"/tmp/x\""] {
        assert!(of_file(wrong).store().unwrap_err().to_string().starts_with("hallpass.toml:1: `store`"));
    }
}
