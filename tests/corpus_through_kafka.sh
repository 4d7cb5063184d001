#!/usr/bin/env bash
# Sends a file of foreign records through a real Kafka and `scopewatch run` (a raw input on the
# records' own time), and compares the alerts with what `scopewatch replay` makes of the same file.
#
#   tests/corpus_through_kafka.sh RECORDS.jsonl[.gz] MAPPING.jq [RULES]
#
# Needs kcat, python3, Java and Maven (for .ci/kafka), and the program: SCOPEWATCH, or the one that
# `make build` left. Prints the incidents in the order of their first event, and how the two differ.
set -euo pipefail
cd "$(dirname "$0")/.."
records=$(realpath "$1") mapping=$(realpath "$2") rules=$(realpath "${3:-rules}")
program=${SCOPEWATCH:-${XDG_CACHE_HOME:-$HOME/.cache}/scopewatch/target/release/scopewatch}
work=$(mktemp -d)
instance=
finish() {
  [ -z "$instance" ] || kill "$instance" 2>/dev/null || true
  .ci/kafka down --dir "$work/broker" 2>/dev/null || true
  rm -r "$work"
}
trap finish EXIT

case $records in
  *.gz) zcat "$records" ;;
  *) cat "$records" ;;
esac >"$work/records.jsonl"
servers=$(.ci/kafka up --port 0 --dir "$work/broker" --owner $$)
cat >"$work/scopewatch.toml" <<TOML
time = "event"
[kafka]
bootstrap_servers = "$servers"
[topics]
partitions = 4
replication = 1
[store]
path = "$work/store"
[rules]
path = "$rules"
[alerts]
format = "native"
[http]
listen = ""
[[raw]]
topic = "raw"
mapping = "$mapping"
time = "occurred_at"
TOML
"$program" topics create --config "$work/scopewatch.toml" >/dev/null 2>&1
.ci/kafka tool topics --bootstrap-server "$servers" --create --topic raw --partitions 1 \
  --replication-factor 1 >/dev/null
kcat -b "$servers" -P -t raw <"$work/records.jsonl"
"$program" run --config "$work/scopewatch.toml" 2>"$work/run.log" &
instance=$!
"$program" replay --open-end --actions "$work/records.jsonl" --mapping "$mapping" --rules "$rules" \
  --partitions 4 --alerts "$work/replay.jsonl"

read_alerts() {
  kcat -b "$servers" -C -t agent.alerts -e -q -X isolation.level=read_committed
}
# Done when nothing has come for ten seconds.
before=-1 now=0
while [ "$now" != "$before" ]; do
  before=$now
  sleep 10
  now=$(read_alerts | wc -l)
done
kill "$instance" && wait "$instance"
instance=
grep -v '"INFO"' "$work/run.log" || true
read_alerts >"$work/kafka.jsonl"
dead=$(kcat -b "$servers" -C -t scopewatch.dlq -e -q -f '%o\n' | wc -l)
echo "$(wc -l <"$work/records.jsonl") records, $dead dead letters"
python3 - "$work/replay.jsonl" "$work/kafka.jsonl" <<'PYTHON'
import json, sys

def read(path):
    firsts, events, opened = {}, {}, []
    for alert in map(json.loads, open(path)):
        key = alert["rule"]["title"], f'{alert["tenant"]}/{alert["agent_id"]}'
        events.setdefault(key, set()).update(alert["event_ids"])
        if alert["activity"] == "create":
            firsts.setdefault(key, alert["event_ids"][0])
            opened.append(alert)
    return firsts, events, opened

replay, kafka = read(sys.argv[1]), read(sys.argv[2])
opened = sorted(kafka[2], key=lambda alert: alert["time_ms"])
for alert in opened:
    after_s = (alert["time_ms"] - opened[0]["time_ms"]) / 1000
    print(f'{after_s:8.0f} s  {alert["severity"]:8}  {alert["message"]}')
print(f"{len(opened)} incidents; first events {'equal' if replay[0] == kafka[0] else 'DIFFER'},"
      f" causes {'equal' if replay[1] == kafka[1] else 'DIFFER'}")
sys.exit(replay[:2] != kafka[:2])
PYTHON
