//! base64url without padding, strict: no padding, no whitespace, no stray bits after the last byte (RFC 7515 §2, RFC
//! 4648 §3.5). One value has exactly one encoding, so a token cannot be changed without its signature noticing.

use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// What was to be decoded is not base64url in its only form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotBase64Url;

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn decode(text: &str) -> Result<Vec<u8>, NotBase64Url> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| NotBase64Url)
}

/// How many bytes `text` decodes to, if it decodes at all.
pub(crate) const fn decoded_length(text: &str) -> usize {
    text.len() / 4 * 3 + text.len() % 4 * 3 / 4
}

/// Encodes into the beginning of `target`, which is long enough, and returns what was written.
pub(crate) fn encode_into<'t>(bytes: &[u8], target: &'t mut [u8]) -> Option<&'t [u8]> {
    let length = URL_SAFE_NO_PAD.encode_slice(bytes, target).ok()?;
    target.get(..length)
}

/// Decodes into the beginning of `target`, which is at least [`decoded_length`] long, and returns how much was written.
pub(crate) fn decode_into(text: &str, target: &mut [u8]) -> Result<usize, NotBase64Url> {
    URL_SAFE_NO_PAD.decode_slice(text, target).map_err(|_| NotBase64Url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_encoded_and_decoded_is_the_same_again() {
        let bytes: Vec<u8> = (0..=255).collect();
        for length in 0..bytes.len() {
            let text = encode(&bytes[..length]);
            assert_eq!(decoded_length(&text), length);
            assert_eq!(decode(&text).unwrap(), &bytes[..length]);
            let mut target = [0; 256];
            assert_eq!(decode_into(&text, &mut target), Ok(length));
            assert_eq!(&target[..length], &bytes[..length]);
        }
    }

    #[test]
    fn anything_but_the_only_form_is_refused() {
        assert_eq!(decode("Zg").unwrap(), b"f");
        for text in ["Zg==", "Zh", "Zm9", "Z", "Z g", "Zg\n", "Z+8_", "Z/8_", "Zé"] {
            assert_eq!(decode(text), Err(NotBase64Url), "{text:?}");
        }
    }
}
