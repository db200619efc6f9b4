//! Regular expressions: `regexp_like`, `regexp_extract`, `regexp_replace`, …

use std::sync::Arc;

use arrow::array::{ArrayRef, StringBuilder};
use datafusion::common::Result;

use crate::call::{Argument, Call, Input, Memo, map_rows};
use crate::failure::invalid_argument;
use crate::function::Function;

mod pattern;

use pattern::{Expression, Replacement};

pub(crate) fn functions() -> Vec<Function> {
    vec![
        Function::new("regexp_like").on("(varchar, varchar) -> boolean", |call| {
            let mut patterns = Memo::new();
            map_rows::<(&str, &str), bool>(call, |(text, pattern)| {
                Ok(Some(patterns.get(pattern, Expression::compile)?.regex.is_match(text)))
            })
        }),
        Function::new("regexp_extract")
            .on("(varchar, varchar) -> varchar", |call| {
                let mut patterns = Memo::new();
                map_rows::<(&str, &str), &str>(call, |(text, pattern)| {
                    let expression = patterns.get(pattern, Expression::compile)?;
                    Ok(expression.regex.find(text).map(|found| found.as_str()))
                })
            })
            .on("(varchar, varchar, bigint) -> varchar", |call| {
                let mut patterns = Memo::new();
                map_rows::<(&str, &str, i64), &str>(call, |(text, pattern, group)| {
                    let expression = patterns.get(pattern, Expression::compile)?;
                    let group = expression.group(group)?;
                    Ok(expression.regex.captures(text).and_then(|found| found.get(group)).map(|found| found.as_str()))
                })
            }),
        Function::new("regexp_extract_all")
            .on("(varchar, varchar) -> array(varchar)", extract_all)
            .on("(varchar, varchar, bigint) -> array(varchar)", extract_all),
        Function::new("regexp_replace")
            .on("(varchar, varchar) -> varchar", replace)
            .on("(varchar, varchar, varchar) -> varchar", replace),
        Function::new("regexp_split").on("(varchar, varchar) -> array(varchar)", split),
        Function::new("regexp_count").on("(varchar, varchar) -> bigint", |call| {
            let mut patterns = Memo::new();
            map_rows::<(&str, &str), i64>(call, |(text, pattern)| {
                let expression = patterns.get(pattern, Expression::compile)?;
                Ok(Some(expression.matches(text, 0).count() as i64))
            })
        }),
        Function::new("regexp_position")
            .on("(varchar, varchar) -> bigint", |call| {
                let mut patterns = Memo::new();
                map_rows::<(&str, &str), i64>(call, |(text, pattern)| {
                    let expression = patterns.get(pattern, Expression::compile)?;
                    position(expression, text, 1, 1).map(Some)
                })
            })
            .on("(varchar, varchar, bigint) -> bigint", |call| {
                let mut patterns = Memo::new();
                map_rows::<(&str, &str, i64), i64>(call, |(text, pattern, start)| {
                    let expression = patterns.get(pattern, Expression::compile)?;
                    position(expression, text, start, 1).map(Some)
                })
            })
            .on("(varchar, varchar, bigint, bigint) -> bigint", |call| {
                let mut patterns = Memo::new();
                map_rows::<(&str, &str, i64, i64), i64>(call, |(text, pattern, start, occurrence)| {
                    let expression = patterns.get(pattern, Expression::compile)?;
                    position(expression, text, start, occurrence).map(Some)
                })
            }),
    ]
}

/// Position from 1 of an occurrence, searched from a start; -1 if there is none.
fn position(expression: &Expression, text: &str, start: i64, occurrence: i64) -> Result<i64> {
    if start < 1 {
        return Err(invalid_argument("start position cannot be smaller than 1"));
    }
    if occurrence < 1 {
        return Err(invalid_argument("occurrence cannot be smaller than 1"));
    }
    let from = usize::try_from(start - 1).ok().and_then(|index| text.char_indices().nth(index));
    let Some((from, _)) = from else {
        return Ok(-1);
    };
    let found = usize::try_from(occurrence - 1).ok().and_then(|index| expression.matches(text, from).nth(index));
    Ok(found.map_or(-1, |found| text[..found.start()].chars().count() as i64 + 1))
}

