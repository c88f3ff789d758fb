//! The authorization request and its validation, in the order of RFC 6749 §4.1.2.1: first whatever makes it unsafe to
//! send the browser anywhere, then the rest, which the client is told.

use base64ct::{Base64UrlUnpadded, Encoding};

use crate::{
    directory::{Client, Organization},
    parameters::{Parameters, Repeated},
    scope::Scope,
    settings::Settings,
};

/// A valid request.
#[derive(Clone, Debug)]
pub(crate) struct AuthorizationRequest {
    pub(crate) client_id: String,
    pub(crate) target: ResponseTarget,
    pub(crate) nonce: Option<String>,
    pub(crate) code_challenge: String,
    /// The key that the code is bound to (RFC 9449 §10).
    pub(crate) dpop_jkt: Option<String>,
    /// What will be granted, not all that was asked for.
    pub(crate) scope: Scope,
    pub(crate) audience: Option<String>,
    pub(crate) organization: Option<Organization>,
    pub(crate) prompt: Prompt,
    pub(crate) max_age: Option<u64>,
    pub(crate) login_hint: Option<String>,
    /// The user code, when a device asks and not a browser (RFC 8628).
    pub(crate) device: Option<String>,
}

/// Where an authorization response goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResponseTarget {
    pub(crate) redirect_uri: String,
    pub(crate) state: Option<String>,
}

/// `prompt` (OpenID Connect Core §3.1.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Prompt {
    pub(crate) none: bool,
    pub(crate) login: bool,
    pub(crate) consent: bool,
}

/// Why a request is refused, and who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The person, on a page: the browser must not be sent to an address that nobody registered.
    Page(String),
    /// The client, by redirect, with an `error` and a description.
    Redirect(ResponseTarget, &'static str, String),
}

impl AuthorizationRequest {
    pub(crate) fn parse(
        parameters: &Parameters,
        clients: &[Client],
        organizations: &[Organization],
        settings: &Settings,
    ) -> Result<Self, Refusal> {
        let (client, target) = response_target(parameters, clients)?;
        let refuse = |error, description: String| Refusal::Redirect(target.clone(), error, description);
        let invalid = |description: String| refuse("invalid_request", description);
        let optional = |name| {
            parameters
                .one(name)
                .map(|value| value.map(str::to_owned))
                .map_err(|Repeated(name)| invalid(format!("parameter {name} is repeated")))
        };

        for unsupported in ["request", "request_uri"] {
            if optional(unsupported)?.is_some() {
                let error =
                    if unsupported == "request" { "request_not_supported" } else { "request_uri_not_supported" };
                return Err(refuse(error, format!("parameter {unsupported} is not supported")));
            }
        }
        match optional("response_type")?.as_deref() {
            Some("code") => {}
            None => return Err(invalid("Missing required parameter: response_type".to_owned())),
            Some(_) => {
                return Err(refuse("unsupported_response_type", "the only response_type is code".to_owned()));
            }
        }
        if optional("response_mode")?.is_some_and(|mode| mode != "query") {
            return Err(invalid("the only response_mode is query".to_owned()));
        }

        let code_challenge = optional("code_challenge")?
            .ok_or_else(|| invalid("Missing required parameter: code_challenge".to_owned()))?;
        if optional("code_challenge_method")?.as_deref() != Some("S256") {
            return Err(invalid("code_challenge_method must be S256".to_owned()));
        }
        if !is_sha256(&code_challenge) {
            return Err(invalid("code_challenge must be 43 characters of base64url".to_owned()));
        }

        let dpop_jkt = optional("dpop_jkt")?.filter(|_| settings.dpop);
        if dpop_jkt.as_deref().is_some_and(|jkt| !is_sha256(jkt)) {
            return Err(invalid("dpop_jkt must be 43 characters of base64url".to_owned()));
        }

        let prompt = Prompt::parse(optional("prompt")?.as_deref().unwrap_or_default()).map_err(invalid)?;
        let max_age = match optional("max_age")? {
            None => None,
            Some(text) => {
                let seconds = text.parse().map_err(|_| invalid("max_age must be a number of seconds".to_owned()))?;
                Some(seconds)
            }
        };

        // RFC 8707 §2 calls the audience `resource`; Auth0 takes either.
        let audience = optional("audience")?.or(optional("resource")?).or_else(|| settings.default_audience.clone());
        if let Some(audience) = audience.as_deref().filter(|audience| !settings.permits_audience(audience)) {
            return Err(refuse("access_denied", format!("Service not found: {audience}")));
        }
        let api_scopes = if audience.is_some() { settings.api_scopes.as_slice() } else { &[] };
        let scope =
            Scope::parse(&optional("scope")?.unwrap_or_default()).granted(api_scopes, settings.allow_offline_access);

        let organization = match optional("organization")? {
            None => None,
            Some(wanted) => Some(
                organizations
                    .iter()
                    .find(|organization| organization.id == wanted || organization.name == wanted)
                    .cloned()
                    .ok_or_else(|| invalid(format!("organization {wanted} is not known")))?,
            ),
        };
        if optional("invitation")?.is_some() && organization.is_none() {
            return Err(invalid("invitation needs an organization".to_owned()));
        }

        Ok(Self {
            client_id: client.id.clone(),
            nonce: optional("nonce")?,
            login_hint: optional("login_hint")?,
            code_challenge,
            dpop_jkt,
            scope,
            audience,
            organization,
            prompt,
            max_age,
            target,
            device: None,
        })
    }

