//! YAML with positions: a tree whose every node knows its bytes, and a reader that reports instead of failing.
//!
//! Scalars keep their text as written, so that `no`, `007` and `1.10` stay what the user typed; what a text means is
//! decided by the field that reads it. Tags are refused, because nothing here gives them a meaning.

mod node;
mod reader;

pub(crate) use node::{Node, NodeValue, parse};
pub(crate) use reader::{Fields, Reader, Spanned, values};
