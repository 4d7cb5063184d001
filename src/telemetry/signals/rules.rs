//! Rule bundles and the rules directory.

counted_signals! {
    /// A rule bundle became active.
    info BundleActivated<'a> "bundle activated" {
        /// The bundle's hash, in hex.
        bundle: &'a str,
        rules: usize,
    }
    counts |signal, metrics| {
        metrics.bundles.add("activated", 1);
        metrics.set_bundle(signal.bundle);
        metrics.rules_active.set(i64::try_from(signal.rules).unwrap_or(i64::MAX))
    };

    /// A rule bundle was refused; the active bundle stays.
    error BundleRefused<'a> "bundle refused, active bundle kept" {
        path: &'a str,
        problems: usize,
    }
    counts |_signal, metrics| metrics.bundles.add("refused", 1);
}

log_signals! {
    /// The default rules directory does not exist, so the shipped rules are used.
    warn ShippedRulesUsed<'a> "shipped rules in use, no rules directory" {
        path: &'a str,
    }

    /// A problem in a file of the rules directory.
    warn RuleProblem<'a> "rule problem" {
        path: &'a str,
        /// The problem with its location and source line.
        problem: &'a str,
    }

    /// The rules directory has no rule, so no action is judged by rules.
    warn RulesEmpty<'a> "rules directory without a rule" {
        path: &'a str,
    }

    /// The rules directory cannot be read; it is tried again.
    warn RulesUnreadable<'a> "unreadable rules directory" {
        error: &'a str,
    }

    /// The schemas of `[schema.ids]` were read again.
    info SchemasLoaded "schemas loaded" {
        ids: usize,
    }

    /// The schemas of `[schema.ids]` cannot be read again, and the old ones stay.
    warn SchemasRefused<'a> "schemas refused" {
        error: &'a str,
    }

    /// Changes of the rules directory are not noticed in this run.
    warn RulesUnwatched<'a> "rules directory not watched" {
        error: &'a str,
    }
}
