//! An entry as Glue wants it written.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_glue::types::{Column as GlueColumn, SerDeInfo, StorageDescriptor, TableInput};
use tarn_pipeline::ports::{CatalogueError, Column, TableEntry};

use super::form::{self, Form, HIDDEN, LABEL};
use super::{Glue, invalid, io_error, labels, view};

const PARQUET_INPUT: &str = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat";
const PARQUET_OUTPUT: &str = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat";
const PARQUET_SERDE: &str = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe";
const ORC_INPUT: &str = "org.apache.hadoop.hive.ql.io.orc.OrcInputFormat";
const ORC_OUTPUT: &str = "org.apache.hadoop.hive.ql.io.orc.OrcOutputFormat";
const ORC_SERDE: &str = "org.apache.hadoop.hive.ql.io.orc.OrcSerde";

/// Whether columns of ORC files are found by their place instead of by name.
const ORC_BY_INDEX: &str = "orc.column.index.access";
/// The longest text of a view that Glue takes, in bytes.
/// <https://docs.aws.amazon.com/glue/latest/webapi/API_TableInput.html>
const LONGEST_VIEW: usize = 409_600;

/// The parameter by which engines find the metadata of a table of Iceberg.
pub(super) const METADATA_LOCATION: &str = "metadata_location";

/// What the files of a table are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Files<'a> {
    pub(super) columns: &'a [Column],
    pub(super) are_orc: bool,
}

impl<'a> Files<'a> {
    /// The files of an entry.
    pub(super) fn of(entry: &'a TableEntry) -> Self {
        Self {
            columns: &entry.columns,
            are_orc: entry.parameters.get("tarn.format").is_some_and(|format| format == "orc"),
        }
    }
}

/// Properties of Tarn's own, of a table or view.
pub(super) type Notes<'a> = &'a [(&'static str, &'a str)];

