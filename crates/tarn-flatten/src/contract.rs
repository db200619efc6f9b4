//! What a source promises: the columns, where each stands in a record, and its type.

use crate::column_type::ColumnType;
use crate::names::{MAXIMUM_NAME_BYTES, RESERVED_NAMES, fold};

/// Where in a record a column's value stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ColumnPath {
    /// These keys from the top of the record, matched exactly as written; an array element by its index
    /// (`"0"`), when arrays are flattened by index.
    Exact(Vec<String>),
    /// The leaf whose flat name is the column's name.
    FlatName,
}

/// One promised column.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ContractColumn {
    /// The column's name in the table.
    pub name: String,
    /// Where the value stands.
    pub path: ColumnPath,
    /// What the value is cast to.
    pub column_type: ColumnType,
    /// Whether a record without the value is refused.
    pub required: bool,
}

/// The columns of a source, in table order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contract {
    columns: Vec<ContractColumn>,
}

/// A contract that cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// The name belongs to a column that Tarn adds.
    #[error("column name `{name}` is reserved")]
    Reserved {
        /// The name.
        name: String,
    },
    /// Two columns have the same name once folded.
    #[error("column `{name}` is declared twice")]
    DuplicateName {
        /// The folded name.
        name: String,
    },
    /// Two columns take the same path; one value fills one column.
    #[error("columns `{first}` and `{second}` have the same path")]
    DuplicatePath {
        /// The column that stands first.
        first: String,
        /// The other one.
        second: String,
    },
    /// A path without keys leads nowhere.
    #[error("column `{name}` has an empty path")]
    EmptyPath {
        /// The column.
        name: String,
    },
    /// A name that the metastore refuses.
    #[error("column name `{name}` is not a name of 1 to {MAXIMUM_NAME_BYTES} bytes")]
    NameLength {
        /// The name.
        name: String,
    },
}

impl Contract {
    /// Checks the columns against each other and takes them.
    ///
    /// # Errors
    ///
    /// When a name is reserved, of impossible length or used twice (after folding), or a path is empty or used twice.
    pub fn new(columns: Vec<ContractColumn>) -> Result<Self, ContractError> {
        for (position, column) in columns.iter().enumerate() {
            let folded = fold(&column.name);
            if column.name.is_empty() || folded.len() > MAXIMUM_NAME_BYTES {
                return Err(ContractError::NameLength { name: column.name.clone() });
            }
            if RESERVED_NAMES.contains(&folded.as_str()) {
                return Err(ContractError::Reserved { name: column.name.clone() });
            }
            for earlier in columns.iter().take(position) {
                if fold(&earlier.name) == folded {
                    return Err(ContractError::DuplicateName { name: folded });
                }
            }
            if let ColumnPath::Exact(keys) = &column.path {
                if keys.is_empty() {
                    return Err(ContractError::EmptyPath { name: column.name.clone() });
                }
                if let Some(earlier) = columns.iter().take(position).find(|earlier| earlier.path == column.path) {
                    return Err(ContractError::DuplicatePath {
                        first: earlier.name.clone(),
                        second: column.name.clone(),
                    });
                }
            }
        }
        Ok(Self { columns })
    }

    /// The columns, in table order.
    #[must_use]
    pub fn columns(&self) -> &[ContractColumn] {
        &self.columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, path: ColumnPath) -> ContractColumn {
        ContractColumn { name: name.to_owned(), path, column_type: ColumnType::String, required: false }
    }

    #[test]
    fn contradicting_columns_are_refused() {
        let exact = |keys: &[&str]| ColumnPath::Exact(keys.iter().map(|key| (*key).to_owned()).collect());
        assert!(matches!(
            Contract::new(vec![column("_ID", ColumnPath::FlatName)]),
            Err(ContractError::Reserved { .. })
        ));
        assert!(matches!(
            Contract::new(vec![column("a", ColumnPath::FlatName), column("A", exact(&["b"]))]),
            Err(ContractError::DuplicateName { .. })
        ));
        assert!(matches!(
            Contract::new(vec![column("a", exact(&["x", "y"])), column("b", exact(&["x", "y"]))]),
            Err(ContractError::DuplicatePath { .. })
        ));
        assert!(matches!(Contract::new(vec![column("a", exact(&[]))]), Err(ContractError::EmptyPath { .. })));
        assert!(matches!(Contract::new(vec![column("", ColumnPath::FlatName)]), Err(ContractError::NameLength { .. })));
        assert!(Contract::new(vec![column("a", exact(&["x"])), column("x", ColumnPath::FlatName)]).is_ok());
    }
}