struct Column<'a> {
    argument: &'a Argument,
    texts: &'a arrow::array::StringArray,
}

impl<'a> Column<'a> {
    fn of(call: &'a Call, index: usize) -> Result<Self> {
        let argument = call.argument(index)?;
        Ok(Self { argument, texts: <&str>::reader(argument)? })
    }

    fn get(&self, row: usize) -> Option<&'a str> {
        (!self.argument.is_null(row)).then(|| self.texts.value(self.argument.position(row)))
    }
}

fn extract_all(call: &Call) -> Result<ArrayRef> {
    let (texts, patterns) = (Column::of(call, 0)?, Column::of(call, 1)?);
    let groups = call.arguments.get(2);
    let group_values = groups.map(<i64>::reader).transpose()?;
    let mut compiled = Memo::new();
    let mut lists = crate::string::split::text_list_builder(call.rows);
    for row in 0..call.rows {
        let null_group = groups.is_some_and(|groups| groups.is_null(row));
        let (Some(text), Some(pattern), false) = (texts.get(row), patterns.get(row), null_group) else {
            lists.append_null();
            continue;
        };
        let expression = compiled.get(pattern, Expression::compile)?;
        let group = match (groups, &group_values) {
            (Some(groups), Some(values)) => expression.group(values.value(groups.position(row)))?,
            _ => 0,
        };
        for found in expression.matches(text, 0) {
            if group == 0 {
                lists.values().append_value(found.as_str());
                continue;
            }
            let value = expression
                .regex
                .captures_at(text, found.start())
                .and_then(|captures| captures.get(group))
                .map(|found| found.as_str());
            lists.values().append_option(value);
        }
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
}

fn split(call: &Call) -> Result<ArrayRef> {
    let (texts, patterns) = (Column::of(call, 0)?, Column::of(call, 1)?);
    let mut compiled = Memo::new();
    let mut lists = crate::string::split::text_list_builder(call.rows);
    for row in 0..call.rows {
        let (Some(text), Some(pattern)) = (texts.get(row), patterns.get(row)) else {
            lists.append_null();
            continue;
        };
        let expression = compiled.get(pattern, Expression::compile)?;
        let mut end = 0;
        for found in expression.matches(text, 0) {
            lists.values().append_value(&text[end..found.start()]);
            end = found.end();
        }
        lists.values().append_value(&text[end..]);
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
}

fn replace(call: &Call) -> Result<ArrayRef> {
    let (texts, patterns) = (Column::of(call, 0)?, Column::of(call, 1)?);
    let replacements = match call.arguments.len() {
        3 => Some(Column::of(call, 2)?),
        _ => None,
    };
    let mut compiled = Memo::new();
    let mut builder = StringBuilder::with_capacity(call.rows, call.rows * 16);
    let mut known: Option<(&str, &str, Replacement)> = None;
    let mut out = String::new();
    for row in 0..call.rows {
        let replacement = match &replacements {
            Some(column) => column.get(row),
            None => Some(""),
        };
        let (Some(text), Some(pattern), Some(replacement)) = (texts.get(row), patterns.get(row), replacement) else {
            builder.append_null();
            continue;
        };
        let expression = compiled.get(pattern, Expression::compile)?;
        let parts = match known.take() {
            Some((p, r, parts)) if p == pattern && r == replacement => parts,
            _ => Replacement::compile(replacement, expression)?,
        };
        out.clear();
        parts.apply(expression, text, &mut out);
        builder.append_value(&out);
        known = Some((pattern, replacement, parts));
    }
    Ok(Arc::new(builder.finish()))
}
