//! Which mistakes in a rule are refused, and at which location. Each case changes one thing in a
//! good rule.

use super::*;

/// Each row: the text to replace ;; its replacement ;; line:column of the only error ;; a part of
/// its message ;; a part of its help. `-` is an empty text, `\n` a line break.
fn refuses(good: &str, table: &str) {
    for row in table.lines().filter(|row| !row.is_empty()) {
        let cells: Vec<String> = row
            .split(" ;; ")
            .map(|cell| {
                if cell == "-" {
                    String::new()
                } else {
                    cell.replace("\\n", "\n")
                }
            })
            .collect();
        let [from, to, location, message, help] = cells.as_slice() else {
            panic!("{row}")
        };
        assert!(good.contains(from.as_str()), "{row}");
        let found = problems(&good.replacen(from.as_str(), to, 1));
        let mut errors = found
            .iter()
            .filter(|problem| problem.severity == ProblemSeverity::Error);
        let error = errors.next().unwrap_or_else(|| panic!("accepted: {row}"));
        assert!(
            errors.next().is_none(),
            "one mistake, one error: {row}\n{found:#?}"
        );
        assert!(error.message.contains(message), "{row}\n{error}");
        assert!(
            error.help.as_deref().unwrap_or_default().contains(help),
            "{row}\n{error}"
        );
        assert_eq!(
            format!("{}:{}", error.line, error.column),
            *location,
            "{row}\n{error}"
        );
        assert_eq!(error.path, "rules/scope/t.yaml");
    }
}

const METADATA: &str = r"
title: Good\n ;; - ;; 1:1 ;; no title ;; -
id: 6d1a3c52-8f0a-4f0e-9a4e-5b1f7c2d9e10\n ;; - ;; 1:1 ;; no id ;; -
6d1a3c52-8f0a-4f0e-9a4e-5b1f7c2d9e10 ;; 7 ;; 2:5 ;; UUID ;; -
status: stable\n ;; - ;; 1:1 ;; no status ;; -
status: stable ;; status: deprecated ;; 3:9 ;; not evaluated ;; remove
level: high\n ;; - ;; 1:1 ;; no level ;; -
title: Good ;; title: Good\nremediation: '' ;; 2:14 ;; a remediation is a text ;; -
title: Good ;; title: Good\nremediation: [x] ;; 2:14 ;; a remediation is a text ;; -
description: d ;; description: {a: b} ;; 4:14 ;; a description is a text ;; -
title: Good ;; title: Good\nconfidence: sure ;; 2:13 ;; unknown confidence `sure` ;; `high`
level: high ;; level: hihg ;; 12:8 ;; unknown level `hihg` ;; `high`
atlas.aml.t0053, owasp.asi02-2026 ;; cve.2026.1 ;; 5:7 ;; no tag names ;; owasp
atlas.aml.t0053 ;; atlas.t0053 ;; 5:8 ;; not an ATLAS ;; atlas.aml
owasp.asi02-2026 ;; owasp.asi02 ;; 5:25 ;; not an OWASP ;; owasp.asi02-2026
product: scopewatch ;; product: scopwatch ;; 6:12 ;; product `scopwatch` ;; write
category: agent_action ;; category: x ;; 6:12 ;; category ;; agent_action
response: ;; respons: ;; 13:1 ;; unknown key `respons` in a rule ;; `response`
risk: 30 ;; risk: 300 ;; 13:18 ;; 0 to 100 ;; -
risk: 30 ;; rsik: 30 ;; 13:12 ;; unknown key `rsik` in `response` ;; `risk`
fold: agent ;; fold: class-day ;; 13:67 ;; requests no revocation ;; fold: agent
fold: agent ;; fold: tool-day ;; 13:67 ;; requests no revocation ;; revoke: none
fold: agent ;; fold: tenant ;; 13:67 ;; requests no revocation ;; revoke: none
revoke: credential ;; revoke: token ;; 13:30 ;; revocation target `token` ;; known
mode-max: approve ;; mode-max: aprove ;; 13:52 ;; unknown mode ;; `approve`
fold: agent ;; task-clean: true ;; 13:73 ;; keeps its task ;; revoke: none
fold: agent ;; task-clean: 1 ;; 13:73 ;; true or false ;; -
fold: agent ;; fold: class ;; 13:67 ;; unknown fold ;; known
status: stable ;; status: test ;; 13:30 ;; may not revoke ;; revoke: none
level: high ;; level: informational ;; 13:30 ;; informational rule may not revoke ;; higher level
";

