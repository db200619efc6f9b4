//! Functions on numbers.

use crate::function::Function;

mod bits;
pub(crate) mod decimal;
mod floating;
mod pick;
mod rounding;

pub(crate) fn functions() -> Vec<Function> {
    let mut functions = floating::functions();
    functions.extend(rounding::functions());
    functions.extend(bits::functions());
    functions.extend(pick::functions());
    functions
}
