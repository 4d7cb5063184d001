//! The keys that sign revocation requests.

counted_signals! {
    /// These keys are in use.
    info SigningKeysLoaded<'a> "signing keys loaded" {
        /// The id of the key that signs.
        kid: &'a str,
        algorithm: &'a str,
        /// Keys in the published set.
        published: usize,
    }
    counts |signal, metrics| {
        metrics.signing_key_loads.add("activated", 1);
        metrics.set_signing_key(signal.kid);
        metrics.keys_published.set(i64::try_from(signal.published).unwrap_or(i64::MAX))
    };

    /// A key file or the configuration has an error; the keys in use stay.
    error SigningKeysRefused<'a> "signing keys refused, active keys kept" {
        error: &'a str,
    }
    counts |_signal, metrics| metrics.signing_key_loads.add("refused", 1);
}

log_signals! {
    /// Another key signs from now on, and receivers could know it.
    info SigningKeyReplaced<'a> "signing key replaced" {
        old_kid: &'a str,
        new_kid: &'a str,
        algorithm: &'a str,
    }

    /// Another key signs from now on, which was never published before: a receiver that keeps the
    /// key set does not know it yet.
    warn SigningKeyReplacedUnannounced<'a> "signing key replaced by one never published before" {
        old_kid: &'a str,
        new_kid: &'a str,
        algorithm: &'a str,
    }

    /// A replaced key is published no longer.
    info KeyOverlapEnded<'a> "replaced key published no longer" {
        kid: &'a str,
    }
}
