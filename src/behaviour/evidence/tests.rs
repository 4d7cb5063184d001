//! The worked examples of evidence, as a table, and the steps of young classes.

use super::*;
use crate::behaviour::profile::Learner;
use crate::behaviour::{ClassBasis, hash_text};
use crate::event::{AgentAction, TaskNotice, TaskUse, Verb};
use crate::text::normal::Destination;

const AT_MS: i64 = 1_780_000_000_000;

fn traits(verb: Verb, resource_type: &str, id: &str, to: &str) -> ActionTraits {
    let mut action = AgentAction::new("a");
    action.action_verb = verb;
    action.resource_type = resource_type.into();
    action.resource_id = (!id.is_empty()).then(|| id.into());
    action.destination_address = (!to.is_empty()).then(|| to.into());
    ActionTraits::of_action(&action, &|one: &Destination<'_>| {
        one.host()
            .is_some_and(|host| host.clone().into_text() == "inside.example")
    })
}

/// A profile of `tasks` clean tasks that each did all of `used`.
fn profile(tasks: u32, used: &[&ActionTraits], learner: Learner) -> Profile {
    let mut all = TaskUse {
        models: vec![hash_text("usual")],
        ..TaskUse::default()
    };
    for one in used {
        all.pairs.push(one.pair);
        all.destinations.extend(&one.external);
        all.resources.extend(one.resource);
    }
    for list in [&mut all.pairs, &mut all.destinations, &mut all.resources] {
        list.sort_unstable();
        list.dedup();
    }
    let mut profile = Profile::default();
    for number in 0..tasks {
        let notice = TaskNotice {
            agent: number,
            ended_ms: AT_MS - 3_600_000,
            teaching: true,
            used: all.clone(),
            ..TaskNotice::default()
        };
        profile.learn_task(&notice, learner, true);
    }
    profile
}

/// What the class and its peers know.
struct World {
    class: Profile,
    peers: Profile,
}

impl World {
    /// A world whose class learned a clean task for each of these: one that sends a mail, or one
    /// that does nothing.
    fn of_mails(mails: impl Iterator<Item = Option<ActionTraits>>) -> Self {
        let mut world = World::of_tasks(0);
        for mail in mails {
            let mut used = TaskUse::default();
            if let Some(mail) = mail {
                used.pairs.push(mail.pair);
                used.resources.extend(mail.resource);
                used.objects.extend(mail.object(false));
            }
            let notice = TaskNotice {
                ended_ms: AT_MS,
                teaching: true,
                used,
                ..TaskNotice::default()
            };
            world.class.learn_task(&notice, Learner::Class, true);
        }
        world
    }

    fn of_tasks(tasks: u32) -> Self {
        let mail = traits(Verb::Send, "mail", "", "boss@known.example");
        let note = traits(Verb::Create, "note", "n1", "");
        let read = traits(Verb::Read, "web.page", "", "known.example");
        let pays = traits(Verb::Transfer, "payment", "", "known-account");
        let edits = traits(Verb::Update, "wiki", "w1", "");
        let erases = traits(Verb::Delete, "file", "f1", "");
        let post = traits(Verb::Share, "code.repository", "", "known.example");
        let push = traits(Verb::Share, "code.repository", "owner/known", "owner/known");
        let other_pays = traits(Verb::Transfer, "payment", "", "peer-account");
        let other_edit = traits(Verb::Update, "wiki", "w1", "peer.example");
        let usual = [&mail, &note, &read, &pays, &edits, &post, &push];
        World {
            class: profile(tasks, &usual, Learner::Class),
            peers: profile(
                40,
                &[&usual[..], &[&other_pays, &other_edit, &erases]].concat(),
                Learner::AgentType,
            ),
        }
    }

    fn weigh(&self, traits: &ActionTraits, ctx: ActionContext) -> (String, f64) {
        let view = ClassView {
            basis: ClassBasis::TaskClass,
            profile: Some(AskedProfile::whole(&self.class)),
            peers: Some(AskedProfile::whole(&self.peers)),
        };
        let found = weigh_action(traits, &view, &ctx, &SignalWeights::default());
        let names: Vec<&str> = found
            .signals
            .iter()
            .map(|one| one.signal.as_str())
            .collect();
        (names.join(" "), found.bans)
    }
}

/// The words of a row: `out` of scope, after `untrusted` content, `failed`, `free` of any scope for
/// the task, the scope `declares` the destinations, its content is `flagged`.
fn context(words: &str) -> ActionContext {
    let has = |word| words.split(' ').any(|one| one == word);
    ActionContext {
        at_ms: AT_MS,
        task_scope: !has("free"),
        out_of_scope: has("out"),
        declared_destinations: has("declares"),
        after_untrusted: has("untrusted"),
        failed: has("failed"),
        resource_used: false,
        flagged: has("flagged"),
        hour: None,
    }
}

