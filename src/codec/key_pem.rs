//! Reads keys from PEM, and says exactly why a file is no key that can be used. No message contains
//! a part of the file: it may be a secret under a wrong name.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _};
use p256::elliptic_curve::zeroize::Zeroizing;
use rsa::RsaPrivateKey;
use rsa::pkcs1::DecodeRsaPrivateKey as _;
use rsa::pkcs8::spki::SubjectPublicKeyInfoRef;
use rsa::pkcs8::{ObjectIdentifier, PrivateKeyInfo};
use thiserror::Error;

use super::rs256::{BITS, Rs256Key, bits_of};

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// P-256 as it stands in the bytes of a key.
const P256_DER: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// Characters of a line of PEM.
const LINE_CHARS: usize = 64;

const PKCS8: &str = "PRIVATE KEY";
const PKCS1: &str = "RSA PRIVATE KEY";
const SEC1: &str = "EC PRIVATE KEY";
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";
const SPKI: &str = "PUBLIC KEY";

/// Why a key was refused, and at which line of its file.
#[derive(Debug, Error)]
#[error("{problem}")]
pub struct KeyError {
    /// From 1; 0 for the whole file.
    line: usize,
    problem: KeyProblem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
enum KeyProblem {
    #[error("the file is empty; a private key in PEM is expected")]
    Empty,
    #[error("no private key in PEM: `-----BEGIN PRIVATE KEY-----` is expected")]
    NoKey,
    #[error("a public key: it can be published, but it cannot sign; name the private key")]
    PublicOnly,
    #[error(
        "the private key is encrypted by a password; write it without one: \
         `openssl pkey -in OLD -out NEW`"
    )]
    Encrypted,
    #[error("a second private key; each key needs a file of its own")]
    SecondKey,
    #[error("the end of this key is missing: `-----END …-----` is expected")]
    NoEnd,
    #[error("the text of this key is no base64")]
    NoBase64,
    #[error("the key cannot be read: its bytes are damaged, or its halves do not belong together")]
    Damaged,
    #[error("an RSA key of {0} bits; 2048 to 4096 are accepted")]
    RsaBits(usize),
    #[error("an EC key of another curve; only P-256 (`prime256v1`) is accepted")]
    OtherCurve,
    #[error("a key of another algorithm; Ed25519, EC P-256 and RSA are accepted")]
    OtherAlgorithm,
    #[error("no key could be made")]
    NoResult,
}

impl KeyError {
    pub(super) const fn no_key() -> Self {
        KeyProblem::NoResult.at(0)
    }

    /// The error with the name of the file, and with the line where it is known.
    #[must_use]
    pub fn in_file<'a>(&'a self, path: &'a str) -> impl fmt::Display + 'a {
        struct InFile<'a>(&'a KeyError, &'a str);
        impl fmt::Display for InFile<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let InFile(error, path) = self;
                match error.line {
                    0 => write!(f, "{path}: {error}"),
                    line => write!(f, "{path}:{line}: {error}"),
                }
            }
        }
        InFile(self, path)
    }
}

impl KeyProblem {
    const fn at(self, line: usize) -> KeyError {
        KeyError {
            line,
            problem: self,
        }
    }
}

/// The secret of a key.
pub(super) enum SecretKey {
    EdDsa(Box<ed25519_dalek::SigningKey>),
    Es256(Box<p256::ecdsa::SigningKey>),
    Rs256(Box<Rs256Key>),
}

/// A key of which only the public half is wanted.
pub(super) enum PublicPart {
    Private(SecretKey),
    EdDsa(ed25519_dalek::VerifyingKey),
    Es256(p256::PublicKey),
    Rs256(rsa::RsaPublicKey),
}

/// What stands between `BEGIN` and `END`.
struct PemBlock<'a> {
    label: &'a str,
    /// The line of `BEGIN`, from 1.
    line: usize,
    /// Its lines, not decoded.
    body: Vec<&'a str>,
}

/// The one private key of a text.
pub(super) fn read_private(text: &str) -> Result<SecretKey, KeyError> {
    let blocks = read_blocks(text)?;
    match one_private(&blocks)? {
        Some(block) => block.private_key(),
        None => Err(match blocks.iter().find(|block| block.label == SPKI) {
            Some(block) => KeyProblem::PublicOnly.at(block.line),
            None => KeyProblem::NoKey.at(0),
        }),
    }
}

/// The public half of the one private key of a text, or its public key.
pub(super) fn read_public(text: &str) -> Result<PublicPart, KeyError> {
    let blocks = read_blocks(text)?;
    if let Some(block) = one_private(&blocks)? {
        return block.private_key().map(PublicPart::Private);
    }
    let mut public = blocks.iter().filter(|block| block.label == SPKI);
    let key = public.next().ok_or(KeyProblem::NoKey.at(0))?;
    match public.next() {
        Some(second) => Err(KeyProblem::SecondKey.at(second.line)),
        None => key.public_key(),
    }
}

/// Writes a key in PKCS#8.
pub(super) fn write_private(der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {PKCS8}-----\n");
    let encoded = Zeroizing::new(STANDARD.encode(der));
    for (index, character) in encoded.chars().enumerate() {
        if index > 0 && index % LINE_CHARS == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text + &format!("\n-----END {PKCS8}-----\n")
}

/// The blocks of a text. Other text may stand around them (RFC 7468).
fn read_blocks(text: &str) -> Result<Vec<PemBlock<'_>>, KeyError> {
    if text.trim().is_empty() {
        return Err(KeyProblem::Empty.at(0));
    }
    let mut blocks = Vec::new();
    let mut open: Option<PemBlock<'_>> = None;
    for (index, line) in text.lines().map(str::trim).enumerate() {
        let begun = label_of(line, "-----BEGIN ");
        match (&mut open, begun) {
            (None, Some(label)) => {
                open = Some(PemBlock {
                    label,
                    line: index + 1,
                    body: Vec::new(),
                });
            }
            (Some(block), Some(_)) => return Err(KeyProblem::NoEnd.at(block.line)),
            (Some(block), None) if label_of(line, "-----END ") == Some(block.label) => {
                blocks.extend(open.take());
            }
            (Some(block), None) => block.body.push(line),
            (None, None) => {}
        }
    }
    match open {
        Some(block) => Err(KeyProblem::NoEnd.at(block.line)),
        None => Ok(blocks),
    }
}

