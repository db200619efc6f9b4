//! `listagg`.

use arrow::array::AsArray;
use datafusion::common::{Result, ScalarValue};

use super::collect::{Collected, Collecting};

pub(crate) fn functions() -> Vec<Collecting> {
    vec![Collecting::new("listagg").on("(varchar) -> varchar", listagg).on("(varchar, varchar) -> varchar", listagg)]
}

/// Joins what is not null; gives null if nothing is left.
fn listagg(rows: &Collected<'_>) -> Result<ScalarValue> {
    let separator = match rows.columns.get(1) {
        Some(column) => column.as_string::<i32>().iter().flatten().next().unwrap_or_default(),
        None => "",
    };
    let parts: Vec<&str> = rows.column(0)?.as_string::<i32>().iter().flatten().collect();
    Ok(ScalarValue::Utf8((!parts.is_empty()).then(|| parts.join(separator))))
}
