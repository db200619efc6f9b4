//! Names and texts as they stand in a statement.

/// Words that Athena's SQL reserves; a name among them is quoted.
const RESERVED: [&str; 76] = [
    "alter",
    "and",
    "as",
    "between",
    "by",
    "case",
    "cast",
    "constraint",
    "create",
    "cross",
    "cube",
    "current_catalog",
    "current_date",
    "current_path",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "deallocate",
    "delete",
    "describe",
    "distinct",
    "drop",
    "else",
    "end",
    "escape",
    "except",
    "execute",
    "exists",
    "extract",
    "false",
    "for",
    "from",
    "full",
    "group",
    "grouping",
    "having",
    "in",
    "inner",
    "insert",
    "intersect",
    "into",
    "is",
    "join",
    "json_array",
    "json_exists",
    "json_object",
    "json_query",
    "json_table",
    "json_value",
    "left",
    "like",
    "listagg",
    "localtime",
    "localtimestamp",
    "natural",
    "normalize",
    "not",
    "null",
    "on",
    "or",
    "order",
    "outer",
    "prepare",
    "recursive",
    "right",
    "rollup",
    "select",
    "skip",
    "table",
    "then",
    "trim",
    "true",
    "uescape",
    "union",
];

/// Whether a word must be quoted because the grammar uses it, beyond [`RESERVED`].
fn is_reserved(word: &str) -> bool {
    RESERVED.contains(&word) || matches!(word, "unnest" | "using" | "values" | "when" | "where" | "with")
}

/// A name as it stands in a statement: bare where that is the same, else in double quotes.
pub fn identifier(name: &str) -> String {
    let bare = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .chars()
            .all(|character| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_')
        && !is_reserved(name);
    if bare { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// A text as a literal.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_only_where_they_must_be() {
        assert_eq!(identifier("sessions"), "sessions");
        assert_eq!(identifier("order"), "\"order\"");
        assert_eq!(identifier("_seq"), "\"_seq\"");
        assert_eq!(identifier("売上"), "\"売上\"");
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
    }
}
