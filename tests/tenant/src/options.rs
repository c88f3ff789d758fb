//! What a tenant is started with.

use crate::{
    clock::ClockSource,
    directory::{Client, Organization, User},
    settings::Settings,
};

/// What a tenant is started with, and goes back to on [`Tenant::reset`](crate::Tenant::reset).
#[derive(Clone, Debug)]
pub struct TenantOptions {
    /// Fixed ports; `None` takes free ones.
    pub ports: Option<Ports>,
    /// Everything that is unguessable or unique comes from this seed; `None` draws one.
    pub seed: Option<u64>,
    /// What the tenant's time starts from.
    pub clock: ClockSource,
    /// The settings at the start.
    pub settings: Settings,
    /// The client applications; the first is [`Tenant::client_id`](crate::Tenant::client_id). At least one.
    pub clients: Vec<Client>,
    /// Who can sign in.
    pub users: Vec<User>,
    /// The organizations.
    pub organizations: Vec<Organization>,
    /// The audience that the expenses API insists on.
    pub audience: String,
    /// The host in [`Tenant::api_url`](crate::Tenant::api_url).
    pub api_host: String,
}

/// The two ports of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// The authorization server's.
    pub tenant: u16,
    /// The expenses API's.
    pub api: u16,
}

impl Default for TenantOptions {
    /// Free ports, a drawn seed, system time, `ada@example.com` ("correct horse") and `grace@example.com` ("battery
    /// staple"), both members of the organization `org_hopper`, and one client for tests.
    fn default() -> Self {
        let both = "org_hopper";
        Self {
            ports: None,
            seed: None,
            clock: ClockSource::System,
            settings: Settings::default(),
            clients: vec![client(
                "hallpass-test-client",
                "Hallpass tests",
                &[
                    "com.example.hallpass://callback",
                    "com.example.hallpass:/callback",
                    "https://app.example/callback",
                    "http://127.0.0.1/callback",
                    "http://127.0.0.1/",
                    "http://[::1]/callback",
                    "http://localhost/callback",
                ],
            )],
            users: vec![
                User::new("ada@example.com", "correct horse", "Ada Lovelace").member_of(both).member_of("org_engine"),
                User::new("grace@example.com", "battery staple", "Grace Hopper").member_of(both),
            ],
            organizations: vec![
                Organization { id: both.to_owned(), name: "hopper".to_owned() },
                Organization { id: "org_engine".to_owned(), name: "engine".to_owned() },
            ],
            audience: "https://expenses-api".to_owned(),
            api_host: "127.0.0.1".to_owned(),
        }
    }
}

impl TenantOptions {
    /// The exercise: ports 3000 and 3001, the client of the reference apps and of the `lab` command, and an issuer that
    /// follows the address under which it is asked for, so that simulators and emulators find it too.
    pub fn lab() -> Self {
        let clients = vec![client(
            "hallpass-lab",
            "Hallpass lab",
            &[
                "com.example.hallpass.lab://callback",
                "com.example.hallpass.lab:/callback",
                "com.example.hallpasslab://callback",
                "com.example.hallpasslab:/callback",
                "https://lab.hallpass.example/callback",
                "http://127.0.0.1/callback",
                "http://127.0.0.1/",
                "http://[::1]/callback",
                "http://[::1]/",
                "http://localhost/callback",
            ],
        )];
        Self {
            ports: Some(Ports { tenant: 3000, api: 3001 }),
            settings: Settings { public_host: None, ..Settings::default() },
            api_host: "localhost".to_owned(),
            clients,
            ..Self::default()
        }
    }
}

fn client(id: &str, name: &str, uris: &[&str]) -> Client {
    let uris: Vec<String> = uris.iter().map(|&uri| uri.to_owned()).collect();
    Client { id: id.to_owned(), name: name.to_owned(), redirect_uris: uris.clone(), logout_uris: uris }
}
