//! Functions on arrays.
//!
//! Elements of any type are compared as order-preserving bytes, and results are gathered from the
//! argument's elements by position, so that one body serves all element types.

use crate::function::Function;

mod combine;
pub(crate) mod concat;
mod generate;
pub(crate) mod list;
mod lookup;
mod order;
mod sets;

pub(crate) fn functions() -> Vec<Function> {
    let mut functions = lookup::functions();
    functions.extend(sets::functions());
    functions.extend(order::functions());
    functions.extend(generate::functions());
    functions.extend(combine::functions());
    functions
}
