//! Tokens in compact form: all of Wycheproof's `json_web_signature_test.json`, and RFC 7520 §3 and §4.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Value, json};

use super::{folder, read};
use crate::jwk::{JwkError, KeySet};
use crate::jws::{JwsError, verify};

/// Cases that are marked valid and have to be refused here, with the reason.
const VALID_BUT_REFUSED: [(u64, &str); 14] = [
    (1, HMAC),
    (346, OTHER_KEY_SIZE),
    (347, MISSPELT),
    (348, HMAC),
    (350, OTHER_KEY_SIZE),
    (351, MISSPELT),
    (352, HMAC),
    (357, HMAC),
    (358, HMAC),
    (359, HMAC),
    (372, NOT_BASE64URL),
    (373, NOT_BASE64URL),
    (376, HMAC),
    (377, HMAC),
];
const HMAC: &str = "HMAC proves nothing to a client without a secret";
const OTHER_KEY_SIZE: &str = "the header says PS384 and the key PS256";
const MISSPELT: &str = "the key's `alg` is misspelt ES521; and P-521 is not supported";
const NOT_BASE64URL: &str = "a character outside the alphabet was inserted";

/// Cases of the group `base64` whose parts are not base64url, so that they are refused before anything else is looked
/// at. 367 and 370, which are said to have padding, are identical to the valid 357, and 375 is well-formed; they are
/// refused for their HMAC.
const MALFORMED: [u64; 13] = [360, 361, 362, 363, 364, 365, 366, 368, 369, 371, 372, 373, 374];

fn key_set(jwk: &Value) -> Result<KeySet, JwkError> {
    KeySet::parse(json!({ "keys": [jwk] }).to_string().as_bytes())
}

#[test]
fn every_json_web_signature_of_wycheproof_is_judged_as_it_should_be() {
    let Some(folder) = folder("Wycheproof's JSON Web Signatures") else { return };
    let file = read(&folder, "wycheproof/json_web_signature_test.json");
    let groups = file["testGroups"].as_array().unwrap();
    // Stands in for a symmetric key, with which nothing would be looked at.
    let stand_in =
        groups.iter().find(|group| group["comment"] == "es256").map(|group| key_set(&group["public"])).unwrap();
    let (mut accepted, mut refused, mut malformed) = (0, 0, 0);
    let mut excluded = Vec::new();
    for group in groups {
        let keys = match group.get("public") {
            Some(public) => key_set(public),
            None => stand_in.clone(),
        };
        for case in group["tests"].as_array().unwrap() {
            let id = case["tcId"].as_u64().unwrap();
            let token = case["jws"].as_str().map_or_else(|| case["jws"].to_string(), String::from);
            let outcome = match &keys {
                Ok(keys) => verify(&token, keys, &[]).map(drop),
                Err(error) => {
                    assert_eq!(*error, JwkError::NoUsableKey);
                    Err(JwsError::UnknownKey)
                }
            };
            let mut valid = case["result"] == "valid";
            if let Some((id, reason)) = VALID_BUT_REFUSED.into_iter().find(|(excluded, _)| *excluded == id) {
                assert!(valid, "{id} is not marked valid, so there is nothing to except: {reason}");
                valid = false;
                excluded.push(id);
            }
            assert_eq!(outcome.is_ok(), valid, "case {id} ({}): {outcome:?}", case["comment"]);
            if MALFORMED.contains(&id) {
                assert_eq!(outcome, Err(JwsError::Malformed), "case {id}");
                malformed += 1;
            }
            if valid { accepted += 1 } else { refused += 1 }
        }
    }
    assert_eq!((accepted, refused, malformed, excluded.len()), (32, 369, 13, VALID_BUT_REFUSED.len()));
}

#[test]
fn the_keys_of_rfc_7520_are_taken_when_they_are_public_and_supported() {
    let Some(folder) = folder("RFC 7520 §3") else { return };
    for (file, usable) in [
        ("jwk_3_1.ec_public_key.json", false), // P-521
        ("jwk_3_2.ec_private_key.json", false),
        ("jwk_3_3.rsa_public_key.json", true),
        ("jwk_3_4.rsa_private_key.json", false),
        ("jwk_3_5.symmetric_key_mac_computation.json", false),
        ("jwk_3_6.symmetric_key_encryption.json", false),
    ] {
        assert_eq!(key_set(&read(&folder, &format!("jose-cookbook/{file}"))).is_ok(), usable, "{file}");
    }
}

#[test]
fn the_signatures_of_rfc_7520_are_verified_when_they_are_supported() {
    let Some(folder) = folder("RFC 7520 §4") else { return };
    let example = |file: &str| read(&folder, &format!("jose-cookbook/{file}"));
    for file in ["jws_4_1.rsa_v15_signature.json", "jws_4_2.rsa-pss_signature.json", "curve25519_jws.json"] {
        let example = example(file);
        let keys = key_set(&public_part(&example["input"]["key"])).unwrap();
        let payload = verify(example["output"]["compact"].as_str().unwrap(), &keys, &[]).unwrap();
        assert_eq!(payload, example["input"]["payload"].as_str().unwrap().as_bytes(), "{file}");
    }

    // §4.3 is on P-521.
    let ecdsa = example("jws_4_3.ecdsa_signature.json");
    assert_eq!(key_set(&public_part(&ecdsa["input"]["key"])).map(drop), Err(JwkError::NoUsableKey));

    // §4.4 is HMAC, and so is §4.5, whose content is detached besides.
    let rsa = key_set(&example("jwk_3_3.rsa_public_key.json")).unwrap();
    for file in ["jws_4_4.hmac-sha2_integrity_protection.json", "jws_4_5.signature_with_detached_content.json"] {
        let example = example(file);
        let outcome = verify(example["output"]["compact"].as_str().unwrap(), &rsa, &[]);
        assert_eq!(outcome, Err(JwsError::Algorithm), "{file}");
    }

    // §4.6 to §4.8 have no compact form: a header is outside the signature, or there are several. The first of §4.8's
    // signatures has all its header inside, so a compact token can be made of it.
    for file in ["jws_4_6.protecting_specific_header_fields.json", "jws_4_7.protecting_content_only.json"] {
        let example = example(file);
        assert!(example["output"].get("compact").is_none(), "{file}");
        assert_eq!(verify(&example["output"]["json"].to_string(), &rsa, &[]), Err(JwsError::Malformed), "{file}");
    }
    let several = example("jws_4_8.multiple_signatures.json");
    let json = &several["output"]["json"];
    let part = |value: &Value| String::from(value.as_str().unwrap());
    let first = &json["signatures"][0];
    let token = [part(&first["protected"]), part(&json["payload"]), part(&first["signature"])].join(".");
    assert_eq!(verify(&token, &rsa, &[]).unwrap(), several["input"]["payload"].as_str().unwrap().as_bytes());
}

/// The examples carry private keys, which are never taken for verification.
fn public_part(jwk: &Value) -> Value {
    let mut public = jwk.clone();
    assert_eq!(key_set(&public).map(drop), Err(JwkError::NoUsableKey));
    for member in ["d", "p", "q", "dp", "dq", "qi"] {
        public.as_object_mut().unwrap().remove(member);
    }
    public
}
