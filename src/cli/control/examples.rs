//! Examples of the commands that write control records, for `--help`.

pub(in crate::cli) const APPROVE: &str = "\
Examples:
  scopewatch approve acme/research-7 2b575c82d4b80c27affdb552a0cefccd --reason 'no migration'
  scopewatch approve acme/research-7 2b575c82d4b80c27affdb552a0cefccd --out - --by ana

Agent and transaction stand in the alert: `tenant`, `agent_id` and `revocation.txn`. The record is
sent to the control topic, and the alert that follows says what became of it. A decision on a plan
that lapsed, or was decided, withdrawn or sent before, changes nothing.";

pub(in crate::cli) const DENY: &str = "\
Examples:
  scopewatch deny acme/research-7 2b575c82d4b80c27affdb552a0cefccd --reason 'planned migration'

For one day nothing is planned for the target. See `scopewatch approve --help`.";

pub(in crate::cli) const CONFIRM: &str = "\
Examples:
  scopewatch confirm acme/research-7 2b575c82d4b80c27affdb552a0cefccd done --target c-20931
  scopewatch confirm acme/research-7 2b575c82d4b80c27affdb552a0cefccd refused --by idp-team

For an identity system whose operator revokes by hand. After `done` every action with the target is
reported as an action after revocation, from 5 seconds after the time of the record. Where the
setting `control.keys` is set, only the signed records of the identity system confirm.";

pub(in crate::cli) const WITHDRAW: &str = "\
Examples:
  scopewatch withdraw acme/research-7 2b575c82d4b80c27affdb552a0cefccd --reason 'a planned test'

The incident is closed as a false positive, the identity system receives the withdrawal of what was
sent, and for one day the rules behind the request only show their plans for this agent.";

pub(in crate::cli) const VERDICT: &str = "\
Examples:
  scopewatch verdict acme/research-7 c40df9a8399cb260119b59aa0544fbd6 true_positive --by ana
  scopewatch verdict acme/research-7 c40df9a8399cb260119b59aa0544fbd6 false_positive --out -

The id is `incident_id` of the alert. `true_positive` is noted in the audit topic. `false_positive`
closes the incident and withdraws what it asked for.";

pub(in crate::cli) const REARM: &str = "\
Examples:
  scopewatch rearm acme/research-7 --reason 'the agents of the incident are known'

Once the budget of the hour is used up, plans wait for a person. After this command the whole tenant
has its budgets again, in every partition; plans that wait go on waiting for their decision. The
agent is that of the alert about the budget: it says where the record goes.";

pub(in crate::cli) const ACCEPT: &str = "\
Examples:
  scopewatch accept acme/desk-7 --agent-type desk --task-class refund --destination b@c.example
  scopewatch accept acme/desk-7 --agent-type desk --resource-type email.message --verb send --by ana

A task that alerted teaches nothing, so what an alert wrongly called new stays new until a person
accepts it. From then on this class knows it in every partition, and so does the agent. It counts as
one clean task.";

pub(in crate::cli) const AGENT_FREEZE: &str = "\
Examples:
  scopewatch agent freeze acme/desk-7 --reason 'load test until Friday'
  scopewatch agent freeze acme/desk-7 --by ana --out commands.jsonl
  scopewatch agent freeze acme --where agent.type=desk --reason 'load test until Friday'

Its volume baselines and its habits learn nothing until `scopewatch agent unfreeze`, and its tasks
teach nobody. It is judged as before, by what was learned until then.

With --where the tenant stands alone, and every agent of the type is meant, also one that acts for
the first time later. A command about one of these agents that is given after it counts for that
agent.";

pub(in crate::cli) const AGENT_UNFREEZE: &str = "\
Examples:
  scopewatch agent unfreeze acme/desk-7 --reason 'the load test is over'
  scopewatch agent unfreeze acme/desk-7 --by ana --out -
  scopewatch agent unfreeze acme --where agent.type=desk --reason 'the load test is over'

Tasks that are open now teach nothing when they end. With --where also those agents of the type are
unfrozen that were frozen one by one.";

pub(in crate::cli) const AGENT_RESET: &str = "\
Examples:
  scopewatch agent reset acme/desk-7 --reason 'it has another job now'
  scopewatch agent reset acme/desk-7 --since 2026-03-09T00:00:00Z --reason 'compromised since then'
  scopewatch agent reset acme --where agent.type=desk --reason 'a new model'

The agent learns anew. Its scopes, incidents and requests stay. With --since, of its habits only
what its tasks first used since then is forgotten; its volume baselines start anew, for they keep no
time of what they learned. See also `scopewatch class reset`: its tasks have taught its class.";

pub(in crate::cli) const CLASS_FREEZE: &str = "\
Examples:
  scopewatch class freeze acme --agent-type desk --task-class refund --reason 'under review'
  scopewatch class freeze acme --agent-type desk --by ana --out commands.jsonl

Its tasks teach nothing until `scopewatch class unfreeze`, in every partition: neither the class nor
the agents of the type as a whole. A task counts by the time at which it ends. Each agent goes on
learning its own habits.";

pub(in crate::cli) const CLASS_UNFREEZE: &str = "\
Examples:
  scopewatch class unfreeze acme --agent-type desk --task-class refund --reason 'reviewed'
  scopewatch class unfreeze acme --agent-type desk --by ana --out -

Name the class as it was frozen: to unfreeze an agent type does not unfreeze a class of it.";

pub(in crate::cli) const CLASS_RESET: &str = "\
Examples:
  scopewatch class reset acme --agent-type desk --task-class refund --reason 'a new process'
  scopewatch class reset acme --agent-type desk --since 2026-03-09T00:00:00Z --by ana

Without --task-class every class of the agent type is meant, and what is known of the type as a
whole. With --since, only what was first used in that hour or later is forgotten.";

pub(in crate::cli) const CLASS_IMPORT: &str = "\
Examples:
  scopewatch class import learned.jsonl --reason 'begin with the last month'
  scopewatch class import learned.jsonl --by ana --out commands.jsonl

The file is that of `scopewatch replay --export`. Each profile in it takes the place of what is
known of its class, in every partition. A file with a mistake changes nothing.";

pub(in crate::cli) const AGENT_IMPORT: &str = "\
Examples:
  scopewatch agent import learned.jsonl --reason 'begin with the last month'
  scopewatch agent import learned.jsonl --by ana --out commands.jsonl

The file is that of `scopewatch replay --export`. The volume baselines and habits in it take the
place of those that are known of their agents. A file with a mistake changes nothing.";
