//! What a query will read, told before it starts: from the catalogue's parts, the sizes of their files and their Parquet footers.
//!
//! It is an estimate that stops a mistake, not a bill. Partitions are chosen by the plain conditions that stand in the statement
//! ([`Bounds`]) and columns by the words in it; where the text does not say, the smaller amount is taken. What slips through is
//! stopped by the workgroup's own limit while it runs, and is paid for; what is stopped here costs nothing.

mod bounds;
mod of_run;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tarn_columnar::parquet_column_bytes;
use tarn_model::{CompileContext, DependencyKind, Materialization, Model, Strategy};

use crate::context::RunContext;
use crate::convert::CatalogueNames;
use crate::error::StepError;
use crate::layout;
use crate::names::Key;
use crate::ports::{Column, Object, ObjectStore, TableEntry, TableKind};
use crate::sources;
use crate::stored;

pub use bounds::Bounds;
use words::Words;

/// Footers read for one estimate at most; the rest of the files is taken to be like them.
const MOST_FOOTERS: usize = 200;
/// Views are looked through so many deep.
const DEEPEST_VIEW: usize = 16;

/// Chooses parts by their values.
pub type PartFilter<'a> = dyn Fn(&[Option<String>]) -> bool + Send + Sync + 'a;

/// The files of the parts that `keeps` chooses; names that begin with `_` or `.` are no data.
pub async fn files(
    entry: &TableEntry,
    keeps: &PartFilter<'_>,
    objects: &dyn ObjectStore,
) -> Result<Vec<Object>, StepError> {
    if sources::comes_in_by_itself(entry) {
        return source_files(entry, keeps, objects).await;
    }
    let kept: BTreeSet<&str> =
        entry.parts().iter().filter(|part| keeps(&part.values)).map(|part| part.location.as_str()).collect();
    let Some(above) = folder_above(&kept) else { return Ok(Vec::new()) };
    // One listing for all parts costs less than one for each: most tables lie in one folder.
    let listed = objects.list(&Key::new(above)).await?;
    let is_kept = |key: &str| {
        let folders = key.match_indices('/').map(|(slash, _)| &key[..=slash]);
        folders.into_iter().any(|folder| kept.contains(folder))
    };
    Ok(listed
        .into_iter()
        .filter(|object| !object.key.file_name().starts_with(['_', '.']) && is_kept(object.key.as_str()))
        .collect())
}

/// The files of a source, whose days nobody registers.
async fn source_files(
    entry: &TableEntry,
    keeps: &PartFilter<'_>,
    objects: &dyn ObjectStore,
) -> Result<Vec<Object>, StepError> {
    let listed = objects.list(&layout::source(&entry.name)).await?;
    let is_kept = |object: &Object| {
        let folders: Vec<&str> = object.key.as_str().split('/').collect();
        let value = |key: &Column| folders.iter().find_map(|folder| folder.strip_prefix(&key.name)?.strip_prefix('='));
        let values: Vec<Option<String>> =
            entry.partition_keys.iter().map(|key| value(key).map(str::to_owned)).collect();
        keeps(&values)
    };
    let is_data = |object: &Object| !object.key.file_name().starts_with(['_', '.']);
    Ok(listed.into_iter().filter(|object| is_data(object) && is_kept(object)).collect())
}

/// The deepest folder that all of these lie in.
fn folder_above(folders: &BTreeSet<&str>) -> Option<String> {
    let (first, last) = (folders.first()?, folders.last()?);
    // In order, what the first and the last have in common, all have.
    let common = first.bytes().zip(last.bytes()).take_while(|(left, right)| left == right).count();
    let end = first.as_bytes().get(..common)?.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    first.get(..end).map(str::to_owned)
}

/// Bytes that reading these columns of these parts takes; of all columns when none are named.
pub async fn estimate(
    entry: &TableEntry,
    columns: Option<&BTreeSet<String>>,
    keeps: &PartFilter<'_>,
    objects: &Arc<dyn ObjectStore>,
) -> Result<u64, StepError> {
    let files = files(entry, keeps, objects.as_ref()).await?;
    let whole = size(&files);
    let Some(columns) = columns else { return Ok(whole) };
    let step = files.len().div_ceil(MOST_FOOTERS).max(1);
    let sample: Vec<Object> = files.into_iter().step_by(step).collect();
    let sampled = size(&sample);
    if sampled == 0 {
        return Ok(0);
    }
    let (objects, columns) = (Arc::clone(objects), columns.clone());
    let read = tokio::task::spawn_blocking(move || -> Result<u64, StepError> {
        sample.iter().map(|file| column_bytes(file, &columns, objects.as_ref())).sum()
    });
    let read = read.await.map_err(|error| StepError::permanent(format!("footers could not be read: {error}")))??;
    let share = u128::from(whole) * u128::from(read) / u128::from(sampled);
    Ok(u64::try_from(share).unwrap_or(u64::MAX))
}

