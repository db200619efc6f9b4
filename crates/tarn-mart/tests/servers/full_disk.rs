//! A server without space: a clear error, and the mart as it was.

use std::sync::Arc;

use anyhow::Result;
use arrow::array::{ArrayRef, Int64Array, StringArray};
use tarn_pipeline::ports::LoadMode;
use tarn_testkit::{Database, Kind, SmallDisk};

use crate::world::{World, merge};

on_each_server!(a_full_disk_changes_nothing);

/// What a server of each kind is told, so that it has little space.
const INNODB: [&str; 2] = ["--innodb-data-file-path=ibdata1:12M:autoextend:max:48M", "--innodb-file-per-table=0"];
const MEGABYTES: u32 = 40;

fn a_full_disk_changes_nothing(world: &World) -> Result<()> {
    let (mut disk, mut arguments) = (None, vec![]);
    if world.kind() == Kind::Postgres {
        disk = SmallDisk::mount(MEGABYTES)?;
        if disk.is_none() {
            println!("SKIPPED: no disk can be mounted here; TARN_REQUIRE_MOUNT makes that a failure");
            return Ok(());
        }
    } else {
        arguments.extend(INNODB);
    }
    let server = Arc::new(Database::start_with(world.kind(), &arguments)?);
    if let Some(disk) = &disk {
        server.administer(&format!("create tablespace small location '{}'", disk.path().display()))?;
        server.administer("alter database mart set tablespace small")?;
    }
    let other = World::on(Arc::clone(&server))?;
    let rows = 150_000_i64;
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
    let names: ArrayRef = Arc::new(StringArray::from_iter_values((0..rows).map(|id| format!("{id:0500}"))));
    let large = other.write("large.parquet", vec![("id", ids), ("name", names)]);
    other.load(&other.load_of("r1", merge(&["id"]), &[other.numbers("old.parquet", 0..3, "old")]))?;
    for mode in [LoadMode::Replace, merge(&["id"])] {
        let error = other.load(&other.load_of("r2", mode, std::slice::from_ref(&large))).unwrap_err();
        assert!(error.retryable, "{error}");
        assert!(error.hint.as_deref().unwrap_or_default().contains("the mart is as it was"), "{error:?}");
        assert_eq!((other.state().as_str(), other.loaded().as_deref()), ("3|1|3|old|old", Some("r1")));
    }
    other.load(&other.load_of("r3", merge(&["id"]), &[other.numbers("new.parquet", 0..4, "new")]))?;
    assert_eq!((other.state().as_str(), other.leftovers().as_str()), ("4|1|6|new|new", "0"));
    drop((other, server));
    Ok(())
}
