//! Loading: the parts of a published table that a mart has not seen yet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tarn_model::{MartMode, MartTarget, Model};

use crate::context::Ports;
use crate::error::StepError;
use crate::names::RunId;
use crate::ports::{GoneRows, Load, LoadMode, Mart, ObjectStore, Part, TableEntry, TableOptions, VersionFile};
use crate::record::LoadedRecord;

/// What a load is of and where it goes.
#[derive(Clone, Copy)]
pub struct LoadRequest<'a> {
    /// The published table.
    pub entry: &'a TableEntry,
    /// Where the model's header says it goes.
    pub target: &'a MartTarget,
    /// The run that loads.
    pub run: &'a RunId,
    /// Whether everything is loaded again, even over a newer run: a rollback.
    pub anew: bool,
}

/// Loads what the mart has not seen.
///
/// A mart remembers the run it was last loaded by; what is loaded are the parts of newer runs. So a load that failed is made up
/// for by the next one, a mart that was deleted is filled again, and a repeated load finds nothing to do.
pub async fn load(
    request: LoadRequest<'_>,
    mart: &dyn Mart,
    objects: Arc<dyn ObjectStore>,
    progress: &(dyn Fn(u64) + Send + Sync),
) -> Result<LoadedRecord, StepError> {
    let LoadRequest { target, anew, .. } = request;
    let loaded = if anew { None } else { mart.loaded(&target.table).await? };
    let mut record = LoadedRecord {
        table: format!("{}.{}", target.to, target.table),
        mode: mode_name(target.mode).to_owned(),
        rows: 0,
        milliseconds: 0,
    };
    for load in loads(request, loaded.as_ref(), objects.as_ref()).await? {
        let before = record.rows;
        let outcome = mart.load(&load, Arc::clone(&objects), &|rows| progress(before + rows)).await?;
        record.rows += outcome.rows;
        record.milliseconds += outcome.milliseconds;
    }
    Ok(record)
}

/// The loads that bring a mart up to date which was last loaded by the run `loaded`, in order; at least one.
pub(crate) async fn loads(
    request: LoadRequest<'_>,
    loaded: Option<&RunId>,
    objects: &dyn ObjectStore,
) -> Result<Vec<Load>, StepError> {
    let LoadRequest { entry, target, run, anew } = request;
    let parts = parts_to_load(entry, selection(target), loaded);
    let mut loads = Vec::new();
    for (of_run, parts) in batches(parts, selection(target), run, anew) {
        loads.push(Load {
            run: of_run,
            table: target.table.clone(),
            mode: mode(entry, target, anew),
            columns: entry.columns.clone(),
            partition_keys: entry.partition_keys.clone(),
            files: files(&parts, objects).await?,
            partitions: parts.iter().map(|part| part.values.clone()).collect::<BTreeSet<_>>().into_iter().collect(),
            force: anew,
            options: TableOptions {
                description: entry.description.clone(),
                key: target.key.clone(),
                indexes: target.indexes.clone(),
                gone: if anew { GoneRows::Keep } else { target.gone },
                drift: target.drift,
            },
        });
    }
    Ok(loads)
}

/// Loads what is published of a model into its mart; with `anew`, all of it over whatever is there.
///
/// # Errors
/// A model without a mart, one that was never published, a mart that refuses.
pub async fn published(
    model: &Model,
    anew: bool,
    ports: &Ports,
    progress: &(dyn Fn(u64) + Send + Sync),
) -> Result<LoadedRecord, StepError> {
    let name = &model.name;
    let target = model.mart.as_ref().ok_or_else(|| StepError::permanent(format!("model `{name}` has no mart")))?;
    let mart = ports
        .marts
        .get(&target.to)
        .ok_or_else(|| StepError::permanent(format!("there is no mart `{}` in tarn.yaml", target.to)))?;
    let never =
        || StepError::permanent(format!("model `{name}` was never published")).with_hint("make it with `tarn run`");
    let entry = ports.catalogue.get(name).await?.ok_or_else(never)?;
    let run = entry.run.clone().ok_or_else(never)?;
    let request = LoadRequest { entry: &entry, target, run: &run, anew };
    load(request, mart.as_ref(), Arc::clone(&ports.objects), progress).await
}

/// The loads to make, in order: one, but for a merge that makes up for several runs. A key may stand in the parts of two runs,
/// and the later one must win.
fn batches<'a>(parts: Vec<&'a Part>, mode: MartMode, run: &RunId, anew: bool) -> Vec<(RunId, Vec<&'a Part>)> {
    if mode != MartMode::Merge || anew {
        return vec![(run.clone(), parts)];
    }
    let mut by_run: BTreeMap<RunId, Vec<&Part>> = BTreeMap::new();
    for part in parts {
        by_run.entry(part.run.clone().unwrap_or_else(|| run.clone())).or_default().push(part);
    }
    // A mart that is loaded for the first time gets its table also when there is no row yet.
    if by_run.is_empty() {
        by_run.insert(run.clone(), Vec::new());
    }
    by_run.into_iter().collect()
}

