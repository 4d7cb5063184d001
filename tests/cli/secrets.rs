//! No value of a property leaves the program, whichever way it came in and whatever fails.

use super::{folder, run_with, write};

/// The value of every property and misplaced word below.
/// Arguments of a command.
type Words<'a> = &'a [&'a str];
/// Variables of the environment, with their values.
type Variables<'a> = &'a [(&'a str, &'a str)];

const MARKER: &str = "hunter2-marker";

/// Arguments of every command that reads a configuration.
fn commands() -> Vec<Vec<&'static str>> {
    let mut commands = vec![vec!["config", "show"], vec!["config", "check"]];
    if cfg!(feature = "kafka") {
        commands.push(vec!["topics", "check"]);
        commands.push(vec!["topics", "create"]);
        commands.push(vec!["run"]);
    }
    commands
}

#[test]
fn a_value_in_a_file_a_variable_or_a_flag_is_never_printed() {
    let folder = folder();
    let names = [
        "sasl.password",
        "sasl.passwrd",
        "security.protocol",
        "socket.timeout.ms",
        "acks",
    ];
    for name in names {
        // Only what `config show` is asked for, and known to hold no secret, may be printed.
        let is_known = name == "security.protocol";
        let file = format!(
            "[kafka]\nbootstrap_servers = \"127.0.0.1:1\"\n\
             properties = {{ \"{name}\" = \"{MARKER}\" }}\n[store]\nkind = \"memory\"\n"
        );
        write(&folder, "in-file.toml", &file);
        let broken = format!("[kafka.properties]\n\"{name}\" = \"{MARKER}\" x\n{MARKER}\n");
        write(&folder, "broken.toml", &broken);
        let variable = format!(
            "SCOPEWATCH_KAFKA__PROPERTIES__{}",
            name.replace('.', "_").to_uppercase()
        );
        let flag = format!("kafka.properties.{name}={MARKER}");
        let no_equals = format!("kafka.properties.{name}:{MARKER}");
        let empty = format!("kafka.properties.{name}=");
        let more: [(Words, Variables); 6] = [
            (&["--config", "in-file.toml"], &[]),
            (&["--config", "broken.toml"], &[]),
            (&[], &[(&variable, MARKER)]),
            (&["--set", &flag], &[]),
            (&["--set", &no_equals], &[]),
            (&["--set", &empty, MARKER], &[]),
        ];
        // With a good property these wait for a broker that is not there: one of them is enough.
        let fails_at_once = ["sasl.passwrd", "security.protocol"].contains(&name);
        for command in commands() {
            if command[0] != "config" && !(fails_at_once || command == ["topics", "check"]) {
                continue;
            }
            for (arguments, env) in more {
                let local = ["--set", "kafka.bootstrap_servers=127.0.0.1:1"];
                let args = [&command, arguments, &local[..]].concat();
                let ran = run_with(folder.path(), &args, env, "");
                if is_known && command == ["config", "show"] {
                    continue;
                }
                let printed = format!("{}{}", ran.out, ran.err);
                assert!(!printed.contains(MARKER), "{args:?} {env:?}: {printed}");
                assert!(
                    ran.code != 0 || command[0] == "config",
                    "{args:?}: {printed}"
                );
            }
        }
    }
}

#[cfg(feature = "kafka")]
#[test]
fn a_property_of_the_generator_is_not_printed_either() {
    let folder = folder();
    for property in [
        "sasl.passwrd=hunter2-marker",
        "security.protocol=hunter2-marker",
        "ssl.key.pem=hunter2-marker",
        "hunter2-marker",
    ] {
        let args = [
            "generate",
            "--kafka",
            "127.0.0.1:1",
            "--actions",
            "1",
            "--property",
            property,
        ];
        let ran = run_with(folder.path(), &args, &[], "");
        let printed = format!("{}{}", ran.out, ran.err);
        assert!(
            ran.code != 0 && !printed.contains(MARKER),
            "{property}: {printed}"
        );
    }
}
