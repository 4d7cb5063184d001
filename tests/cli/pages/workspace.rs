//! A folder in which a page's blocks run one after the other.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::super::{folder, root};

/// Where a page says that the files of an installation are. The tests have them in `etc`.
const INSTALLED: &str = "/etc/scopewatch";

/// A page's folder and the output of the last command.
pub struct Workspace {
    folder: TempDir,
    pub out: String,
    pub err: String,
}

/// What a command left.
pub struct Ran {
    pub success: bool,
    pub out: String,
    pub err: String,
}

impl Workspace {
    /// A folder with what the repository has that pages speak of, and with the files of an
    /// installation.
    pub fn new() -> Workspace {
        let folder = folder();
        for part in ["rules", "schemas", "tests/corpora"] {
            copy(&root().join(part), &folder.path().join(part));
        }
        let workspace = Workspace {
            folder,
            out: String::new(),
            err: String::new(),
        };
        copy(&root().join("rules"), &workspace.path("etc/rules"));
        let mapping = root().join("schemas/mappings/template.jq");
        fs::copy(mapping, workspace.path("etc/gateway.jq")).unwrap();
        let ran = workspace.shell("scopewatch keys generate --out etc/signing.pem");
        assert!(ran.success, "{}", ran.err);
        workspace.write("scopewatch.toml", "");
        workspace
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file below the folder.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let installed = self.path("etc").display().to_string();
        fs::write(path, text.replace(INSTALLED, &installed)).unwrap();
    }

    pub fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path(name)).ok()
    }

    /// A fresh copy of the shipped rules under this name.
    pub fn copy_rules(&self, name: &str) {
        let _ = fs::remove_dir_all(self.path(name));
        copy(&root().join("rules"), &self.path(name));
    }

    /// Runs lines as a shell does that stops at the first failure, with none of our variables.
    pub fn shell(&self, lines: &str) -> Ran {
        let mut command = Command::new("sh");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SCOPEWATCH_") {
                command.env_remove(name);
            }
        }
        let program = assert_cmd::cargo::cargo_bin!("scopewatch");
        let folder = program.parent().unwrap().display().to_string();
        let path = format!("{folder}:{}", std::env::var("PATH").unwrap());
        let output = command
            .args(["-e", "-c", lines])
            .env("PATH", path)
            .stdin(Stdio::null())
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran {
            success: output.status.success(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, name) = entry.map(|e| (e.path(), e.file_name())).unwrap();
        match from.is_dir() {
            true => copy(&from, &to.join(name)),
            false => drop(fs::copy(&from, to.join(name)).unwrap()),
        }
    }
}