    /// What a device asks for: the same but for all that is the browser's (RFC 8628 §3.1).
    pub(crate) fn of_device(
        parameters: &Parameters,
        client: &Client,
        clients: &[Client],
        organizations: &[Organization],
        settings: &Settings,
    ) -> Result<Self, Refusal> {
        let redirect_uri = client.redirect_uris.first().map_or("", String::as_str);
        let of_browser = [
            ("response_type", "code"),
            ("redirect_uri", redirect_uri),
            ("code_challenge_method", "S256"),
            // Of no code: none is ever issued for it.
            ("code_challenge", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        ];
        let mut all = parameters.clone();
        all.append(of_browser.into_iter().collect());
        Self::parse(&all, clients, organizations, settings)
    }
}

impl Prompt {
    fn parse(text: &str) -> Result<Self, String> {
        let mut prompt = Self::default();
        let values: Vec<&str> = text.split(' ').filter(|value| !value.is_empty()).collect();
        for &value in &values {
            match value {
                "none" if values.len() == 1 => prompt.none = true,
                "none" => return Err("prompt=none excludes other values".to_owned()),
                "login" | "select_account" => prompt.login = true,
                "consent" => prompt.consent = true,
                _ => return Err(format!("prompt {value} is not supported")),
            }
        }
        Ok(prompt)
    }
}

fn response_target<'a>(
    parameters: &Parameters,
    clients: &'a [Client],
) -> Result<(&'a Client, ResponseTarget), Refusal> {
    let required = |name| match parameters.one(name) {
        Ok(Some(value)) => Ok(value),
        Ok(None) => Err(Refusal::Page(format!("The request has no {name}."))),
        Err(Repeated(name)) => Err(Refusal::Page(format!("The request has more than one {name}."))),
    };
    let client_id = required("client_id")?;
    let client = clients
        .iter()
        .find(|client| client.id == client_id)
        .ok_or_else(|| Refusal::Page(format!("No application has the client_id “{client_id}”.")))?;
    let redirect_uri = required("redirect_uri")?;
    if !client.allows_redirect_uri(redirect_uri) {
        let name = &client.name;
        return Err(Refusal::Page(format!("“{redirect_uri}” is not an allowed callback URL of {name}.")));
    }
    let state = parameters
        .one("state")
        .map_err(|Repeated(name)| Refusal::Page(format!("The request has more than one {name}.")))?
        .map(str::to_owned);
    Ok((client, ResponseTarget { redirect_uri: redirect_uri.to_owned(), state }))
}

