//! Functions on dates, times and time zones.

use crate::function::Function;

mod arithmetic;
pub(crate) mod column;
mod duration;
mod iso;
pub(crate) mod moment;
mod notation;
mod parts;
mod pattern;
pub(crate) mod text;
mod unit;
mod unix;
pub(crate) mod zone;
pub(crate) mod zoned;

pub(crate) fn functions() -> Vec<Function> {
    let mut functions = arithmetic::functions();
    functions.extend(parts::functions());
    functions.extend(text::functions());
    functions.extend(unix::functions());
    functions.extend(zoned::functions());
    functions.extend(duration::functions());
    functions
}
