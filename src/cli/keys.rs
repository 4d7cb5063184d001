//! `keys generate` and `keys jwks`.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::config::read_key;
use super::diagnostics::tell;
use super::exit::{Exit, Failure, Outcome};
use super::files::write_new;
use super::output::Output;
use crate::codec::keys::{TokenKey, jwk_set};

/// Only the owner reads and writes.
const KEY_MODE: u32 = 0o600;
const GENERATE_EXAMPLES: &str = "\
Examples:
  scopewatch keys generate --out signing.pem
";
const JWKS_EXAMPLES: &str = "\
Examples:
  scopewatch keys jwks signing.pem > jwks.json
  scopewatch keys jwks signing.pem signing-last-year.pem
";

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Make an Ed25519 key (PKCS#8 PEM, mode 0600) and print its key id
    #[command(after_help = GENERATE_EXAMPLES)]
    Generate {
        /// The new file; an existing file is not overwritten
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Print the public keys of key files as a JSON Web Key Set, for those who verify requests
    #[command(after_help = JWKS_EXAMPLES)]
    Jwks {
        /// Key files: the key in use, and old keys whose signatures must still be verified
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
}

impl KeysCommand {
    pub(super) fn run(self, out: &mut Output) -> Outcome {
        match self {
            KeysCommand::Generate { out: path } => generate(&path, out),
            KeysCommand::Jwks { files } => publish(&files, out),
        }
    }
}

fn generate(path: &Path, out: &mut Output) -> Outcome {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|error| Failure::runtime(format!("no randomness from the system: {error}")))?;
    let key = TokenKey::from_seed(&seed);
    let pem = key
        .to_pem()
        .map_err(|error| Failure::runtime(error.to_string()))?;
    write_new(path, pem.as_bytes(), KEY_MODE)?;
    tell(&format!("wrote {}; the id of the key:", path.display()));
    out.line(key.kid())?;
    Ok(Exit::Ok)
}

fn publish(paths: &[PathBuf], out: &mut Output) -> Outcome {
    let mut keys: Vec<TokenKey> = Vec::with_capacity(paths.len());
    for path in paths {
        let key = read_key(path).map_err(Failure::input)?;
        warn_if_open(path);
        if keys.iter().all(|other| other.kid() != key.kid()) {
            keys.push(key);
        }
    }
    let keys: Vec<&TokenKey> = keys.iter().collect();
    out.json(&jwk_set(&keys))?;
    Ok(Exit::Ok)
}

/// Says so when others than the owner can read a key.
fn warn_if_open(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode());
    if mode & 0o077 != 0 {
        tell(&format!(
            "warning: {}: others than its owner can read this key",
            path.display()
        ));
    }
}