const EVIL: &str = "evil@new.example";

/// What is done to which type, id and destination in which circumstances; the signals and the sum.
type Example = (
    Verb,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    f64,
);

fn worked_examples() -> Vec<Example> {
    use Verb::{Create, Delete, List, Read, Send, Share, Transfer, Update};
    let evil = EVIL;
    vec![
        (Send, "chat", "", evil, "out untrusted", "S L DN K2 U", 5.0),
        (Send, "mail", "", evil, "untrusted", "DN K2 U", 3.0),
        (Read, "web.page", "", "new.example", "", "DN", 2.0),
        (Transfer, "payment", "", "peer-account", "", "DT K3", 2.0),
        (Update, "wiki", "w1", "peer.example", "", "DT", 1.0),
        (Delete, "file", "f9", "", "out untrusted", "S L RN U", 4.5),
        (
            Delete,
            "file",
            "f9",
            "",
            "out untrusted failed",
            "S L RN U FAIL",
            3.5,
        ),
        (Create, "booking", "", "", "out", "S L", 2.0),
        (
            Send,
            "chat",
            "",
            "boss@known.example",
            "out",
            "S L SAFE",
            1.0,
        ),
        (Send, "chat", "", "", "out untrusted", "S L U QUIET", 2.0),
        (Update, "booking", "", "", "free", "L", 2.0),
        (Share, "code.repository", evil, evil, "", "DN K2", 2.5),
        (Create, "note", "n1", "", "", "", 0.0),
        // What only peers know of a resource.
        (Delete, "file", "f1", "", "", "L RT", 2.0),
        // A known place takes evidence away, and never below nothing.
        (Send, "mail", "", "boss@known.example", "", "SAFE", 0.0),
        (Send, "mail", "", "", "", "QUIET", 0.0),
        // Of several destinations the newest decides.
        (
            Send,
            "mail",
            "",
            "boss@known.example, evil@new.example",
            "",
            "DN K2",
            2.5,
        ),
        // A destination that the scope lists is known.
        (Send, "mail", "", evil, "declares", "SAFE", 0.0),
        // Reading is no side effect; a list is no fetch; nothing inside is a destination.
        (Read, "secret.file", "s9", "", "out untrusted", "", 0.0),
        (List, "web.page", "", "new.example", "", "", 0.0),
        (Read, "web.page", "", "inside.example", "", "", 0.0),
        (
            Read,
            "web.page",
            "",
            "http://www.known.example/x",
            "",
            "",
            0.0,
        ),
        // A mail address is not known by its domain.
        (Send, "mail", "", "other@known.example", "", "DN K2", 2.5),
        // Untrusted content alone is nothing.
        (Create, "note", "n1", "", "untrusted", "", 0.0),
    ]
}

/// What a scanner found in the action itself; it is no reason for `U`.
fn flagged_examples() -> Vec<Example> {
    use Verb::{Create, Read, Update};
    vec![
        (Create, "note", "n1", "", "flagged", "FLAG", 1.0),
        (Create, "note", "n1", "", "flagged untrusted", "FLAG", 1.0),
        (
            Update,
            "wiki",
            "w1",
            "peer.example",
            "flagged",
            "DT FLAG",
            2.0,
        ),
        (Create, "note", "n1", "", "flagged failed", "FLAG FAIL", 0.0),
        (Read, "secret.file", "s9", "", "flagged", "", 0.0),
    ]
}

#[test]
fn the_worked_examples_have_their_sums() {
    let mut rows = worked_examples();
    rows.extend(flagged_examples());
    assert_eq!(rows.len(), 29);
    let world = World::of_tasks(30);
    for (verb, kind, id, to, words, signals, sum) in rows {
        let found = world.weigh(&traits(verb, kind, id, to), context(words));
        let what = format!("{verb} {kind} {id} to `{to}`, {words}");
        assert_eq!(found, (signals.to_owned(), sum), "{what}");
    }
}

#[test]
fn a_denied_attempt_counts_in_full_and_a_credential_is_critical() {
    let world = World::of_tasks(30);
    // The outcome `denied` is no failure: the context does not say so.
    let found = world.weigh(
        &traits(Verb::Delete, "file", "f9", ""),
        context("out untrusted"),
    );
    assert_eq!(found.1, 4.5);
    for (verb, kind, impact) in [
        (Verb::Update, "credential.key", ActionImpact::Critical),
        (Verb::Read, "credential.key", ActionImpact::None),
        (Verb::Update, "credentials", ActionImpact::Inside),
        (Verb::Admin, "x", ActionImpact::Critical),
        (Verb::Spawn, "agent", ActionImpact::None),
    ] {
        assert_eq!(traits(verb, kind, "", "").impact, impact, "{verb} {kind}");
    }
}

