//! One version, loaded by several processes.

use anyhow::Result;
use tarn_pipeline::ports::LoadMode;

use crate::world::{World, merge, refused};

on_each_server!(
    parts_are_gathered_and_seen_at_once,
    every_step_can_be_repeated,
    a_part_that_runs_twice_at_once_is_loaded_once,
    a_file_that_is_there_twice_is_loaded_twice,
    a_part_goes_on_where_it_stopped,
    a_missing_part_is_noticed,
    a_newer_load_takes_over,
);

/// Slices are large: a million rows. So these files are of many rows and one column.
fn large(world: &World, name: &str, rows: i64) -> tarn_pipeline::ports::VersionFile {
    let ids = arrow::array::Int64Array::from_iter_values(0..rows);
    let batch =
        arrow::array::RecordBatch::try_from_iter([("id", std::sync::Arc::new(ids) as arrow::array::ArrayRef)]).unwrap();
    crate::world::write_parquet(&world.folder.path().join(name), &batch, 300_000);
    crate::world::file(name, &[])
}

fn count(world: &World) -> String {
    world.sql("select count(*), sum(id) from %T")
}

fn parts_are_gathered_and_seen_at_once(world: &World) -> Result<()> {
    let file = large(world, "large.parquet", 2_500_000);
    let load = world.load_columns("r2", LoadMode::Replace, &[("id", "bigint")], std::slice::from_ref(&file));
    let small = large(world, "small.parquet", 10);
    world.load(&world.load_columns("r1", LoadMode::Replace, &[("id", "bigint")], &[small]))?;
    let objects = world.objects();
    world.runtime.block_on(async {
        assert_eq!(world.mart().begin(&load, objects.clone()).await?, Some(3));
        let (a, b, c) = (world.mart(), world.mart(), world.mart());
        let (first, second, third) = tokio::join!(
            a.part(&load, (0, 3), objects.clone(), &|| false),
            b.part(&load, (1, 3), objects.clone(), &|| false),
            c.part(&load, (2, 3), objects.clone(), &|| false),
        );
        assert_eq!((first?.rows, second?.rows, third?.rows), (1_200_000, 1_200_000, 100_000));
        assert_eq!(count(world), "10\t45");
        assert_eq!(world.mart().commit(&load, objects.clone()).await?.rows, 2_500_000);
        anyhow::Ok(())
    })?;
    assert_eq!(count(world), "2500000\t3124998750000");
    assert_eq!((world.leftovers().as_str(), world.loaded().as_deref()), ("0", Some("r2")));
    Ok(())
}

fn every_step_can_be_repeated(world: &World) -> Result<()> {
    let files = [world.numbers("a.parquet", 0..4_000, "a"), world.numbers("b.parquet", 4_000..5_000, "b")];
    let load = world.load_of("r1", LoadMode::Append, &files);
    let objects = world.objects();
    world.runtime.block_on(async {
        for _ in 0..2 {
            assert_eq!(world.mart().begin(&load, objects.clone()).await?, Some(1));
            for _ in 0..2 {
                let outcome = world.mart().part(&load, (0, 1), objects.clone(), &|| false).await?;
                assert_eq!((outcome.rows, outcome.done), (5_000, true));
            }
        }
        let committed = world.mart().commit(&load, objects.clone()).await?;
        assert_eq!((committed.rows, committed.repeated), (5_000, false));
        assert!(world.mart().commit(&load, objects.clone()).await?.repeated);
        assert_eq!(world.mart().begin(&load, objects.clone()).await?, None);
        anyhow::Ok(())
    })?;
    assert_eq!(world.state(), "5000|2|12497500|a|b");
    Ok(())
}

/// A machine that calls the loader again cannot know that the first call is still at it.
fn a_part_that_runs_twice_at_once_is_loaded_once(world: &World) -> Result<()> {
    let load = world.load_columns("r1", merge(&["id"]), &[("id", "bigint")], &[large(world, "l.parquet", 1_400_000)]);
    let objects = world.objects();
    world.runtime.block_on(async {
        assert_eq!(world.mart().begin(&load, objects.clone()).await?, Some(2));
        let marts = [world.mart(), world.mart(), world.mart()];
        let part = |place: usize| marts[place].part(&load, (0, 1), objects.clone(), &|| false);
        let (first, second, third) = tokio::join!(part(0), part(1), part(2));
        for outcome in [first?, second?, third?] {
            assert_eq!((outcome.rows, outcome.done), (1_400_000, true));
        }
        assert_eq!(world.mart().commit(&load, objects.clone()).await?.rows, 1_400_000);
        anyhow::Ok(())
    })?;
    assert_eq!(count(world), "1400000\t979999300000");
    Ok(())
}

fn a_file_that_is_there_twice_is_loaded_twice(world: &World) -> Result<()> {
    let file = large(world, "l.parquet", 1_200_000);
    let load = world.load_columns("r1", LoadMode::Append, &[("id", "bigint")], &[file.clone(), file]);
    assert_eq!(world.load(&load)?.rows, 2_400_000);
    assert_eq!(count(world), "2400000\t1439998800000");
    Ok(())
}

fn a_part_goes_on_where_it_stopped(world: &World) -> Result<()> {
    let load = world.load_columns("r1", merge(&["id"]), &[("id", "bigint")], &[large(world, "l.parquet", 1_500_000)]);
    let objects = world.objects();
    world.runtime.block_on(async {
        let mart = world.mart();
        assert_eq!(mart.begin(&load, objects.clone()).await?, Some(2));
        let out_of_time = mart.part(&load, (0, 1), objects.clone(), &|| true).await?;
        assert_eq!((out_of_time.rows, out_of_time.done), (0, false));
        // Time for one slice.
        let asked = std::sync::atomic::AtomicU32::new(0);
        let until = || asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > 0;
        let half = mart.part(&load, (0, 1), objects.clone(), &until).await?;
        assert_eq!((half.rows, half.done), (1_200_000, false));
        let all = mart.part(&load, (0, 1), objects.clone(), &|| false).await?;
        assert_eq!((all.rows, all.done), (1_500_000, true));
        assert_eq!(mart.commit(&load, objects).await?.rows, 1_500_000);
        anyhow::Ok(())
    })?;
    assert_eq!(count(world), "1500000\t1124999250000");
    Ok(())
}

fn a_missing_part_is_noticed(world: &World) -> Result<()> {
    let load = world.load_of("r1", LoadMode::Append, &[world.numbers("a.parquet", 0..10, "a")]);
    let objects = world.objects();
    let mart = world.mart();
    let committed = world.runtime.block_on(async {
        mart.begin(&load, objects.clone()).await?;
        mart.commit(&load, objects.clone()).await
    });
    refused(committed, "1 of 1 slices of table");
    assert!(world.loaded().is_none());
    Ok(())
}

fn a_newer_load_takes_over(world: &World) -> Result<()> {
    let older = world.load_of("r1", LoadMode::Append, &[world.numbers("a.parquet", 0..10, "a")]);
    let newer = world.load_of("r2", LoadMode::Append, &[world.numbers("b.parquet", 0..20, "b")]);
    let (objects, mart) = (world.objects(), world.mart());
    world.runtime.block_on(mart.begin(&older, objects.clone()))?;
    world.load(&newer)?;
    let error = world.runtime.block_on(mart.part(&older, (0, 1), objects.clone(), &|| false)).unwrap_err();
    assert!(error.message.contains("another one of the same table has begun since"), "{}", error.message);
    refused(world.runtime.block_on(mart.commit(&older, objects)), "newer than run `r1`");
    assert_eq!(world.state(), "20|1|190|b|b");
    Ok(())
}
