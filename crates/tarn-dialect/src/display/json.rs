//! Values as JSON: what a script reads without taking Athena's notation of arrays, maps and rows apart.

use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;

use super::{display_value, field_name};

/// The JSON of one value: arrays, maps and rows as arrays and objects, numbers with their digits, all else as text.
///
/// NaN and Infinity, which are no numbers of JSON, are text.
pub fn json_text(array: &dyn Array, row: usize) -> String {
    if row >= array.len() || array.is_null(row) {
        return "null".to_owned();
    }
    match array.data_type() {
        DataType::List(_) => list(array.as_list::<i32>().value(row).as_ref()),
        DataType::LargeList(_) => list(array.as_list::<i64>().value(row).as_ref()),
        DataType::FixedSizeList(_, _) => list(array.as_fixed_size_list().value(row).as_ref()),
        DataType::Struct(fields) => object(
            fields
                .iter()
                .zip(array.as_struct().columns())
                .map(|(field, column)| (field_name(field.name()), json_text(column.as_ref(), row))),
        ),
        DataType::Map(_, _) => {
            let entries = array.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            object((0..entries.len()).map(|entry| {
                let key = display_value(keys.as_ref(), entry).unwrap_or_else(|| "null".to_owned());
                (key, json_text(values.as_ref(), entry))
            }))
        }
        data_type => {
            let text = display_value(array, row).unwrap_or_default();
            let is_number = data_type.is_numeric() && serde_json::from_str::<serde_json::Number>(&text).is_ok();
            if is_number || data_type == &DataType::Boolean { text } else { quoted(&text) }
        }
    }
}

fn list(elements: &dyn Array) -> String {
    let parts: Vec<String> = (0..elements.len()).map(|row| json_text(elements, row)).collect();
    format!("[{}]", parts.join(","))
}

fn object(members: impl Iterator<Item = (String, String)>) -> String {
    let parts: Vec<String> = members.map(|(name, value)| format!("{}:{value}", quoted(&name))).collect();
    format!("{{{}}}", parts.join(","))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
