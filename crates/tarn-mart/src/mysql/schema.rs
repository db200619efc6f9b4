//! How MySQL and MariaDB hold each type, and the statements that make tables.
//!
//! The types are listed in docs/marts.md. Text that Tarn declares compares byte by byte, as in Athena: the usual collations take か, が
//! and カ for one, and `abc` for `ABC`, so that keys would be lost.

use tarn_pipeline::ports::MartError;

use crate::fault::{WithHint, refused};
use crate::server::Plan;
use crate::types::{TypedColumn, ValueType};

/// Characters of a name of a table or a column.
const NAME: usize = 64;
/// Columns of a table in InnoDB.
const COLUMNS: usize = 1_017;
/// Bytes of a row, without what is kept beside it.
const ROW_BYTES: u64 = 65_535;
/// Bytes of a key.
const KEY_BYTES: u64 = 3_072;
/// Bytes of a character.
const CHARACTER: u64 = 4;
/// The most characters of a text with a length of its own; longer ones are kept beside the row.
const LONGEST_VARCHAR: u32 = 16_383;
/// The most digits after the point.
const SCALE: u8 = 30;

/// Which of the two it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flavour {
    Mysql,
    Mariadb,
}

impl Flavour {
    /// The collation that compares bytes, and no padding.
    pub(super) fn collation(self) -> &'static str {
        match self {
            Self::Mysql => "utf8mb4_0900_bin",
            Self::Mariadb => "utf8mb4_nopad_bin",
        }
    }
}

/// A name as SQL writes it.
pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Names, separated by commas.
pub(super) fn quoted_list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(quoted).collect::<Vec<_>>().join(", ")
}

/// A text as SQL writes it.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Gives each column the type it is stored in, and refuses what cannot be a table.
pub(super) fn store(plan: &mut Plan, flavour: Flavour) -> Result<(), MartError> {
    check_names(plan)?;
    let indexed: Vec<usize> = plan.key.iter().chain(plan.indexes.iter().flatten()).copied().collect();
    let length = indexed_length(plan);
    for (place, column) in plan.columns.iter_mut().enumerate() {
        column.value_type = match column.value_type {
            ValueType::Real => ValueType::Double,
            ValueType::ZonedTimestamp => ValueType::Timestamp,
            // What MariaDB calls JSON is a text.
            ValueType::Json if flavour == Flavour::Mariadb => ValueType::Text { length: None },
            ValueType::Text { length: given } if indexed.contains(&place) => {
                ValueType::Text { length: Some(given.map_or(length, |given| given.min(LONGEST_VARCHAR))) }
            }
            ValueType::Text { length: Some(given) } if given > LONGEST_VARCHAR => ValueType::Text { length: None },
            ValueType::Decimal { scale, .. } if scale > SCALE => {
                return Err(refused(format!(
                    "column `{}` of type `{}` has more than {SCALE} digits after the point, the most of MySQL",
                    column.name, column.hive_type
                ))
                .hint("cast it to a narrower decimal in the model"));
            }
            other => other,
        };
    }
    check_sizes(plan)
}

/// How long a text without a length may be in a key: what is left of the key for each of them.
fn indexed_length(plan: &Plan) -> u32 {
    let of_index = |places: &Vec<usize>| {
        let columns = || places.iter().filter_map(|place| plan.columns.get(*place));
        let is_open = |column: &&TypedColumn| column.value_type == ValueType::Text { length: None };
        let open = columns().filter(is_open).count() as u64;
        let others: u64 = columns().filter(|column| !is_open(column)).map(|column| key_bytes(column.value_type)).sum();
        (KEY_BYTES.saturating_sub(others) / CHARACTER).checked_div(open).unwrap_or(u64::MAX)
    };
    let shortest = std::iter::once(&plan.key).chain(&plan.indexes).map(of_index).min().unwrap_or(u64::MAX);
    u32::try_from(shortest.min(KEY_BYTES / CHARACTER)).unwrap_or(1).max(1)
}

fn check_names(plan: &Plan) -> Result<(), MartError> {
    let names = plan.columns.iter().map(|column| ("column", column.name.as_str()));
    for (what, name) in names.chain([("table", plan.table())]) {
        if name.chars().count() > NAME {
            return Err(refused(format!(
                "{what} `{name}` has a name of more than {NAME} characters, the most of MySQL"
            ))
            .hint("give it a shorter name in the model"));
        }
        if name.ends_with(' ') || name.chars().any(|character| u32::from(character) > 0xffff) {
            return Err(refused(format!("{what} `{name}` has a name that MySQL cannot hold"))
                .hint("a name ends in no space and has no characters such as emoji"));
        }
    }
    if plan.columns.len() > COLUMNS {
        return Err(refused(format!(
            "table `{}` has {} columns, MySQL holds {COLUMNS}",
            plan.table(),
            plan.columns.len()
        )));
    }
    Ok(())
}

fn check_sizes(plan: &Plan) -> Result<(), MartError> {
    let row: u64 = plan.columns.iter().map(|column| row_bytes(column.value_type)).sum();
    let row = row + (plan.columns.len() as u64).div_ceil(8);
    if row > ROW_BYTES {
        return Err(refused(format!(
            "a row of table `{}` may take {row} bytes, MySQL holds {ROW_BYTES}",
            plan.table()
        ))
        .hint("cast long texts to `varchar` without a length: they are kept beside the row"));
    }
    for places in std::iter::once(&plan.key).chain(&plan.indexes) {
        let columns = || places.iter().filter_map(|place| plan.columns.get(*place));
        if let Some(column) = columns().find(|column| matches!(column.value_type, ValueType::Json | ValueType::Binary))
        {
            return Err(refused(format!(
                "column `{}` of type `{}` cannot be part of a key or an index in MySQL",
                column.name, column.hive_type
            )));
        }
        let bytes: u64 = columns().map(|column| key_bytes(column.value_type)).sum();
        if bytes > KEY_BYTES {
            let names = plan.names(places).collect::<Vec<_>>().join(", ");
            return Err(refused(format!("the key ({names}) may take {bytes} bytes, MySQL holds {KEY_BYTES}"))
                .hint("cast its texts to `varchar(n)` in the model"));
        }
    }
    Ok(())
}