fn is_sha256(challenge: &str) -> bool {
    Base64UrlUnpadded::decode_vec(challenge).is_ok_and(|digest| digest.len() == 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::TenantOptions;

    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn parse(query: &str) -> Result<AuthorizationRequest, Refusal> {
        let options = TenantOptions::default();
        let parameters = Parameters::from_urlencoded(query.as_bytes());
        AuthorizationRequest::parse(&parameters, &options.clients, &options.organizations, &options.settings)
    }

    fn valid_with(more: &str) -> String {
        format!(
            "response_type=code&client_id=hallpass-test-client&redirect_uri=com.example.hallpass://callback&state=s\
             &code_challenge={CHALLENGE}&code_challenge_method=S256{more}"
        )
    }

    fn redirected_error(query: &str) -> &'static str {
        match parse(query).unwrap_err() {
            Refusal::Redirect(target, error, _) => {
                assert_eq!(target.redirect_uri, "com.example.hallpass://callback");
                error
            }
            Refusal::Page(text) => panic!("shown on a page: {text}"),
        }
    }

    #[test]
    fn request_that_names_no_registered_address_is_shown_on_a_page() {
        for query in [
            String::new(),
            valid_with("&client_id=other"),
            valid_with("").replace("hallpass-test-client", "stranger"),
            valid_with("").replace("com.example.hallpass://callback", "https://evil.example/"),
            valid_with("&redirect_uri=com.example.hallpass://callback"),
            valid_with("&state=t"),
        ] {
            assert!(matches!(parse(&query), Err(Refusal::Page(_))), "{query}");
        }
    }

    #[test]
    fn other_mistakes_are_sent_to_the_client_with_their_code() {
        let valid = valid_with("");
        for (query, error) in [
            (valid.replace("response_type=code", "x=y"), "invalid_request"),
            (valid.replace("response_type=code", "response_type=token"), "unsupported_response_type"),
            (valid.replace("method=S256", "method=plain"), "invalid_request"),
            (valid.replace("&code_challenge_method=S256", ""), "invalid_request"),
            (valid.replace(CHALLENGE, "short"), "invalid_request"),
            (valid.replace("code_challenge=", "other="), "invalid_request"),
            (valid_with("&response_mode=form_post"), "invalid_request"),
            (valid_with("&prompt=none login"), "invalid_request"),
            (valid_with("&prompt=maybe"), "invalid_request"),
            (valid_with("&max_age=soon"), "invalid_request"),
            (valid_with("&max_age=-1"), "invalid_request"),
            (valid_with("&scope=a&scope=b"), "invalid_request"),
            (valid_with("&organization=org_unknown"), "invalid_request"),
            (valid_with("&invitation=ticket"), "invalid_request"),
            (valid_with("&audience=https://stranger"), "access_denied"),
            (valid_with("&request=e30"), "request_not_supported"),
            (valid_with("&request_uri=urn:x"), "request_uri_not_supported"),
        ] {
            assert_eq!(redirected_error(&query), error, "{query}");
        }
    }

    #[test]
    fn scope_of_an_api_is_granted_only_with_an_audience() {
        let with = parse(&valid_with("&scope=openid read:reports&audience=https://expenses-api")).unwrap();
        assert_eq!(with.scope.to_string(), "openid read:reports");
        let resource = parse(&valid_with("&scope=openid read:reports&resource=https://expenses-api")).unwrap();
        assert_eq!(resource.scope.to_string(), "openid read:reports");
        let without = parse(&valid_with("&scope=openid read:reports")).unwrap();
        assert_eq!(without.scope.to_string(), "openid");
    }

    #[test]
    fn organization_is_found_by_its_id_and_by_its_name() {
        for wanted in ["org_hopper", "hopper"] {
            let request = parse(&valid_with(&format!("&organization={wanted}&invitation=ticket"))).unwrap();
            assert_eq!(request.organization.unwrap().id, "org_hopper");
        }
    }
}
