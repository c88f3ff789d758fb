//! Token responses that are odd in the ways that real ones are: what they hold is good, or good in part.

use serde_json::{Value, json};

use super::behaviour::Reply;

/// What is odd about the body of a response with tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OddBody {
    /// LinkedIn, Twitch, Duende with some extensions.
    NoTokenType,
    /// Servers on .NET and SAP.
    ByteOrderMark,
    /// Akamai, whatever was asked for.
    Gzip,
    /// A member that is never read, in the default charset of Java's servlets.
    Latin1,
    /// A member that is never read, twice.
    DoubledUnread,
    /// No access token, and the refresh token in its place.
    NoAccessToken,
    /// An access token that is a number, and the refresh token beside it.
    AccessTokenNumber,
    /// The access token twice, and the refresh token beside it.
    DoubledAccessToken,
    /// Cut off after the member `refresh_token`.
    CutAfterRefreshToken,
}

impl OddBody {
    /// Those of which everything that matters can be read.
    pub(crate) const READABLE: [Self; 4] = [Self::NoTokenType, Self::ByteOrderMark, Self::Latin1, Self::DoubledUnread];
    /// Those without an access token that can be used, and with a refresh token.
    pub(crate) const SALVAGEABLE: [Self; 4] =
        [Self::NoAccessToken, Self::AccessTokenNumber, Self::DoubledAccessToken, Self::CutAfterRefreshToken];

    pub(super) fn spoil(self, reply: &mut Reply) {
        let mut members: Value = serde_json::from_slice(&reply.body).unwrap();
        let mut change = |name: &str, value: Option<Value>| {
            let object = members.as_object_mut().unwrap();
            match value {
                Some(value) => object.insert(name.to_owned(), value),
                None => object.remove(name),
            };
            object.len()
        };
        match self {
            Self::NoTokenType => _ = change("token_type", None),
            Self::NoAccessToken => _ = change("access_token", None),
            Self::AccessTokenNumber => _ = change("access_token", Some(json!(42))),
            Self::ByteOrderMark
            | Self::Gzip
            | Self::Latin1
            | Self::DoubledUnread
            | Self::DoubledAccessToken
            | Self::CutAfterRefreshToken => {}
        }
        let text = members.to_string();
        reply.body = match self {
            Self::NoTokenType | Self::NoAccessToken | Self::AccessTokenNumber => text.into_bytes(),
            Self::ByteOrderMark => [&[0xef, 0xbb, 0xbf], text.as_bytes()].concat(),
            Self::Gzip => {
                reply.headers.push(("Content-Encoding".to_owned(), "gzip".to_owned()));
                gzip(text.as_bytes())
            }
            Self::Latin1 => [&b"{\"given_name\":\"Jos\xe9\","[..], &text.as_bytes()[1..]].concat(),
            Self::DoubledUnread => format!("{{\"ext\":1,\"ext\":2,{}", &text[1..]).into_bytes(),
            Self::DoubledAccessToken => format!("{{\"access_token\":\"another\",{}", &text[1..]).into_bytes(),
            Self::CutAfterRefreshToken => {
                let member = text.find("\"refresh_token\":\"").unwrap();
                let value = member + "\"refresh_token\":\"".len();
                let end = value + text[value..].find('"').unwrap();
                text.as_bytes()[..=end].to_vec()
            }
        };
    }
}

/// RFC 1952, with the data as it is in blocks of its own (RFC 1951 §3.2.4).
fn gzip(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let blocks: Vec<&[u8]> = data.chunks(usize::from(u16::MAX)).collect();
    for (number, block) in blocks.iter().enumerate() {
        let length = u16::try_from(block.len()).unwrap();
        out.push(u8::from(number + 1 == blocks.len()));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    let crc = data.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    });
    out.extend((!crc).to_le_bytes());
    out.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
    out
}
