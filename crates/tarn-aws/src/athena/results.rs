//! The rows of a query that has ended.

use aws_sdk_athena::types::{ColumnInfo, Row};
use tarn_pipeline::ports::{Column, EngineError};

use super::refused;
use crate::aws::Aws;

/// What a query answered.
#[derive(Debug, Default)]
pub(super) struct Results {
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Vec<Option<String>>>,
    pub(super) rows_written: u64,
}

/// Reads all pages. The first row of a query's answer holds the names of its columns.
pub(super) async fn read(aws: &Aws, id: &str, is_query: bool) -> Result<Results, EngineError> {
    let call = aws.athena().await.get_query_results().query_execution_id(id);
    let mut pages = call.into_paginator().send();
    let mut results = Results::default();
    let mut is_first = true;
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| refused(&error))?;
        if let Some(written) = page.update_count.and_then(|count| u64::try_from(count).ok()) {
            results.rows_written = written;
        }
        let Some(set) = page.result_set else { continue };
        let infos = set.result_set_metadata.and_then(|metadata| metadata.column_info).unwrap_or_default();
        let mut rows: Vec<Vec<Option<String>>> = set.rows.unwrap_or_default().into_iter().map(values).collect();
        if is_first {
            results.columns = infos.iter().map(column).collect();
            if is_query && is_header(rows.first(), &infos) {
                rows.remove(0);
            }
        }
        is_first = false;
        results.rows.append(&mut rows);
    }
    Ok(results)
}

fn values(row: Row) -> Vec<Option<String>> {
    row.data.unwrap_or_default().into_iter().map(|datum| datum.var_char_value).collect()
}

fn is_header(first: Option<&Vec<Option<String>>>, infos: &[ColumnInfo]) -> bool {
    first.is_some_and(|row| {
        row.len() == infos.len() && row.iter().zip(infos).all(|(value, info)| value.as_deref() == Some(&info.name))
    })
}

/// The column by its Hive type; of nested types Athena tells the outermost word only.
fn column(info: &ColumnInfo) -> Column {
    let column_type = match info.r#type.as_str() {
        "varchar" | "char" | "json" => "string".to_owned(),
        "integer" => "int".to_owned(),
        "real" => "float".to_owned(),
        "varbinary" => "binary".to_owned(),
        "row" => "struct".to_owned(),
        "decimal" => format!("decimal({},{})", info.precision, info.scale),
        other => other.to_owned(),
    };
    Column::new(info.label.as_deref().unwrap_or(&info.name), column_type)
}