fn size(files: &[Object]) -> u64 {
    files.iter().map(|file| file.size).sum()
}

fn column_bytes(file: &Object, columns: &BTreeSet<String>, objects: &dyn ObjectStore) -> Result<u64, StepError> {
    let reader = objects.open(&file.key)?;
    let sizes: BTreeMap<String, u64> = parquet_column_bytes(reader.size(), &|offset, length| {
        reader.read(offset, length).map_err(std::io::Error::other)
    })
    // A file that is no Parquet is read whole.
    .unwrap_or_else(|_| columns.first().map(|column| (column.clone(), file.size)).into_iter().collect());
    Ok(sizes.iter().filter(|(name, _)| columns.contains(*name)).map(|(_, bytes)| bytes).sum())
}

/// Refuses a query that would read more than the model's limit, or the lake's where the model has none, or more than is left of
/// what the run may read ([`of_run`]). Without a limit nothing is looked at. A model that this run began before is let go on: its
/// statements may have been paid for. `onto` is the published table that the version adds to or changes.
pub async fn check(context: &RunContext, model: &Model, sql: &str, onto: Option<&TableEntry>) -> Result<(), StepError> {
    let config = &context.lake.config;
    let limit = model.scan_limit_bytes.or(config.athena.scan_limit_bytes);
    let limit_of_run = config.run.scan_limit_bytes;
    let is_unlimited = limit.is_none() && limit_of_run.is_none();
    if is_unlimited || model.materialization == Materialization::View || has_begun(context, model).await? {
        return Ok(());
    }
    let enough = if limit_of_run.is_some() { None } else { limit };
    let reads = of_query(context, model, sql, onto, enough).await?;
    if let Some(limit) = limit.filter(|limit| reads > *limit) {
        return Err(over_limit(model, reads, limit));
    }
    match limit_of_run {
        Some(limit) => of_run::take(context, model, reads, limit).await,
        None => Ok(()),
    }
}

fn over_limit(model: &Model, reads: u64, limit: u64) -> StepError {
    let whose = match model.scan_limit_bytes {
        Some(_) => format!("`scan_limit` of model `{}`", model.name),
        None => "`athena: {scan_limit: …}` in tarn.yaml".to_owned(),
    };
    StepError::permanent(format!(
        "the query of model `{}` would read about {}; {whose} allows {}. Nothing was started",
        model.name,
        amount(reads),
        amount(limit)
    ))
    .with_hint("name fewer partitions or columns in its `select`, or raise the limit")
}

/// Refuses a run whose models would together read more than `run: {scan_limit: …}` allows, before any of them begins. What models of
/// the run will yield for each other is not known yet and counts as it is now; it is counted again as each model begins ([`check`]).
pub async fn check_run(context: &RunContext, models: &[String]) -> Result<(), StepError> {
    let Some(limit) = context.lake.config.run.scan_limit_bytes else { return Ok(()) };
    let mut reads = 0_u64;
    for model in models.iter().filter_map(|name| context.lake.models.get(name)) {
        if model.materialization == Materialization::View || has_begun(context, model).await? {
            continue;
        }
        let is_added_to = |entry: &TableEntry| {
            let is_table = matches!(entry.kind, TableKind::Table { .. });
            model.is_incremental() && !context.settings.full_refresh && is_table
        };
        let onto = context.ports.catalogue.get(&model.name).await?.filter(is_added_to);
        let compiled = context.lake.compile(&model.name, &compile_context(context, onto.is_some()))?;
        reads = reads.saturating_add(of_query(context, model, &compiled.sql, onto.as_ref(), None).await?);
    }
    if reads <= limit {
        return Ok(());
    }
    Err(StepError::permanent(format!(
        "the models of this run would read about {}; `run: {{scan_limit: …}}` in tarn.yaml allows {}. Nothing was started",
        amount(reads),
        amount(limit)
    ))
    .with_hint("select fewer models, or raise the limit"))
}

