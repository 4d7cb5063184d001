//! `--partitions` of the commands that replay recorded actions.

use clap::Args;

/// Over how many partitions the recorded actions are spread.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct PartitionsArgs {
    /// Number of partitions; with the number that the topics have, `replay` judges as `run` does
    #[arg(id = "partitions", long = "partitions", value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub count: u32,
}
