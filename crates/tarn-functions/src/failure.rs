//! Errors as Athena words them: a code, a colon, the sentence a user knows from the console.

use datafusion::common::DataFusionError;

/// An argument value that the function cannot take.
pub(crate) fn invalid_argument(message: impl AsRef<str>) -> DataFusionError {
    DataFusionError::Execution(format!("INVALID_FUNCTION_ARGUMENT: {}", message.as_ref()))
}

/// Text or a number that cannot become the wanted type.
pub(crate) fn invalid_cast(message: impl AsRef<str>) -> DataFusionError {
    DataFusionError::Execution(format!("INVALID_CAST_ARGUMENT: {}", message.as_ref()))
}

/// A result that does not fit its type.
pub(crate) fn out_of_range(message: impl AsRef<str>) -> DataFusionError {
    DataFusionError::Execution(format!("NUMERIC_VALUE_OUT_OF_RANGE: {}", message.as_ref()))
}

/// A division by the number zero.
pub(crate) fn division_by_zero() -> DataFusionError {
    DataFusionError::Execution("DIVISION_BY_ZERO: Division by zero".to_owned())
}

/// Something Athena can do and this engine cannot.
pub(crate) fn not_supported(message: impl AsRef<str>) -> DataFusionError {
    DataFusionError::Execution(format!("NOT_SUPPORTED: {}", message.as_ref()))
}

/// A call that no overload of a function takes; raised while planning.
pub(crate) fn no_overload(message: impl AsRef<str>) -> DataFusionError {
    DataFusionError::Plan(message.as_ref().to_owned())
}

/// A state that the planner should have made impossible.
pub(crate) fn internal(message: impl AsRef<str>) -> DataFusionError {
    DataFusionError::Internal(message.as_ref().to_owned())
}
