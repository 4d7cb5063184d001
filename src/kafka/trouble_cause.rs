//! Why a client has trouble, as an operator would say it: librdkafka reports one dead broker in
//! many words, which change with every report.

/// What is wrong with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TroubleCause {
    Certificate,
    ClientCertificate,
    Protocol,
    Login,
    Name,
    Unreachable,
    Other,
}

/// Words of librdkafka and OpenSSL, in lower case. The first that is found decides.
const WORDS: [(&str, TroubleCause); 23] = [
    ("certificate required", TroubleCause::ClientCertificate),
    ("certificate verify failed", TroubleCause::Certificate),
    ("ca certificate", TroubleCause::Certificate),
    ("ssl.ca", TroubleCause::Certificate),
    ("unknown ca", TroubleCause::Certificate),
    ("security.protocol", TroubleCause::Protocol),
    ("plaintext broker", TroubleCause::Protocol),
    ("wrong version number", TroubleCause::Protocol),
    ("ssl handshake", TroubleCause::Protocol),
    ("authentication fail", TroubleCause::Login),
    ("authentication error", TroubleCause::Login),
    ("sasl authentication", TroubleCause::Login),
    ("sasl handshake", TroubleCause::Login),
    ("sasl mechanism", TroubleCause::Login),
    ("failed to resolve", TroubleCause::Name),
    ("host resolution", TroubleCause::Name),
    ("connect to", TroubleCause::Unreachable),
    ("connection setup timed out", TroubleCause::Unreachable),
    ("disconnected", TroubleCause::Unreachable),
    ("broker transport failure", TroubleCause::Unreachable),
    ("brokers down", TroubleCause::Unreachable),
    ("brokers are down", TroubleCause::Unreachable),
    ("broker connections are down", TroubleCause::Unreachable),
];

/// With these librdkafka begins the name of a broker.
const PROTOCOLS: [&str; 4] = ["sasl_ssl://", "sasl_plaintext://", "ssl://", "plaintext://"];

impl TroubleCause {
    /// The cause of an error, from its text.
    pub(super) fn of_text(text: &str) -> TroubleCause {
        // The name of a broker begins with its protocol, which is no word about the error.
        let text = PROTOCOLS
            .iter()
            .fold(text.to_lowercase(), |text, name| text.replace(name, ""));
        let found = WORDS.iter().find(|(words, _)| text.contains(words));
        found.map_or(TroubleCause::Other, |(_, cause)| *cause)
    }

    /// What to look at.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            TroubleCause::Certificate => {
                "TLS: a certificate is not accepted; check the CA file (`ssl.ca.location`) and the \
                 host name"
            }
            TroubleCause::ClientCertificate => {
                "TLS: the broker demands a certificate of the client; check \
                 `ssl.certificate.location` and `ssl.key.location`"
            }
            TroubleCause::Protocol => {
                "broker and client differ in their protocol; check `security.protocol` and port"
            }
            TroubleCause::Login => {
                "the broker refuses the login; check user, password and `sasl.mechanism`"
            }
            TroubleCause::Name => {
                "the name of a broker is not known; check `kafka.bootstrap_servers`, and the \
                 `advertised.listeners` of the broker"
            }
            TroubleCause::Unreachable => {
                "no connection to a broker; is it running? If the address is a wrong one, check \
                 its `advertised.listeners`"
            }
            TroubleCause::Other => "see the error",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_librdkafka_says_is_told_by_its_cause() {
        for (text, cause) in [
            (
                "BrokerTransportFailure (Local: Broker transport failure): 127.0.0.1:9092/b: \
                 Connect to ipv4#127.0.0.1:9092 failed: Connection refused (after 0ms in state \
                 CONNECT, 5 identical error(s) suppressed)",
                TroubleCause::Unreachable,
            ),
            (
                "Message consumption error: AllBrokersDown (Local: All broker connections are \
                 down)",
                TroubleCause::Unreachable,
            ),
            (
                "AllBrokersDown (Local: All broker connections are down): 3/3 brokers are down",
                TroubleCause::Unreachable,
            ),
            (
                "sasl_ssl://b:9093/bootstrap: Connect to ipv4#10.0.0.1:9093 failed: Connection \
                 refused (after 1ms in state CONNECT)",
                TroubleCause::Unreachable,
            ),
            (
                "sasl_plaintext://b:9093/1: Disconnected (after 70ms in state UP)",
                TroubleCause::Unreachable,
            ),
            (
                "sasl_ssl://b:9093/bootstrap: Failed to resolve 'b:9093': Name or service \
                 not known",
                TroubleCause::Name,
            ),
            (
                "ssl://b:9093/bootstrap: SSL alert: certificate required",
                TroubleCause::ClientCertificate,
            ),
            (
                "kafka-internal:9092/1: Failed to resolve 'kafka-internal:9092': Name or service \
                 not known (after 3ms in state CONNECT)",
                TroubleCause::Name,
            ),
            (
                "Authentication (Local: Authentication failure): sasl_ssl://b:9093/bootstrap: SASL \
                 authentication error: Authentication failed during authentication due to invalid \
                 credentials with SASL mechanism SCRAM-SHA-512 (after 2ms)",
                TroubleCause::Login,
            ),
            (
                "ssl://b:9093/bootstrap: SSL handshake failed: error:0A000086:SSL routines::\
                 certificate verify failed: broker certificate could not be verified",
                TroubleCause::Certificate,
            ),
            (
                "b:9093/bootstrap: Disconnected while requesting ApiVersion: might be caused by \
                 incorrect security.protocol configuration (connecting to a SSL listener?)",
                TroubleCause::Protocol,
            ),
            ("something new", TroubleCause::Other),
        ] {
            assert_eq!(TroubleCause::of_text(text), cause, "{text}");
        }
    }
}