const FIELDS: &str = r"
action.effect: egress ;; acton.effect: egress ;; 9:5 ;; unknown fact `acton ;; `action.effect`
action.effect: egress ;; baseline.bytes.ratio: 3 ;; 9:5 ;; unknown fact ;; metric
action.effect: egress ;; action.effect: egres ;; 9:20 ;; of `action.effect` ;; `egress`
action.effect: egress ;; action.effect: [egress, x] ;; 9:29 ;; `x` ;; known
action.effect: egress ;; action.effect|startswith: q ;; 9:31 ;; `q` ;; known
action.effect: egress ;; action.effect|containz: e ;; 9:5 ;; unknown modifier ;; `contains`
action.effect: egress ;; tool.name|expand: '%tools%' ;; 9:5 ;; not evaluated ;; pipeline
action.effect: egress ;; tool.name|contains|re: x ;; 9:5 ;; exclude each other ;; -
action.effect: egress ;; tool.name|wide|contains: x ;; 9:5 ;; needs `base64` ;; Unicode
action.effect: egress ;; tool.name|base64|contains: 'a*' ;; 9:32 ;; has a wildcard ;; -
action.effect: egress ;; tool.name|base64offset: a ;; 9:29 ;; too short ;; -
action.effect: egress ;; action.effect: 'egres*x' ;; 9:20 ;; `egres*x` ;; `egress`
action.effect: egress ;; occurred_at|hour: 3 ;; 9:5 ;; not evaluated ;; time.hour
action.effect: egress ;; action.effect|exists: true ;; 9:27 ;; always there ;; leave
action.effect: egress ;; action.effect: 7 ;; 9:20 ;; not text ;; '7'
action.effect: egress ;; agent.version: 4.2 ;; 9:20 ;; not text ;; '4.2'
action.effect: egress ;; action.effect: null ;; 9:20 ;; always there ;; leave
action.effect: egress ;; action.effect: [egress, Null] ;; 9:29 ;; always there ;; leave
action.effect: egress ;; tool.name|contains: '' ;; 9:25 ;; nothing to compare ;; exists: true
action.effect: egress ;; tool.name|re: ~ ;; 9:19 ;; nothing to compare ;; exists: true
action.effect: egress ;; tool.name|all: [x, null] ;; 9:24 ;; never matches ;; -
action.effect: egress ;; volume.records|gt: NULL ;; 9:24 ;; nothing to compare ;; exists
action.effect: egress ;; volume.records: '' ;; 9:21 ;; not a number ;; -
action.effect: egress ;; action.effect: {a: b} ;; 9:20 ;; cannot be a mapping ;; dots
action.effect: egress ;; action.effect: [] ;; 9:20 ;; never matches ;; -
action.effect: egress ;; destination.host|contains: bücher ;; 9:32 ;; in ASCII ;; -
action.effect: egress ;; volume.records: many ;; 9:21 ;; not a number ;; -
action.effect: egress ;; volume.records|gte: '7' ;; 9:25 ;; not a number ;; -
action.effect: egress ;; volume.records|contains: 7 ;; 9:30 ;; means nothing ;; -
action.effect: egress ;; channel.encrypted: nope ;; 9:24 ;; true or false ;; -
action.effect: egress ;; scope.unmapped: false ;; 9:21 ;; never matches ;; negate
action.effect: egress ;; principal.id|fieldref: resource.ownr ;; 9:28 ;; unknown ;; resource.owner
action.effect: egress ;; principal.id|fieldref: volume.records ;; 9:28 ;; number fact ;; -
action.effect: egress ;; destination.address|cidr: 10.0.0.0/99 ;; 9:31 ;; not a network ;; fe80::
action.effect: egress ;; tool.name|re: '(' ;; 9:19 ;; unclosed group ;; -
action.effect: egress ;; tool.name|re: '(?=x)y' ;; 9:19 ;; look-around ;; -
action.effect: egress ;; tool.name|re: '(\w{99}){99}' ;; 9:19 ;; takes more than ;; -
action.effect: egress ;; tool.name|gt: 7 ;; 9:19 ;; means nothing ;; -
action.effect: egress ;; tool.name|contains|all: x ;; 9:5 ;; at least two ;; -
action.effect: egress ;; '|contains': x ;; 9:5 ;; keyword ;; fact.name
action.effect: egress ;; - x ;; 9:5 ;; keyword ;; fact.name
action.effect: egress ;; novel.tool: true ;; 9:5 ;; unknown fact ;; rules fields
";

const CONDITIONS: &str = r"
condition: selection ;; condition: selction ;; 10:14 ;; unknown selection ;; `selection`
condition: selection ;; condition: selection and x1 ;; 10:28 ;; unknown selection `x1` ;; -
condition: selection ;; condition: selection and ;; 10:27 ;; not a condition ;; -
condition: selection ;; condition: selection AND selection ;; 10:24 ;; lower case ;; `and`
condition: selection ;; condition: 'NOT selection' ;; 10:15 ;; lower case ;; `not`
condition: selection ;; condition: 1 OF them ;; 10:16 ;; lower case ;; `of`
condition: selection ;; condition: selection | count() > 3 ;; 10:14 ;; aggregations ;; baseline
condition: selection ;; condition: 1 of filter_* ;; 10:19 ;; filter_* ;; -
condition: selection ;; condition: selection\n  timeframe: 5m ;; 11:3 ;; timeframe ;; baseline
";

const BASELINES: &str = r"
name: actions\n ;; - ;; 10:11 ;; needs a `name:` ;; -
name: actions ;; name: Actions ;; 10:7 ;; a-z ;; -
measure: count, ;; - ;; 11:11 ;; no measure ;; -
measure: count ;; measure: 'sum: volume.recrds' ;; 11:21 ;; not a field ;; volume.records
measure: count ;; measure: 'rate: outcome' ;; 11:21 ;; not a measure ;; -
pane: 1m ;; pane: 2d ;; 11:34 ;; 1d ;; -
pane: 1m ;; pane: 1m, min-ratio: 0 ;; 11:49 ;; from 1 ;; -
measure: count ;; measure: counts ;; 11:21 ;; not a measure ;; -
pane: 1m ;; pane: 1w ;; 11:34 ;; duration ;; -
pane: 1m ;; pane: 1s ;; 11:34 ;; duration ;; -
pane: 1m ;; pane: 1m, direction: up ;; 11:49 ;; unknown direction ;; silence
pane: 1m ;; pane: 1m, group-by: [tenant] ;; 11:48 ;; agent.id ;; -
2 per agent per 60d ;; 2 a day ;; 11:52 ;; 1 per agent per 30d ;; -
level: low ;; level: low\nresponse: {revoke: agent} ;; 13:20 ;; may not revoke ;; -
event.kind: action ;; scope.status: active ;; 8:5 ;; before `scope.status` is known ;; -
";

const TESTS: &str = r"
TEST ;; events: [{action.verb: send}] ;; 15:5 ;; expects nothing ;; -
TEST ;; events: [{action.verb: send}]\n    expect: fires ;; 17:13 ;; expectation ;; `fire`
TEST ;; events: []\n    expect: fire ;; 16:13 ;; at least one ;; -
TEST ;; events: [{acton.verb: send}]\n    expect: fire ;; 16:15 ;; `acton.verb` ;; action.verb
TEST ;; events: [{action: {vrb: send}}]\n    expect: fire ;; 16:24 ;; `action.vrb` ;; verb
TEST ;; events: [{action.verb: snd}]\n    expect: fire ;; 16:28 ;; unknown value ;; `send`
TEST ;; events: [{volume.records: x}]\n    expect: fire ;; 16:31 ;; is a number ;; -
TEST ;; events: [{at: 3s}]\n    expect: fire ;; 16:19 ;; +30s ;; -
TEST ;; events: [{repeat: 0}]\n    expect: fire ;; 16:23 ;; repeat is ;; -
TEST ;; events: [{at: +9s}, {at: +1s}]\n    expect: fire ;; 16:25 ;; begins before ;; -
TEST ;; events: [{}]\n    expect: {fire: 1, on: 0} ;; 17:27 ;; whole number ;; -
TEST ;; events: [{}]\n    given: {facts: {scope.idd: x}}\n    expect: fire ;; 17:21 ;; unknown ;; id
TEST ;; events: [{scope: {}, control: {}}]\n    expect: fire ;; 16:14 ;; one of them ;; -
TEST ;; events: [{scope: {}, action.verb: send}]\n    expect: fire ;; 16:14 ;; one of them ;; -
TEST ;; events: [{control: done}]\n    expect: fire ;; 16:24 ;; a mapping of its fields ;; -
TEST ;; events: [{}]\n    given: {mode: on}\n    expect: fire ;; 17:19 ;; mode ;; `auto`
TEST ;; events: [{}]\n    given: {scope: []}\n    expect: fire ;; 17:13 ;; in `given` ;; `scopes`
";

#[test]
fn metadata_and_keys() {
    refuses(GOOD, METADATA);
}

#[test]
fn fields_values_and_conditions() {
    refuses(GOOD, FIELDS);
    refuses(GOOD, CONDITIONS);
}

#[test]
fn negating_an_optional_fact_needs_its_presence() {
    let with = |selections: &str, condition: &str| {
        GOOD.replace(
            "    action.effect: egress\n",
            &format!("    action.effect: egress\n{selections}"),
        )
        .replace("condition: selection", &format!("condition: {condition}"))
    };
    let accepted = |selections: &str, condition: &str| {
        let found = problems(&with(selections, condition));
        assert!(found.is_empty(), "{condition}: {}", found[0]);
    };
    let refused = |selections: &str, condition: &str, location: (usize, usize)| {
        let found = problems(&with(selections, condition));
        assert_eq!(found.len(), 1, "{condition}: {found:?}");
        assert!(
            found[0].message.contains("absent is not false"),
            "{}",
            found[0]
        );
        assert!(
            found[0]
                .help
                .as_deref()
                .unwrap_or_default()
                .contains("|exists: true`")
        );
        assert_eq!((found[0].line, found[0].column), location);
    };
    let owner = "  filter:\n    resource.owner: ana\n";
    refused(owner, "selection and not filter", (11, 5));
    refused(owner, "not (selection and filter)", (11, 5));
    accepted(
        &format!("    resource.owner|exists: true\n{owner}"),
        "selection and not filter",
    );
    accepted(
        &format!("{owner}  there:\n    resource.owner|exists: true\n"),
        "selection and there and not filter",
    );
    // A fact that only one branch requires is not required.
    refused(
        &format!("{owner}  there:\n    resource.owner|exists: true\n"),
        "(selection or there) and not filter",
        (11, 5),
    );
    // To require the fact inside the negated selection does not require it.
    refused(
        "  filter:\n    resource.owner: ana\n    resource.owner|exists: true\n",
        "selection and not filter",
        (11, 5),
    );
    // Two negations cancel each other.
    accepted(owner, "selection and not (not filter)");
    // These facts are never unknown.
    accepted(
        "  filter:\n    scope.unmapped: true\n",
        "selection and not filter",
    );
    accepted(
        "  filter:\n    action.verb: send\n",
        "selection and not filter",
    );
    accepted(
        "  filter:\n    resource.owner|exists: true\n",
        "selection and not filter",
    );
    // `neq` compares with a value, and an absent fact has none.
    accepted("    resource.owner|neq: ana\n", "selection");
}

