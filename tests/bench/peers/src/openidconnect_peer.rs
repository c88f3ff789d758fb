//! `openidconnect`, with its own `reqwest`. Client, metadata and keys are made once, except for a first login.

use std::str::FromStr;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKeySet, CoreJwsSigningAlgorithm,
    CoreProviderMetadata,
};
use openidconnect::{
    AuthorizationCode, ClientId, CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet, IssuerUrl, Nonce,
    OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse, reqwest,
};
use tokio::runtime::Runtime;

use crate::Work;
use crate::task::{Task, timed};

pub fn id_token(file: &str) -> Result<Work> {
    let task = Task::read(file)?;
    let algorithm = match task.algorithm.as_str() {
        "RS256" => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
        "PS256" => CoreJwsSigningAlgorithm::RsaSsaPssSha256,
        "ES256" => CoreJwsSigningAlgorithm::EcdsaP256Sha256,
        "EdDSA" => CoreJwsSigningAlgorithm::EdDsa,
        other => bail!("no name for {other}"),
    };
    let keys: CoreJsonWebKeySet = serde_json::from_value(task.jwks)?;
    let verifier =
        CoreIdTokenVerifier::new_public_client(ClientId::new(task.client_id), IssuerUrl::new(task.issuer)?, keys)
            .set_allowed_algs([algorithm]);
    let nonce = Nonce::new(task.nonce);
    Ok(Box::new(move |iterations| {
        timed(iterations, || {
            CoreIdToken::from_str(&task.token)?.claims(&verifier, &nonce)?;
            Ok(())
        })
    }))
}

pub fn login(issuer: &str, client_id: &str, redirect_uri: &str) -> Result<Work> {
    let runtime = runtime()?;
    let http = http()?;
    let client = runtime.block_on(discovered(&http, issuer, client_id, redirect_uri))?;
    Ok(Box::new(move |iterations| {
        timed(iterations, || {
            runtime.block_on(async {
                let (nonce, verifier) = begun(&client);
                let refresh_token = exchanged(&client, &http, &nonce, verifier).await?;
                let renewed = client.exchange_refresh_token(&refresh_token)?.request_async(&http).await?;
                // A renewed ID token has no nonce.
                let id_token = renewed.id_token().context("a renewal with an ID token")?;
                id_token.claims(&verifier_of(&client), |_: Option<&Nonce>| Ok(()))?;
                Ok(())
            })
        })
    }))
}

/// As an app does that keeps no metadata: all of it after the redirect, in the process that it came to.
pub fn first_login(issuer: &str, client_id: &str, redirect_uri: &str) -> Result<Work> {
    let runtime = runtime()?;
    let (issuer, client_id, redirect_uri) = (issuer.to_owned(), client_id.to_owned(), redirect_uri.to_owned());
    Ok(Box::new(move |_| {
        runtime.block_on(async {
            let http = http()?;
            let start = Instant::now();
            let client = discovered(&http, &issuer, &client_id, &redirect_uri).await?;
            let (nonce, verifier) = begun(&client);
            exchanged(&client, &http, &nonce, verifier).await?;
            Ok(start.elapsed())
        })
    }))
}

type Client = CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

fn runtime() -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

fn http() -> Result<reqwest::Client> {
    Ok(reqwest::ClientBuilder::new().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?)
}

async fn discovered(http: &reqwest::Client, issuer: &str, client_id: &str, redirect_uri: &str) -> Result<Client> {
    let metadata = CoreProviderMetadata::discover_async(IssuerUrl::new(issuer.to_owned())?, http).await?;
    Ok(CoreClient::from_provider_metadata(metadata, ClientId::new(client_id.to_owned()), None)
        .set_redirect_uri(RedirectUrl::new(redirect_uri.to_owned())?))
}

fn begun(client: &Client) -> (Nonce, PkceCodeVerifier) {
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (_url, _state, nonce) = client
        .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
        .add_scope(Scope::new("offline_access".to_owned()))
        .set_pkce_challenge(challenge)
        .url();
    (nonce, verifier)
}

/// The benchmark's provider takes the nonce for the code.
async fn exchanged(
    client: &Client,
    http: &reqwest::Client,
    nonce: &Nonce,
    verifier: PkceCodeVerifier,
) -> Result<openidconnect::RefreshToken> {
    let code = AuthorizationCode::new(nonce.secret().clone());
    let tokens = client.exchange_code(code)?.set_pkce_verifier(verifier).request_async(http).await?;
    let id_token = tokens.id_token().context("a login with an ID token")?;
    id_token.claims(&verifier_of(client), nonce)?;
    tokens.refresh_token().cloned().context("a login with a refresh token")
}

fn verifier_of(client: &Client) -> CoreIdTokenVerifier<'_> {
    client.id_token_verifier().set_allowed_algs([CoreJwsSigningAlgorithm::EcdsaP256Sha256])
}
