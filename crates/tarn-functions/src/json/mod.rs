//! Functions on JSON text.

use std::borrow::Cow;

use arrow::array::ArrayRef;
use datafusion::common::Result;

use crate::call::{Call, Memo, map_rows};
use crate::failure::invalid_argument;
use crate::function::Function;

pub(crate) mod canonical;
mod path;
mod scan;

use path::JsonPath;
use scan::{Kind, Scanner};

pub(crate) fn functions() -> Vec<Function> {
    vec![
        Function::new("json_extract").on("(json, varchar) -> json", extract),
        Function::new("json_extract_scalar").on("(json, varchar) -> varchar", extract_scalar),
        Function::new("json_parse").on("(varchar) -> json", |call| {
            map_rows::<(&str,), String>(call, |(text,)| canonical::json_parse(text).map(Some))
        }),
        Function::new("json_format")
            .on("(json) -> varchar", |call| map_rows::<(&str,), &str>(call, |(text,)| Ok(Some(text)))),
        Function::new("json_array_length").on("(json) -> bigint", |call| {
            map_rows::<(&str,), i64>(call, |(text,)| {
                let mut scanner = Scanner::new(text);
                Ok(match scanner.kind() {
                    Some(Kind::Array) => scanner.count(),
                    _ => None,
                })
            })
        }),
        Function::new("json_array_get").on("(json, bigint) -> json", |call| {
            map_rows::<(&str, i64), String>(call, |(text, index)| Ok(array_get(text, index)))
        }),
        Function::new("json_array_contains")
            .on("(json, boolean) -> boolean", |call| {
                map_rows::<(&str, bool), bool>(call, |(text, wanted)| {
                    let kind = if wanted { Kind::True } else { Kind::False };
                    Ok(array_contains(text, |found, _| found == kind))
                })
            })
            .on("(json, bigint) -> boolean", |call| {
                map_rows::<(&str, i64), bool>(call, |(text, wanted)| {
                    Ok(array_contains(text, |kind, value| kind == Kind::Number && value.parse() == Ok(wanted)))
                })
            })
            .on("(json, double) -> boolean", |call| {
                map_rows::<(&str, f64), bool>(call, |(text, wanted)| {
                    Ok(array_contains(text, |kind, value| {
                        // An integer in the array never equals a double, by Trino's rule.
                        kind == Kind::Number && value.contains(['.', 'e', 'E']) && value.parse() == Ok(wanted)
                    }))
                })
            })
            .on("(json, varchar) -> boolean", |call| {
                map_rows::<(&str, &str), bool>(call, |(text, wanted)| {
                    Ok(array_contains(text, |kind, value| kind == Kind::Text && value == wanted))
                })
            }),
        Function::new("json_size").on("(json, varchar) -> bigint", |call| {
            let mut paths = Memo::new();
            map_rows::<(&str, &str), i64>(call, |(text, path)| {
                let mut scanner = Scanner::new(text);
                Ok(scanner.seek(paths.get(path, JsonPath::parse)?).and_then(|()| scanner.count()))
            })
        }),
        Function::new("is_json_scalar").on("(json) -> boolean", |call| {
            map_rows::<(&str,), bool>(call, |(text,)| match Scanner::new(text).kind() {
                Some(Kind::Object | Kind::Array) => Ok(Some(false)),
                Some(_) => Ok(Some(true)),
                None => Err(invalid_argument(format!("Invalid JSON value: {text}"))),
            })
        }),
    ]
}

fn extract(call: &Call) -> Result<ArrayRef> {
    let mut paths = Memo::new();
    map_rows::<(&str, &str), String>(call, |(text, path)| {
        let mut scanner = Scanner::new(text);
        let mut out = String::new();
        Ok(scanner.seek(paths.get(path, JsonPath::parse)?).and_then(|()| scanner.copy(&mut out)).map(|()| out))
    })
}

fn extract_scalar(call: &Call) -> Result<ArrayRef> {
    let mut paths = Memo::new();
    map_rows::<(&str, &str), Cow<'_, str>>(call, |(text, path)| {
        let mut scanner = Scanner::new(text);
        Ok(scanner.seek(paths.get(path, JsonPath::parse)?).and_then(|()| scanner.scalar()))
    })
}

/// The element at a position from 0, or from the end if negative. Text comes without quotes: so it is in Trino.
fn array_get(text: &str, index: i64) -> Option<String> {
    let wanted = if index < 0 {
        let mut counter = Scanner::new(text);
        counter.kind().filter(|kind| *kind == Kind::Array)?;
        counter.count()?.checked_add(index).filter(|i| *i >= 0)?
    } else {
        index
    };
    let mut scanner = Scanner::new(text);
    scanner.enter(Kind::Array)?;
    let mut position = 0;
    while scanner.next_element(position == 0)? {
        if position == wanted {
            return match scanner.kind()? {
                Kind::Object | Kind::Array => {
                    let mut out = String::new();
                    scanner.copy(&mut out).map(|()| out)
                }
                _ => scanner.scalar().map(Cow::into_owned),
            };
        }
        scanner.skip()?;
        position += 1;
    }
    None
}

/// Whether a scalar element fits; `None` if the text is not an array.
fn array_contains(text: &str, fits: impl Fn(Kind, &str) -> bool) -> Option<bool> {
    let mut scanner = Scanner::new(text);
    scanner.enter(Kind::Array)?;
    let mut first = true;
    while scanner.next_element(first)? {
        first = false;
        let kind = scanner.kind()?;
        match kind {
            Kind::Object | Kind::Array | Kind::Null => scanner.skip()?,
            _ => {
                if fits(kind, &scanner.scalar()?) {
                    return Some(true);
                }
            }
        }
    }
    Some(false)
}