impl Glue {
    /// The table or view under the entry's name.
    pub(super) fn input(
        &self,
        entry: &TableEntry,
        form: &Form,
        notes: Notes<'_>,
    ) -> Result<TableInput, CatalogueError> {
        let mut parameters: HashMap<String, String> =
            entry.parameters.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        parameters.extend(notes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let input = TableInput::builder().name(&entry.name).set_description(entry.description.clone());
        let input = match form {
            Form::View(sql) => self.as_view(input, sql, entry, &mut parameters)?,
            Form::Appended(labels) => self.as_view(input, &appended_sql(entry, labels), entry, &mut parameters)?,
            Form::Folder(folder) => self.as_table(input, entry, &self.objects.uri(folder), &mut parameters)?,
            Form::Iceberg { folder, metadata } => {
                parameters.insert("table_type".to_owned(), "ICEBERG".to_owned());
                parameters.insert(METADATA_LOCATION.to_owned(), self.objects.uri(metadata));
                let storage = StorageDescriptor::builder().set_columns(Some(columns(&entry.columns)?));
                let storage = storage.location(self.objects.uri(folder).trim_end_matches('/')).build();
                input.table_type("EXTERNAL_TABLE").storage_descriptor(storage).set_partition_keys(Some(Vec::new()))
            }
            Form::Projected(properties) => {
                parameters.extend(properties.clone());
                self.as_table(input, entry, &self.place(entry), &mut parameters)?
            }
            Form::Registered => {
                parameters.insert("projection.enabled".to_owned(), "false".to_owned());
                self.as_table(input, entry, &self.place(entry), &mut parameters)?
            }
        };
        input.set_parameters(Some(parameters)).build().map_err(invalid)
    }

    /// The hidden table below a view of parts.
    pub(super) fn hidden_input(&self, entry: &TableEntry, columns: &[Column]) -> Result<TableInput, CatalogueError> {
        let name = format!("{}{HIDDEN}", entry.name);
        let mut hidden = TableEntry { name, columns: columns.to_vec(), ..entry.clone() };
        hidden.partition_keys.insert(0, Column::new(LABEL, "string"));
        let mut parameters = HashMap::from([("tarn.kind".to_owned(), "parts".to_owned())]);
        let input = TableInput::builder().name(&hidden.name);
        let input = self.as_table(input, &hidden, &self.place(entry), &mut parameters)?;
        input.set_parameters(Some(parameters)).build().map_err(invalid)
    }

    fn as_table(
        &self,
        input: aws_sdk_glue::types::builders::TableInputBuilder,
        entry: &TableEntry,
        location: &str,
        parameters: &mut HashMap<String, String>,
    ) -> Result<aws_sdk_glue::types::builders::TableInputBuilder, CatalogueError> {
        parameters.insert("EXTERNAL".to_owned(), "TRUE".to_owned());
        let classification = if Files::of(entry).are_orc { "orc" } else { "parquet" };
        parameters.insert("classification".to_owned(), classification.to_owned());
        Ok(input
            .table_type("EXTERNAL_TABLE")
            .storage_descriptor(storage(Files::of(entry), location)?)
            .set_partition_keys(Some(columns(&entry.partition_keys)?)))
    }

    fn as_view(
        &self,
        input: aws_sdk_glue::types::builders::TableInputBuilder,
        sql: &str,
        entry: &TableEntry,
        parameters: &mut HashMap<String, String>,
    ) -> Result<aws_sdk_glue::types::builders::TableInputBuilder, CatalogueError> {
        parameters.insert("presto_view".to_owned(), "true".to_owned());
        parameters.insert("comment".to_owned(), "Presto View".to_owned());
        let all: Vec<Column> = entry.all_columns().cloned().collect();
        let text = view::text(sql, &self.database, &all);
        if text.len() > LONGEST_VIEW {
            let message = format!(
                "the view `{}` has {} bytes as Glue keeps it, which takes {LONGEST_VIEW}; a table (`materialized: table`) has no such limit",
                entry.name,
                text.len()
            );
            return Err(io_error("written", message, std::io::ErrorKind::InvalidInput));
        }
        let storage = StorageDescriptor::builder().set_columns(Some(columns(&all)?)).location("");
        Ok(input
            .table_type("VIRTUAL_VIEW")
            .view_original_text(text)
            .view_expanded_text(view::EXPANDED)
            .set_partition_keys(Some(Vec::new()))
            .storage_descriptor(storage.serde_info(SerDeInfo::builder().build()).build()))
    }

    /// The place of a partitioned table itself. Nothing is there: whoever lists it for partitions must not find versions that
    /// were never published.
    fn place(&self, entry: &TableEntry) -> String {
        self.objects.uri(&form::nothing(entry))
    }
}

/// The rows of the partitions under these labels.
fn appended_sql(entry: &TableEntry, names: &BTreeSet<String>) -> String {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let columns: Vec<String> = entry.all_columns().map(|column| quoted(&column.name)).collect();
    let those = labels::condition(&quoted(LABEL), names);
    let hidden = quoted(&format!("{}{HIDDEN}", entry.name));
    format!("select\n  {}\nfrom {hidden}\nwhere {those}", columns.join(",\n  "))
}

/// Files at a place.
pub(super) fn storage(files: Files<'_>, location: &str) -> Result<StorageDescriptor, CatalogueError> {
    let (input, output, library) = match files.are_orc {
        true => (ORC_INPUT, ORC_OUTPUT, ORC_SERDE),
        false => (PARQUET_INPUT, PARQUET_OUTPUT, PARQUET_SERDE),
    };
    let mut serde = SerDeInfo::builder().serialization_library(library).parameters("serialization.format", "1");
    if files.are_orc {
        // Athena finds columns of ORC by their place, where nothing else is said, and a file of before a change has other places.
        // https://docs.aws.amazon.com/athena/latest/ug/handling-schema-updates-chapter.html
        serde = serde.parameters(ORC_BY_INDEX, "false");
    }
    Ok(StorageDescriptor::builder()
        .set_columns(Some(columns(files.columns)?))
        .location(location)
        .input_format(input)
        .output_format(output)
        .serde_info(serde.build())
        .build())
}

/// What readers go by in the files of a partition, beside where they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    /// Names and types; comments make no difference.
    columns: Vec<(String, String)>,
    /// How columns of ORC are found.
    by_index: Option<String>,
}