/// Whether this run has prepared the model before: then its manifest is there.
async fn has_begun(context: &RunContext, model: &Model) -> Result<bool, StepError> {
    let manifest = layout::manifest(&model.name, &context.settings.run);
    Ok(stored::get(&manifest, context.ports.objects.as_ref()).await?.is_some())
}

fn compile_context(context: &RunContext, incremental: bool) -> CompileContext<'static> {
    CompileContext {
        vars: context.settings.vars.clone(),
        incremental,
        relations: &CatalogueNames,
        logical_time: context.settings.logical_time,
    }
}

/// What making a version of a model reads: its query, and for a merge all of the published table, beside whose rows the new ones
/// are put. `enough`: when whole files are no more than that, footers are left unread.
async fn of_query(
    context: &RunContext,
    model: &Model,
    sql: &str,
    onto: Option<&TableEntry>,
    enough: Option<u64>,
) -> Result<u64, StepError> {
    let tables = tables(context, model, sql).await?;
    let objects = &context.ports.objects;
    let mut whole = match onto.filter(|_| is_merge(model)) {
        Some(published) => size(&files(published, &|_| true, objects.as_ref()).await?),
        None => 0,
    };
    let mut reads = whole;
    for (entry, words) in &tables {
        let bounds = Bounds::of(entry, words);
        whole = whole.saturating_add(size(&files(entry, &|values| bounds.may_hold(values), objects.as_ref()).await?));
    }
    if enough.is_some_and(|enough| whole <= enough) {
        return Ok(whole);
    }
    for (entry, words) in &tables {
        let bounds = Bounds::of(entry, words);
        let columns = words.columns_of(entry);
        let bytes = estimate(entry, columns.as_ref(), &|values| bounds.may_hold(values), objects).await?;
        reads = reads.saturating_add(bytes);
    }
    Ok(reads)
}

fn is_merge(model: &Model) -> bool {
    matches!(model.materialization, Materialization::Incremental(Strategy::Merge { .. }))
}

/// The tables that a model reads, each with the words of the statements between it and the model.
async fn tables(context: &RunContext, model: &Model, sql: &str) -> Result<Vec<(TableEntry, Words)>, StepError> {
    let mut found = Vec::new();
    let mut open: Vec<(String, Words, usize)> = relations(model).map(|name| (name, Words::of(sql), 0)).collect();
    let mut seen = BTreeSet::new();
    while let Some((name, words, depth)) = open.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let Some(entry) = context.ports.catalogue.get(&name).await? else { continue };
        match &entry.kind {
            TableKind::Table { .. } => found.push((entry, words)),
            TableKind::View { sql } if depth < DEEPEST_VIEW => {
                let within = words.and(&Words::of(sql));
                let read = context.lake.models.get(&name).map(relations).into_iter().flatten();
                open.extend(read.map(|name| (name, within.clone(), depth + 1)));
            }
            TableKind::View { .. } => {}
        }
    }
    Ok(found)
}

fn relations(model: &Model) -> impl Iterator<Item = String> {
    let read = model.depends_on.iter().filter(|dependency| !dependency.audits_only);
    read.filter(|dependency| dependency.kind != DependencyKind::Seed).map(|dependency| dependency.name.clone())
}

/// `1.5 GB`, as limits are written.
pub fn amount(bytes: u64) -> String {
    for (unit, size) in [("TB", 1_000_000_000_000_u64), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)] {
        if bytes >= size {
            let tenths = bytes / (size / 10);
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
    }
    format!("{bytes} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_listing_serves_all_parts() {
        let above = |folders: &[&str]| folder_above(&folders.iter().copied().collect());
        assert_eq!(above(&["source/a/day=1/", "source/a/day=2/"]).as_deref(), Some("source/a/"));
        assert_eq!(above(&["model/m/run=1/day=1/"]).as_deref(), Some("model/m/run=1/day=1/"));
        assert_eq!(above(&["model/m/", "source/a/"]).as_deref(), Some(""));
        assert_eq!(above(&[]), None);
    }

    #[test]
    fn amounts_are_written_as_limits_are() {
        assert_eq!(amount(999), "999 bytes");
        assert_eq!(amount(1_500_000_000), "1.5 GB");
        assert_eq!(amount(u64::MAX), "18446744.0 TB");
    }
}
