//! Runs a tenant as the exercise has it, on ports 3000 and 3001, until it is interrupted.

use hallpass_tenant::{StartError, Tenant, TenantOptions};

#[tokio::main]
async fn main() -> Result<(), StartError> {
    let tenant = Tenant::start(TenantOptions::lab()).await?;
    println!("dashboard  {}\nAPI        {}", tenant.dashboard_url(), tenant.api_url());
    std::future::pending().await
}
