//! JSON Schemas of the YAML files, so that an editor completes and checks while one types.
//!
//! Every object is built from the list of keys that its reader knows: a key cannot be in one and not in the other.

use serde_json::{Map, Value, json};

use crate::access::ACCESS_KEYS;
use crate::audit::{ACCEPTED_VALUES_KEYS, AUDIT_KEYS, RELATIONSHIPS_KEYS, ROW_COUNT_KEYS, SQL_KEYS};
use crate::config::{
    ATHENA_KEYS, BACKFILL_KEYS, CONFIG_KEYS, FLATTEN_KEYS, MART_KEYS, MART_SCHEMES, RETENTION_KEYS, RUN_KEYS,
    SCHEDULE_KEYS,
};
use crate::deployment::{ALERTS_KEYS, AWS_KEYS, DEPLOYED_MART_KEYS, DEPLOYED_SOURCE_KEYS, SLACK_KEYS};
use crate::header::{self, HEADER_KEYS};
use crate::seed::{SEED_COLUMN_KEYS, SEED_KEYS};
use crate::source::{COLUMN_KEYS, SOURCE_KEYS};
use crate::storage::BUCKET_KEYS;
use crate::unit_test::{EXPECT_KEYS, UNIT_TEST_KEYS};
use crate::variable::DECLARATION_KEYS;

/// File name and schema (JSON Schema 2020-12) of every kind of file: `tarn.yaml`, sources, seeds, the header of a
/// model, unit tests.
#[must_use]
pub fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("tarn.schema.json", document("The configuration of a lake", config())),
        ("source.schema.json", document("A source and its contract", source())),
        ("seed.schema.json", document("The columns of a seed", seed())),
        ("model.schema.json", document("The header of a model", model())),
        ("unit_tests.schema.json", document("Unit tests of models", list_of(unit_test()))),
    ]
}

fn document(title: &str, schema: Value) -> Value {
    let mut document = Map::new();
    document.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    document.insert("title".to_owned(), json!(title));
    if let Value::Object(schema) = schema {
        document.extend(schema);
    }
    Value::Object(document)
}

