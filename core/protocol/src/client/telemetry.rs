//! What an Auth0 tenant learns about the SDK that calls it.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::base64url;

/// Name and version of the SDK, and of what it runs on. Nothing about the user or the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telemetry {
    /// The SDK's name.
    pub name: String,
    /// The SDK's version.
    pub version: String,
    /// Names and versions of the environment, in the order in which they are sent, such as `("swift", "6.0")`.
    pub env: Vec<(String, String)>,
}

impl Default for Telemetry {
    /// `hallpass` in this crate's version, and no environment.
    fn default() -> Self {
        Self { name: "hallpass".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned(), env: Vec::new() }
    }
}

impl Telemetry {
    /// The value of the `Auth0-Client` header and of the `auth0Client` parameter: base64url of
    /// `{"name":…,"version":…,"env":{…}}`.
    #[must_use]
    pub fn encoded(&self) -> String {
        #[derive(Serialize)]
        struct Json<'a> {
            name: &'a str,
            version: &'a str,
            env: Environment<'a>,
        }
        struct Environment<'a>(&'a [(String, String)]);
        impl Serialize for Environment<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(Some(self.0.len()))?;
                for (name, version) in self.0 {
                    map.serialize_entry(name, version)?;
                }
                map.end()
            }
        }
        let json = Json { name: &self.name, version: &self.version, env: Environment(&self.env) };
        base64url::encode(&serde_json::to_vec(&json).expect("strings always have a JSON form"))
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn telemetry_encoded_is_the_json_that_auth0_documents() {
        let telemetry = Telemetry {
            name: "hallpass".to_owned(),
            version: "1.2.3".to_owned(),
            env: vec![("swift".to_owned(), "6.0".to_owned()), ("android".to_owned(), "35".to_owned())],
        };
        assert_eq!(
            base64url::decode(&telemetry.encoded()).unwrap(),
            br#"{"name":"hallpass","version":"1.2.3","env":{"swift":"6.0","android":"35"}}"#
        );
    }

    #[test]
    fn telemetry_by_default_names_hallpass() {
        let decoded = base64url::decode(&Telemetry::default().encoded()).unwrap();
        let expected = alloc::format!(r#"{{"name":"hallpass","version":"{}","env":{{}}}}"#, env!("CARGO_PKG_VERSION"));
        assert_eq!(decoded, expected.as_bytes());
    }
}
