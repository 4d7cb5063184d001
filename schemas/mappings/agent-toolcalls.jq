# Tool calls of customer-service agents, one finished call a record:
#   {"time": ms, "conversation", "agent", "agent_kind", "model", "task": "airline/30", "call_id",
#    "tool", "arguments": {…}, "took_ms", "result_bytes", "ok"}
#
# Known tools are named one by one, because their names do not say what they touch. A tool that is
# not named gets its verb from its first word and no resource type: it is judged by its name, and
# `scope.unmapped` asks for it to be added here. Every record with an agent and a tool is an action;
# anything else is skipped, since there is nobody to judge.

# tool -> [verb, resource type, argument that is the resource's id]
{
  get_user_details:             ["read",     "customer.profile",    "user_id"],
  get_reservation_details:      ["read",     "booking.reservation", "reservation_id"],
  list_all_airports:            ["list",     "flight.airport",      null],
  search_direct_flight:         ["search",   "flight.schedule",     null],
  search_onestop_flight:        ["search",   "flight.schedule",     null],
  book_reservation:             ["create",   "booking.reservation", null],
  cancel_reservation:           ["delete",   "booking.reservation", "reservation_id"],
  update_reservation_baggages:  ["update",   "booking.reservation", "reservation_id"],
  update_reservation_flights:   ["update",   "booking.reservation", "reservation_id"],
  update_reservation_passengers: ["update",  "booking.reservation", "reservation_id"],
  # A certificate is money: value leaves the company for a customer.
  send_certificate:             ["transfer", "payment.certificate", "user_id"],
  # The conversation's summary goes to people; see destination below.
  transfer_to_human_agents:     ["send",     "support.handover",    null],
  think:                        ["infer",    "llm.inference",       null],
  calculate:                    ["execute",  "code.execution",      null]
} as $known
|
# first word of a tool's name -> verb
{
  get: "read", read: "read", fetch: "read", show: "read", view: "read", check: "read",
  list: "list", search: "search", find: "search", query: "search", lookup: "search",
  create: "create", add: "create", book: "create", open: "create", insert: "create",
  update: "update", modify: "update", change: "update", set: "update", edit: "update",
  delete: "delete", cancel: "delete", remove: "delete", close: "delete",
  run: "execute", execute: "execute", calculate: "execute", eval: "execute",
  send: "send", email: "send", notify: "send", reply: "send", post: "send",
  share: "share", export: "share", transfer: "transfer", pay: "transfer", refund: "transfer",
  browse: "browse", think: "infer", summarize: "infer", spawn: "spawn", delegate: "spawn"
} as $verbs
|
if (.agent | type) != "string" or (.tool | type) != "string" then empty
else
  (.arguments | if type == "object" then . else {} end) as $args
  | ($known[.tool] // [$verbs[.tool | split("_")[0]], null, null]) as [$verb, $type, $id]
  | ($id | if . == null then null else $args[.] end) as $resource
  | {
      event_id: .call_id,
      occurred_at: .time,
      tenant: "airline-desk",
      agent: { id: .agent, type: .agent_kind, version: .model },
      # A conversation is the task; "airline/30" is its kind and the script it follows.
      task: {
        id: .conversation,
        class: (.task | if type == "string" then split("/")[0] else null end)
      },
      session: { id: .conversation },
      tool: { name: .tool, server: "airline-desk" },
      action: { verb: ($verb // "other"), operation: .tool },
      resource: {
        type: ($type // "unknown"),
        # A route stands for a search; the flights it found are not in the record.
        id: (if $type == "flight.schedule" and ($args | has("origin") and has("destination"))
             then "\($args.origin)-\($args.destination)"
             else $resource | if type == "string" then . else null end end),
        owner: ($args.user_id | if type == "string" then . else null end)
      },
      destination: (if .tool == "transfer_to_human_agents"
                    then { host: "human-agents", external: false } else null end),
      volume: {
        bytes_in: .result_bytes,
        bytes_out: (if .tool == "transfer_to_human_agents"
                    then ($args.summary // "" | tostring | utf8bytelength) else null end)
      },
      latency_us: (.took_ms | if type == "number" then . * 1000 else null end),
      outcome: (if .ok == false then "error" elif .ok == true then "allowed" else null end)
    }
end