#[test]
fn baselines() {
    refuses(BASELINE, BASELINES);
}

#[test]
fn a_metric_is_counted_by_its_selection_and_read_by_other_rules() {
    let reader = GOOD.replace("action.effect: egress", "baseline.actions.ratio|gte: 3");
    let bundle = bundle(&[
        ("rules/scope/a.yaml", &reader),
        ("rules/volume/b.yaml", BASELINE),
    ]);
    let metric = &bundle.metrics[0];
    assert!(
        (metric.false_alarms_per_30d - 1.0).abs() < 1e-12,
        "two in 60 days is one in 30"
    );
    assert_eq!((metric.pane_ms, metric.min_count), (Some(60_000), 20.0));
    assert_eq!(bundle.rules[1].baseline, Some(metric.index));
    assert_eq!(metric.rule, RuleIndex(1));

    let mut facts = Facts::new(&bundle.catalogue);
    facts.set(fact::EVENT_KIND, "action");
    facts.set(metric.facts.ratio, 3.5);
    let (mut rules, mut metrics) = (Vec::new(), Vec::new());
    bundle.match_rules(&facts, RuleSet::All, &mut rules);
    bundle.match_metrics(&facts, &mut metrics);
    assert_eq!((rules, metrics), (vec![RuleIndex(0)], vec![metric.index]));
}

