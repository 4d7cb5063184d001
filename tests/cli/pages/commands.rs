//! Commands that cannot run here, for want of a broker or of time: their words are checked.

use std::fs;

use super::super::{folder, root, run_in};
use super::workspace::Workspace;

/// Commands of the program that a build without Kafka does not have.
const OF_KAFKA: [&str; 3] = ["run", "topics", "demo"];
/// Programs of others that pages name.
const OTHERS: [&str; 5] = ["curl", "docker", "kcat", "kill", "systemctl"];

/// What is wrong with a command that stands in a sentence.
pub fn check_span(span: &str) -> Option<String> {
    let words: Vec<String> = span.split_whitespace().map(str::to_owned).collect();
    match words.split_first() {
        Some((program, rest)) if program == "scopewatch" && !rest.is_empty() => {
            check_arguments(rest)
        }
        Some((program, rest)) if program == "make" && !rest.is_empty() => check_target(rest),
        _ => None,
    }
}

/// What is wrong with the commands of a block that needs a broker.
pub fn check_broker_block(workspace: &Workspace, lines: &str) -> Vec<String> {
    let checked = split_commands(lines).into_iter().map(|command| {
        let assigns = |word: &&String| word.contains('=') && !word.starts_with('-');
        let variables = command.iter().take_while(assigns).count();
        let (variables, words) = command.split_at(variables);
        let Some((program, rest)) = words.split_first() else {
            return Some("variables without a command".to_owned());
        };
        match program.rsplit('/').next().unwrap_or_default() {
            "scopewatch" => {
                check_arguments(rest).or_else(|| check_settings(workspace, variables, rest))
            }
            "make" => check_target(rest),
            other if OTHERS.contains(&other) => None,
            other => Some(format!("`{other}` is no program that a page may name")),
        }
    });
    checked.flatten().collect()
}

/// Asks for help behind the arguments: the program complains of any that it does not know first.
fn check_arguments(words: &[String]) -> Option<String> {
    let kafka = words
        .first()
        .is_some_and(|name| OF_KAFKA.contains(&&name[..]));
    if kafka && !cfg!(feature = "kafka") {
        return None;
    }
    let words = words.iter().map(String::as_str).chain(["--help"]);
    let words: Vec<&str> = words.collect();
    let ran = run_in(folder().path(), &words);
    (ran.code != 0).then(|| format!("scopewatch {}: {}", words.join(" "), ran.err))
}

/// Checks the settings that a command is given.
fn check_settings(workspace: &Workspace, variables: &[String], words: &[String]) -> Option<String> {
    let mut given = Vec::new();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        if word == "--config" || word == "--set" {
            given.extend([word.clone(), format!("'{}'", rest.next()?)]);
        }
    }
    if given.is_empty() && variables.is_empty() {
        return None;
    }
    let set = variables
        .iter()
        .map(|v| format!("export {v}\n"))
        .collect::<String>();
    let ran = workspace.shell(&format!("{set}scopewatch config check {}", given.join(" ")));
    (!ran.success).then(|| format!("{}: {}", words.join(" "), ran.err))
}

/// What is wrong with the commands of a block for make.
pub fn check_make_block(lines: &str) -> Vec<String> {
    let checked = split_commands(lines).into_iter().map(|command| {
        let (make, rest) = command.split_first()?;
        match (&make[..], rest) {
            ("make", rest) => check_target(rest),
            ("eval", [env]) if env == "$(make env)" => check_target(&["env".to_owned()]),
            _ => Some(format!("`{}` is not for make", command.join(" "))),
        }
    });
    checked.flatten().collect()
}

/// Whether the Makefile has the targets, and uses the variables that are set.
fn check_target(words: &[String]) -> Option<String> {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let unknown = words.iter().find(|word| match word.split_once('=') {
        Some((variable, _)) => !makefile.contains(&format!("$({variable})")),
        None => !makefile.contains(&format!("\n{word}: ")),
    });
    unknown.map(|word| format!("the Makefile has no `{word}`"))
}

/// The commands of a shell block as words: comments, line ends and `&` are taken away.
fn split_commands(lines: &str) -> Vec<Vec<String>> {
    let lines = lines.replace("\\\n", " ");
    let commands = lines.lines().map(split_words);
    commands.filter(|words| !words.is_empty()).collect()
}

fn split_words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None::<char>);
    for c in line.chars() {
        match (c, quote) {
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, Some(open)) if c == open => quote = None,
            ('#', None) if word.is_none() => break,
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words.retain(|word| word != "&");
    words
}

#[test]
fn words_are_those_of_a_shell() {
    let line = "make test TEST_ARGS='--test a b' & # why";
    assert_eq!(split_words(line), ["make", "test", "TEST_ARGS=--test a b"]);
    assert_eq!(split_commands("# none\na \\\n  b\n"), [["a", "b"]]);
}

#[test]
fn an_argument_that_does_not_exist_is_told() {
    assert_eq!(check_span("scopewatch rules check --rules DIR"), None);
    assert!(check_span("scopewatch rules chek").is_some());
    assert!(check_span("scopewatch generate --rte 5").is_some());
    assert!(check_span("make demmo").is_some());
}
