//! Bad samples: each check must be able to fail, and to stay silent beside what is right.

use crate::source::Source;
use crate::{checks, circles, glossary, names, properties, rooms};

fn source(path: &str, text: &str) -> Source {
    Source::parse(path, text)
}

fn lines(complaints: &[String]) -> Vec<usize> {
    complaints
        .iter()
        .map(|text| text.split(':').nth(1).unwrap().parse().unwrap())
        .collect()
}

#[test]
fn comments_texts_and_tests_are_not_code() {
    let text = "\
//! File.
/// Never `panic!`.
fn a() { let t = \"panic!(\\\"x\\\")\"; } // panic!
/* panic!
 /* panic! */ panic! */ fn b() { let q = '\"'; let r = r#\"todo!\"#; }
fn c<'a>(x: &'a str) { let c = '\\''; panic!() }
#[cfg(test)]
mod tests {
    fn d() { panic!() }
}
fn e() { todo!() }
";
    let source = source("src/scope/a.rs", text);
    assert_eq!(lines(&names::banned(&source)), [6, 11]);
    assert!(source.lines[8].test && !source.lines[10].test);
}

#[test]
fn whole_files_of_tests_may_stop_at_the_first_surprise() {
    for path in [
        "src/scope/tests.rs",
        "src/scope/x/tests/a.rs",
        "tests/a.rs",
        "benches/a.rs",
    ] {
        assert!(names::banned(&source(path, "//! F\nfn a() { b().unwrap(); }\n")).is_empty());
    }
    assert!(
        !names::banned(&source("src/cli/a.rs", "//! F\nfn a() { b().unwrap(); }\n")).is_empty()
    );
}

#[test]
fn a_file_that_is_declared_for_tests_is_test_code() {
    let mut sources = [
        source(
            "src/scope/mod.rs",
            "//! F\n#[cfg(test)]\npub(crate) mod testing;\nmod other;\n",
        ),
        source("src/scope/testing.rs", "//! F\nfn a() { b().unwrap(); }\n"),
        source(
            "src/scope/testing_not.rs",
            "//! F\nfn a() { b().unwrap(); }\n",
        ),
        source("src/scope/other.rs", "//! F\nfn a() { b().unwrap(); }\n"),
    ];
    crate::source::mark_test_modules(&mut sources);
    let counts = sources.each_ref().map(|source| names::banned(source).len());
    assert_eq!(counts, [0, 0, 1, 1]);
}

#[test]
fn imports_from_above_are_seen_in_every_form() {
    let complaints = |path: &str, code: &str| rooms::imports(&source(path, code)).len();
    assert_eq!(complaints("src/scope/a.rs", "use crate::event::Text;"), 0);
    assert_eq!(
        complaints("src/scope/a.rs", "use crate::scope::Verdict;"),
        0
    );
    assert_eq!(complaints("src/scope/a.rs", "use crate::rule::Rule;"), 1);
    assert_eq!(
        complaints("src/scope/a.rs", "fn a() { crate::rule::x() }"),
        1
    );
    let group = "use crate::{\n    event::{Text, rule},\n    rule::Rule,\n    response,\n};";
    assert_eq!(complaints("src/scope/a.rs", group), 2);
    assert_eq!(complaints("src/scope/a.rs", "// use crate::rule::Rule;"), 0);
    assert_eq!(complaints("src/scope/mod.rs", "use super::rule::Rule;"), 1);
    assert_eq!(
        complaints("src/scope/a.rs", "use super::rule::Rule;"),
        0,
        "scope::rule"
    );
    assert_eq!(
        complaints("src/scope/a.rs", "use super::super::rule::Rule;"),
        1
    );
    let inner =
        "mod m {\n    use super::super::rule::Rule;\n    use super::super::super::rule::R;\n}";
    assert_eq!(complaints("src/scope/a.rs", inner), 1);
    assert_eq!(complaints("src/store/a.rs", "use crate::kafka::Topic;"), 1);
    assert_eq!(complaints("src/worker/a.rs", "use crate::kafka::Topic;"), 0);
    assert_eq!(complaints("src/worker/a.rs", "use crate::cli::Args;"), 1);
    let text = rooms::imports(&source("src/kafka/a.rs", "\nuse crate::config::Config;")).join("");
    assert!(text.starts_with("src/kafka/a.rs:2: `kafka` imports `config`; it may import nothing"));
}

#[test]
fn a_right_that_no_line_uses_is_named() {
    let text: String = ["text", "event"]
        .map(|room| format!("use crate::{room}::X;\n"))
        .concat();
    let complaints = rooms::unused_rights(&[source("src/codec/a.rs", &text)]);
    let of_codec: Vec<_> = complaints
        .iter()
        .filter(|complaint| complaint.contains("lets `codec`"))
        .collect();
    assert_eq!(of_codec.len(), 1);
    assert!(of_codec[0].contains("import `response`, and no line of it does"));
}

#[test]
fn a_row_that_the_documentation_lacks_is_named() {
    let row = "//! | [`event`] | yes | text |\n//! | [`scope`] | yes | event, text |\n";
    let complaints = rooms::documented(&source("src/lib.rs", row)).join("\n");
    assert!(!complaints.contains("[`event`]"));
    assert!(complaints.contains("the row | [`scope`] | yes | text, event |"));
}

#[test]
fn a_pure_room_that_clippy_does_not_hold_is_named() {
    let unheld = |text: &str| rooms::unheld(&[source("src/engine/mod.rs", text)]).len();
    assert_eq!(unheld("//! Purpose.\n"), 1);
    assert_eq!(unheld("//! P.\n#![deny(clippy::disallowed_methods)]\n"), 0);
}

#[test]
fn a_room_without_header_or_row_is_named() {
    let good = "//! Purpose.\n//!\n//! Place in the flow: here.\n//! This room knows nothing of \
                Kafka. It owns no state.\n//! Read first: tests.\n";
    let header = |path: &str, text: &str| rooms::headers(&[source(path, text)]).len();
    assert_eq!(header("src/scope/mod.rs", good), 0);
    assert_eq!(header("src/scope/mod.rs", "//! Purpose.\n"), 4);
    assert_eq!(header("src/scope/other.rs", "//! Purpose.\n"), 0);
    assert_eq!(header("src/attic/mod.rs", good), 1);
}

#[test]
fn sizes_are_counted_to_the_line() {
    let file = |count: usize| format!("//! F.\n{}", "\n".repeat(count - 1));
    let sizes = |text: &str| lines(&checks::sizes(&source("src/scope/a.rs", text)));
    assert_eq!(sizes(&file(checks::FILE_LINES_MAX)), []);
    assert_eq!(sizes(&file(checks::FILE_LINES_MAX + 1)), [501]);
    assert_eq!(sizes("fn a() {}\n"), [1]);
    assert_eq!(sizes(&format!("//! F.\n{}\n", "ä".repeat(100))), []);
    assert_eq!(sizes(&format!("//! F.\n{}\n", "ä".repeat(101))), [2]);

    let function = |count: usize| {
        format!(
            "//! F.\npub(crate) const fn a(\n) {{\n{}}}\nfn b() {{}}\n",
            "x;\n".repeat(count - 3)
        )
    };
    let functions = |text: &str| lines(&checks::functions(&source("src/scope/a.rs", text)));
    assert_eq!(functions(&function(checks::FUNCTION_LINES_MAX)), []);
    assert_eq!(functions(&function(checks::FUNCTION_LINES_MAX + 1)), [2]);
    assert_eq!(functions("trait T {\n    fn a();\n}\n"), []);
}

#[test]
fn purity_is_held_in_pure_rooms_only() {
    let code = "//! F\nfn a() { SystemTime::now(); std::fs::read(); tracing::info!(); }\n";
    assert_eq!(names::banned(&source("src/detector/a.rs", code)).len(), 3);
    assert_eq!(names::banned(&source("src/codec/a.rs", code)).len(), 3);
    let log = "only `telemetry` writes the log";
    assert_eq!(
        names::banned(&source("src/worker/a.rs", code)).len(),
        1,
        "{log}"
    );
    assert_eq!(
        names::banned(&source("src/telemetry/a.rs", code)).len(),
        0,
        "{log}"
    );
    let print = "//! F\nfn a() { println!(); }\n";
    assert_eq!(names::banned(&source("src/worker/a.rs", print)).len(), 1);
    assert_eq!(names::banned(&source("src/cli/a.rs", print)).len(), 0);
}

#[test]
fn an_unordered_map_needs_a_word_of_excuse() {
    let count = |text: &str| names::banned(&source("src/rule/a.rs", text)).len();
    assert_eq!(count("//! F\nuse std::collections::HashMap;\n"), 0);
    assert_eq!(count("//! F\nstruct S { a: HashMap<u8, u8> }\n"), 1);
    assert_eq!(
        count("//! F\n/// Never iterated.\nstruct S { a: HashMap<u8, u8> }\n"),
        0
    );
    assert_eq!(count("//! F\nstruct S { a: FxHashSet<u8> }\n"), 1);
    assert_eq!(count("//! F\nstruct S { a: MyHashMapLike }\n"), 0);
}

#[test]
fn an_excuse_names_what_it_excuses_and_why() {
    let count = |comment: &str| {
        let text = format!("//! F\n// {comment}\nfn a() {{ b().unwrap(); }}\n");
        names::banned(&source("src/rule/a.rs", &text)).len()
    };
    assert_eq!(count("tidy: unwrap: the table is a constant"), 0);
    assert_eq!(count("tidy: unwrap: ok"), 1);
    assert_eq!(count("tidy: expect: the table is a constant"), 1);
}

#[test]
fn units_come_last_and_words_do_not_collide() {
    let count =
        |path: &str, code: &str| names::words(&source(path, &format!("//! F\n{code}\n"))).len();
    assert_eq!(count("src/rule/a.rs", "const MAX_BYTES: usize = 1;"), 1);
    assert_eq!(count("src/rule/a.rs", "const BYTES_MAX: usize = 1;"), 0);
    assert_eq!(count("src/rule/a.rs", "    pub wait_seconds: u64,"), 1);
    assert_eq!(count("src/rule/a.rs", "    pub wait_s: u64,"), 0);
    assert_eq!(count("src/kafka/a.rs", "    let offset = 1;"), 1);
    assert_eq!(count("src/kafka/a.rs", "    let offset_next = 1;"), 0);
    assert_eq!(count("src/kafka/a.rs", "fn partitions_revoked() {}"), 1);
    assert_eq!(count("src/response/a.rs", "fn revoked() {}"), 0);
}

#[test]
fn a_path_out_of_the_repository_is_seen_in_texts_and_comments() {
    let text = format!("//! F\n// see {}\n", concat!("..", "/shared/corpora"));
    assert_eq!(lines(&names::banned(&source("tests/a.rs", &text))), [2]);
}

#[test]
fn a_property_test_needs_the_shared_configuration() {
    let found = |code: &str| {
        lines(&properties::configuration(&source(
            "src/rule/a.rs",
            &format!("//! F\n{code}\n"),
        )))
    };
    let shared = "proptest! {\n    #![proptest_config(crate::property::config(9))]\n}";
    assert_eq!(found(shared), []);
    assert_eq!(found("proptest! {\n    #[test]\n}"), [2]);
    let own = "proptest! {\n    #![proptest_config(ProptestConfig::with_cases(9))]\n}";
    assert_eq!(found(own), [2, 3]);
    assert_eq!(found("let r = TestRunner::default();"), [2]);
}

#[test]
fn a_saved_failure_without_its_test_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("proptest-regressions/scope");
    std::fs::create_dir_all(&saved).unwrap();
    std::fs::write(saved.join("verdict.txt"), "cc 00").unwrap();
    let test = "//! F\nproptest! {\n}\n";
    let complaints = |path: &str, text: &str| {
        properties::regressions(folder.path(), &[source(path, text)]).len()
    };
    assert_eq!(complaints("src/scope/verdict.rs", test), 0);
    assert_eq!(complaints("src/scope/judge/verdict.rs", test), 1);
    assert_eq!(complaints("src/scope/verdict.rs", "//! F\n"), 1);
}

#[test]
fn the_glossary_is_read_and_its_words_are_found_in_every_form_of_a_name() {
    let library = source(
        "src/lib.rs",
        "//! Crate.\n//!\n//! # Glossary\n//!\n//! | term | meaning | instead of |\n\
         //! | --- | --- | --- |\n//! | **deferred** | an action that waits | hold, held |\n\
         //! | scope | declared | |\n//!\n//! # Next\n//!\n//! | no | row | x |\n",
    );
    let entries = glossary::entries(&library);
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0].term, "deferred");
    assert_eq!(entries[0].instead_of, ["hold", "held"]);
    let collisions =
        |path: &str, code: &str| lines(&glossary::collisions(&source(path, code), &entries));
    let code = "//! F\npub(crate) struct HeldAction {\n    pub held_bytes: u8,\n}\n\
                const HELD_MAX: u8 = 1;\nfn is_held() {}\nfn withheld() { let held = 1; }\n";
    assert_eq!(collisions("src/scope/a.rs", code), [2, 3, 5, 6]);
    assert_eq!(collisions("src/scope/hold.rs", "//! F\n"), [1]);
}

