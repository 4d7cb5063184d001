# Tool calls of customer-service agents, one finished call a record:
#   {"time": ms, "conversation", "agent", "agent_kind", "model", "task": "airline/30", "call_id",
#    "tool", "arguments": {…}, "took_ms", "result_bytes", "ok"}
#
# Known tools are listed one by one, because their names do not say what they touch. A tool that is
# not listed gets its verb from its first word and no resource type. It is then judged by its name
# only, and the alert "Action that no grant can judge" names it, so that it can be added here. Every
# record with an agent and a tool is an action. Other records are skipped: there is nobody to judge.
# The arguments are the agent's own words: they say what a call touches, never who owns it.

# Tables are written as comparisons: an object would be built anew for every record.

# tool -> [verb, resource type, argument that is the resource's id]
def known:
  if . == "get_user_details" then
    ["read", "customer.profile", "user_id"]
  elif . == "get_reservation_details" then
    ["read", "booking.reservation", "reservation_id"]
  elif . == "list_all_airports" then
    ["list", "flight.airport", null]
  elif . == "search_direct_flight" then
    ["search", "flight.schedule", null]
  elif . == "search_onestop_flight" then
    ["search", "flight.schedule", null]
  elif . == "book_reservation" then
    ["create", "booking.reservation", null]
  elif . == "cancel_reservation" then
    ["delete", "booking.reservation", "reservation_id"]
  elif . == "update_reservation_baggages" then
    ["update", "booking.reservation", "reservation_id"]
  elif . == "update_reservation_flights" then
    ["update", "booking.reservation", "reservation_id"]
  elif . == "update_reservation_passengers" then
    ["update", "booking.reservation", "reservation_id"]
  # A certificate is money: value leaves the company for a customer.
  elif . == "send_certificate" then
    ["transfer", "payment.certificate", "user_id"]
  # The conversation's summary goes to people; see destination below.
  elif . == "transfer_to_human_agents" then
    ["send", "support.handover", null]
  elif . == "think" then
    ["infer", "llm.inference", null]
  elif . == "calculate" then
    ["execute", "code.execution", null]
  else null end;

def one_of(words): . as $word | any(words; . == $word);

# first word of a tool's name -> verb
def verb:
  if one_of("get", "read", "fetch", "show", "view", "check") then "read"
  elif . == "list" then "list"
  elif one_of("search", "find", "query", "lookup") then "search"
  elif one_of("create", "add", "book", "open", "insert") then "create"
  elif one_of("update", "modify", "change", "set", "edit") then "update"
  elif one_of("delete", "cancel", "remove", "close") then "delete"
  elif one_of("run", "execute", "calculate", "eval") then "execute"
  elif one_of("send", "email", "notify", "reply", "post") then "send"
  elif one_of("share", "export") then "share"
  elif one_of("transfer", "pay", "refund") then "transfer"
  elif . == "browse" then "browse"
  elif one_of("think", "summarize") then "infer"
  elif one_of("spawn", "delegate") then "spawn"
  else "other" end;

# A value as text: one that is no text equals nothing that a scope declares.
def as_text: if . == null or type == "string" then . else tojson end;

if type != "object" or .agent == null or .tool == null then empty
else
  (.tool | as_text) as $tool
  # Some clients write the arguments as text that holds JSON.
  | (.arguments | . as $raw | if type == "string" then (try fromjson catch $raw) else . end)
    as $read
  | ($read | if type == "object" then . else {} end) as $args
  | ($tool | known // [(split("_")[0] // "" | verb), null, null]) as [$verb, $type, $id]
  # Arguments that cannot be read are no reason to judge the call without its id.
  | (if $id == null then null elif ($read | type) == "object" then $args[$id]
     else $read | as_text | if . == null then null else .[0:200] end end) as $resource
  | {
      event_id: .call_id,
      occurred_at: .time,
      tenant: "airline-desk",
      agent: { id: .agent, type: .agent_kind, model: .model },
      # A conversation is the task; "airline/30" is its kind and the script it follows.
      task: {
        id: .conversation,
        class: (.task | if type == "string" then split("/")[0] else null end)
      },
      session: { id: .conversation },
      tool: { name: $tool, server: "airline-desk" },
      action: { verb: $verb, operation: $tool },
      resource: {
        type: ($type // "unknown"),
        # A route stands for a search; the flights it found are not in the record.
        id: (if $type == "flight.schedule" and ($args | has("origin") and has("destination"))
             then "\($args.origin)-\($args.destination)"
             else $resource | as_text end)
      },
      destination: (if $tool == "transfer_to_human_agents"
                    then { host: "human-agents", external: false } else null end),
      volume: {
        bytes_in: .result_bytes,
        bytes_out: (if $tool == "transfer_to_human_agents"
                    then ($args.summary // "" | tostring | utf8bytelength) else null end)
      },
      latency_us: (.took_ms | if type == "number" then . * 1000 | round else null end),
      outcome: (if .ok == false then "error" elif .ok == true then "allowed" else null end)
    }
end
