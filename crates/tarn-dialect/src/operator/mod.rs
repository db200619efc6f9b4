//! Operators that the engine has otherwise or not at all, as scalar functions with names no query can write.

pub(crate) mod arithmetic;
pub(crate) mod equality;
pub(crate) mod float;
pub(crate) mod like_pattern;
pub(crate) mod nested;

use datafusion::common::DataFusionError;

/// A value that cannot be computed, with Athena's code for it.
pub(crate) fn failure(code: &str, message: impl AsRef<str>) -> DataFusionError {
    DataFusionError::Execution(format!("{code}: {}", message.as_ref()))
}

/// A division by the number zero.
pub(crate) fn division_by_zero() -> DataFusionError {
    failure("DIVISION_BY_ZERO", "Division by zero")
}

/// A result that does not fit its type.
pub(crate) fn out_of_range(message: impl AsRef<str>) -> DataFusionError {
    failure("NUMERIC_VALUE_OUT_OF_RANGE", message)
}

/// An argument that the function cannot take.
pub(crate) fn invalid_argument(message: impl AsRef<str>) -> DataFusionError {
    failure("INVALID_FUNCTION_ARGUMENT", message)
}

/// A value that cannot become another type.
pub(crate) fn invalid_cast(message: impl AsRef<str>) -> DataFusionError {
    failure("INVALID_CAST_ARGUMENT", message)
}

/// A state the planner excludes.
pub(crate) fn internal(message: impl AsRef<str>) -> DataFusionError {
    DataFusionError::Internal(message.as_ref().to_owned())
}