#[test]
fn names_of_one_word_are_counted() {
    let complaints = |code: &str| glossary::one_word_names(&[source("src/scope/a.rs", code)]).len();
    assert_eq!(complaints("//! F\nstruct Held;\n"), 1);
    assert_eq!(
        complaints("//! F\nstruct DeferredAction;\nfn run() {}\n"),
        1
    );
    assert_eq!(
        complaints("//! F\nstruct DeferredAction;\nfn run_task() {}\n"),
        0
    );
}

/// A room with a door that declares and re-exports `a` and `b`, with the code of both.
fn two_files(a: &str, b: &str) -> Vec<Source> {
    vec![
        source("src/lib.rs", "//! L\npub mod scope;\n"),
        source(
            "src/scope/mod.rs",
            "//! F\nmod a;\nmod b;\npub use a::One;\npub(crate) use b::{Two, two};\n",
        ),
        source("src/scope/a.rs", &format!("//! A\npub struct One;\n{a}\n")),
        source(
            "src/scope/b.rs",
            &format!("//! B\npub struct Two;\npub fn two() {{}}\n{b}\n"),
        ),
    ]
}

const OF_ONE: &str = "use super::a::One;";

#[test]
fn files_that_use_each_other_are_found_in_every_form() {
    for of_two in [
        "use super::b::Two;",
        "use super::b::{self as other, Two as Second};",
        "use super::{One as Own, Two};",
        "use crate::scope::Two;",
        "use crate::{scope::{Two}};",
        "pub use super::b::Two;\nfn own(_: Two) {}",
        "use super::*;\nfn own(_: Two) {}",
        "use super::b;\nfn own() { b::two() }",
        "fn own() { super::two() }",
        "fn own() { let _ = crate::scope::b::Two; }",
        "fn own<F: Fn(\n    crate::scope::b::Two\n)>(_: F) {}",
        "mod inner;\nuse super::super::scope::Two;",
        "use super::b::of_a_macro;",
    ] {
        let circles = circles::find(&two_files(of_two, OF_ONE));
        assert_eq!(circles, [["src/scope/a.rs", "src/scope/b.rs"]], "{of_two}");
        let one_way = two_files(of_two, "");
        assert!(circles::find(&one_way).is_empty(), "{of_two}");
    }
}

