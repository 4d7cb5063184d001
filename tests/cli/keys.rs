//! Signing keys: made, published, used; and files that are none, told by name and never by content.

use std::fs;

use tempfile::TempDir;

use super::{folder, root, run_in, write};

/// Every text of these tests that nobody may read in a message.
const MARKER: &str = "hunter2marker";

#[test]
fn a_key_of_every_algorithm_is_made_and_published_together_with_the_others() {
    let folder = folder();
    let mut kids = Vec::new();
    for (algorithm, kind) in [("EdDSA", "OKP"), ("ES256", "EC"), ("rs256", "RSA")] {
        let args = [
            "keys",
            "generate",
            "--algorithm",
            algorithm,
            "--out",
            algorithm,
        ];
        let made = run_in(folder.path(), &args);
        assert_eq!(made.code, 0, "{}", made.err);
        kids.push((made.out.trim().to_owned(), kind));
    }
    let public = root().join("src/codec/tests/keys/rsa-public.pem");
    let public = public.display().to_string();
    let args = ["keys", "jwks", "EdDSA", "ES256", "rs256", "EdDSA", &public];
    let ran = run_in(folder.path(), &args);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let json = ran.json();
    let keys = json["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 4, "{json}");
    for (key, (kid, kind)) in keys.iter().zip(&kids) {
        assert_eq!(
            (key["kid"].as_str(), key["kty"].as_str()),
            (Some(kid.as_str()), Some(*kind))
        );
    }
    for private in ["d", "p", "q", "dp", "dq", "qi"] {
        assert!(keys.iter().all(|key| key.get(private).is_none()), "{json}");
    }
    let args = ["keys", "generate", "--algorithm", "HS256", "--out", "h"];
    let ran = run_in(folder.path(), &args);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("RS256"), "{}", ran.err);
}

/// Writes files that cannot sign, and one that can: `good.pem`.
fn write_no_keys(folder: &TempDir) {
    let keys = root().join("src/codec/tests/keys");
    let read = |name: &str| fs::read_to_string(keys.join(name)).unwrap();
    write(folder, "empty.pem", "");
    write(folder, "text.pem", MARKER);
    write(folder, "two.pem", &(read("ed.pem") + &read("ec.pem")));
    let broken = format!("-----BEGIN PRIVATE KEY-----\n{MARKER}\n-----END PRIVATE KEY-----\n");
    write(folder, "broken.pem", &broken);
    fs::write(folder.path().join("der.pem"), [0x30, 0x82, 0xff, 0xfe]).unwrap();
    for name in ["ed-public.pem", "encrypted.pem", "short-rsa.pem"] {
        write(folder, name, &read(name));
    }
    std::os::unix::fs::symlink(folder.path(), folder.path().join("folder.pem")).unwrap();
    write(folder, "actions.jsonl", "");
    write(folder, "good.pem", &read("ec.pem"));
}

/// Checks what `config check` says of a file that is to be published.
fn check_published(folder: &TempDir, name: &str, said: &str) {
    let published = format!(
        "[signing]\nissuer = \"https://x\"\nkey_file = \"good.pem\"\n\
         published_key_files = [{name:?}]\n"
    );
    write(folder, "published.toml", &published);
    let args = ["config", "check", "--config", "published.toml"];
    let ran = run_in(folder.path(), &args);
    let is_public = name == "ed-public.pem";
    assert_eq!(ran.code, if is_public { 0 } else { 3 }, "{}", ran.err);
    let place = "published.toml:4: error: `signing.published_key_files`: ";
    let told = ran.err.contains(place) && ran.err.contains(said);
    assert_ne!(told, is_public, "{}", ran.err);
}

#[test]
fn a_file_that_is_no_key_is_told_by_its_name_and_never_by_its_content() {
    let folder = folder();
    write_no_keys(&folder);
    for (name, said) in [
        ("none.pem", "none.pem: No such file"),
        ("folder.pem", "folder.pem: Is a directory"),
        ("der.pem", "der.pem: not UTF-8 text"),
        ("empty.pem", "empty.pem: the file is empty"),
        ("text.pem", "text.pem: no private key in PEM"),
        ("broken.pem", "broken.pem:1: the "),
        ("two.pem", "two.pem:4: a second private key"),
        ("ed-public.pem", "ed-public.pem:1: a public key"),
        (
            "encrypted.pem",
            "encrypted.pem:1: the private key is encrypted",
        ),
        ("short-rsa.pem", "short-rsa.pem:1: an RSA key of 1024 bits"),
    ] {
        let config = format!("[signing]\nissuer = \"https://x\"\nkey_file = {name:?}\n");
        write(&folder, "c.toml", &config);
        let check = ["config", "check", "--config", "c.toml"];
        check_published(&folder, name, said);
        let replay = [
            "replay",
            "--actions",
            "actions.jsonl",
            "--signing-key",
            name,
        ];
        let jwks = ["keys", "jwks", name];
        for (args, code) in [(&check[..], 3), (&replay[..], 2), (&jwks[..], 2)] {
            let ran = run_in(folder.path(), args);
            // The public half of a key is all that `jwks` needs.
            if args[1] == "jwks" && name == "ed-public.pem" {
                assert_eq!(ran.code, 0, "{}", ran.err);
                continue;
            }
            assert_eq!(
                (ran.code, ran.out.as_str()),
                (code, ""),
                "{args:?}: {}",
                ran.err
            );
            assert!(ran.err.contains(said), "{args:?}: {}", ran.err);
            let place = "c.toml:3: error: `signing.key_file`: ";
            assert_eq!(ran.err.contains(place), code == 3, "{}", ran.err);
            let content = fs::read(folder.path().join(name)).unwrap_or_default();
            let content = String::from_utf8_lossy(&content);
            for line in content.lines().filter(|line| !line.starts_with("-----")) {
                assert!(!ran.err.contains(line), "{args:?}: {}", ran.err);
            }
        }
    }
}
