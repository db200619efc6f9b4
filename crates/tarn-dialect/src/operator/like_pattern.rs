//! Patterns of `LIKE`: Athena has no escape character unless one is named; the engine's kernels always take `\`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::operator::{internal, invalid_argument};

/// The pattern with `\` as its escape character.
pub(crate) fn translate(pattern: &str, escape: Option<&str>) -> Result<String> {
    let escape = match escape {
        None => None,
        Some(text) => {
            let mut characters = text.chars();
            match (characters.next(), characters.next()) {
                (Some(escape), None) => Some(escape),
                _ => return Err(invalid_argument("Escape string must be a single character")),
            }
        }
    };
    let mut out = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        if Some(character) == escape {
            match characters.next() {
                Some(next) if next == '%' || next == '_' => {
                    out.push('\\');
                    out.push(next);
                }
                Some(next) if Some(next) == escape => push_plain(&mut out, next),
                _ => {
                    return Err(invalid_argument(
                        "Escape character must be followed by '%', '_' or the escape character itself",
                    ));
                }
            }
        } else if character == '\\' {
            out.push_str("\\\\");
        } else {
            out.push(character);
        }
    }
    Ok(out)
}

fn push_plain(out: &mut String, character: char) {
    if matches!(character, '%' | '_' | '\\') {
        out.push('\\');
    }
    out.push(character);
}

/// The translation of a pattern that is known only when rows are.
pub(crate) fn call(pattern: Expr, escape: Option<Expr>) -> Expr {
    let mut arguments = vec![pattern];
    arguments.extend(escape);
    let function = ScalarUDF::from(LikePattern { signature: Signature::variadic_any(Volatility::Immutable) });
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(function), arguments))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct LikePattern {
    signature: Signature,
}

impl ScalarUDFImpl for LikePattern {
    fn name(&self) -> &str {
        "$like_pattern"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let Some(patterns) = arrays.first().and_then(|array| array.as_string_opt::<i32>()) else {
            return Err(internal("a pattern is text"));
        };
        let escapes = arrays.get(1).and_then(|array| array.as_string_opt::<i32>());
        let translated = (0..patterns.len())
            .map(|row| {
                if patterns.is_null(row) || escapes.is_some_and(|escapes| escapes.is_null(row)) {
                    return Ok(None);
                }
                let escape = escapes.map(|escapes| escapes.value(row));
                translate(patterns.value(row), escape).map(Some)
            })
            .collect::<Result<StringArray>>()?;
        Ok(ColumnarValue::Array(Arc::new(translated) as ArrayRef))
    }
}
