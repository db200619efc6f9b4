//! Projects in the bucket: pushed whole, found by a pointer, kept while nothing better is there.

use std::sync::Arc;

use anyhow::Result;
use chrono::TimeDelta;
use tarn_model::LakeFiles;
use tarn_pipeline::ports::SystemClock;
use tarn_pipeline::project::{self, KeptProject, Project};

use crate::world::World;

const CLICKS: &str = "kind: stream\ncolumns:\n  - {name: id, type: string, required: true}\n";
const MORE_CLICKS: &str = "kind: stream\ncolumns:\n  - {name: id, type: string}\n  - {name: n, type: bigint}\n";

#[test]
fn a_push_keeps_the_older_ones_and_the_same_files_change_nothing() -> Result<()> {
    let world = World::new()?;
    let first = world.push("clicks", CLICKS)?;
    let second = world.push("clicks", MORE_CLICKS)?;
    assert_ne!(first, second);
    assert_eq!(world.push("clicks", CLICKS)?, first);
    let keys = world.moto.keys(&world.names.lake, "project/")?;
    assert_eq!(keys.len(), 3, "{keys:?}");
    let project = world.runtime.block_on(Project::load(&world.bucket()))?;
    assert_eq!(project.key, first);
    assert!(project.lake.sources["clicks"].columns.as_ref().is_some_and(|columns| columns.len() == 1));
    assert!(world.runtime.block_on(project.refresh(&world.bucket()))?.is_none());
    Ok(())
}

#[test]
fn nobody_pushes_a_lake_with_mistakes() -> Result<()> {
    let world = World::new()?;
    let files: LakeFiles = [("tarn.yaml", "name: scratch\nflavour: sweet\n")].into_iter().collect();
    let error = world.runtime.block_on(project::push(&files, &world.bucket())).unwrap_err();
    assert!(error.message.contains("flavour"), "{error}");
    assert!(world.moto.keys(&world.names.lake, "")?.is_empty());
    let missing = world.runtime.block_on(Project::load(&world.bucket())).unwrap_err();
    assert!(!missing.retryable && missing.message.contains("no project has been pushed"), "{missing}");
    Ok(())
}

#[test]
fn a_project_that_cannot_be_read_anew_stays() -> Result<()> {
    let world = World::new()?;
    let first = world.push("clicks", CLICKS)?;
    let kept = KeptProject::new(Arc::new(world.bucket()), Arc::new(SystemClock), TimeDelta::zero());
    let current = || world.runtime.block_on(kept.current()).map(|project| project.key.clone());
    assert_eq!(current()?, first);
    world.moto.put(&world.names.lake, "project/current.json", b"{\"project\": \"elsewhere/a.json\"}")?;
    assert_eq!(current()?, first);
    world.moto.put(&world.names.lake, "project/current.json", b"half a point")?;
    assert_eq!(current()?, first);
    let second = world.push("clicks", MORE_CLICKS)?;
    assert_eq!(current()?, second);
    Ok(())
}
