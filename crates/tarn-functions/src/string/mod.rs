//! Functions on text, by code points as Trino counts them.

use crate::function::Function;

mod compare;
pub(crate) mod format;
mod join;
pub(crate) mod number;
mod part;
pub(crate) mod shape;
pub(crate) mod split;

pub(crate) fn functions() -> Vec<Function> {
    let mut functions = part::functions();
    functions.extend(shape::functions());
    functions.extend(split::functions());
    functions.extend(join::functions());
    functions.extend(compare::functions());
    functions.extend(format::functions());
    functions
}
