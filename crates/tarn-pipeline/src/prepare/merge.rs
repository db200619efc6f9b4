//! Merging by key: into a version of its own, or, for an Iceberg table, in place.

use crate::columns::sql_type;
use crate::ports::Column;

use super::identifier;

/// What a merge needs to know.
#[derive(Debug, Clone, Copy)]
pub struct Merge<'a> {
    /// The table that holds the rows so far.
    pub published: &'a str,
    /// The table that holds the rows to merge.
    pub delta: &'a str,
    /// All columns of the delta, in order.
    pub columns: &'a [Column],
    /// Those of them that the published table does not have yet; null in its rows.
    pub added: &'a [String],
    /// The columns that identify a row.
    pub key: &'a [String],
    /// The column whose highest value wins, if the model names one; else the new row wins.
    pub order: Option<&'a str>,
}

/// The rows of a table after a merge.
///
/// Without an order, every row of the delta replaces the row of its key. With an order, the row with the highest value of
/// that column wins, whichever side it comes from: a late record changes nothing.
pub fn merged_rows(merge: Merge<'_>) -> String {
    let names: Vec<String> = merge.columns.iter().map(|column| identifier(&column.name)).collect();
    // Sides of a union are matched by position, so both name their columns.
    let published = |prefix: &str| -> Vec<String> {
        let of_published = merge.columns.iter().map(|column| {
            let name = identifier(&column.name);
            match merge.added.contains(&column.name) {
                true => format!("cast(null as {}) as {name}", sql_type(&column.column_type)),
                false => format!("{prefix}{name}"),
            }
        });
        of_published.collect()
    };
    let key: Vec<String> = merge.key.iter().map(|column| identifier(column)).collect();
    match merge.order {
        None => format!(
            "select\n  {all}\nfrom {delta}\nunion all\nselect\n  {published_columns}\nfrom {published} as published\nwhere not exists (\n  select 1\n  from {delta} as delta\n  where {matches}\n)",
            all = names.join(",\n  "),
            delta = identifier(merge.delta),
            published_columns = published("published.").join(",\n  "),
            published = identifier(merge.published),
            matches =
                key.iter().map(|key| format!("delta.{key} = published.{key}")).collect::<Vec<_>>().join("\n    and "),
        ),
        Some(order) => format!(
            "select\n  {all}\nfrom (\n  select\n    *,\n    row_number() over (\n      partition by {key}\n      order by {order} desc, \"_tarn_side\" desc\n    ) as \"_tarn_rank\"\n  from (\n    select\n      {delta_columns},\n      1 as \"_tarn_side\"\n    from {delta}\n    union all\n    select\n      {published_columns},\n      0 as \"_tarn_side\"\n    from {published}\n  ) as both_sides\n) as ranked\nwhere \"_tarn_rank\" = 1",
            all = names.join(",\n  "),
            key = key.join(", "),
            order = identifier(order),
            delta_columns = names.join(",\n      "),
            delta = identifier(merge.delta),
            published_columns = published("").join(",\n      "),
            published = identifier(merge.published),
        ),
    }
}

/// Columns of a table that Athena can merge into with two `when` clauses; with more it fails once it has read everything.
pub const MERGE_COLUMN_LIMIT: usize = 321;

/// `MERGE INTO` an Iceberg table, with the same rows afterwards as [`merged_rows`]; `None` for a table with more columns than
/// [`MERGE_COLUMN_LIMIT`], one that gets new columns, or one without a column besides its key: it is rewritten from
/// [`merged_rows`] instead.
///
/// The delta must hold no null key and, without an order, one row per key ([`unmergeable_keys`]).
pub fn merge_into(merge: Merge<'_>) -> Option<String> {
    let is_key = |column: &&Column| merge.key.contains(&column.name);
    let changed: Vec<String> = merge
        .columns
        .iter()
        .filter(|column| !is_key(column))
        .map(|column| format!("  {0} = delta.{0}", identifier(&column.name)))
        .collect();
    if merge.columns.len() > MERGE_COLUMN_LIMIT || !merge.added.is_empty() || changed.is_empty() {
        return None;
    }
    let names = |prefix: &str| -> String {
        let names: Vec<String> =
            merge.columns.iter().map(|column| format!("  {prefix}{}", identifier(&column.name))).collect();
        names.join(",\n")
    };
    let matches: Vec<String> =
        merge.key.iter().map(|column| format!("published.{0} = delta.{0}", identifier(column))).collect();
    // As `order by … desc` sees it: null is the lowest, and of two equal rows the new one stays.
    let newer = merge.order.map_or_else(String::new, |order| {
        let order = identifier(order);
        format!(" and (delta.{order} >= published.{order} or published.{order} is null)")
    });
    Some(format!(
        "merge into {published} as published\nusing {delta} as delta\non {matches}\nwhen matched{newer} then update set\n{changed}\nwhen not matched then insert (\n{all}\n) values (\n{values}\n)",
        published = identifier(merge.published),
        delta = newest_of_delta(merge),
        matches = matches.join("\n  and "),
        changed = changed.join(",\n"),
        all = names(""),
        values = names("delta."),
    ))
}

/// The delta with one row per key: the one with the highest value of the order's column, where there is one.
fn newest_of_delta(merge: Merge<'_>) -> String {
    let delta = identifier(merge.delta);
    let Some(order) = merge.order else { return delta };
    let key: Vec<String> = merge.key.iter().map(|column| identifier(column)).collect();
    format!(
        "(\n  select *\n  from (\n    select\n      *,\n      row_number() over (\n        partition by {key}\n        order by {order} desc\n      ) as \"_tarn_rank\"\n    from {delta}\n  ) as ranked\n  where \"_tarn_rank\" = 1\n)",
        key = key.join(", "),
        order = identifier(order),
    )
}

/// The keys of a delta that are null or stand twice: a merge cannot place them. Returns the key and how often it stands there.
pub fn unmergeable_keys(delta: &str, key: &[String], order: Option<&str>) -> String {
    let names: Vec<String> = key.iter().map(|column| identifier(column)).collect();
    let nulls: Vec<String> = names.iter().map(|name| format!("{name} is null")).collect();
    // With an order, the highest of several rows wins, but two rows with the same order value leave it open.
    let group = match order {
        Some(order) => format!("{}, {}", names.join(", "), identifier(order)),
        None => names.join(", "),
    };
    format!(
        "select {keys}, count(*) as rows_of_key\nfrom {delta}\ngroup by {group}\nhaving count(*) > 1 or {nulls}\nlimit 5",
        keys = names.join(", "),
        delta = identifier(delta),
        nulls = nulls.join(" or "),
    )
}
