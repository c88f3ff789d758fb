//! The steps of the exercise, in their order. A step that fails says so, and the walk goes on.

mod core_call;
mod expiry;
mod login;
mod logout;
mod offline_access;
mod refresh;
mod settings;

use super::stage::Stage;

/// Plays all steps.
pub(super) async fn play(stage: &mut Stage) {
    stage.step(1, "The settings are in one property file");
    settings::play(stage);
    stage.step(2, "Refresh Token before any login");
    refresh::before_login(stage).await;
    stage.step(3, "Allow Offline Access, off and on");
    offline_access::play(stage).await;
    stage.step(4, "Log In, with the system browser and PKCE");
    login::play(stage).await;
    stage.step(5, "Refresh Token, without rotation and with it");
    refresh::play(stage).await;
    stage.step(6, "Token Expiration of 10 seconds: 200, 401, renewed, 200");
    expiry::play(stage).await;
    stage.step(7, "The core's own call: the 401 never reaches the user");
    core_call::play(stage).await;
    stage.step(8, "Log Out");
    logout::play(stage).await;
}
