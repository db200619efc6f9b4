//! Rows as people and scripts read them: a table, CSV or JSON lines.

use std::io::Write;

use comfy_table::{CellAlignment, Table, presets};

/// A column of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ColumnHead {
    pub(crate) name: String,
    /// Whether its values are numbers: they stand right, and are bare in JSON.
    pub(crate) numeric: bool,
    /// Whether its values are truth values: bare in JSON.
    pub(crate) boolean: bool,
    /// Whether its values are JSON already: bare in JSON.
    pub(crate) json: bool,
}

/// Takes rows as text and writes them in some form.
pub(crate) trait RowWriter: Send {
    /// The columns; called once, first.
    fn columns(&mut self, columns: &[ColumnHead]) -> anyhow::Result<()>;
    /// One row; null is `None`.
    fn row(&mut self, values: &[Option<String>]) -> anyhow::Result<()>;
    /// Writes what is left; how many rows there were.
    fn finish(&mut self) -> anyhow::Result<u64>;
}

/// How many rows a table measures its widths by, and holds at a time.
const TABLE_ROWS: u64 = 10_000;

/// A table with a frame; long answers come in several tables.
pub(crate) struct TableRows {
    output: Box<dyn Write + Send>,
    columns: Vec<ColumnHead>,
    table: Table,
    held: u64,
    rows: u64,
}

impl TableRows {
    pub(crate) fn new(output: Box<dyn Write + Send>) -> Self {
        Self { output, columns: Vec::new(), table: Table::new(), held: 0, rows: 0 }
    }

    fn begin(&mut self) {
        self.table = Table::new();
        self.table.load_preset(presets::UTF8_FULL_CONDENSED);
        self.table.set_header(self.columns.iter().map(|column| column.name.clone()));
        for (position, column) in self.columns.iter().enumerate() {
            if let Some(shown) = self.table.column_mut(position).filter(|_| column.numeric) {
                shown.set_cell_alignment(CellAlignment::Right);
            }
        }
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        writeln!(self.output, "{}", self.table)?;
        self.held = 0;
        self.begin();
        Ok(())
    }
}

impl RowWriter for TableRows {
    fn columns(&mut self, columns: &[ColumnHead]) -> anyhow::Result<()> {
        self.columns = columns.to_vec();
        self.begin();
        Ok(())
    }

    fn row(&mut self, values: &[Option<String>]) -> anyhow::Result<()> {
        self.table.add_row(values.iter().map(|value| value.as_deref().unwrap_or("null")));
        self.held += 1;
        self.rows += 1;
        if self.held == TABLE_ROWS {
            self.flush()?;
        }
        Ok(())
    }

    fn finish(&mut self) -> anyhow::Result<u64> {
        if (self.held > 0 || self.rows == 0) && !self.columns.is_empty() {
            self.flush()?;
        }
        self.output.flush()?;
        Ok(self.rows)
    }
}

/// CSV after RFC 4180: null is an empty field, empty text is `""`.
///
/// The header comes with the first row: a query that fails at once gives nothing, not an empty answer.
pub(crate) struct CsvRows {
    output: Box<dyn Write + Send>,
    header: Option<Vec<ColumnHead>>,
    rows: u64,
}

impl CsvRows {
    pub(crate) fn new(output: Box<dyn Write + Send>) -> Self {
        Self { output, header: None, rows: 0 }
    }

    fn begin(&mut self) -> anyhow::Result<()> {
        match self.header.take() {
            Some(columns) => self.record(columns.iter().map(|column| Some(column.name.as_str()))),
            None => Ok(()),
        }
    }

    fn record<'a>(&mut self, fields: impl Iterator<Item = Option<&'a str>>) -> anyhow::Result<()> {
        let fields: Vec<String> = fields.map(|field| field.map_or_else(String::new, csv_field)).collect();
        writeln!(self.output, "{}", fields.join(","))?;
        Ok(())
    }
}

fn csv_field(text: &str) -> String {
    if text.is_empty() || text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

impl RowWriter for CsvRows {
    fn columns(&mut self, columns: &[ColumnHead]) -> anyhow::Result<()> {
        self.header = Some(columns.to_vec());
        Ok(())
    }

    fn row(&mut self, values: &[Option<String>]) -> anyhow::Result<()> {
        self.begin()?;
        self.rows += 1;
        self.record(values.iter().map(Option::as_deref))
    }

    fn finish(&mut self) -> anyhow::Result<u64> {
        self.begin()?;
        self.output.flush()?;
        Ok(self.rows)
    }
}

/// One JSON object a line; numbers keep their digits.
pub(crate) struct JsonRows {
    output: Box<dyn Write + Send>,
    columns: Vec<ColumnHead>,
    rows: u64,
}

impl JsonRows {
    pub(crate) fn new(output: Box<dyn Write + Send>) -> Self {
        Self { output, columns: Vec::new(), rows: 0 }
    }
}

impl RowWriter for JsonRows {
    fn columns(&mut self, columns: &[ColumnHead]) -> anyhow::Result<()> {
        self.columns = columns.to_vec();
        Ok(())
    }

    fn row(&mut self, values: &[Option<String>]) -> anyhow::Result<()> {
        self.rows += 1;
        let fields: Vec<String> = self
            .columns
            .iter()
            .zip(values)
            .map(|(column, value)| {
                Ok(format!("{}:{}", serde_json::to_string(&column.name)?, json_value(column, value.as_deref())?))
            })
            .collect::<anyhow::Result<_>>()?;
        writeln!(self.output, "{{{}}}", fields.join(","))?;
        Ok(())
    }

    fn finish(&mut self) -> anyhow::Result<u64> {
        self.output.flush()?;
        Ok(self.rows)
    }
}

fn json_value(column: &ColumnHead, value: Option<&str>) -> anyhow::Result<String> {
    Ok(match value {
        None => "null".to_owned(),
        // NaN and Infinity are no JSON numbers; they go as text.
        Some(text) if column.numeric && serde_json::from_str::<serde_json::Number>(text).is_ok() => text.to_owned(),
        Some(text) if column.boolean || column.json => text.to_owned(),
        Some(text) => serde_json::to_string(text)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_tells_null_from_empty() {
        assert_eq!(csv_field(""), "\"\"");
        assert_eq!(csv_field("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(csv_field("日本"), "日本");
    }

    #[test]
    fn json_numbers_keep_their_digits() {
        let column = ColumnHead { name: "n".into(), numeric: true, boolean: false, json: false };
        assert_eq!(json_value(&column, Some("18446744073709551617")).unwrap(), "18446744073709551617");
        assert_eq!(json_value(&column, Some("1.10")).unwrap(), "1.10");
        assert_eq!(json_value(&column, Some("NaN")).unwrap(), "\"NaN\"");
    }
}