#[test]
fn a_young_class_counts_what_it_can_know() {
    let odd = traits(Verb::Send, "chat", "", "evil@new.example");
    let peer = traits(Verb::Transfer, "payment", "", "peer-account");
    for (tasks, signals, sum, of_peer) in [
        (0, "S DN K2 U", 3.0, ""),
        (1, "S DN K2 U", 3.0, ""),
        (2, "S DN K2 U", 4.0, ""),
        (4, "S DN K2 U", 4.0, ""),
        (5, "S L DN K2 U", 5.0, "DT K3"),
    ] {
        let world = World::of_tasks(tasks);
        let found = world.weigh(&odd, context("out untrusted"));
        assert_eq!(found, (signals.to_owned(), sum), "{tasks} tasks");
        assert_eq!(world.weigh(&peer, context("")).0, of_peer, "{tasks} tasks");
        let update = traits(Verb::Update, "booking", "", "");
        let found = world.weigh(&update, context("out")).0;
        let expected = if tasks < 5 { "S" } else { "S L" };
        assert_eq!(found, expected, "{tasks} tasks");
    }
}

#[test]
fn without_peers_nothing_is_new_to_them() {
    let mut world = World::of_tasks(30);
    let odd = traits(Verb::Send, "mail", "", "evil@new.example");
    for (peers, signals) in [(19, "DT"), (20, "DN K2")] {
        world.peers = profile(peers, &[], Learner::AgentType);
        assert_eq!(world.weigh(&odd, context("")).0, signals, "{peers} tasks");
    }
    // One task of the type does not make an object known to peers.
    for (uses, signals) in [(1, "DN K2"), (2, "DT")] {
        let mut peers = profile(20, &[], Learner::AgentType);
        for _ in 0..uses {
            let used = TaskUse {
                destinations: odd.external.to_vec(),
                ..TaskUse::default()
            };
            let notice = TaskNotice {
                ended_ms: AT_MS,
                used,
                ..TaskNotice::default()
            };
            peers.learn_task(&notice, Learner::AgentType, true);
        }
        world.peers = peers;
        assert_eq!(world.weigh(&odd, context("")).0, signals, "{uses} uses");
    }
}

fn send_mail(id: u32) -> ActionTraits {
    traits(Verb::Send, "mail", &format!("m{id}"), "")
}

#[test]
fn where_each_task_has_a_resource_of_its_own_a_new_one_is_no_evidence() {
    let erase = traits(Verb::Delete, "mail", "m99", "");
    // How many of 30 clean tasks sent, and one resource for how many of them.
    for (sends, shared_by, signals) in [
        (30, 1, "QUIET"),
        (2, 1, "QUIET"),
        (1, 1, "RN"),
        (30, 2, "RN"),
        (0, 1, "L RN"),
    ] {
        let mail = |number: u32| (number < sends).then(|| send_mail(number / shared_by));
        let world = World::of_mails((0..30).map(mail));
        let found = world.weigh(&send_mail(99), context("")).0;
        assert_eq!(
            found, signals,
            "{sends} sent, {shared_by} with one resource"
        );
        // It says nothing of another verb on the same resources.
        assert_eq!(world.weigh(&erase, context("")).0, "L RN");
    }
}

/// A class whose tasks delete files that they have created expects no other file to be deleted,
/// and one whose tasks delete what they never looked at expects both.
#[test]
fn resources_that_the_task_had_used_before_are_counted_apart() {
    for (honest, attack, signals) in [
        (true, true, ""),
        (true, false, "RN"),
        (false, false, ""),
        (false, true, "RN"),
    ] {
        let erase = |number: u32| traits(Verb::Delete, "mail", &format!("m{number}"), "");
        let mut world = World::of_mails((0..30).map(|number| Some(erase(number))));
        world.class = Profile::default();
        for number in 0..30 {
            let mail = erase(number);
            let notice = TaskNotice {
                ended_ms: AT_MS,
                teaching: true,
                used: TaskUse {
                    pairs: vec![mail.pair],
                    resources: mail.resource.into_iter().collect(),
                    objects: mail.object(honest).into_iter().collect(),
                    ..TaskUse::default()
                },
                ..TaskNotice::default()
            };
            world.class.learn_task(&notice, Learner::Class, true);
        }
        let ctx = ActionContext {
            resource_used: attack,
            ..context("")
        };
        assert_eq!(world.weigh(&erase(99), ctx).0, signals, "{honest} {attack}");
    }
}

