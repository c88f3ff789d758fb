//! What is wrong with a setting, and what to do about it.

/// A setting or an argument of a login that cannot be used. Each names its field and the remedy; none repeats the
/// value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("`{}`: {}", self.field(), self.fix())]
pub enum ConfigError {
    /// The client id is empty.
    ClientIdEmpty,
    /// The client id is a placeholder of a template.
    ClientIdPlaceholder,
    /// The client id has a space, a line break or another character that no client id has.
    ClientIdCharacter,
    /// The issuer is no absolute URL.
    IssuerNotUrl,
    /// The issuer is a placeholder of a template.
    IssuerPlaceholder,
    /// The issuer is not `https`, or is `http` where that is not allowed.
    IssuerInsecure,
    /// The issuer has a query, a fragment or user information.
    IssuerExtra,
    /// The redirect URI is no absolute URI.
    RedirectUriNotUri,
    /// The redirect URI has a fragment (RFC 6749 §3.1.2), user information, or a query with a parameter of the callback.
    RedirectUriExtra,
    /// The redirect URI's custom scheme has no period (RFC 8252 §7.1).
    RedirectUriScheme,
    /// The redirect URI is plain `http` to another machine.
    RedirectUriInsecure,
    /// A port can be chosen for a loopback redirect URI only.
    RedirectUriPort,
    /// The scope has a character outside RFC 6749 §3.3.
    ScopeCharacter,
    /// An additional parameter has the name of one that the protocol sets.
    ExtraParameter,
    /// A `resource` is no absolute URI without fragment (RFC 8707 §2).
    Resource,
    /// `prompt=none` together with another value.
    Prompt,
    /// The redirect URI after logout is no absolute URI.
    PostLogoutRedirectUri,
}

impl ConfigError {
    /// The setting or argument, as it is named in the public API.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::ClientIdEmpty | Self::ClientIdPlaceholder | Self::ClientIdCharacter => "client_id",
            Self::IssuerNotUrl | Self::IssuerPlaceholder | Self::IssuerInsecure | Self::IssuerExtra => "issuer",
            Self::RedirectUriNotUri
            | Self::RedirectUriExtra
            | Self::RedirectUriScheme
            | Self::RedirectUriInsecure
            | Self::RedirectUriPort => "redirect_uri",
            Self::ScopeCharacter => "scope",
            Self::ExtraParameter => "extra",
            Self::Resource => "resource",
            Self::Prompt => "prompt",
            Self::PostLogoutRedirectUri => "post_logout_redirect_uri",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn fix(self) -> &'static str {
        match self {
            Self::ClientIdEmpty => "set it to the client id of the application at the authorization server",
            Self::ClientIdPlaceholder => "replace the placeholder by the client id of the application",
            Self::ClientIdCharacter => {
                "remove the spaces and line breaks around it; a client id has visible ASCII characters and spaces only"
            }
            Self::IssuerNotUrl => "give an absolute URL, such as `https://tenant.eu.auth0.com/`",
            Self::IssuerPlaceholder => "replace the placeholder by the domain or issuer of the tenant",
            Self::IssuerInsecure => "use https, or allow plain HTTP for a server on this very machine",
            Self::IssuerExtra => "remove query, fragment, user name and password",
            Self::RedirectUriNotUri => "give an absolute URI, such as `com.example.app:/callback`",
            Self::RedirectUriExtra => {
                "remove fragment, user name, password, and from the query the callback's own parameters, such as `state` and `code`"
            }
            Self::RedirectUriScheme => "use a scheme that is a domain of yours in reverse, such as `com.example.app`",
            Self::RedirectUriInsecure => "use https, a scheme of your own, or `http://127.0.0.1/callback`",
            Self::RedirectUriPort => {
                "use `http://127.0.0.1`, `http://[::1]` or `http://localhost` where a port is chosen"
            }
            Self::ScopeCharacter => {
                "use scope values of printable ASCII without quotes and backslashes, separated by spaces"
            }
            Self::ExtraParameter => "leave out parameters that the protocol sets itself, such as `state` or `scope`",
            Self::Prompt => "leave the other values out, or `none`",
            Self::Resource => "give an absolute URI without fragment, such as `https://api.example.com/`",
            Self::PostLogoutRedirectUri => "give an absolute URI that is registered at the authorization server",
        }
    }

    /// What is wrong, from a fixed vocabulary in `snake_case`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::ClientIdEmpty => "client_id_empty",
            Self::ClientIdPlaceholder => "client_id_placeholder",
            Self::ClientIdCharacter => "client_id_character",
            Self::IssuerNotUrl => "issuer_not_url",
            Self::IssuerPlaceholder => "issuer_placeholder",
            Self::IssuerInsecure => "issuer_insecure",
            Self::IssuerExtra => "issuer_extra",
            Self::RedirectUriNotUri => "redirect_uri_not_uri",
            Self::RedirectUriExtra => "redirect_uri_extra",
            Self::RedirectUriScheme => "redirect_uri_scheme",
            Self::RedirectUriInsecure => "redirect_uri_insecure",
            Self::RedirectUriPort => "redirect_uri_port",
            Self::ScopeCharacter => "scope_character",
            Self::ExtraParameter => "extra_parameter",
            Self::Prompt => "prompt",
            Self::Resource => "resource",
            Self::PostLogoutRedirectUri => "post_logout_redirect_uri",
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn every_error_has_its_code_and_names_its_field_first() {
        use ConfigError as E;
        let codes = [
            (E::ClientIdEmpty, "client_id_empty"),
            (E::ClientIdPlaceholder, "client_id_placeholder"),
            (E::ClientIdCharacter, "client_id_character"),
            (E::IssuerNotUrl, "issuer_not_url"),
            (E::IssuerPlaceholder, "issuer_placeholder"),
            (E::IssuerInsecure, "issuer_insecure"),
            (E::IssuerExtra, "issuer_extra"),
            (E::RedirectUriNotUri, "redirect_uri_not_uri"),
            (E::RedirectUriExtra, "redirect_uri_extra"),
            (E::RedirectUriScheme, "redirect_uri_scheme"),
            (E::RedirectUriInsecure, "redirect_uri_insecure"),
            (E::RedirectUriPort, "redirect_uri_port"),
            (E::ScopeCharacter, "scope_character"),
            (E::ExtraParameter, "extra_parameter"),
            (E::Resource, "resource"),
            (E::Prompt, "prompt"),
            (E::PostLogoutRedirectUri, "post_logout_redirect_uri"),
        ];
        for (error, code) in codes {
            assert_eq!(error.code(), code);
            assert!(code.starts_with(error.field()), "{code}");
            let message = error.to_string();
            assert!(message.starts_with('`') && message.contains(error.field()) && message.contains(error.fix()));
        }
    }
}
