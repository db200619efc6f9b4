//! Unit tests of models: given rows in, expected rows out, each as one statement on the engine that runs everything else.

use std::collections::BTreeMap;

use serde::Serialize;
use tarn_flatten::ColumnType;
use tarn_model::{Lake, Row, RowValue, Selected, UnitTest, unit_test_sql};

use crate::context::Ports;
use crate::error::StepError;
use crate::ports::{Attribution, Column, QueryRequest};

/// How a unit test ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnitTestResult {
    /// The test.
    pub name: String,
    /// The model it tests.
    pub model: String,
    /// The file it is written in.
    pub file: String,
    /// Lines that say what differs: `-` expected and not there, `+` there and not expected; none is passed.
    pub differences: Vec<String>,
}

impl UnitTestResult {
    /// Whether the model yielded what was expected.
    pub fn passed(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Runs the unit tests of the selected models.
pub async fn run_all(lake: &Lake, selected: &Selected, ports: &Ports) -> Result<Vec<UnitTestResult>, StepError> {
    let mut results = Vec::new();
    for test in lake.unit_tests.iter().filter(|test| selected.contains(&test.model)) {
        results.push(run(lake, test, ports).await?);
    }
    Ok(results)
}

async fn run(lake: &Lake, test: &UnitTest, ports: &Ports) -> Result<UnitTestResult, StepError> {
    let differences = match yielded(lake, test, ports).await {
        Ok((columns, rows)) => differences(test, &columns, &rows),
        Err(error) => error.message.lines().chain(error.hint.as_deref()).map(str::to_owned).collect(),
    };
    Ok(UnitTestResult { name: test.name.clone(), model: test.model.clone(), file: test.file.to_string(), differences })
}

type Rows = Vec<Vec<Option<String>>>;

/// What the model yields on the given rows.
async fn yielded(lake: &Lake, test: &UnitTest, ports: &Ports) -> Result<(Vec<Column>, Rows), StepError> {
    let types = given_types(test, ports).await?;
    let types_of = |relation: &str| types.get(relation).cloned();
    let statement = unit_test_sql(lake, test, ports.clock.now(), &types_of)?;
    let attribution =
        Attribution { run: None, model: Some(test.model.clone()), purpose: "test".to_owned(), user: None };
    let outcome = ports.engine.execute(&QueryRequest::new(statement, attribution)).await?;
    Ok((outcome.columns, outcome.rows))
}

/// The columns of given models, as the catalogue has them: a test writes only those it is about.
async fn given_types(test: &UnitTest, ports: &Ports) -> Result<BTreeMap<String, Vec<(String, ColumnType)>>, StepError> {
    let mut types = BTreeMap::new();
    for relation in test.given.keys().chain([&test.model]) {
        if let Some(entry) = ports.catalogue.get(relation).await? {
            // Arrays, maps and rows have no literal in YAML: a test that needs them writes the column itself.
            let columns =
                entry.all_columns().filter_map(|column| Some((column.name.clone(), column.column_type.parse().ok()?)));
            types.insert(relation.clone(), columns.collect());
        }
    }
    Ok(types)
}

/// What is compared: each row as texts that are equal exactly when the values are.
fn differences(test: &UnitTest, columns: &[Column], rows: &Rows) -> Vec<String> {
    let all: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let compared: Vec<&str> = match &test.expect.columns {
        Some(named) => named.iter().map(String::as_str).collect(),
        None => all.clone(),
    };
    let unknown: Vec<String> = test
        .expect
        .named_columns()
        .into_iter()
        .filter(|name| !all.contains(name))
        .map(|name| format!("- column {name}: the model yields {}", all.join(", ")))
        .collect();
    if !unknown.is_empty() {
        return unknown;
    }
    let types: BTreeMap<&str, &str> =
        columns.iter().map(|column| (column.name.as_str(), column.column_type.as_str())).collect();
    let expected: Vec<String> = test.expect.rows.iter().map(|row| expected_row(row, &compared, &types)).collect();
    let actual: Vec<String> = rows.iter().map(|row| actual_row(row, columns, &compared)).collect();
    if test.expect.ordered { in_order(&expected, &actual) } else { in_any_order(&expected, &actual) }
}

fn expected_row(row: &Row, compared: &[&str], types: &BTreeMap<&str, &str>) -> String {
    let values = compared.iter().map(|name| {
        let value = row.get(*name).and_then(RowValue::text);
        format!("{name}: {}", normal(value, types.get(name).copied().unwrap_or_default()))
    });
    values.collect::<Vec<_>>().join(", ")
}

fn actual_row(row: &[Option<String>], columns: &[Column], compared: &[&str]) -> String {
    let values = compared.iter().filter_map(|name| {
        let position = columns.iter().position(|column| column.name == *name)?;
        let value = row.get(position)?.as_deref();
        Some(format!("{name}: {}", normal(value, &columns.get(position)?.column_type)))
    });
    values.collect::<Vec<_>>().join(", ")
}

/// One text for all ways to write a value of a type: `1.50` and `1.5`, a timestamp with and without `.000`.
fn normal(value: Option<&str>, column_type: &str) -> String {
    let Some(text) = value else {
        return "null".to_owned();
    };
    if column_type.starts_with("decimal") {
        return normal_decimal(text);
    }
    if column_type.starts_with("timestamp") {
        return normal_timestamp(text);
    }
    match column_type {
        "double" | "float" | "real" => {
            text.parse::<f64>().map_or_else(|_| text.to_owned(), |number| number.to_string())
        }
        "boolean" => text.to_ascii_lowercase(),
        _ => text.to_owned(),
    }
}

fn normal_decimal(text: &str) -> String {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    }
}

fn normal_timestamp(text: &str) -> String {
    let text = text.replacen('T', " ", 1);
    let text = text.strip_suffix('Z').unwrap_or(&text);
    match text.len() {
        10 => format!("{text} 00:00:00"),
        _ if text.contains('.') => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        _ => text.to_owned(),
    }
}

fn in_order(expected: &[String], actual: &[String]) -> Vec<String> {
    if expected == actual {
        return Vec::new();
    }
    let missing = expected.iter().map(|row| format!("- {row}"));
    missing.chain(actual.iter().map(|row| format!("+ {row}"))).collect()
}

/// Rows are a bag: a row that is expected twice must be there twice.
fn in_any_order(expected: &[String], actual: &[String]) -> Vec<String> {
    let mut surplus: BTreeMap<&String, i64> = BTreeMap::new();
    for row in actual {
        *surplus.entry(row).or_default() += 1;
    }
    for row in expected {
        *surplus.entry(row).or_default() -= 1;
    }
    let times = |count: i64| usize::try_from(count.unsigned_abs()).unwrap_or_default();
    let missing = surplus.iter().filter(|(_, count)| **count < 0);
    let missing = missing.flat_map(|(row, count)| vec![format!("- {row}"); times(*count)]);
    let unexpected = surplus.iter().filter(|(_, count)| **count > 0);
    let unexpected = unexpected.flat_map(|(row, count)| vec![format!("+ {row}"); times(*count)]);
    missing.chain(unexpected).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_compared_as_values() {
        assert_eq!(normal(Some("1.50"), "decimal(10,2)"), normal(Some("1.5"), "decimal(10,2)"));
        assert_eq!(normal(Some("100"), "decimal(3,0)"), "100");
        assert_eq!(
            normal(Some("2026-10-01 10:00:00.000"), "timestamp"),
            normal(Some("2026-10-01T10:00:00Z"), "timestamp")
        );
        assert_eq!(normal(Some("0.5"), "double"), normal(Some("5.0E-1"), "double"));
        assert_ne!(normal(Some(""), "string"), normal(None, "string"));
    }

    #[test]
    fn rows_are_a_bag() {
        let rows = |rows: &[&str]| rows.iter().map(|row| (*row).to_owned()).collect::<Vec<_>>();
        assert!(in_any_order(&rows(&["a", "b"]), &rows(&["b", "a"])).is_empty());
        assert_eq!(in_any_order(&rows(&["a", "a"]), &rows(&["a", "c"])), ["- a", "+ c"]);
    }
}
