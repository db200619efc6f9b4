//! Functions on numbers.

use crate::function::Function;

pub(crate) mod decimal;

pub(crate) fn functions() -> Vec<Function> {
    Vec::new()
}
