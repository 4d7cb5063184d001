//! The numbers of rules and metrics in their bundle.

/// Index of a rule in its bundle. Rules are ordered by path, and by document within a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleIndex(pub u16);

impl RuleIndex {
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Index of a metric in its bundle, in the order of the rules that declare them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MetricIndex(pub u16);

impl MetricIndex {
    /// The index of no metric.
    pub const NONE: MetricIndex = MetricIndex(u16::MAX);

    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}