fn row_bytes(value_type: ValueType) -> u64 {
    match value_type {
        ValueType::Text { length: Some(length) } => u64::from(length) * CHARACTER + 2,
        ValueType::Text { length: None } | ValueType::Json | ValueType::Binary => 12,
        other => key_bytes(other),
    }
}

fn key_bytes(value_type: ValueType) -> u64 {
    match value_type {
        ValueType::Boolean | ValueType::TinyInt => 1,
        ValueType::SmallInt => 2,
        ValueType::Date => 3,
        ValueType::Integer => 4,
        ValueType::BigInt | ValueType::Real | ValueType::Double => 8,
        ValueType::Timestamp | ValueType::ZonedTimestamp => 8,
        // Nine digits take four bytes, on either side of the point.
        ValueType::Decimal { precision, scale } => {
            let side = |digits: u8| u64::from(digits / 9) * 4 + u64::from(digits % 9).div_ceil(2);
            side(precision - scale) + side(scale)
        }
        ValueType::Text { length } => length.map_or(0, |length| u64::from(length) * CHARACTER),
        ValueType::Json | ValueType::Binary => 0,
    }
}

/// The declaration of a column, without its name.
pub(super) fn declaration(column: &TypedColumn, comment: Option<&str>, not_null: bool, flavour: Flavour) -> String {
    let collate = format!(" CHARACTER SET utf8mb4 COLLATE {}", flavour.collation());
    let mut declaration = match column.value_type {
        ValueType::Boolean => "TINYINT(1)".to_owned(),
        ValueType::TinyInt => "TINYINT".to_owned(),
        ValueType::SmallInt => "SMALLINT".to_owned(),
        ValueType::Integer => "INT".to_owned(),
        ValueType::BigInt => "BIGINT".to_owned(),
        ValueType::Real | ValueType::Double => "DOUBLE".to_owned(),
        ValueType::Decimal { precision, scale } => format!("DECIMAL({precision},{scale})"),
        ValueType::Text { length: Some(length) } => format!("VARCHAR({length}){collate}"),
        ValueType::Text { length: None } => format!("LONGTEXT{collate}"),
        ValueType::Date => "DATE".to_owned(),
        ValueType::Timestamp | ValueType::ZonedTimestamp => "DATETIME(6)".to_owned(),
        ValueType::Binary => "LONGBLOB".to_owned(),
        ValueType::Json => "JSON".to_owned(),
    };
    declaration.push_str(if not_null { " NOT NULL" } else { " NULL" });
    if let Some(comment) = comment {
        // 1,024 characters is what a comment may have.
        let comment: String = comment.chars().filter(|character| *character != '\0').take(1_024).collect();
        declaration.push_str(&format!(" COMMENT {}", literal(&comment)));
    }
    declaration
}

/// The statement that makes a table with its primary key, without other indexes.
pub(super) fn create_table(name: &str, plan: &Plan, flavour: Flavour) -> String {
    let mut lines: Vec<String> = plan
        .columns
        .iter()
        .enumerate()
        .map(|(place, column)| {
            let comment = plan.comments.get(place).and_then(Option::as_deref);
            let declaration = declaration(column, comment, plan.key.contains(&place), flavour);
            format!("  {} {declaration}", quoted(&column.name))
        })
        .collect();
    if !plan.key.is_empty() {
        lines.push(format!("  PRIMARY KEY ({})", quoted_list(plan.names(&plan.key))));
    }
    format!(
        "CREATE TABLE IF NOT EXISTS {} (\n{}\n) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE {}",
        quoted(name),
        lines.join(",\n"),
        flavour.collation()
    )
}

/// What a declared type holds; `None` for types that no version has.
pub(super) fn parse(declared: &str, flavour: Flavour) -> Option<ValueType> {
    let lower = declared.trim().to_ascii_lowercase();
    let (name, arguments) = match lower.split_once('(') {
        Some((name, rest)) => (name.trim(), rest),
        None => (lower.as_str(), ""),
    };
    let number = || arguments.split([',', ')']).next().and_then(|text| text.trim().parse::<u32>().ok());
    Some(match name {
        _ if lower.contains("unsigned") => return None,
        "tinyint" if number() == Some(1) => ValueType::Boolean,
        "tinyint" => ValueType::TinyInt,
        "smallint" => ValueType::SmallInt,
        "int" => ValueType::Integer,
        "bigint" => ValueType::BigInt,
        "double" => ValueType::Double,
        "decimal" => {
            let (precision, scale) = arguments.strip_suffix(')')?.split_once(',')?;
            ValueType::Decimal { precision: precision.trim().parse().ok()?, scale: scale.trim().parse().ok()? }
        }
        "varchar" | "char" => ValueType::Text { length: number() },
        "tinytext" => ValueType::Text { length: Some(63) },
        // 65,535 bytes.
        "text" => ValueType::Text { length: Some(LONGEST_VARCHAR) },
        "mediumtext" | "longtext" => ValueType::Text { length: None },
        "date" => ValueType::Date,
        // Less than microseconds would be rounded.
        "datetime" if number() == Some(6) => ValueType::Timestamp,
        "longblob" => ValueType::Binary,
        "json" if flavour == Flavour::Mysql => ValueType::Json,
        _ => return None,
    })
}