/// An object with exactly these keys; what a key holds is asked for each.
fn object(keys: &[&str], required: &[&str], property: impl Fn(&str) -> Value) -> Value {
    let properties: Map<String, Value> = keys.iter().map(|key| ((*key).to_owned(), property(key))).collect();
    let mut object = json!({"type": "object", "properties": properties, "additionalProperties": false});
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

fn described(description: &str, schema: Value) -> Value {
    let Value::Object(mut schema) = schema else { return schema };
    schema.insert("description".to_owned(), json!(description));
    Value::Object(schema)
}

fn text(description: &str) -> Value {
    described(description, scalar())
}

/// Any single value: texts are kept as written, so that `1.10` or `no` needs no quotes.
fn scalar() -> Value {
    json!({"type": ["string", "number", "boolean"]})
}

fn flag(description: &str) -> Value {
    described(description, json!({"type": "boolean"}))
}

fn number(description: &str, minimum: u32) -> Value {
    described(description, json!({"type": "integer", "minimum": minimum}))
}

fn choice(description: &str, words: &[&str]) -> Value {
    described(description, json!({"enum": words}))
}

fn list_of(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

fn map_of(values: Value) -> Value {
    json!({"type": "object", "additionalProperties": values})
}

/// A list of texts, or one text.
fn texts(description: &str) -> Value {
    described(description, json!({"oneOf": [scalar(), {"type": "array", "items": scalar(), "uniqueItems": true}]}))
}

fn config() -> Value {
    object(CONFIG_KEYS, &["name"], |key| match key {
        "name" => text("Name of the lake, and of what is deployed of it"),
        "description" => text("For people"),
        "timezone" => text("IANA name of the zone in which days begin and schedules fire; UTC unless written"),
        "vars" => described("Variables, read by `var('name')`", map_of(json!({"oneOf": [scalar(), variable()]}))),
        "marts" => described("Relational databases that models are loaded into", map_of(mart())),
        "retention" => object(RETENTION_KEYS, &[], |_| number("Old versions kept per model", 0)),
        "run" => object(RUN_KEYS, &[], |key| match key {
            "parallel" => number("Models built at the same time; 2 on a laptop and 20 once deployed unless written", 1),
            _ => text("Data that all models of a run may scan together, like `1 TB`"),
        }),
        "flatten" => flatten(),
        "schedules" => described("Runs that start by themselves once deployed", map_of(schedule())),
        "backfill" => object(BACKFILL_KEYS, &[], |key| match key {
            "first" => text("Variable of type date that gets the first day of a slice of a backfill"),
            _ => text("Variable of type date that gets its last day"),
        }),
        "athena" => athena(),
        "aws" => aws(),
        "access" => described("Who may read what, by role; used once deployed", map_of(access())),
        _ => object(ALERTS_KEYS, &[], |key| match key {
            "slack" => slack(),
            "email" => texts("Addresses that alarms are sent to"),
            _ => text("Dollars a month whose passing is told"),
        }),
    })
}

fn variable() -> Value {
    object(DECLARATION_KEYS, &[], |key| match key {
        "default" => text("Value when none is given; a date may be `today` or `yesterday`"),
        "type" => choice("What its values must be", &["string", "integer", "decimal", "boolean", "date"]),
        _ => text("For people"),
    })
}

fn mart() -> Value {
    let pattern = format!("^(({}):|[$][{{])", MART_SCHEMES.join("|"));
    object(MART_KEYS, &["url"], |key| match key {
        "drift" => choice("When the mart's table has more than the model", &["refuse", "ignore"]),
        "aws" => object(DEPLOYED_MART_KEYS, &["url"], |key| match key {
            "url" => text("`mysql://…` or `postgresql://…` without a password"),
            "secret" => text("Name of the secret that holds the password; none where RDS signs tokens"),
            "subnets" => texts("Subnets of the database's network"),
            "security_groups" => texts("Security groups that may reach it"),
            _ => number("Parts of a load that may go into it at the same time", 1),
        }),
        _ => described(
            "`sqlite:path`, `mysql://…` or `postgresql://…`; `${NAME}` is a variable of the environment",
            json!({"type": "string", "pattern": pattern}),
        ),
    })
}

fn flatten() -> Value {
    let flatten = object(FLATTEN_KEYS, &[], |key| match key {
        "separator" => text("What joins the keys of a path to a column name"),
        "arrays" => choice("What becomes of an array", &["json", "index"]),
        _ => number("Levels of nesting that are taken apart", 1),
    });
    described("How nested records become flat", flatten)
}

fn schedule() -> Value {
    object(SCHEDULE_KEYS, &["cron"], |key| match key {
        "cron" => text("Six fields as EventBridge Scheduler reads them, in the lake's zone"),
        "select" => texts("Selectors; everything unless written"),
        "export" => text("Aurora cluster whose snapshot is exported, in place of a run"),
        _ => described("Variables given to the run", map_of(scalar())),
    })
}

fn athena() -> Value {
    object(ATHENA_KEYS, &[], |key| match key {
        "database" => text("Database of the lake's tables; `tarn_<name>` unless written"),
        "workgroup" => text("Workgroup that queries run in; `tarn-<name>` unless written"),
        "scan_limit" => text("Data that one query may scan, like `100 GB`"),
        _ => text("Price of a scanned terabyte"),
    })
}

fn aws() -> Value {
    let aws = object(AWS_KEYS, &["bucket"], |key| match key {
        "bucket" => text("Bucket of everything Tarn makes"),
        "state_machine" => text("State machine that runs models; `tarn-<name>-workflow` unless written"),
        _ => text("Bucket of everything that came in; the same one unless written"),
    });
    described("Where the lake is deployed", aws)
}

fn slack() -> Value {
    object(SLACK_KEYS, &["secret"], |key| match key {
        "secret" => text("Name of the secret that holds the webhook's address"),
        "query_cost" => text("Cost of one query from which on it is told"),
        _ => text("Cost of all queries of a day from which on it is told"),
    })
}

fn access() -> Value {
    object(ACCESS_KEYS, &["principals"], |key| match key {
        "principals" => texts("ARNs of roles and users, or 12-digit numbers of other accounts"),
        "read" => described(
            "`sources`, `models`, `views` (models that are views), `tag:NAME` (models with this tag)",
            list_of(json!({"type": "string", "pattern": "^(sources|models|views|tag:.+)$"})),
        ),
        _ => described("Of these sources only these columns", map_of(list_of(scalar()))),
    })
}

fn source() -> Value {
    object(SOURCE_KEYS, &["kind"], |key| match key {
        "name" => text("The source's name; the file's unless written"),
        "kind" => choice("What sends the records", &["stream", "table", "snapshot"]),
        "description" => text("For people"),
        "key" => texts("Columns that identify an item; needed by a table"),
        "partitioned_by" => {
            let mut rule = map_of(scalar());
            rule["maxProperties"] = json!(1);
            described("`{partition column: timestamp column}`; the day of arrival unless written", rule)
        }
        "flatten" => flatten(),
        "aws" => object(DEPLOYED_SOURCE_KEYS, &[], |key| match key {
            "table" => text("DynamoDB table whose stream is read, or the table's name in an Aurora export"),
            "key" => text("ARN of the KMS key that the DynamoDB table is encrypted with, where it is not AWS's"),
            "cluster" => text("Aurora cluster that is exported"),
            "buffer_mb" => number("Megabytes that Firehose collects before it writes a file", 64),
            _ => number("Seconds after which it writes what there is", 0),
        }),
        _ => described("The contract; every column is discovered as text unless written", list_of(source_column())),
    })
}

fn column_type() -> Value {
    let names =
        "boolean|bool|tinyint|smallint|int|integer|bigint|float|real|double|string|varchar|json|date|timestamp|binary";
    let pattern = format!("^({names}|decimal\\(\\s*\\d+\\s*(,\\s*\\d+\\s*)?\\))$");
    described("Type of the column, under Athena's name", json!({"type": "string", "pattern": pattern}))
}

fn source_column() -> Value {
    object(COLUMN_KEYS, &["name", "type"], |key| match key {
        "name" => text("Name in the table"),
        "path" => texts("Keys that lead to the value, joined by `.` or as a list"),
        "type" => column_type(),
        "required" => flag("Whether a record without it is refused"),
        _ => text("For people"),
    })
}

fn seed() -> Value {
    object(SEED_KEYS, &[], |key| match key {
        "description" => text("For people"),
        _ => list_of(object(SEED_COLUMN_KEYS, &["name"], |key| match key {
            "name" => text("Name in the file's first line"),
            "type" => column_type(),
            _ => text("For people"),
        })),
    })
}

fn model() -> Value {
    object(HEADER_KEYS, &[], |key| match key {
        "description" => text("For people"),
        "materialized" => choice("What the model becomes", &["table", "view", "incremental"]),
        "strategy" => choice("How a run changes an incremental table", &["append", "insert_overwrite", "merge"]),
        "unique_key" => texts("Columns that identify a row, for `merge`"),
        "merge_order" => text("Of two rows of one key the one with the highest value here stays"),
        "partitioned_by" => texts("Partition columns: the last columns of the `select`"),
        "compression" => choice("Compression of the files", &["zstd", "snappy"]),
        "format" => choice("What the files are on AWS", &["parquet", "orc"]),
        "table_type" => choice("How the table is kept on AWS", &["hive", "iceberg"]),
        "bucketed_by" => object(BUCKET_KEYS, BUCKET_KEYS, |key| match key {
            "columns" => texts("Columns whose values choose the bucket"),
            _ => number("Buckets of each partition", 1),
        }),
        "on_schema_change" => {
            choice("When an incremental model's columns change", &["fail", "append_new_columns", "sync"])
        }
        "scan_limit" => text("Data that one statement of the model may scan, like `50 GB`"),
        "tags" => texts("For selection"),
        "on_empty" => choice("What an empty result means", &["publish", "fail"]),
        "audits" => described("Checks before readers see a version", list_of(audit())),
        _ => object(header::MART_KEYS, &["to"], |key| match key {
            "to" => text("A mart of `tarn.yaml`"),
            "table" => text("Name of the table; the model's unless written"),
            "mode" => choice("How its rows are changed", &["replace", "merge", "append", "partition"]),
            "indexes" => described("Columns to index, each a name or a list of names", list_of(texts("Columns"))),
            "gone" => choice("What `merge` does with rows of loaded partitions whose key is gone", &["keep", "delete"]),
            _ => texts("Columns that identify a row, for `merge`"),
        }),
    })
}

fn audit() -> Value {
    let mut audit = object(AUDIT_KEYS, &[], |key| match key {
        "not_null" => texts("Columns without null"),
        "unique" => texts("Columns in which no two rows agree"),
        "accepted_values" => object(ACCEPTED_VALUES_KEYS, ACCEPTED_VALUES_KEYS, |key| match key {
            "column" => text("The column"),
            _ => described("What it may hold besides null", json!({"type": "array", "items": scalar(), "minItems": 1})),
        }),
        "relationships" => object(RELATIONSHIPS_KEYS, RELATIONSHIPS_KEYS, |key| match key {
            "column" => text("The column"),
            "to" => text("A model, seed or source"),
            _ => text("The other relation's column that has every value"),
        }),
        "row_count" => object(ROW_COUNT_KEYS, &[], |key| match key {
            "min" => number("At least so many rows", 0),
            _ => number("At most so many rows", 0),
        }),
        _ => object(SQL_KEYS, SQL_KEYS, |key| match key {
            "name" => text("Name of the audit"),
            _ => text("A query whose rows fail; `{{ this }}` is the version that is checked"),
        }),
    });
    audit["minProperties"] = json!(1);
    audit["maxProperties"] = json!(1);
    audit
}

fn unit_test() -> Value {
    let rows = || list_of(json!({"type": "object"}));
    object(UNIT_TEST_KEYS, &["name", "model", "expect"], |key| match key {
        "name" => text("The test's name"),
        "model" => text("The model it tests"),
        "vars" => described("Variables of the test", map_of(scalar())),
        "given" => {
            let rows = json!({"oneOf": [rows(), {"type": "null"}]});
            described("Rows by relation; `this` makes it an incremental run", map_of(rows))
        }
        _ => object(EXPECT_KEYS, &["rows"], |key| match key {
            "columns" => texts("Columns to compare; all unless written"),
            "rows" => described("The rows that the model must yield", rows()),
            _ => flag("Whether the order of the rows matters"),
        }),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test fails by panicking

    use std::collections::BTreeSet;

    use super::*;

    /// Calls `seen` with the path and schema of every property.
    fn walk(path: &str, schema: &Value, seen: &mut dyn FnMut(&str, &Value)) {
        match schema {
            Value::Object(object) => {
                if let Some(Value::Object(properties)) = object.get("properties") {
                    for (key, property) in properties {
                        seen(&format!("{path}.{key}"), property);
                    }
                }
                for (key, inner) in object {
                    let path = if key == "properties" { path.to_owned() } else { format!("{path}.{key}") };
                    walk(&path, inner, seen);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(path, item, seen)),
            _ => {}
        }
    }

    #[test]
    fn every_key_has_a_shape_and_no_two_keys_of_an_object_share_a_description() {
        for (file, schema) in schemas() {
            let mut descriptions = BTreeSet::new();
            let mut count = 0;
            walk(file, &schema, &mut |path, property| {
                count += 1;
                let property = property.as_object().unwrap_or_else(|| panic!("{path} has no shape"));
                let has_shape = ["type", "enum", "oneOf"].iter().any(|key| property.contains_key(*key));
                assert!(has_shape, "{path} has no shape");
                if let Some(description) = property.get("description").and_then(Value::as_str)
                    && description != "For people"
                {
                    // A key that falls into the last arm of its `match` by mistake has its neighbour's description.
                    let parent = path.rsplit_once('.').unwrap().0;
                    assert!(descriptions.insert((parent.to_owned(), description.to_owned())), "{path}: {description}");
                }
            });
            assert!(count >= 5, "{file} has {count} keys");
        }
    }

    #[test]
    fn the_names_of_types_are_read() {
        let pattern = column_type();
        let pattern = pattern["pattern"].as_str().unwrap();
        let names = pattern.trim_start_matches("^(").split("|decimal").next().unwrap();
        for name in names.split('|') {
            assert!(name.parse::<crate::ColumnType>().is_ok(), "{name}");
        }
    }
}
