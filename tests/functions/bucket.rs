//! The object store on S3.

use std::io::Write;

use anyhow::Result;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use tarn_aws::{Bucket, BucketNames};
use tarn_pipeline::names::{Key, RunId};
use tarn_pipeline::plan::{self, Plan, PlanRequest};
use tarn_pipeline::ports::{Clock, ObjectError, ObjectStore};

use crate::world::World;

#[test]
fn small_objects_are_written_read_listed_and_deleted() -> Result<()> {
    let world = World::new()?;
    let bucket = world.bucket();
    let lake = Key::new("source/clicks/day=2026-10-01/a b+ü&=%.parquet");
    let raw = Key::new("raw/clicks/day=2026-10-01/a.ndjson");
    world.runtime.block_on(async {
        bucket.put(&lake, Bytes::from_static(b"old")).await?;
        bucket.put(&lake, Bytes::from_static(b"new")).await?;
        bucket.put(&raw, Bytes::from_static(b"{}")).await?;
        assert_eq!(bucket.get(&lake).await?, "new");
        let found = bucket.list(&Key::new("")).await?;
        let keys: Vec<_> = found.iter().map(|object| (object.key.clone(), object.size)).collect();
        assert_eq!(keys, [(raw.clone(), 2), (lake.clone(), 3)]);
        assert!(found.iter().all(|object| object.modified.timestamp() > 1_700_000_000));
        bucket.delete(&[lake.clone(), raw.clone(), Key::new("source/never")]).await?;
        assert!(matches!(bucket.get(&lake).await, Err(ObjectError::NotFound(key)) if key == lake));
        assert!(bucket.list(&Key::new("")).await?.is_empty());
        anyhow::Ok(())
    })?;
    Ok(())
}

#[test]
fn what_came_in_lies_in_a_bucket_of_its_own() -> Result<()> {
    let world = World::new()?;
    world.runtime.block_on(world.bucket().put(&Key::new("raw/clicks/a"), Bytes::from_static(b"1")))?;
    assert_eq!(world.moto.keys(&world.names.raw, "")?, ["raw/clicks/a"]);
    assert!(world.moto.keys(&world.names.lake, "")?.is_empty());
    Ok(())
}

#[test]
fn thousands_of_objects_are_listed_and_deleted() -> Result<()> {
    let world = World::new()?;
    for number in 0..1_050 {
        world.moto.put(&world.names.lake, &format!("many/{number:05}"), b"")?;
    }
    let bucket = world.bucket();
    world.runtime.block_on(async {
        let keys: Vec<Key> = bucket.list(&Key::new("many/")).await?.into_iter().map(|object| object.key).collect();
        assert_eq!(keys.len(), 1_050);
        assert!(keys.is_sorted());
        bucket.delete(&keys).await?;
        assert!(bucket.list(&Key::new("many/")).await?.is_empty());
        anyhow::Ok(())
    })?;
    Ok(())
}

#[test]
fn an_object_of_many_parts_is_whole_or_not_there() -> Result<()> {
    let world = World::new()?;
    let bucket = world.bucket();
    let key = Key::new("source/clicks/large");
    let bytes: Vec<u8> = (0..20_000_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut writer = bucket.create(&key)?;
    for piece in bytes.chunks(1_000_003) {
        writer.write_all(piece)?;
    }
    assert!(world.moto.keys(&world.names.lake, "")?.is_empty());
    writer.finish()?;
    let reader = bucket.open(&key)?;
    assert_eq!(reader.size(), bytes.len() as u64);
    assert_eq!(reader.read(0, 4)?, bytes[..4]);
    assert_eq!(reader.read(8_388_600, 100)?, bytes[8_388_600..8_388_700]);
    assert_eq!(reader.read(reader.size() - 8, 8)?, bytes[bytes.len() - 8..]);
    assert!(reader.read(reader.size() - 8, 9).is_err());
    assert!(reader.read(reader.size(), 0)?.is_empty());

    let dropped = Key::new("source/clicks/dropped");
    let mut writer = bucket.create(&dropped)?;
    writer.write_all(&bytes)?;
    drop(writer);
    assert!(matches!(bucket.open(&dropped), Err(ObjectError::NotFound(_))));
    Ok(())
}

#[test]
fn an_object_that_is_replaced_while_it_is_read_is_not_mixed() -> Result<()> {
    let world = World::new()?;
    let bucket = world.bucket();
    let key = Key::new("a");
    world.runtime.block_on(bucket.put(&key, Bytes::from_static(b"first")))?;
    let reader = bucket.open(&key)?;
    world.runtime.block_on(bucket.put(&key, Bytes::from_static(b"other")))?;
    assert!(reader.read(0, 5).is_err());
    Ok(())
}

#[test]
fn a_bucket_that_is_not_there_is_told_by_name_and_not_tried_again() -> Result<()> {
    let world = World::new()?;
    let names = BucketNames { lake: "no-such-bucket".into(), raw: "no-such-bucket".into() };
    let bucket = Bucket::new(world.aws.clone(), names);
    let error = world.runtime.block_on(bucket.put(&Key::new("a"), Bytes::new())).unwrap_err();
    assert!(error.to_string().contains("NoSuchBucket"), "{error}");
    assert!(!error.is_retryable());
    assert!(!matches!(error, ObjectError::NotFound(_)));
    Ok(())
}

/// A clock that stands still.
struct At(i64);

impl Clock for At {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(self.0)
    }
}

#[test]
fn a_run_that_is_planned_twice_at_once_has_one_plan() -> Result<()> {
    let world = World::new()?;
    world.push("clicks", "kind: stream\npartitioned_by: {day: at}\ncolumns:\n  - {name: at, type: timestamp}\n")?;
    let bucket = world.bucket();
    let run = RunId::try_from("20261001t000000000_0001".to_owned())?;
    let request = || PlanRequest { run: Some(run.clone()), ..PlanRequest::default() };
    world.runtime.block_on(async {
        let (one, two, three) = (At(1), At(2), At(3));
        let plans = tokio::try_join!(
            plan::plan(request(), &bucket, &one),
            plan::plan(request(), &bucket, &two),
            plan::plan(request(), &bucket, &three),
        )?;
        let kept = Plan::read(&run, &bucket).await?;
        assert_eq!(plans, (kept.clone(), kept.clone(), kept));
        anyhow::Ok(())
    })?;
    Ok(())
}
