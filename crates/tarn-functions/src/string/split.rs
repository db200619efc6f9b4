//! `split`, `split_part`, `split_to_map`, `split_to_multimap`.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListBuilder, MapBuilder, MapFieldNames, StringBuilder};
use arrow::datatypes::{DataType, Field};
use datafusion::common::{DataFusionError, Result};

use crate::call::{Call, Input, map_rows};
use crate::failure::invalid_argument;
use crate::function::Function;

pub(crate) fn functions() -> Vec<Function> {
    vec![
        Function::new("split")
            .on("(varchar, varchar) -> array(varchar)", split)
            .on("(varchar, varchar, bigint) -> array(varchar)", split),
        Function::new("split_part").on("(varchar, varchar, bigint) -> varchar", |call| {
            map_rows::<(&str, &str, i64), &str>(call, |(text, delimiter, index)| split_part(text, delimiter, index))
        }),
        Function::new("split_to_map").on("(varchar, varchar, varchar) -> map(varchar, varchar)", split_to_map),
        Function::new("split_to_multimap")
            .on("(varchar, varchar, varchar) -> map(varchar, array(varchar))", split_to_multimap),
    ]
}

/// A builder of text lists in the shape all functions here give.
pub(crate) fn text_list_builder(rows: usize) -> ListBuilder<StringBuilder> {
    ListBuilder::with_capacity(StringBuilder::new(), rows).with_field(Field::new_list_field(DataType::Utf8, true))
}

/// The texts of all arguments in each row; `None` if one is null.
fn texts_of<'a, const N: usize>(call: &'a Call) -> Result<impl Iterator<Item = Option<[&'a str; N]>> + 'a> {
    let readers: Vec<_> = (0..N)
        .map(|index| {
            let argument = call.argument(index)?;
            Ok((argument, <&str>::reader(argument)?))
        })
        .collect::<Result<_>>()?;
    Ok((0..call.rows).map(move |row| {
        let mut texts = [""; N];
        for (text, (argument, reader)) in texts.iter_mut().zip(&readers) {
            if argument.is_null(row) {
                return None;
            }
            *text = reader.value(argument.position(row));
        }
        Some(texts)
    }))
}

fn split(call: &Call) -> Result<ArrayRef> {
    let limit = call.arguments.get(2);
    let limits = limit.map(<i64>::reader).transpose()?;
    let mut lists = text_list_builder(call.rows);
    for (row, texts) in texts_of::<2>(call)?.enumerate() {
        let null_limit = limit.is_some_and(|limit| limit.is_null(row));
        let Some([text, delimiter]) = texts.filter(|_| !null_limit) else {
            lists.append_null();
            continue;
        };
        if delimiter.is_empty() {
            return Err(invalid_argument("The delimiter may not be the empty string"));
        }
        let most = match (limit, &limits) {
            (Some(limit), Some(limits)) => usize::try_from(limits.value(limit.position(row)))
                .ok()
                .filter(|limit| (1..=i32::MAX as usize).contains(limit))
                .ok_or_else(|| invalid_argument("Limit must be positive"))?,
            _ => usize::MAX,
        };
        for part in text.splitn(most, delimiter) {
            lists.values().append_value(part);
        }
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
}

fn split_part<'t>(text: &'t str, delimiter: &str, index: i64) -> Result<Option<&'t str>> {
    let place = usize::try_from(index)
        .ok()
        .filter(|index| *index > 0)
        .ok_or_else(|| invalid_argument("Index must be greater than zero"))?;
    if delimiter.is_empty() {
        // Every character is a part.
        return Ok(text
            .char_indices()
            .nth(place - 1)
            .map(|(start, character)| &text[start..start + character.len_utf8()]));
    }
    Ok(text.split(delimiter).nth(place - 1))
}

fn pairs<'t>(text: &'t str, entry_delimiter: &str, key_delimiter: &str) -> Result<Vec<(&'t str, &'t str)>> {
    let refuse = |message: &str| -> DataFusionError { invalid_argument(message) };
    if entry_delimiter.is_empty() {
        return Err(refuse("entryDelimiter is empty"));
    }
    if key_delimiter.is_empty() {
        return Err(refuse("keyValueDelimiter is empty"));
    }
    if entry_delimiter == key_delimiter {
        return Err(refuse("entryDelimiter and keyValueDelimiter must not be the same"));
    }
    let text = text.strip_suffix(entry_delimiter).unwrap_or(text);
    if text.is_empty() {
        return Ok(Vec::new());
    }
    text.split(entry_delimiter)
        .map(|entry| match entry.split_once(key_delimiter) {
            Some((key, value)) if !value.contains(key_delimiter) => Ok((key, value)),
            _ => Err(refuse(&format!(
                "Key-value delimiter must appear exactly once in each entry. Bad input: '{entry}'"
            ))),
        })
        .collect()
}

fn map_fields() -> Option<MapFieldNames> {
    Some(MapFieldNames { entry: "entries".to_owned(), key: "key".to_owned(), value: "value".to_owned() })
}

fn split_to_map(call: &Call) -> Result<ArrayRef> {
    let mut maps = MapBuilder::new(map_fields(), StringBuilder::new(), StringBuilder::new());
    for texts in texts_of::<3>(call)? {
        let Some([text, entry_delimiter, key_delimiter]) = texts else {
            maps.append(false)?;
            continue;
        };
        let pairs = pairs(text, entry_delimiter, key_delimiter)?;
        for (index, (key, value)) in pairs.iter().enumerate() {
            if pairs[..index].iter().any(|(earlier, _)| earlier == key) {
                return Err(invalid_argument(format!("Duplicate keys ({key}) are not allowed")));
            }
            maps.keys().append_value(key);
            maps.values().append_value(value);
        }
        maps.append(true)?;
    }
    Ok(Arc::new(maps.finish()))
}

fn split_to_multimap(call: &Call) -> Result<ArrayRef> {
    let mut maps = MapBuilder::new(map_fields(), StringBuilder::new(), text_list_builder(0));
    for texts in texts_of::<3>(call)? {
        let Some([text, entry_delimiter, key_delimiter]) = texts else {
            maps.append(false)?;
            continue;
        };
        let pairs = pairs(text, entry_delimiter, key_delimiter)?;
        for (index, (key, _)) in pairs.iter().enumerate() {
            if pairs[..index].iter().any(|(earlier, _)| earlier == key) {
                continue;
            }
            maps.keys().append_value(key);
            for (_, value) in pairs.iter().filter(|(other, _)| other == key) {
                maps.values().values().append_value(value);
            }
            maps.values().append(true);
        }
        maps.append(true)?;
    }
    Ok(Arc::new(maps.finish()))
}
