//! `tarn query`: a question in SQL, to the lake or to a mart.

use std::io::{BufWriter, Read, Write};
use std::ops::ControlFlow;
use std::sync::Arc;

use clap::ValueEnum;
use tarn_local::Local;
use tarn_pipeline::error::StepError;
use tarn_pipeline::ports::{Attribution, Column, QueryEngine, QueryOutcome, QueryRequest, Silent};
use tarn_pipeline::run_tables;

use crate::args::{GlobalArguments, Target};
use crate::lake::{Place, mart_url};
use crate::outcome::{Outcome, Refusal};
use crate::rows::{ColumnHead, CsvRows, JsonRows, RowWriter, TableRows};
use crate::terminal::{Terminal, bytes, counted, duration};

/// The question.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// One statement of Athena's SQL; from stdin when it is `-` or left out.
    #[arg(allow_hyphen_values = true)]
    sql: Option<String>,
    /// Asks this mart in its own SQL, instead of the lake.
    #[arg(long, value_name = "MART")]
    mart: Option<String>,
    /// The form of the answer. Arrays, maps and rows are JSON in `json` on a laptop; on AWS they are the text that Athena gives in every form.
    #[arg(long, short, value_name = "FORM", default_value = "table")]
    format: Format,
    /// Shows at most so many rows; 0 for all.
    #[arg(long, short = 'n', default_value_t = 0)]
    limit: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// With a header.
    Csv,
    /// One object a line.
    Json,
}

pub(crate) async fn run(args: &Args, global: &GlobalArguments, terminal: Terminal) -> anyhow::Result<Outcome> {
    let sql = statement(args)?;
    let place = Place::find(global)?;
    let lake = place.read()?;
    let output: Box<dyn Write + Send> = Box::new(BufWriter::new(std::io::stdout()));
    let format = if terminal.json() { Format::Json } else { args.format };
    let mut writer: Box<dyn RowWriter> = match format {
        Format::Table => Box::new(TableRows::new(output)),
        Format::Csv => Box::new(CsvRows::new(output)),
        Format::Json => Box::new(JsonRows::new(output)),
    };
    let started = std::time::Instant::now();
    let limit = if args.limit == 0 { u64::MAX } else { args.limit };
    let scanned = match &args.mart {
        Some(mart) => {
            let url = &lake.config.marts.get(mart).ok_or_else(|| no_mart(mart, &lake))?.url;
            ask_mart(url, &place, &sql, limit, writer.as_mut())?;
            None
        }
        None if global.target == Target::Aws => {
            let ports = place.ports(global.target, Arc::new(Silent), &lake)?;
            let asked =
                Attribution { purpose: "query".to_owned(), user: crate::cloud::user(), ..Attribution::default() };
            let answer = ports.engine.execute(&QueryRequest::new(sql, asked)).await.map_err(StepError::from)?;
            Some(write_answer(&answer, limit, writer.as_mut())?)
        }
        None => {
            let opened = place.open(Arc::new(Silent), &lake)?;
            tarn_pipeline::sources::register_all(&lake, opened.ports.catalogue.as_ref()).await?;
            run_tables::register(opened.ports.catalogue.as_ref(), run_tables::QueryRows::OfRuns).await?;
            Some(ask_lake(&opened.local, &sql, limit, format, writer.as_mut()).await?)
        }
    };
    let rows = writer.finish()?;
    let took = duration(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX));
    let scanned = scanned.map(|scanned| format!(", {} scanned", bytes(scanned))).unwrap_or_default();
    terminal.say(&format!("{} in {took}{scanned}", counted(rows, "row")));
    Ok(Outcome::Done)
}

fn statement(args: &Args) -> anyhow::Result<String> {
    match args.sql.as_deref() {
        Some(sql) if sql != "-" => Ok(sql.to_owned()),
        _ => {
            let mut sql = String::new();
            std::io::stdin().read_to_string(&mut sql)?;
            Ok(sql)
        }
    }
}

fn no_mart(mart: &str, lake: &tarn_model::Lake) -> Refusal {
    let known: Vec<&str> = lake.config.marts.keys().map(String::as_str).collect();
    Refusal::new(format!("there is no mart `{mart}`")).with_hint(format!("known are {}", known.join(", ")))
}