#[test]
fn another_repository_of_a_known_owner_is_new() {
    let world = World::of_tasks(30);
    for (name, signals, sum) in [("owner/other", "DN K2", 2.5), ("owner/known", "SAFE", 0.0)] {
        let push = traits(Verb::Share, "code.repository", name, name);
        let (found, bans) = world.weigh(&push, context(""));
        assert_eq!((found.as_str(), bans), (signals, sum), "{name}");
    }
}

/// Of 60 clean tasks most sent one mail, and a few had a mail of their own.
#[test]
fn a_few_resources_of_their_own_among_many_uses_make_no_new_one_usual() {
    for (own, signals) in [(5, "RN"), (6, "QUIET")] {
        let mail = |number: u32| Some(send_mail(if number < own { number + 1 } else { 0 }));
        let world = World::of_mails((0..60).map(mail));
        let found = world.weigh(&send_mail(99), context("")).0;
        assert_eq!(found, signals, "{own} of 60");
    }
}

#[test]
fn a_weight_of_zero_switches_a_signal_off_and_weights_are_bounded() {
    let world = World::of_tasks(30);
    let view = ClassView {
        basis: ClassBasis::TaskClass,
        profile: Some(AskedProfile::whole(&world.class)),
        peers: Some(AskedProfile::whole(&world.peers)),
    };
    let odd = traits(Verb::Send, "mail", "", "evil@new.example");
    let mut weights = SignalWeights::default();
    weights.set_weight(EvidenceSignal::DestinationNew, 0.0);
    weights.set_weight(EvidenceSignal::OutwardThere, f64::NAN);
    let found = weigh_action(&odd, &view, &context("out"), &weights);
    let names: Vec<&str> = found
        .signals
        .iter()
        .map(|one| one.signal.as_str())
        .collect();
    assert_eq!(names, ["S", "K2"]);
    assert_eq!(found.bans, 1.5);
    weights.set_weight(EvidenceSignal::OutOfScope, 1e300);
    assert_eq!(weights.weight_of(EvidenceSignal::OutOfScope), 10.0);
}

#[test]
fn what_is_new_to_a_profile_is_a_fact_and_nothing_is_new_to_a_young_one() {
    let world = World::of_tasks(30);
    let mut odd = traits(Verb::Send, "chat", "c9", "evil@new.example");
    odd.tool = Some(hash_text("odd"));
    odd.model = Some(hash_text("odd"));
    let ctx = ActionContext {
        hour: Some(3),
        ..context("")
    };
    let all = NovelTrait::ALL;
    let novelty = Novelty::of_action(Novelty::EVERY, &odd, Some(&world.class), &ctx);
    assert!(all.iter().all(|one| novelty.has(*one)), "{novelty:?}");
    let usual = traits(Verb::Create, "note", "n1", "");
    let novelty = Novelty::of_action(Novelty::EVERY, &usual, Some(&world.class), &context(""));
    assert!(!all.iter().any(|one| novelty.has(*one)), "{novelty:?}");
    // What nobody asks for is not compared.
    for one in all {
        let mut asked = Novelty::default();
        asked.set(one, true);
        let found = Novelty::of_action(asked, &odd, Some(&world.class), &ctx);
        assert_eq!(found, asked);
    }
    let young = World::of_tasks(4);
    for profile in [Some(&young.class), None] {
        let novelty = Novelty::of_action(Novelty::EVERY, &odd, profile, &ctx);
        assert_eq!(novelty, Novelty::default());
    }
}

#[test]
fn a_model_is_told_from_a_tool_cannot_be_hidden_and_is_no_evidence() {
    let of = |change: &dyn Fn(&mut AgentAction)| {
        let mut action = AgentAction::new("a");
        action.action_verb = Verb::Send;
        change(&mut action);
        ActionTraits::of_action(&action, &|_| false)
    };
    let named = of(&|action| {
        action.tool_name = Some("x".into());
        action.agent_model = Some("x".into());
    });
    assert!(named.model.is_some() && named.model != named.tool);
    // A value that is no text leaves the field without a value: not the same as no field.
    let unreadable = of(&|action| action.malformed.insert_name("agent.model"));
    assert!(unreadable.model.is_some() && unreadable.model != named.model);
    assert_eq!(of(&|_| {}).model, None);
    let mut world = World::of_tasks(30);
    world.peers = profile(30, &[], Learner::AgentType);
    let mut odd = traits(Verb::Send, "mail", "", "evil@new.example");
    let before = world.weigh(&odd, context(""));
    odd.model = Some(hash_text("odd"));
    assert_eq!(world.weigh(&odd, context("")), before);
}