fn mode(entry: &TableEntry, target: &MartTarget, anew: bool) -> LoadMode {
    match target.mode {
        // After a rollback the mart holds exactly what the older version holds.
        _ if anew => LoadMode::Replace,
        MartMode::Replace => LoadMode::Replace,
        MartMode::Merge => LoadMode::Merge { key: target.key.clone() },
        MartMode::Append => LoadMode::Append,
        MartMode::Partition => {
            LoadMode::Partition { columns: entry.partition_keys.iter().map(|column| column.name.clone()).collect() }
        }
    }
}

/// Which parts a load takes. A merge that deletes what is gone must see a touched partition whole, as a load by partition does:
/// a key that another part of the partition has is not gone.
fn selection(target: &MartTarget) -> MartMode {
    match (target.mode, target.gone) {
        (MartMode::Merge, GoneRows::Delete) => MartMode::Partition,
        (mode, _) => mode,
    }
}

pub(crate) fn mode_name(mode: MartMode) -> &'static str {
    match mode {
        MartMode::Replace => "replace",
        MartMode::Merge => "merge",
        MartMode::Append => "append",
        MartMode::Partition => "partition",
    }
}

/// The parts to load: all for a replace, those of runs after the loaded one for the other modes.
///
/// For a partition, all parts with the values of a new part: an appended part must not push out the older ones beside it.
fn parts_to_load<'a>(entry: &'a TableEntry, mode: MartMode, loaded: Option<&RunId>) -> Vec<&'a Part> {
    let is_new = |part: &&Part| loaded.is_none_or(|loaded| part.run.as_ref().is_none_or(|run| run > loaded));
    match mode {
        MartMode::Replace => entry.parts().iter().collect(),
        MartMode::Merge | MartMode::Append => entry.parts().iter().filter(is_new).collect(),
        MartMode::Partition => {
            let touched: BTreeSet<&Vec<Option<String>>> =
                entry.parts().iter().filter(is_new).map(|part| &part.values).collect();
            entry.parts().iter().filter(|part| touched.contains(&part.values)).collect()
        }
    }
}

/// The Parquet files of parts; names that start with `_` or `.` are not data, as in Hive.
async fn files(parts: &[&Part], objects: &dyn ObjectStore) -> Result<Vec<VersionFile>, StepError> {
    let mut files = Vec::new();
    for part in parts {
        for object in objects.list(&part.location).await? {
            if !object.key.file_name().starts_with(['_', '.']) {
                files.push(VersionFile { key: object.key, partition_values: part.values.clone() });
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Key;
    use crate::ports::TableKind;
    use std::collections::BTreeMap;

    fn run(text: &str) -> RunId {
        RunId::try_from(text.to_owned()).unwrap()
    }

    fn entry(parts: &[(&str, &str)]) -> TableEntry {
        let parts = parts
            .iter()
            .map(|(day, by)| Part {
                values: vec![Some((*day).to_owned())],
                location: Key::new(format!("model/m/run={by}/day={day}/")),
                run: Some(run(by)),
            })
            .collect();
        TableEntry {
            name: "m".into(),
            kind: TableKind::Table { parts },
            columns: vec![],
            partition_keys: vec![],
            description: None,
            run: None,
            parameters: BTreeMap::new(),
            version: 1,
        }
    }

    fn days(parts: &[&Part]) -> Vec<String> {
        parts
            .iter()
            .map(|part| format!("{}{}", part.values[0].as_deref().unwrap(), part.run.as_ref().unwrap()))
            .collect()
    }

    #[test]
    fn a_load_makes_up_for_the_one_that_failed() {
        let entry = entry(&[("1", "a"), ("2", "b"), ("3", "c")]);
        assert_eq!(days(&parts_to_load(&entry, MartMode::Merge, Some(&run("a")))), ["2b", "3c"]);
        assert_eq!(days(&parts_to_load(&entry, MartMode::Merge, None)), ["1a", "2b", "3c"]);
        assert_eq!(days(&parts_to_load(&entry, MartMode::Replace, Some(&run("c")))), ["1a", "2b", "3c"]);
    }

    #[test]
    fn a_partition_is_loaded_whole() {
        let entry = entry(&[("1", "a"), ("2", "a"), ("2", "b")]);
        assert_eq!(days(&parts_to_load(&entry, MartMode::Partition, Some(&run("a")))), ["2a", "2b"]);
    }
}
