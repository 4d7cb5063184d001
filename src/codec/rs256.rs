//! RS256: RSASSA-PKCS1-v1_5 with SHA-256. The same message gives the same signature.
//!
//! The crate `rsa` does its arithmetic in a time that depends on the numbers (RUSTSEC-2023-0071,
//! "Marvin"). An attack needs many private operations on numbers that the attacker knows, each with
//! its time. Two things stand against it. Every signature is blinded: the number that meets the
//! private key is multiplied by a secret factor that differs for each message. And nobody sees the
//! time of one signature: requests leave in transactions, together with all other output.

use p256::elliptic_curve::zeroize::Zeroizing;
use rsa::pkcs1v15::SigningKey;
// tidy: rand_core: only its traits; the bytes come from the key and the message
use rsa::rand_core::{CryptoRng, Error, RngCore};
use rsa::sha2::Sha256;
use rsa::signature::{RandomizedSigner, SignatureEncoding};
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use rsa::{RsaPrivateKey, RsaPublicKey};

/// The sizes of keys that are read, bits. CAEP demands at least 2048; the crate reads up to 4096.
pub(super) const BITS: std::ops::RangeInclusive<usize> = 2_048..=4_096;
/// The size of a new key, bits.
const BITS_NEW: usize = 2_048;

/// A private RSA key.
pub(super) struct Rs256Key {
    signing: SigningKey<Sha256>,
    /// Derived from the private key, so that nobody else can compute a blinding factor.
    blinding: Zeroizing<[u8; 32]>,
}

impl Rs256Key {
    pub(super) fn new(key: RsaPrivateKey) -> Self {
        let secret = Zeroizing::new(key.d().to_bytes_be());
        let blinding = blake3::derive_key("scopewatch 1 RS256 blinding", &secret);
        Rs256Key {
            signing: SigningKey::new(key),
            blinding: Zeroizing::new(blinding),
        }
    }

    /// Makes a key of the bytes of `random`.
    pub(super) fn generate(random: &mut SecretBytes) -> Option<Self> {
        RsaPrivateKey::new(random, BITS_NEW).ok().map(Self::new)
    }

    pub(super) fn private(&self) -> &RsaPrivateKey {
        self.signing.as_ref()
    }

    pub(super) fn public(&self) -> RsaPublicKey {
        self.private().to_public_key()
    }

    /// The signature of `message`; `None` when the result does not verify, which only a fault of
    /// the machine can cause.
    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        // The factor depends on the message alone. It cancels out of the signature.
        let hasher = blake3::Hasher::new_keyed(&self.blinding);
        let mut factor = SecretBytes::from_hasher(hasher, message);
        let signature = self.signing.try_sign_with_rng(&mut factor, message).ok()?;
        Some(signature.to_vec())
    }
}

/// The size of a key, bits.
pub(super) fn bits_of(key: &impl PublicKeyParts) -> usize {
    key.n().bits()
}

/// Bytes that look random to everybody who does not know the secret. No randomness enters here: the
/// same secret gives the same bytes.
pub(super) struct SecretBytes(blake3::OutputReader);

impl SecretBytes {
    /// The bytes of a seed.
    pub(super) fn from_seed(seed: &[u8; 32]) -> Self {
        SecretBytes::from_hasher(
            blake3::Hasher::new_derive_key("scopewatch 1 new signing key"),
            seed,
        )
    }

    fn from_hasher(mut hasher: blake3::Hasher, input: &[u8]) -> Self {
        hasher.update(input);
        SecretBytes(hasher.finalize_xof())
    }
}

impl CryptoRng for SecretBytes {}

impl RngCore for SecretBytes {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill_bytes(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}
