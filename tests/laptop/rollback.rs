//! Versions: kept, published again, and removed only when nothing refers to them.

use anyhow::Result;
use tarn_testkit::ScratchLake;

fn lake() -> Result<ScratchLake> {
    let lake = ScratchLake::empty()?;
    lake.write(
        "tarn.yaml",
        "name: scratch\nretention: {versions: 2}\nmarts:\n  reporting: {url: \"sqlite:reporting.db\"}\n",
    )?;
    Ok(lake)
}

fn version(lake: &ScratchLake, number: u32) -> Result<()> {
    lake.write("models/answer.sql", format!("/*\nmart: {{to: reporting, mode: replace}}\n*/\nselect {number} as n"))?;
    lake.tarn(&["run", "--run-id", &format!("r{number}")])?.done();
    Ok(())
}

#[test]
fn an_older_version_is_published_again_in_lake_and_mart() -> Result<()> {
    let lake = lake()?;
    for number in 1..=3 {
        version(&lake, number)?;
    }
    lake.tarn(&["rollback", "answer"])?.done();
    assert_eq!(
        (lake.rows("select n from answer")?, lake.mart_rows("reporting", "select n from answer")?),
        (vec!["2".into()], vec!["2".into()])
    );
    lake.tarn(&["rollback", "answer", "--to", "r1"])?.done();
    assert_eq!(lake.rows("select n from answer")?, ["1"]);
    lake.tarn(&["rollback", "answer", "--to", "r3"])?.done();
    assert_eq!(lake.rows("select n from answer")?, ["3"]);
    // The next run goes on from there.
    version(&lake, 4)?;
    assert_eq!(
        (lake.rows("select n from answer")?, lake.mart_rows("reporting", "select n from answer")?),
        (vec!["4".into()], vec!["4".into()])
    );
    Ok(())
}

#[test]
fn a_mart_that_refuses_a_rollback_is_loaded_afterwards() -> Result<()> {
    let lake = lake()?;
    for number in 1..=3 {
        version(&lake, number)?;
    }
    let mart = lake.path().join(".tarn/reporting.db");
    let rows = std::fs::read(&mart)?;
    std::fs::write(&mart, "this is no database at all")?;
    let refused = lake.tarn(&["rollback", "answer"])?.ended(1);
    for part in ["shows the version of run r2 already", "`tarn load answer --anew`"] {
        assert!(refused.stderr.contains(part), "{}", refused.stderr);
    }
    std::fs::write(&mart, rows)?;
    lake.tarn(&["load", "answer", "--anew"])?.done();
    assert_eq!(
        (lake.rows("select n from answer")?, lake.mart_rows("reporting", "select n from answer")?),
        (vec!["2".into()], vec!["2".into()])
    );
    Ok(())
}

#[test]
fn what_could_not_be_tidied_up_is_told() -> Result<()> {
    let lake = lake()?;
    version(&lake, 1)?;
    lake.write(".tarn/lake/model/answer/_tarn/r0.json", "{")?;
    lake.write("models/answer.sql", "select 2 as n")?;
    let told = lake.tarn(&["run", "--run-id", "r2"])?.done();
    let warning = "warning: old versions could not be removed";
    assert!(told.stderr.contains(warning), "{}", told.stderr);
    let shown = lake.tarn(&["show", "r2"])?.done();
    assert!(shown.stdout.contains(warning) && shown.stdout.contains("r0.json"), "{}", shown.stdout);
    Ok(())
}

#[test]
fn what_is_not_there_is_said() -> Result<()> {
    let lake = lake()?;
    version(&lake, 1)?;
    let refused = lake.tarn(&["rollback", "answer"])?.ended(1);
    assert!(refused.stderr.contains("no other version is kept"), "{}", refused.stderr);
    lake.tarn(&["rollback", "nothing"])?.ended(2);
    Ok(())
}

