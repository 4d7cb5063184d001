# A mapping turns records of your gateway into Scopewatch actions. Copy this file, change the right
# hand sides, and look at the result:
#
#   scopewatch map test records.jsonl --mapping mine.jq
#
# The program sees one record as its input and emits zero, one or many objects. Zero (`empty`) skips
# the record and counts it. It sees nothing else: `env`, `now`, `input`, `halt`, `debug` and local
# time are not there. At most 1,000 actions come of one record. The program's own running time is
# not bounded, so leave out loops that depend on a number in the record.
#
# Only agent.id is required. Leave out what your records do not say (`null` is the same as absent):
# an absent field weakens a verdict, a guessed one makes it wrong. Verbs and resource types that are
# the same for every call of a tool belong in rules/resources.yaml, which is faster than jq.

# The program fails when it computes with a value of another type (`.took_ms * 1000` of a text), and
# the whole record is then a dead letter. Pass values on as they are, and test the type of what you
# compute with: an optional field of a wrong type is dropped and reported, and the rest is judged.
# Never let a record's owner, tenant or credential come from what the agent itself wrote into its
# call, such as the arguments of a tool.

# Skip what is no action of an agent, and say why.
if .kind == "heartbeat" then empty   # the gateway's own sign of life
else
{
  event_id: .id,                     # an id the gateway repeats when it retries
  occurred_at: .time,                # epoch milliseconds, or RFC 3339 text
  tenant: .org,                      # no `/`; left out: "default"
  # model: the model that the agent used for the call (OpenTelemetry: gen_ai.request.model)
  agent: { id: .agent, type: .agent_kind, version: .agent_version, model: .model },
  principal: { id: .on_behalf_of },
  # sequence: the gateway's own count of its records
  gateway: { id: "my-gateway", sequence: .record_number },
  task: { id: .task_id, class: .task_kind, purpose: .goal },
  session: { id: .session },
  instruction: {
    source: .instructed_by,          # operator, system_prompt, user, parent_agent, tool_output,
    ref: .message_id                 #   retrieved_data, memory; any other word is `unknown`
  },
  credential: {
    id: .token_jti,                  # the id or a fingerprint, NEVER the token
    issuer: .token_iss,
    issued_at: .token_iat_ms,        # epoch milliseconds: multiply seconds by 1000
    expires_at: .token_exp_ms
  },
  delegation: { chain: .parents },   # agent ids, root first; RFC 8693 `act` and others begin with
                                     #   the last agent: `(.actors | reverse)`
  tool: { name: .tool, server: .server },
  action: {
    # read, list, search, create, update, delete, execute, send, share, transfer, browse, infer,
    # spawn, admin; any other word is `other`
    verb: (.method | if type == "string" then
             { get: "read", post: "create", put: "update", delete: "delete" }[.] else null end),
    operation: .operation
  },
  resource: {
    type: .resource_kind,            # dotted, open: database.table, email.message, code.execution
    id: .resource,
    owner: .resource_owner,
    sensitivity: .label              # public, internal, confidential, restricted
  },
  destination: { host: .host, external: .external },
  volume: { records: .rows, bytes_in: .bytes_received, bytes_out: .bytes_sent },
  latency_us: (.took_ms | if type == "number" then . * 1000 | round else null end),
  # A record that does not say what became of the call says nothing: never `else "allowed"`.
  outcome: (if .denied == true then "denied" elif .error then "error"
            elif .denied == false then "allowed" else null end),
  channel: { encrypted: .tls, network: .network },   # loopback, internal, external
  # source: web, email, document, tool, memory; flags: what a content scanner found, by its own ids
  content: { untrusted: .from_outside, source: .outside_kind, private: .personal_data,
             flags: .scanner_findings },
  trace: { id: .trace_id }
}
end
