//! Data on stdout: lines, and tables as aligned text or JSON.

use std::io::{self, BufWriter, Stdout, Write};

use clap::ValueEnum;
use serde_json::{Map, Value};

/// The format of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum TableFormat {
    /// Aligned columns under a heading
    #[default]
    Text,
    /// One JSON document
    Json,
}

/// A write to standard output failed.
#[derive(Debug, thiserror::Error)]
#[error("standard output: {0}")]
pub(super) struct OutputError(io::Error);

impl OutputError {
    pub(super) fn is_broken_pipe(&self) -> bool {
        self.0.kind() == io::ErrorKind::BrokenPipe
    }
}

/// Standard output, buffered; call [`Output::finish`] at the end.
pub(super) struct Output {
    writer: BufWriter<Stdout>,
}

impl Output {
    pub(super) fn stdout() -> Self {
        Output {
            writer: BufWriter::new(io::stdout()),
        }
    }

    /// Writes bytes unchanged.
    pub(super) fn write_bytes(&mut self, bytes: &[u8]) -> Result<(), OutputError> {
        self.writer.write_all(bytes).map_err(OutputError)
    }

    /// Writes a line.
    pub(super) fn write_line(&mut self, text: &str) -> Result<(), OutputError> {
        self.write_bytes(text.as_bytes())?;
        self.write_bytes(b"\n")
    }

    /// Writes a JSON document, indented for people.
    pub(super) fn write_json(&mut self, value: &Value) -> Result<(), OutputError> {
        self.write_line(&format!("{value:#}"))
    }

    /// Writes a table.
    pub(super) fn write_table(
        &mut self,
        table: &Table,
        format: TableFormat,
    ) -> Result<(), OutputError> {
        match format {
            TableFormat::Json => self.write_json(&table.to_json()),
            TableFormat::Text => self.write_bytes(table.to_text().as_bytes()),
        }
    }

    /// Flushes the buffer.
    pub(super) fn finish(&mut self) -> Result<(), OutputError> {
        self.writer.flush().map_err(OutputError)
    }
}

/// Rows under named columns. The names are the keys of the JSON form.
#[derive(Debug, Clone)]
pub(super) struct Table {
    columns: &'static [&'static str],
    rows: Vec<Vec<Value>>,
}

impl Table {
    pub(super) fn new(columns: &'static [&'static str]) -> Self {
        Table {
            columns,
            rows: Vec::new(),
        }
    }

    /// Adds a row: a cell for each column, in their order.
    pub(super) fn add_row(&mut self, cells: Vec<Value>) {
        self.rows.push(cells);
    }

    /// An array of objects.
    pub(super) fn to_json(&self) -> Value {
        let object = |row: &Vec<Value>| {
            let names = self.columns.iter().map(|name| (*name).to_owned());
            Value::Object(names.zip(row.iter().cloned()).collect::<Map<_, _>>())
        };
        Value::Array(self.rows.iter().map(object).collect())
    }

    /// Aligned columns under a heading in capitals.
    pub(super) fn to_text(&self) -> String {
        let heading = self
            .columns
            .iter()
            .map(|name| name.replace('_', "-").to_uppercase());
        let mut lines: Vec<Vec<String>> = vec![heading.collect()];
        lines.extend(
            self.rows
                .iter()
                .map(|row| row.iter().map(cell_text).collect()),
        );
        let width_of = |column: usize| {
            let cells = lines.iter().filter_map(|line| line.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width_of).collect();
        let mut text = String::new();
        for line in &lines {
            let padded = line
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:width$}"));
            let joined = padded.collect::<Vec<_>>().join("  ");
            text.push_str(joined.trim_end());
            text.push('\n');
        }
        text
    }
}

/// A cell as text, on one line.
fn cell_text(value: &Value) -> String {
    let text = match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => items.iter().map(cell_text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    printable(&text)
}

/// The text without control characters: those of a file must not change the terminal or break the
/// line.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_aligned_and_json_has_their_names() {
        let mut table = Table::new(&["id", "mode_max", "lacks"]);
        table.add_row(vec![json!("a"), json!(1), json!(["x", "y"])]);
        table.add_row(vec![json!("long\u{1b}"), json!(null), json!([])]);
        let text = table.to_text();
        assert_eq!(
            text,
            "ID     MODE-MAX  LACKS\na      1         x, y\nlong   -         -\n"
        );
        assert_eq!(table.to_json()[1]["mode_max"], json!(null));
        assert_eq!(table.to_json()[0]["lacks"], json!(["x", "y"]));
    }
}
