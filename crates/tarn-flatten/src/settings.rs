//! How records are read and named.

/// What becomes of arrays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Arrays {
    /// An array is one leaf: its JSON text.
    #[default]
    Json,
    /// An array is opened like an object whose keys are the indices: `a_0`, `a_1`.
    Index,
}

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Input {
    /// JSON objects.
    #[default]
    Json,
    /// Change records of a DynamoDB stream, as Lambda and Kinesis deliver them.
    DynamoDb,
}

/// How records are read and named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What joins the keys of a path; characters that names cannot hold become `_`.
    pub separator: String,
    /// A name that no leaf gets besides [`RESERVED_NAMES`](crate::RESERVED_NAMES): that of the source's partition column.
    pub reserved: Option<String>,
    /// What becomes of arrays.
    pub arrays: Arrays,
    /// Levels of nesting that are flattened; what lies deeper is kept as JSON text.
    pub depth: usize,
    /// Largest record after unpacking, in bytes; at most 4 GiB.
    pub max_record_bytes: usize,
    /// Most bytes of the lines that [`Flattener::lines`](crate::Flattener::lines) makes of one record.
    pub max_line_bytes: usize,
    /// What a record holds.
    pub input: Input,
    /// Uses the vector instructions of this processor; off gives the same bytes, slower.
    pub accelerated: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            separator: "_".to_owned(),
            reserved: None,
            arrays: Arrays::Json,
            depth: 64,
            max_record_bytes: 64 << 20,
            max_line_bytes: 64 << 20,
            input: Input::Json,
            accelerated: true,
        }
    }
}