impl Shape {
    /// The shape that files have.
    pub(super) fn of(files: Files<'_>) -> Self {
        Self {
            columns: files.columns.iter().map(|column| (column.name.clone(), column.column_type.clone())).collect(),
            by_index: files.are_orc.then(|| "false".to_owned()),
        }
    }

    /// The shape that Glue tells of files.
    pub(super) fn told(storage: &StorageDescriptor) -> Self {
        let columns = storage.columns().iter().map(|column| (column.name.clone(), column.r#type.clone()));
        let parameters = storage.serde_info.as_ref().and_then(|serde| serde.parameters.as_ref());
        Self {
            columns: columns.map(|(name, of_type)| (name, of_type.unwrap_or_default())).collect(),
            by_index: parameters.and_then(|parameters| parameters.get(ORC_BY_INDEX).cloned()),
        }
    }
}

/// Glue takes comments of at most 255 characters.
fn columns(columns: &[Column]) -> Result<Vec<GlueColumn>, CatalogueError> {
    let one = |column: &Column| {
        let comment = column.comment.as_ref().map(|text| text.chars().take(255).collect::<String>());
        GlueColumn::builder()
            .name(&column.name)
            .r#type(&column.column_type)
            .set_comment(comment)
            .build()
            .map_err(invalid)
    };
    columns.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use tarn_pipeline::ports::TableKind;

    use super::*;

    fn entry(name: &str) -> TableEntry {
        TableEntry {
            name: name.to_owned(),
            kind: TableKind::Table { parts: Vec::new() },
            columns: vec![Column::new("visitor", "string"), Column::new("order", "int"), Column::new("a\"b", "int")],
            partition_keys: vec![Column::new("区", "string")],
            description: None,
            run: None,
            parameters: BTreeMap::new(),
            version: 0,
        }
    }

    /// The text is a file, which another program parses too.
    #[test]
    fn the_view_over_hidden_parts() {
        for (file, labels) in [
            ("view_over_parts", &["20261001t000000000_0001", "20261002t000000000_0001"][..]),
            ("view_over_no_parts", &[]),
            ("view_over_groups", &["g0123456789abcdef.", "20261001t000000000_0001"]),
        ] {
            let labels = labels.iter().map(|label| (*label).to_owned()).collect();
            let text = format!("{}\n", appended_sql(&entry("visits"), &labels));
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/statements").join(file).with_extension("sql");
            if std::env::var_os("TARN_WRITE_STATEMENTS").is_some() {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, &text).unwrap();
            }
            assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), text, "{}", path.display());
        }
    }

    fn parameters(are_orc: bool) -> HashMap<String, String> {
        let columns = [Column::new("a", "int")];
        let storage = storage(Files { columns: &columns, are_orc }, "s3://lake/a/").unwrap();
        storage.serde_info.unwrap().parameters.unwrap()
    }

    #[test]
    fn columns_of_orc_are_found_by_name() {
        assert_eq!(parameters(true)["orc.column.index.access"], "false");
        assert!(!parameters(false).contains_key("orc.column.index.access"));
    }

    #[test]
    fn a_partition_has_the_shape_that_it_was_given() {
        let columns = [Column { comment: Some("the first".to_owned()), ..Column::new("a", "int") }];
        for are_orc in [true, false] {
            let files = Files { columns: &columns, are_orc };
            let told = Shape::told(&storage(files, "s3://lake/a/").unwrap());
            assert_eq!(told, Shape::of(files));
            assert_ne!(told, Shape::of(Files { are_orc: !are_orc, ..files }));
            assert_ne!(told, Shape::of(Files { columns: &[Column::new("a", "bigint")], ..files }));
        }
    }
}