fn ask_mart(url: &str, place: &Place, sql: &str, limit: u64, writer: &mut dyn RowWriter) -> anyhow::Result<()> {
    let mut head_is_written = false;
    let mut left = limit;
    let mut failed = None;
    let url = mart_url(url).map_err(|error| Refusal { message: error.message, hint: error.hint })?;
    let columns = tarn_mart::query_each(&url, &place.data, sql, &mut |columns, row| {
        if left == 0 {
            return ControlFlow::Break(());
        }
        left -= 1;
        let written = match head_is_written {
            true => Ok(()),
            false => writer.columns(&mart_columns(columns, row)),
        };
        head_is_written = true;
        match written.and_then(|()| writer.row(row)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    })
    .map_err(|error| Refusal { message: error.message, hint: error.hint })?;
    if let Some(error) = failed {
        return Err(error);
    }
    if !head_is_written {
        writer.columns(&mart_columns(&columns, &[]))?;
    }
    Ok(())
}

/// A mart tells no types: a column whose first value is written as a number stands right.
fn mart_columns(columns: &[String], row: &[Option<String>]) -> Vec<ColumnHead> {
    let is_number = |position: usize| {
        row.get(position)
            .and_then(Option::as_deref)
            .is_some_and(|value| serde_json::from_str::<serde_json::Number>(value).is_ok())
    };
    columns
        .iter()
        .enumerate()
        .map(|(position, name)| ColumnHead {
            name: name.clone(),
            numeric: is_number(position),
            boolean: false,
            json: false,
        })
        .collect()
}

/// Asks the lake and writes the rows as they come; bytes scanned.
async fn ask_lake(
    local: &Local,
    sql: &str,
    limit: u64,
    format: Format,
    writer: &mut dyn RowWriter,
) -> anyhow::Result<u64> {
    if is_about_tables(sql) {
        let request = QueryRequest::new(sql, Attribution::default());
        let answer = local.engine.execute(&request).await.map_err(StepError::from)?;
        return write_answer(&answer, limit, writer);
    }
    let mut answer = local.engine.stream(sql).await.map_err(StepError::from)?;
    let mut heads: Vec<ColumnHead> = answer.columns().iter().map(lake_column).collect();
    if format == Format::Json {
        for (head, column) in heads.iter_mut().zip(answer.columns()) {
            head.json = is_nested(&column.column_type);
        }
        answer = answer.with_nested_as_json();
    }
    writer.columns(&heads)?;
    let mut left = limit;
    while let Some(batch) = answer.next_rows().await.map_err(StepError::from)? {
        for row in batch {
            if left == 0 {
                return Ok(answer.bytes_scanned());
            }
            left -= 1;
            writer.row(&row)?;
        }
    }
    Ok(answer.bytes_scanned())
}

fn write_answer(answer: &QueryOutcome, limit: u64, writer: &mut dyn RowWriter) -> anyhow::Result<u64> {
    writer.columns(&answer.columns.iter().map(lake_column).collect::<Vec<_>>())?;
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    answer.rows.iter().take(shown).try_for_each(|row| writer.row(row))?;
    Ok(answer.bytes_scanned)
}

/// Whether the values of a type, under Hive's name or Athena's, have parts.
fn is_nested(column_type: &str) -> bool {
    matches!(column_type.split(['<', '(']).next(), Some("array" | "map" | "struct" | "row"))
}

/// Whether a statement asks for tables and their columns, and not for rows; it changes nothing either.
fn is_about_tables(sql: &str) -> bool {
    let first = sql.split_whitespace().next().unwrap_or_default().to_lowercase();
    matches!(first.as_str(), "show" | "describe" | "explain")
}

fn lake_column(column: &Column) -> ColumnHead {
    let kind = column.column_type.split('(').next().unwrap_or_default();
    ColumnHead {
        name: column.name.clone(),
        numeric: matches!(kind, "tinyint" | "smallint" | "int" | "bigint" | "float" | "double" | "decimal"),
        boolean: kind == "boolean",
        json: false,
    }
}
