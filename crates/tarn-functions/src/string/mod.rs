//! Functions on text.

use crate::function::Function;

pub(crate) mod number;

pub(crate) fn functions() -> Vec<Function> {
    Vec::new()
}
