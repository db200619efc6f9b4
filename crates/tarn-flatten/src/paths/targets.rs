//! The paths and names that the columns of a contract want.

use hashbrown::HashMap;

use super::ColumnId;
use crate::column_type::ColumnType;
use crate::contract::{ColumnPath, Contract};
use crate::names::fold;

/// The exact paths of a contract, as a tree.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// What lies below each key, by its place.
    pub(super) children: HashMap<String, u32>,
    pub(super) column: Option<ColumnId>,
}

/// The columns that learned paths lead to.
#[derive(Debug, Default)]
pub(super) struct Targets {
    /// The first is the top of a document.
    exact: Vec<Wanted>,
    /// By folded name: the column, and whether it takes a whole object as JSON text.
    pub(super) flat: HashMap<String, (ColumnId, bool)>,
}

impl Targets {
    pub(super) fn new(contract: &Contract) -> Self {
        let mut targets = Self { exact: vec![Wanted::default()], flat: HashMap::new() };
        for (column, position) in contract.columns().iter().zip(0..) {
            match &column.path {
                ColumnPath::FlatName => {
                    let text = matches!(column.column_type, ColumnType::String | ColumnType::Json);
                    targets.flat.insert(fold(&column.name), (position, text));
                }
                ColumnPath::Exact(keys) => targets.insert(keys, position),
            }
        }
        targets
    }

    fn insert(&mut self, keys: &[String], column: ColumnId) {
        let mut at = 0;
        for key in keys {
            let new = self.exact.len();
            let Some(wanted) = self.exact.get_mut(at) else { return };
            at = *wanted.children.entry(key.clone()).or_insert(u32::try_from(new).unwrap_or(u32::MAX)) as usize;
            if at == new {
                self.exact.push(Wanted::default());
            }
        }
        if let Some(wanted) = self.exact.get_mut(at) {
            wanted.column = Some(column);
        }
    }

    /// What a contract wants at a place among its exact paths.
    pub(super) fn wanted(&self, at: Option<u32>) -> Option<&Wanted> {
        at.and_then(|at| self.exact.get(at as usize))
    }
}