#[test]
fn tests_in_a_rule() {
    let test = "events: [{action.verb: send}]\n    expect: fire";
    refuses(&GOOD.replace(test, "TEST"), TESTS);
    let text = GOOD.replace(
        test,
        "events: [{at: +1m, repeat: 3, every: 2s, resource: {type: x}}, {outcome: denied}]\n    \
         expect: {fire: 2, on: 3, revoke: none}",
    );
    let test = &bundle(&[("scope/a.yaml", &text)]).rules[0].tests[0];
    assert_eq!(
        (test.events[0].at_ms, test.events[1].at_ms),
        (60_000, 65_000)
    );
    assert_eq!(
        test.events[0].body,
        serde_json::json!({"resource": {"type": "x"}})
    );
}

proptest::proptest! {
    #![proptest_config(crate::property::config(128))]

    /// Any text in a rule gives a bundle or a problem, and never a panic.
    #[test]
    fn a_damaged_rule_is_refused_or_loads(
        at in 0..GOOD.len(),
        cut in 0_usize..12,
        insert in proptest::sample::select(&[
            "", ":", " ", "\n", "- ", "{", "]", "'", "|", "|all|re", "*", "not ", "1 of ", "\\",
            "&a ", "ß", "null", "[any]", ".", "~", "0x", "99999999999999999999", "(", "of them",
        ][..]),
    ) {
        let mut text = GOOD.to_owned();
        let end = (at + cut).min(text.len());
        text.replace_range(at..end, insert);
        let (bundle, problems) = Bundle::parse(&[file("rules/scope/t.yaml", &text)]);
        let refused = problems.iter().any(|problem| problem.severity == ProblemSeverity::Error);
        proptest::prop_assert_eq!(bundle.is_none(), refused);
    }
}
