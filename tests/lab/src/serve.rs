//! `lab serve`: the tenant and the API on the ports that were asked for, until control-C.

use std::fmt::Write;

use anstyle::Style;
use hallpass_tenant::{Ports, Tenant, TenantOptions};

use serde_json::{Value, json};

use crate::cli::ServeArguments;
use crate::failure::Failure;
use crate::terminal;

/// Serves until it is interrupted, and returns when the ports are free again.
///
/// # Errors
/// [`Failure::Server`] when a port is taken.
pub(crate) async fn serve(arguments: &ServeArguments) -> Result<(), Failure> {
    // Each 0 is another free port.
    if arguments.port == arguments.api_port && arguments.port != 0 {
        return Err(Failure::Argument {
            what: format!("port {} is wanted for the tenant and for the API", arguments.port),
            fix: "choose another with --port or --api-port".to_owned(),
        });
    }
    let mut options = TenantOptions::lab();
    options.ports = Some(Ports { tenant: arguments.port, api: arguments.api_port });
    options.seed = arguments.seed;
    if let Some(host) = &arguments.host {
        options.settings.public_host = Some(host.clone());
        options.api_host.clone_from(host);
    }
    let users: Vec<(String, String)> =
        options.users.iter().map(|user| (user.username.clone(), user.password.clone())).collect();
    let tenant = Tenant::start(options).await.map_err(|error| Failure::Server(error.to_string()))?;
    if arguments.json {
        terminal::say_json(&addresses(&tenant, &users));
    } else {
        anstream::print!("{}", greeting(&tenant, &users));
    }
    tokio::signal::ctrl_c().await.map_err(|error| Failure::InputOutput(error.to_string()))?;
    if !arguments.json {
        anstream::println!("\nStopping.");
    }
    tenant.stop().await;
    Ok(())
}

fn greeting(tenant: &Tenant, users: &[(String, String)]) -> String {
    const BOLD: Style = Style::new().bold();
    const DIM: Style = Style::new().dimmed();
    let mut text = format!("{BOLD}The tenant and the expenses API are running.{BOLD:#}\n\n");
    let ports = tenant.ports();
    let rows = [
        ("tenant", tenant.issuer()),
        ("API", tenant.api_url()),
        ("dashboard", tenant.dashboard_url()),
        ("client id", tenant.client_id()),
        ("audience", tenant.audience()),
    ];
    let users = users.iter().map(|(name, password)| ("user", format!("{name}  password \"{password}\"")));
    let emulator =
        [("emulator", format!("http://10.0.2.2:{}/ and http://10.0.2.2:{}/ (Android)", ports.tenant, ports.api))];
    for (name, value) in rows.into_iter().chain(users).chain(emulator) {
        // Writing to a string does not fail.
        let _ = writeln!(text, "    {DIM}{name:<9}{DIM:#}  {value}");
    }
    let _ = writeln!(text, "\nTo sign in from another terminal:\n\n    {}", login_command(tenant));
    text.push_str("\nControl-C stops them.\n");
    text
}

fn login_command(tenant: &Tenant) -> String {
    format!(
        "lab login --issuer {} --client-id {} --audience {} --scope \"openid profile read:reports offline_access\" \
         --danger-allow-loopback-http",
        tenant.issuer(),
        tenant.client_id(),
        tenant.audience()
    )
}

fn addresses(tenant: &Tenant, users: &[(String, String)]) -> Value {
    let users: Vec<Value> =
        users.iter().map(|(name, password)| json!({ "name": name, "password": password })).collect();
    json!({
        "issuer": tenant.issuer(),
        "api": tenant.api_url(),
        "dashboard": tenant.dashboard_url(),
        "client_id": tenant.client_id(),
        "audience": tenant.audience(),
        "users": users,
    })
}