#[test]
fn what_is_no_use_makes_no_circle() {
    for harmless in [
        "// use super::b::Two;",
        "/// [`super::b::Two`] is the other.\nfn own() {}",
        "pub use super::b::Two;",
        "#[cfg(test)]\nmod tests {\n    use super::super::b::Two;\n}",
        "fn own(one: One) { one.two() }",
        "pub use super::b::two;\nimpl One { fn two() {} }",
        "fn own() -> impl Iterator<Item = u32> + use<> { std::iter::empty() }",
        "use other_crate::b::Two;",
        "use super::b;",
    ] {
        let circles = circles::find(&two_files(harmless, OF_ONE));
        assert!(circles.is_empty(), "{harmless}: {circles:?}");
    }
    let mut with_tests = two_files("", OF_ONE);
    with_tests.push(source(
        "src/scope/a/tests.rs",
        "//! T\nuse crate::scope::Two;",
    ));
    assert!(circles::find(&with_tests).is_empty());
}

#[test]
fn a_door_with_code_of_its_own_is_a_file_like_others() {
    let door = "//! F\nmod a;\npub use a::One;\npub struct Base;\n";
    let child = source(
        "src/scope/a.rs",
        "//! A\npub struct One;\nuse super::Base;\n",
    );
    let lib = || source("src/lib.rs", "//! L\npub mod scope;\n");
    let passes_on = [lib(), source("src/scope/mod.rs", door), child];
    assert!(circles::find(&passes_on).is_empty());
    let [lib, _, child] = passes_on;
    let uses = format!("{door}fn own(_: One) {{}}\n");
    let circles = circles::find(&[lib, source("src/scope/mod.rs", &uses), child]);
    assert_eq!(circles, [["src/scope/a.rs", "src/scope/mod.rs"]]);
}

