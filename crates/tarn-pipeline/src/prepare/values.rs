//! Values of partition columns as they stand in a statement, and predicates that choose them exactly.

use crate::ports::Column;

use super::{identifier, literal};

/// A value as Athena prints it, as a literal of its Hive type.
pub fn typed_literal(value: &str, column_type: &str) -> String {
    let kind = column_type.split('(').next().unwrap_or_default();
    match kind {
        "string" | "varchar" | "char" => literal(value),
        "date" | "timestamp" | "decimal" => format!("{kind} {}", literal(value)),
        "boolean" if matches!(value, "true" | "false") => value.to_owned(),
        // The lowest bigint is no literal: its digits without the sign are out of range.
        "tinyint" | "smallint" | "int" | "bigint" if value.parse().is_ok_and(|number: i64| number != i64::MIN) => {
            value.to_owned()
        }
        "int" => format!("cast({} as integer)", literal(value)),
        _ => format!("cast({} as {column_type})", literal(value)),
    }
}

/// A condition that is true for exactly the rows with one of these combinations of values; `None` is SQL null.
///
/// Combinations stand in their order, those with the same leading values together. Without combinations it is `false`.
pub fn predicate(columns: &[Column], combinations: &[Vec<Option<String>>]) -> String {
    let combinations: Vec<&[Option<String>]> = combinations.iter().map(Vec::as_slice).collect();
    condition(columns, &combinations)
}

/// A value of the first column, and the values of the others that stand beside it.
type Group<'a> = (&'a Option<String>, Vec<&'a [Option<String>]>);

fn condition(columns: &[Column], combinations: &[&[Option<String>]]) -> String {
    let Some((first, rest)) = columns.split_first() else {
        return if combinations.is_empty() { "false" } else { "true" }.to_owned();
    };
    if rest.is_empty() {
        return one_of(first, combinations.iter().filter_map(|combination| combination.first()));
    }
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (value, others) in combinations.iter().filter_map(|combination| combination.split_first()) {
        match groups.last_mut() {
            Some((last, group)) if *last == value => group.push(others),
            _ => groups.push((value, vec![others])),
        }
    }
    let groups: Vec<String> = groups
        .iter()
        .map(|(value, others)| {
            let inner = condition(rest, others);
            // Each inner condition is an `and`, an `or` in brackets, or a single comparison.
            format!("{} and {inner}", one_of(first, [*value].into_iter()))
        })
        .collect();
    any_of(&groups)
}

/// The column has one of these values.
fn one_of<'a>(column: &Column, values: impl Iterator<Item = &'a Option<String>>) -> String {
    let name = identifier(&column.name);
    let mut literals = Vec::new();
    let mut has_null = false;
    for value in values {
        match value {
            Some(value) => literals.push(typed_literal(value, &column.column_type)),
            None => has_null = true,
        }
    }
    let mut ways = match literals.as_slice() {
        [] => Vec::new(),
        [only] => vec![format!("{name} = {only}")],
        some => vec![format!("{name} in ({})", some.join(", "))],
    };
    if has_null {
        ways.push(format!("{name} is null"));
    }
    match ways.as_slice() {
        [only] => only.clone(),
        ways => any_of(ways),
    }
}

fn any_of(ways: &[String]) -> String {
    match ways {
        [] => "false".to_owned(),
        [only] => only.clone(),
        ways => format!("({})", ways.join(" or ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(value: &str) -> Option<String> {
        Some(value.to_owned())
    }

    #[test]
    fn values_are_literals_of_their_type() {
        for (value, column_type, expected) in [
            ("it's", "string", "'it''s'"),
            ("東京", "varchar(10)", "'東京'"),
            ("2026-01-01", "date", "date '2026-01-01'"),
            ("2026-01-01 00:00:00.000", "timestamp", "timestamp '2026-01-01 00:00:00.000'"),
            ("1.20", "decimal(10,2)", "decimal '1.20'"),
            ("-5", "smallint", "-5"),
            ("-9223372036854775808", "bigint", "cast('-9223372036854775808' as bigint)"),
            ("x", "int", "cast('x' as integer)"),
            ("true", "boolean", "true"),
            ("1.5", "double", "cast('1.5' as double)"),
        ] {
            assert_eq!(typed_literal(value, column_type), expected);
        }
    }

    #[test]
    fn a_predicate_names_each_combination() {
        let columns = [Column::new("day", "date"), Column::new("region", "string")];
        let combinations = [
            vec![some("2026-01-01"), some("a")],
            vec![some("2026-01-01"), None],
            vec![some("2026-01-02"), some("a")],
            vec![None, None],
        ];
        assert_eq!(
            predicate(&columns, &combinations),
            "(day = date '2026-01-01' and (region = 'a' or region is null) \
             or day = date '2026-01-02' and region = 'a' or day is null and region is null)"
        );
        assert_eq!(predicate(&columns[1..], &[vec![some("a")], vec![some("b")]]), "region in ('a', 'b')");
        assert_eq!(predicate(&columns, &[]), "false");
    }
}