#[test]
fn retention_keeps_what_it_says_and_removes_only_its_own() -> Result<()> {
    let lake = lake()?;
    version(&lake, 1)?;
    let foreign = lake.write(".tarn/lake/model/answer/foreign.parquet", "not ours")?;
    let unmarked = lake.write(".tarn/lake/model/answer/run=zzz/part-00000.parquet", "not ours either")?;
    for number in 2..=5 {
        version(&lake, number)?;
    }
    let folder = |run: &str| lake.path().join(format!(".tarn/lake/model/answer/run={run}"));
    assert_eq!(
        ["r1", "r2", "r3", "r4", "r5"].map(|run| folder(run).is_dir()),
        [false, false, true, true, true],
        "the published version and two before it"
    );
    assert!(foreign.is_file() && unmarked.is_file());
    let cleaned = lake.tarn(&["clean", "--keep", "0", "--json"])?.done().json()?;
    assert_eq!(cleaned["versions"], 2);
    assert_eq!(["r3", "r4", "r5"].map(|run| folder(run).is_dir()), [false, false, true]);
    assert_eq!(lake.rows("select n from answer")?, ["5"]);
    assert!(foreign.is_file() && unmarked.is_file());
    Ok(())
}

#[test]
fn a_version_that_a_partition_still_lies_in_stays() -> Result<()> {
    let lake = lake()?;
    lake.write("tarn.yaml", "name: scratch\nretention: {versions: 0}\nvars: {day: 1}\n")?;
    lake.write(
        "models/days.sql",
        "/*\nmaterialized: incremental\nstrategy: insert_overwrite\npartitioned_by: [day]\n*/\nselect 'x' as v, {{ var('day') }} as day",
    )?;
    for day in 1..=4 {
        lake.tarn(&["run", "--run-id", &format!("r{day}"), "--var", &format!("day={day}")])?.done();
    }
    assert_eq!(lake.rows("select day from days order by day")?, ["1", "2", "3", "4"]);
    Ok(())
}

#[test]
fn manifests_stay_few_however_many_runs_a_table_is_made_of() -> Result<()> {
    let lake = lake()?;
    lake.write("tarn.yaml", "name: scratch\nretention: {versions: 1}\nvars: {day: 1}\n")?;
    lake.write("models/answer.sql", "select 42 as n")?;
    lake.write(
        "models/days.sql",
        "/*\nmaterialized: incremental\nstrategy: insert_overwrite\npartitioned_by: [day]\n*/\nselect 'x' as v, {{ var('day') }} as day",
    )?;
    let folder = |folder: &str| -> Result<Vec<String>> {
        let path = lake.path().join(".tarn/lake/model/days").join(folder);
        let names = std::fs::read_dir(path)?.map(|file| Ok(file?.file_name().to_string_lossy().into_owned()));
        let mut names = names.collect::<Result<Vec<String>>>()?;
        names.sort();
        Ok(names)
    };
    let run = |number: usize, day: usize| -> Result<()> {
        lake.tarn(&["run", "days", "--run-id", &format!("r{number:02}"), "--var", &format!("day={day}")])?.done();
        Ok(())
    };
    for number in 1..=12 {
        run(number, number)?;
    }
    assert_eq!(folder("_tarn")?, ["r11.json", "r12.json"]);
    assert_eq!(folder("_past")?.len(), 10, "each holds a day that is still seen");
    // Days that are overwritten again go with the version that was the last to name them.
    for number in 13..=20 {
        run(number, number - 12)?;
    }
    assert_eq!(folder("_tarn")?, ["r19.json", "r20.json"]);
    let past = folder("_past")?;
    assert_eq!(past[..3], ["r08.json", "r09.json", "r10.json"], "{past:?}");
    assert_eq!(lake.rows("select count(*), count(distinct day) from days")?, ["12,12"]);
    lake.tarn(&["rollback", "days"])?.done();
    assert_eq!(lake.rows("select count(*), count(distinct day) from days")?, ["12,12"]);
    let runs: Vec<String> = folder("")?.into_iter().filter(|name| name.starts_with("run=")).collect();
    assert_eq!(runs.len(), 13, "one per day that is seen, and one to go back from: {runs:?}");
    Ok(())
}
