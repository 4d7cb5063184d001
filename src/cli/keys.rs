//! `keys generate` and `keys jwks`.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::config::read_public_key;
use super::diagnostics::print_line;
use super::exit::{CommandFailure, CommandResult, ExitStatus};
use super::files::write_new;
use super::output::Output;
use crate::codec::keys::{KeyAlgorithm, KeyError, PublicKey, TokenKey, jwk_set};

/// Read and write for the owner only.
const KEY_MODE: u32 = 0o600;
const GENERATE_EXAMPLES: &str = "\
Examples:
  scopewatch keys generate --out signing.pem
  scopewatch keys generate --algorithm RS256 --out signing.pem
";
const JWKS_EXAMPLES: &str = "\
Examples:
  scopewatch keys jwks signing.pem > jwks.json
  scopewatch keys jwks signing.pem signing-next.pem signing-last-year.pem
";

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Make a signing key (PKCS#8 PEM, mode 0600) and print its key id
    #[command(after_help = GENERATE_EXAMPLES)]
    Generate {
        /// How the key signs: EdDSA (Ed25519), ES256 (P-256), or RS256 (RSA of 2048 bits), which
        /// the CAEP interoperability profile demands
        #[arg(long, default_value = "EdDSA", value_parser = algorithm_parser(), ignore_case = true)]
        algorithm: KeyAlgorithm,
        /// The new file; an existing file is not overwritten
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Print the public keys of key files as a JSON Web Key Set, for those who verify requests
    #[command(after_help = JWKS_EXAMPLES)]
    Jwks {
        /// Key files: the key in use, the next one, and old keys whose signatures must still be
        /// verified. A file may hold the public half only
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
}

impl KeysCommand {
    pub(super) fn run(self, out: &mut Output) -> CommandResult {
        match self {
            KeysCommand::Generate {
                algorithm,
                out: path,
            } => generate_key(algorithm, &path, out),
            KeysCommand::Jwks { files } => print_jwks(&files, out),
        }
    }
}

fn generate_key(algorithm: KeyAlgorithm, path: &Path, out: &mut Output) -> CommandResult {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| {
        CommandFailure::at_runtime(format!("no randomness from the system: {error}"))
    })?;
    let failed = |error: KeyError| CommandFailure::at_runtime(error.to_string());
    let key = TokenKey::generate(algorithm, &seed).map_err(failed)?;
    let pem = key.to_pem().map_err(failed)?;
    write_new(path, pem.as_bytes(), KEY_MODE)?;
    print_line(&format!("wrote {}; the id of the key:", path.display()));
    out.write_line(key.kid())?;
    Ok(ExitStatus::Ok)
}

fn print_jwks(paths: &[PathBuf], out: &mut Output) -> CommandResult {
    let mut keys = Vec::with_capacity(paths.len());
    for path in paths {
        let (key, is_private) = read_public_key(path).map_err(CommandFailure::bad_input)?;
        if is_private {
            warn_if_open(path);
        }
        keys.push(key);
    }
    let keys: Vec<&PublicKey> = keys.iter().collect();
    out.write_json(&jwk_set(&keys))?;
    Ok(ExitStatus::Ok)
}

fn algorithm_parser() -> impl TypedValueParser<Value = KeyAlgorithm> {
    let words = KeyAlgorithm::ALL.map(KeyAlgorithm::as_str);
    PossibleValuesParser::new(words).map(|word| {
        let mut all = KeyAlgorithm::ALL.into_iter();
        all.find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(&word))
            .unwrap_or(KeyAlgorithm::EdDsa)
    })
}

/// Prints a warning when others than the owner can read a key.
fn warn_if_open(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode());
    if mode & 0o077 != 0 {
        print_line(&format!(
            "warning: {}: others than its owner can read this key",
            path.display()
        ));
    }
}
