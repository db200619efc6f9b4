//! From text to a syntax tree: Athena's words, and the few constructs that the parser does not know.

pub(crate) mod dialect;
mod foreign;
pub(crate) mod statement;
pub(crate) mod tokens;
pub(crate) mod type_name;
