//! The numbers of rules and metrics in their bundle.

/// Index of a rule in its bundle; the order of `(path, document)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleIx(pub u16);

impl RuleIx {
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Index of a metric in its bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MetricIx(pub u16);

impl MetricIx {
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}
