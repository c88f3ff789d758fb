//! The token endpoint: a code or a refresh token in, tokens out (RFC 6749 §4.1.3, §5, §6).

mod request;
mod response;
mod salvage;

pub use self::request::{code_request, refresh_request};
pub(crate) use self::request::{post, post_as};
pub(crate) use self::response::seconds;
pub use self::response::{MAX_LIFETIME, TokenError, TokenResponse, TokenType, parse};
pub use self::salvage::salvage;