#[test]
fn a_circle_needs_its_row_in_the_list() {
    const FILES: &[&str] = &["src/scope/a.rs", "src/scope/b.rs"];
    const OTHER: &[&str] = &["src/rule/a.rs", "src/rule/b.rs"];
    let circle = two_files("use super::Two;", OF_ONE);
    let refused = |sources: &[Source], allowed: &[(&'static [&'static str], &'static str)]| {
        circles::complaints_beside(sources, allowed).join("\n")
    };
    assert!(refused(&circle, &[]).contains("src/scope/a.rs, src/scope/b.rs"));
    // Some rooms have none, whatever the list says.
    assert!(refused(&circle, &[(FILES, "why")]).contains("files of `scope` use each other"));
    let of_rule: Vec<Source> = circle
        .iter()
        .map(|file| {
            let text: String = file
                .lines
                .iter()
                .map(|line| format!("{}\n", line.raw))
                .collect();
            source(
                &file.path.replace("scope", "rule"),
                &text.replace("scope", "rule"),
            )
        })
        .collect();
    assert!(!refused(&of_rule, &[]).is_empty());
    assert_eq!(refused(&of_rule, &[(OTHER, "why")]), "");
    assert!(refused(&of_rule, &[(OTHER, "")]).contains("does not say why"));
    let many = [(OTHER, "why"); 20];
    assert!(refused(&of_rule, &many).contains("the list allows 20 circles"));
    assert!(refused(&[], &[(OTHER, "why")]).contains("allows a circle that is not there"));
    let across = [
        source("src/lib.rs", "//! L\npub mod rule;\npub mod scope;\n"),
        source(
            "src/rule/mod.rs",
            "//! F\npub struct Rule;\nuse crate::scope::Scope;\n",
        ),
        source(
            "src/scope/mod.rs",
            "//! F\npub struct Scope;\nuse crate::rule::Rule;\n",
        ),
    ];
    assert!(refused(&across, &[]).contains("files of the rooms rule, scope use each other"));
}
