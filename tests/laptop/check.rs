//! What `tarn check` finds before a query is paid for, and how it tells it.

use anyhow::Result;
use serde_json::Value;
use tarn_testkit::ScratchLake;

const SELECT: &str = "select page, day, count(*) as visits from {{ source('visits') }} group by page, day";

/// The mistakes of one model, as scripts get them.
fn mistakes(header: &str, sql: &str) -> Result<Vec<Value>> {
    let lake = ScratchLake::new()?;
    lake.write("models/a.sql", format!("/*\n{header}\n*/\n{sql}\n"))?;
    let checked = lake.tarn(&["check", "--json"])?.ended(2).json()?;
    Ok(checked["mistakes"].as_array().cloned().unwrap_or_default())
}

fn place(mistake: &Value) -> (u64, u64) {
    (mistake["line"].as_u64().unwrap_or_default(), mistake["column"].as_u64().unwrap_or_default())
}

#[test]
fn columns_that_a_header_names_and_nobody_yields() -> Result<()> {
    let header = "audits:\n  - not_null: [page, pge]\n  - unique: [zz]\n  - accepted_values: {column: vists, values: [1]}\n\
                  mart: {to: reporting, mode: merge, key: [kk], indexes: [[day], [dya]]}";
    let found = mistakes(header, SELECT)?;
    let named: Vec<(u64, u64)> = found.iter().map(place).collect();
    assert_eq!(named, [(3, 22), (4, 14), (5, 31), (6, 42), (6, 65)], "{found:?}");
    for (mistake, (name, hint)) in found.iter().zip([
        ("pge", "did you mean `page`?"),
        ("zz", "columns: `page`, `day`, `visits`"),
        ("vists", "did you mean `visits`?"),
        ("kk", "columns: `page`, `day`, `visits`"),
        ("dya", "did you mean `day`?"),
    ]) {
        assert_eq!(mistake["message"], format!("model `a` yields no column `{name}`"));
        assert_eq!((&mistake["file"], &mistake["model"]), (&Value::from("models/a.sql"), &Value::from("a")));
        assert_eq!(mistake["hint"], hint);
    }
    let header = "materialized: incremental\nstrategy: merge\nunique_key: [page, dy]\nmerge_order: visit";
    let found: Vec<(u64, u64)> = mistakes(header, SELECT)?.iter().map(place).collect();
    assert_eq!(found, [(4, 20), (5, 14)]);
    let found = mistakes("partitioned_by: [dey]", SELECT)?;
    assert_eq!((place(&found[0]), &found[0]["hint"]), ((2, 18), &Value::from("did you mean `day`?")));
    Ok(())
}

#[test]
fn columns_that_no_table_can_have() -> Result<()> {
    for (sql, message) in [
        ("select 1", "column 1 of model `a` has no name"),
        ("select page, upper(page) from {{ source('visits') }}", "column 2 of model `a` has no name"),
        ("select interval '1' day as i", "column `i` of model `a` has the type `interval day to second`"),
        ("select now() as i", "column `i` of model `a` has the type `timestamp(3) with time zone`"),
    ] {
        let found = mistakes("description: x", sql)?;
        assert!(found[0]["message"].as_str().unwrap_or_default().starts_with(message), "{sql}: {found:?}");
        assert!(found[0]["hint"].is_string());
    }
    let lake = ScratchLake::new()?;
    lake.write("models/a.sql", "/*\nmaterialized: view\n*/\nselect now() as moment")?;
    lake.tarn(&["check"])?.done();
    Ok(())
}

#[test]
fn a_mistake_is_told_once_with_its_place() -> Result<()> {
    let lake = ScratchLake::new()?;
    lake.write("models/a.sql", "select pge\nfrom {{ source('visits') }}")?;
    let told = lake.tarn(&["check"])?.ended(2).stderr;
    assert_eq!(told.matches("error").count(), 1, "{told}");
    assert!(
        told.contains("error[sql]: Column 'pge' cannot be resolved") && told.contains("models/a.sql:1:8"),
        "{told}"
    );
    let checked = lake.tarn(&["check", "--json"])?.ended(2).json()?;
    let mistake = &checked["mistakes"][0];
    assert_eq!((&mistake["code"], &mistake["message"]), (&"sql".into(), &"Column 'pge' cannot be resolved".into()));
    assert_eq!((place(mistake), &mistake["hint"]), ((1, 8), &"did you mean `page`?".into()));
    Ok(())
}

/// A typo in one file does not hide a mistake in another.
#[test]
fn sound_models_are_planned_beside_wrong_ones() -> Result<()> {
    let lake = ScratchLake::new()?;
    lake.write("models/a.sql", "/*\nmaterialised: table\n*/\nselect 1 as x")?;
    lake.write("models/b.sql", "select pge from {{ source('visits') }}")?;
    lake.write("models/c.sql", "select y from {{ ref('a') }}")?;
    let checked = lake.tarn(&["check", "--json"])?.ended(2).json()?;
    let files: Vec<&str> =
        checked["mistakes"].as_array().into_iter().flatten().filter_map(|one| one["file"].as_str()).collect();
    assert_eq!(files, ["models/a.sql", "models/b.sql"]);
    assert_eq!(checked["unchecked"], serde_json::json!(["c"]));
    Ok(())
}

#[test]
fn warnings_are_told() -> Result<()> {
    let lake = ScratchLake::new()?;
    lake.write("models/a.sql", "select 1 as x\n{% if is_incremental() %}where true{% endif %}")?;
    let told = lake.tarn(&["check"])?.done().stderr;
    assert!(told.contains("warning[never-incremental]") && told.contains("models/a.sql:2:"), "{told}");
    Ok(())
}