fn label_of<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    line.strip_prefix(start)?.strip_suffix("-----")
}

/// The only private key among the blocks, if there is one.
fn one_private<'a>(blocks: &'a [PemBlock<'a>]) -> Result<Option<&'a PemBlock<'a>>, KeyError> {
    let mut private = blocks
        .iter()
        .filter(|block| [PKCS8, PKCS1, SEC1, ENCRYPTED].contains(&block.label));
    let first = private.next();
    match private.next() {
        Some(second) => Err(KeyProblem::SecondKey.at(second.line)),
        None => Ok(first),
    }
}

impl PemBlock<'_> {
    fn private_key(&self) -> Result<SecretKey, KeyError> {
        // OpenSSL's older form says it in a header of the block.
        if self.label == ENCRYPTED || self.body.iter().any(|line| line.starts_with("Proc-Type:")) {
            return Err(KeyProblem::Encrypted.at(self.line));
        }
        let der = self.decode()?;
        let secret = match self.label {
            PKCS1 => read_pkcs1(&der),
            SEC1 => read_sec1(&der),
            _ => read_pkcs8(&der),
        };
        secret.map_err(|problem| problem.at(self.line))
    }

    fn public_key(&self) -> Result<PublicPart, KeyError> {
        let der = self.decode()?;
        read_spki(&der).map_err(|problem| problem.at(self.line))
    }

    fn decode(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let text = Zeroizing::new(self.body.concat());
        let decoded = STANDARD.decode(text.as_bytes());
        let decoded = decoded.map_err(|_| KeyProblem::NoBase64.at(self.line))?;
        Ok(Zeroizing::new(decoded))
    }
}

fn read_pkcs8(der: &[u8]) -> Result<SecretKey, KeyProblem> {
    let info = PrivateKeyInfo::try_from(der).map_err(|_| KeyProblem::Damaged)?;
    match info.algorithm.oid {
        RSA => read_pkcs1(info.private_key),
        EC if info.algorithm.parameters_oid() != Ok(P256) => Err(KeyProblem::OtherCurve),
        EC => {
            let key = p256::SecretKey::try_from(info).map_err(|_| KeyProblem::Damaged)?;
            Ok(SecretKey::Es256(Box::new(key.into())))
        }
        ED25519 => {
            let key = ed25519_dalek::SigningKey::from_pkcs8_der(der);
            let key = key.map_err(|_| KeyProblem::Damaged)?;
            Ok(SecretKey::EdDsa(Box::new(key)))
        }
        _ => Err(KeyProblem::OtherAlgorithm),
    }
}

fn read_pkcs1(der: &[u8]) -> Result<SecretKey, KeyProblem> {
    // The size first: the crate refuses a key that is too large, without saying so.
    let parts = rsa::pkcs1::RsaPrivateKey::try_from(der).map_err(|_| KeyProblem::Damaged)?;
    check_bits(bits_of_bytes(parts.modulus.as_bytes()))?;
    let key = RsaPrivateKey::from_pkcs1_der(der).map_err(|_| KeyProblem::Damaged)?;
    Ok(SecretKey::Rs256(Box::new(Rs256Key::new(key))))
}

fn read_sec1(der: &[u8]) -> Result<SecretKey, KeyProblem> {
    // Keys of other curves have 32 bytes as well.
    if !der.windows(P256_DER.len()).any(|bytes| bytes == P256_DER) {
        return Err(KeyProblem::OtherCurve);
    }
    let key = p256::SecretKey::from_sec1_der(der).map_err(|_| KeyProblem::Damaged)?;
    Ok(SecretKey::Es256(Box::new(key.into())))
}

fn read_spki(der: &[u8]) -> Result<PublicPart, KeyProblem> {
    let info = SubjectPublicKeyInfoRef::try_from(der).map_err(|_| KeyProblem::Damaged)?;
    match info.algorithm.oid {
        RSA => {
            let key = rsa::RsaPublicKey::try_from(info).map_err(|_| KeyProblem::Damaged)?;
            check_bits(bits_of(&key))?;
            Ok(PublicPart::Rs256(key))
        }
        EC if info.algorithm.parameters_oid() != Ok(P256) => Err(KeyProblem::OtherCurve),
        EC => {
            let key = p256::PublicKey::try_from(info).map_err(|_| KeyProblem::Damaged)?;
            Ok(PublicPart::Es256(key))
        }
        ED25519 => {
            let key = ed25519_dalek::VerifyingKey::from_public_key_der(der);
            Ok(PublicPart::EdDsa(key.map_err(|_| KeyProblem::Damaged)?))
        }
        _ => Err(KeyProblem::OtherAlgorithm),
    }
}

fn check_bits(bits: usize) -> Result<(), KeyProblem> {
    if BITS.contains(&bits) {
        Ok(())
    } else {
        Err(KeyProblem::RsaBits(bits))
    }
}

/// The bits of a number without leading zero bytes.
fn bits_of_bytes(bytes: &[u8]) -> usize {
    let first = bytes.first().map_or(0, |first| first.leading_zeros());
    bytes.len() * 8 - usize::try_from(first).unwrap_or(0)
}
