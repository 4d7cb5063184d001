//! Properties of librdkafka that are not the operator's to set. The configuration refuses them by
//! this list, and the clients leave them out whoever makes their options.

/// Name of the property, and why it is refused. Most of them would break a guarantee; some have a
/// setting of their own.
pub const REFUSED_PROPERTIES: &[(&str, &str)] = &[
    ("acks", "committed output must be on all replicas"),
    (
        "allow.auto.create.topics",
        "a misspelt topic must be an error",
    ),
    (
        "auto.commit.interval.ms",
        "offsets are committed with the results they belong to",
    ),
    (
        "auto.offset.reset",
        "a lost offset must be an error, not a silent jump",
    ),
    ("bootstrap.servers", "set `kafka.bootstrap_servers`"),
    ("check.crcs", "broken records must be seen"),
    ("delivery.timeout.ms", "it follows transaction.timeout.ms"),
    (
        "enable.auto.commit",
        "offsets are committed with the output",
    ),
    (
        "enable.auto.offset.store",
        "offsets are committed with the output",
    ),
    ("enable.idempotence", "a retry must not repeat an alert"),
    (
        "enable.partition.eof",
        "the restore waits for the end of a partition",
    ),
    ("group.id", "set `kafka.group_id`"),
    ("group.instance.id", "set `kafka.instance_id`"),
    (
        "group.protocol",
        "only the classic protocol is proven with this client library",
    ),
    (
        "group.remote.assignor",
        "only the classic protocol is proven with this client library",
    ),
    (
        "isolation.level",
        "input of aborted transactions must not be judged",
    ),
    ("log.queue", "log lines are served by our own loop"),
    (
        "max.in.flight",
        "order within a partition needs the idempotent producer's own limit",
    ),
    (
        "max.in.flight.requests.per.connection",
        "order within a partition needs the idempotent producer's own limit",
    ),
    (
        "message.send.max.retries",
        "the idempotent producer retries within the transaction's time",
    ),
    ("message.timeout.ms", "it follows transaction.timeout.ms"),
    ("metadata.broker.list", "set `kafka.bootstrap_servers`"),
    (
        "partition.assignment.strategy",
        "partitions move one by one, with their state",
    ),
    (
        "partitioner",
        "an agent's records must stay in one partition",
    ),
    (
        "plugin.library.paths",
        "it loads foreign code into the process",
    ),
    (
        "request.required.acks",
        "a record counts as written when all in-sync replicas have it",
    ),
    (
        "retries",
        "the idempotent producer retries within the transaction's time",
    ),
    (
        "transactional.id",
        "it is made of `kafka.group_id` and `kafka.instance_id`",
    ),
];
