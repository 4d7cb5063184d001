//! Settings that are lists: read from every source, checked, and shown so that they read back.

use scopewatch::config::{Config, show_settings};

use super::{all, bad, good, pairs, sources};

#[test]
fn a_list_of_files_is_read_from_every_source_and_shown_as_one() {
    let signing = "[signing]\nissuer = \"i\"\nkey_file = \"k\"\n";
    let of = |text: &str| sources(&format!("{signing}{text}"));
    let files = |config: &Config| -> Vec<String> {
        let files = &config.signing.published_key_files;
        files
            .iter()
            .map(|file| file.display().to_string())
            .collect()
    };
    let mut from_file = of("published_key_files = [\"a,b\", \"c\"]\n");
    let config = good(&from_file);
    assert_eq!(files(&config), ["a,b", "c"]);
    let shown = show_settings(&config);
    let line = "published_key_files = [\"a,b\", \"c\"]  # s.toml:4\n";
    assert!(shown.contains(line), "{shown}");
    from_file.env = pairs(&[("SCOPEWATCH_SIGNING__PUBLISHED_KEY_FILES", "x, y,")]);
    assert_eq!(files(&good(&from_file)), ["x", "y"]);
    from_file.flags = pairs(&[("signing.published_key_files", "")]);
    assert_eq!(files(&good(&from_file)), Vec::<String>::new());

    let many = vec!["\"f\""; 16].join(", ");
    for (text, wanted) in [
        ("published_key_files = \"a\"\n", "s.toml:4:23: error: "),
        (
            "published_key_files = [\"a\", 7]\n",
            "expected a list of paths",
        ),
        ("published_key_files = [\"\"]\n", "expected a list of paths"),
        (
            "published_key_files = [\"-----BEGIN hunter2\"]\n",
            "expected a list of paths",
        ),
        (
            &format!("published_key_files = [{many}]\n"),
            "s.toml:4: error: `signing.published_key_files`: at most 15 files",
        ),
    ] {
        let text = all(&bad(&of(text)));
        assert!(text.contains(wanted) && !text.contains("hunter2"), "{text}");
    }
    let unsigned = all(&bad(&sources("[signing]\npublished_key_files = [\"a\"]\n")));
    let wanted = "s.toml:2: error: `signing.published_key_files`: needs `signing.key_file`";
    assert!(unsigned.contains(wanted), "{unsigned}");
}
