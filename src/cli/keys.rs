//! `keys generate` and `keys jwks`.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::config::read_key;
use super::diagnostics::print_line;
use super::exit::{CommandFailure, CommandResult, ExitStatus};
use super::files::write_new;
use super::output::Output;
use crate::codec::keys::{TokenKey, jwk_set};

/// Read and write for the owner only.
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
    pub(super) fn run(self, out: &mut Output) -> CommandResult {
        match self {
            KeysCommand::Generate { out: path } => generate_key(&path, out),
            KeysCommand::Jwks { files } => print_jwks(&files, out),
        }
    }
}

fn generate_key(path: &Path, out: &mut Output) -> CommandResult {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| {
        CommandFailure::at_runtime(format!("no randomness from the system: {error}"))
    })?;
    let key = TokenKey::from_seed(&seed);
    let pem = key
        .to_pem()
        .map_err(|error| CommandFailure::at_runtime(error.to_string()))?;
    write_new(path, pem.as_bytes(), KEY_MODE)?;
    print_line(&format!("wrote {}; the id of the key:", path.display()));
    out.write_line(key.kid())?;
    Ok(ExitStatus::Ok)
}

fn print_jwks(paths: &[PathBuf], out: &mut Output) -> CommandResult {
    let mut keys: Vec<TokenKey> = Vec::with_capacity(paths.len());
    for path in paths {
        let key = read_key(path).map_err(CommandFailure::bad_input)?;
        warn_if_open(path);
        if keys.iter().all(|other| other.kid() != key.kid()) {
            keys.push(key);
        }
    }
    let keys: Vec<&TokenKey> = keys.iter().collect();
    out.write_json(&jwk_set(&keys))?;
    Ok(ExitStatus::Ok)
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
