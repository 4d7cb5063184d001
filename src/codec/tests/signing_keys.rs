//! The keys that sign: what each file gives, and that a signature is the one that other programs
//! make. The keys in the folder `keys` are for these tests; OpenSSL made them.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use crate::codec::control_keys::ControlKeys;
use crate::codec::keys::{KeyAlgorithm, PublicKey, TokenKey, jwk_set};
use crate::text::units::encode_hex;

const ED: &str = include_str!("keys/ed.pem");
const EC: &str = include_str!("keys/ec.pem");
const RSA: &str = include_str!("keys/rsa.pem");
/// Every member that a private JWK may have besides those of the public one (RFC 7518, 8037).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

fn key(pem: &str) -> TokenKey {
    TokenKey::from_pem(pem).unwrap()
}

fn seed_of(text: &str) -> [u8; 32] {
    *blake3::hash(text.as_bytes()).as_bytes()
}

/// A compact JWS over `claims`.
fn token(key: &TokenKey, claims: &str) -> String {
    let header = format!(
        r#"{{"alg":"{}","kid":"{}"}}"#,
        key.public().algorithm().as_str(),
        key.kid()
    );
    let [header, payload] = [&header, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
    let input = format!("{header}.{payload}");
    let signature = key.sign_bytes(input.as_bytes()).unwrap();
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn every_form_of_a_key_reads_as_the_same_key() {
    let forms = [
        (
            KeyAlgorithm::EdDsa,
            ED,
            vec![include_str!("keys/ed-public.pem")],
        ),
        (
            KeyAlgorithm::Es256,
            EC,
            vec![
                include_str!("keys/ec-sec1.pem"),
                include_str!("keys/ec-public.pem"),
            ],
        ),
        (
            KeyAlgorithm::Rs256,
            RSA,
            vec![
                include_str!("keys/rsa-pkcs1.pem"),
                include_str!("keys/rsa-public.pem"),
            ],
        ),
    ];
    for (algorithm, pem, others) in forms {
        let first = key(pem);
        assert_eq!(first.public().algorithm(), algorithm);
        let written = first.to_pem().unwrap();
        assert!(written.starts_with("-----BEGIN PRIVATE KEY-----\n"));
        let crlf = written.replace('\n', "\r\n");
        let indented = format!("a comment\n{}", written.replace('\n', "\n  "));
        for text in [&written, &crlf, &indented] {
            assert_eq!(key(text).public(), first.public(), "{algorithm:?}");
        }
        for other in others {
            assert_eq!(&PublicKey::from_pem(other).unwrap(), first.public());
        }
        assert_eq!(&PublicKey::from_pem(pem).unwrap(), first.public());
    }
}

#[test]
fn a_key_made_of_a_seed_is_one_that_reads_back() {
    for algorithm in KeyAlgorithm::ALL {
        let seed = seed_of(algorithm.as_str());
        let made = TokenKey::generate(algorithm, &seed).unwrap();
        assert_eq!(made.public().algorithm(), algorithm);
        let read = key(&made.to_pem().unwrap());
        assert_eq!(read.public(), made.public());
        let again = TokenKey::generate(algorithm, &seed).unwrap();
        assert_eq!(again.public(), made.public());
        let other = TokenKey::generate(algorithm, &seed_of("another")).unwrap();
        assert_ne!(other.kid(), made.kid());
    }
}

/// Each file that cannot sign, with the line and what is said of it.
#[test]
fn a_file_that_cannot_sign_is_refused_with_the_reason_and_without_its_text() {
    let two = format!("{ED}{EC}");
    let cut = &RSA[..RSA.len() - 30];
    let swapped = RSA.replace("MIIE", "MIIF");
    let damaged = EC.replace("MIGH", "MIG!");
    let headless = format!("hunter2\n{}", RSA.lines().nth(1).unwrap());
    let files = [
        ("", "k.pem: the file is empty"),
        (" \r\n\t\n", "k.pem: the file is empty"),
        ("hunter2", "k.pem: no private key in PEM"),
        (&headless, "k.pem: no private key in PEM"),
        (
            include_str!("keys/jwks.json"),
            "k.pem: no private key in PEM",
        ),
        (include_str!("keys/ed-public.pem"), "k.pem:1: a public key"),
        (
            include_str!("keys/encrypted.pem"),
            "k.pem:1: the private key is encrypted",
        ),
        (
            include_str!("keys/encrypted-sec1.pem"),
            "k.pem:1: the private key is encrypted",
        ),
        (
            include_str!("keys/short-rsa.pem"),
            "k.pem:1: an RSA key of 1024 bits; 2048 to 4096",
        ),
        (
            include_str!("keys/p384.pem"),
            "k.pem:1: an EC key of another curve",
        ),
        (
            include_str!("keys/secp256k1-sec1.pem"),
            "k.pem:1: an EC key of another curve",
        ),
        (
            include_str!("keys/x25519.pem"),
            "k.pem:1: a key of another algorithm",
        ),
        (&two, "k.pem:4: a second private key"),
        (cut, "k.pem:1: the end of this key is missing"),
        (&swapped, "k.pem:1: the key cannot be read"),
        (&damaged, "k.pem:1: the text of this key is no base64"),
    ];
    for (text, expected) in files {
        let error = TokenKey::from_pem(text).unwrap_err();
        let said = error.in_file("k.pem").to_string();
        assert!(said.starts_with(expected), "{said}\nexpected: {expected}");
        for line in text.lines().filter(|line| line.len() > 5) {
            let is_frame = line.starts_with("-----BEGIN");
            assert!(is_frame || !said.contains(line), "{said}");
        }
    }
}

#[test]
fn a_published_set_has_no_private_member_and_each_key_once() {
    let keys = [ED, EC, RSA, ED].map(key);
    let public: Vec<&PublicKey> = keys.iter().map(TokenKey::public).collect();
    let set = jwk_set(&public);
    let listed = set["keys"].as_array().unwrap();
    assert_eq!(listed.len(), 3);
    for jwk in listed {
        let members = jwk.as_object().unwrap();
        for name in PRIVATE_MEMBERS {
            assert!(!members.contains_key(name), "{jwk}");
        }
        assert_eq!(jwk["use"], "sig");
    }
    let kids: BTreeSet<_> = listed.iter().map(|jwk| jwk["kid"].as_str()).collect();
    assert_eq!(kids.len(), 3);
    assert_eq!(
        format!("{:?}", keys[2]),
        format!("TokenKey {{ kid: {:?}, .. }}", keys[2].kid())
    );
}

#[test]
fn key_ids_are_the_thumbprints_of_the_standards() {
    // RFC 8037, appendix A.
    let seed = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
    let seed = URL_SAFE_NO_PAD.decode(seed).unwrap();
    let key = TokenKey::from_seed(&seed.try_into().unwrap());
    assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    assert_eq!(
        key.public().jwk()["x"],
        "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    );
    // The others by the definition of RFC 7638, written out.
    for (pem, members) in [
        (EC, vec!["crv", "kty", "x", "y"]),
        (RSA, vec!["e", "kty", "n"]),
    ] {
        let jwk = super::signing_keys::key(pem).public().jwk();
        let each: Vec<String> = members
            .iter()
            .map(|name| format!("\"{name}\":{}", jwk[*name]))
            .collect();
        let canonical = format!("{{{}}}", each.join(","));
        let expected = URL_SAFE_NO_PAD.encode(Sha256::digest(canonical));
        assert_eq!(jwk["kid"], expected);
    }
}

#[test]
fn signatures_are_those_that_the_standards_and_openssl_give() {
    // RFC 6979, A.2.5: P-256 with SHA-256, message "sample".
    let scalar = "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721";
    let scalar: Vec<u8> = (0..32)
        .map(|index| u8::from_str_radix(&scalar[2 * index..2 * index + 2], 16).unwrap())
        .collect();
    let p256 = p256::ecdsa::SigningKey::from_slice(&scalar).unwrap();
    let secret = crate::codec::key_pem::SecretKey::Es256(Box::new(p256));
    let signature = TokenKey::new(secret).sign_bytes(b"sample").unwrap();
    assert_eq!(
        encode_hex(&signature),
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716\
         f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
    );
    // `printf scopewatch | openssl dgst -sha256 -sign rsa.pem | sha256sum`
    let signature = key(RSA).sign_bytes(b"scopewatch").unwrap();
    assert_eq!(
        encode_hex(&Sha256::digest(signature)),
        "5b92139fb18941c0cb4146c973896f707590273f72fadec847aa39424b2b8149"
    );
}

proptest! {
    #![proptest_config(crate::property::config(24))]

    /// What one key signs, the published set verifies, twice the same; no other key does.
    #[test]
    fn what_a_key_signs_verifies_and_is_the_same_twice(
        claims in "\\{\"[a-z]{0,40}\":[0-9]{1,9}\\}",
    ) {
        let keys = [ED, EC, RSA].map(key);
        let public: Vec<&PublicKey> = keys.iter().map(TokenKey::public).collect();
        let set = ControlKeys::from_jwks(&jwk_set(&public).to_string()).unwrap();
        for signer in &keys {
            let signed = token(signer, &claims);
            prop_assert_eq!(&signed, &token(signer, &claims));
            let verified = set.verify_record(&signed).unwrap();
            prop_assert_eq!(verified.payload, claims.as_bytes());
            let rest: Vec<&PublicKey> = public
                .iter()
                .copied()
                .filter(|other| other.kid() != signer.kid())
                .collect();
            let rest = ControlKeys::from_jwks(&jwk_set(&rest).to_string()).unwrap();
            prop_assert!(rest.verify_record(&signed).is_err());
        }
    }

    /// Any text is read or refused; none panics, and none stands in the message.
    #[test]
    fn any_text_is_refused_without_being_told(body in "[A-Za-z0-9+/=]{20,80}", label in 0usize..5) {
        let label = ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "PUBLIC KEY", "X"][label];
        let text = format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
        let said = TokenKey::from_pem(&text).unwrap_err().in_file("k").to_string();
        prop_assert!(!said.contains(&body[..10]), "{}", said);
        let said = PublicKey::from_pem(&text).unwrap_err().in_file("k").to_string();
        prop_assert!(!said.contains(&body[..10]), "{}", said);
    }
}
