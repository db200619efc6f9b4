//! Everything a user can get wrong: the error says what, where and what to do, and the lake is as it was.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use anyhow::Result;
use tarn_testkit::{Answer, ScratchLake, program};

#[track_caller]
fn says(answer: &Answer, parts: &[&str]) {
    for part in parts {
        assert!(answer.stderr.contains(part), "`{part}` is not said in:\n{}", answer.stderr);
    }
    assert!(!answer.stderr.contains("panicked"), "{}", answer.stderr);
}

fn with_model(name: &str, text: &str) -> Result<ScratchLake> {
    let lake = ScratchLake::new()?;
    lake.tarn(&["ingest", "visits", "data/visits.ndjson"])?.done();
    lake.write(&format!("models/{name}.sql"), text)?;
    Ok(lake)
}

#[test]
fn a_typo_in_yaml() -> Result<()> {
    let lake = ScratchLake::new()?;
    lake.write("tarn.yaml", lake.read("tarn.yaml")?.replace("timezone:", "timezon:"))?;
    lake.write("sources/visits.yaml", lake.read("sources/visits.yaml")?.replace("type: bigint", "type: bigit"))?;
    let answer = lake.tarn(&["check"])?.ended(2);
    says(&answer, &["tarn.yaml:4:1", "timezon", "did you mean `timezone`", "sources/visits.yaml:7", "bigit"]);
    Ok(())
}

#[test]
fn mistakes_as_json_for_scripts() -> Result<()> {
    let lake = ScratchLake::new()?;
    lake.write("tarn.yaml", "name: x\nnonsense: 1\n")?;
    let mistakes = lake.tarn(&["check", "--json"])?.ended(2).json()?;
    assert!(mistakes.to_string().contains("nonsense"), "{mistakes}");
    Ok(())
}

#[test]
fn a_cycle() -> Result<()> {
    let lake = with_model("a", "select * from {{ ref('b') }}")?;
    lake.write("models/b.sql", "select * from {{ ref('a') }}")?;
    let answer = lake.tarn(&["run"])?.ended(2);
    says(&answer, &["models/", "a", "->", "b"]);
    Ok(())
}

#[test]
fn a_missing_ref() -> Result<()> {
    let lake = with_model("a", "select *\nfrom {{ ref('visits_per_dya') }}")?;
    let answer = lake.tarn(&["run"])?.ended(2);
    says(&answer, &["models/a.sql:2:", "visits_per_dya", "did you mean `visits_per_day`"]);
    Ok(())
}

#[test]
fn a_variable_without_a_value() -> Result<()> {
    let lake = with_model("a", "select '{{ var('nothing') }}' as x")?;
    let answer = lake.tarn(&["check"])?.ended(2);
    says(&answer, &["models/a.sql:1:", "nothing"]);
    let answer = ScratchLake::new()?.tarn(&["run", "--var", "first_dya=2026-01-01"])?.ended(2);
    says(&answer, &["first_dya", "first_day"]);
    Ok(())
}

#[test]
fn sql_that_does_not_parse() -> Result<()> {
    let lake = with_model("a", "/*\ndescription: x\n*/\nselect 1 as x\nform {{ source('visits') }}")?;
    let answer = lake.tarn(&["check"])?.ended(2);
    says(&answer, &["models/a.sql:5:"]);
    let answer = lake.tarn(&["run", "a"])?.ended(1);
    says(&answer, &["models/a.sql:5:"]);
    Ok(())
}

#[test]
fn a_column_that_is_not_there() -> Result<()> {
    let lake = with_model("a", "select visit_id,\n  contry\nfrom {{ source('visits') }}")?;
    let answer = lake.tarn(&["check"])?.ended(2);
    says(&answer, &["models/a.sql:2:3", "contry", "country"]);
    Ok(())
}

#[test]
fn a_function_that_athena_does_not_have() -> Result<()> {
    let lake = with_model("a", "select date_prase(page, '%Y') as x\nfrom {{ source('visits') }}")?;
    let answer = lake.tarn(&["check"])?.ended(2);
    says(&answer, &["models/a.sql:1:8", "date_prase", "date_parse"]);
    Ok(())
}

#[test]
fn a_model_that_yields_no_columns() -> Result<()> {
    let lake = with_model("a", "/*\ndescription: nothing follows\n*/\n")?;
    let answer = lake.tarn(&["check"])?.ended(2);
    says(&answer, &["models/a.sql"]);
    let lake = with_model("a", "/*\npartitioned_by: [page]\n*/\nselect page from {{ source('visits') }}")?;
    let answer = lake.tarn(&["check"])?.ended(2);
    says(&answer, &["no column besides its partition columns"]);
    let lake = with_model("a", "select page, page from {{ source('visits') }}")?;
    let answer = lake.tarn(&["check"])?.ended(2);
    says(&answer, &["page"]);
    Ok(())
}

#[test]
fn a_division_by_zero_in_the_middle_of_a_run() -> Result<()> {
    let lake = with_model("a", "select 1 / (count(*) - count(*)) as x\nfrom {{ source('visits') }}")?;
    let answer = lake.tarn(&["run", "a"])?.ended(1);
    says(&answer, &["ivision by zero"]);
    Ok(())
}

#[test]
fn a_merge_into_a_mart_without_a_key() -> Result<()> {
    let lake = with_model("a", "/*\nmart: {to: reporting, mode: merge}\n*/\nselect 1 as x")?;
    let answer = lake.tarn(&["check"])?.ended(2);
    says(&answer, &["models/a.sql:2:", "key"]);
    Ok(())
}

#[test]
fn a_seed_with_a_bad_quote() -> Result<()> {
    let lake = ScratchLake::new()?;
    lake.write("seeds/countries.csv", "code,name\nDE,\"Ger\"many\"\n")?;
    let answer = lake.tarn(&["check"])?.ended(2);
    says(&answer, &["seeds/countries.csv:2:", "quote"]);
    Ok(())
}

#[test]
fn no_lake_no_source_no_file() -> Result<()> {
    let nowhere = ScratchLake::empty()?;
    says(&nowhere.tarn(&["run"])?.ended(2), &["tarn.yaml", "tarn init"]);
    let lake = ScratchLake::new()?;
    says(&lake.tarn(&["ingest", "visitz", "data/visits.ndjson"])?.ended(2), &["visitz", "visits"]);
    says(&lake.tarn(&["ingest", "visits", "nothing.ndjson"])?.ended(2), &["nothing.ndjson"]);
    says(&lake.tarn(&["ingest", "visits", "data"])?.ended(2), &["`data` is a folder", "data/*"]);
    says(&lake.tarn(&["ingest", "visits", "/dev/null"])?.ended(2), &["`/dev/null` is not a regular file"]);
    says(&lake.tarn(&["run", "visits_per_dya"])?.ended(2), &["visits_per_dya", "visits_per_day"]);
    Ok(())
}

#[test]
fn a_parquet_file_cut_in_half() -> Result<()> {
    let lake = ScratchLake::new()?;
    lake.tarn(&["ingest", "visits", "data/visits.ndjson"])?.done();
    let folder = lake.path().join(".tarn/lake/source/visits/day=2026-01-01");
    let file = std::fs::read_dir(&folder)?.next().unwrap()?.path();
    let bytes = std::fs::read(&file)?;
    std::fs::write(&file, &bytes[..bytes.len() / 2])?;
    let answer = lake.tarn(&["run"])?.ended(1);
    says(&answer, &[&*file.file_name().unwrap().to_string_lossy(), "ingest it again"]);
    // Bringing the file in again mends it.
    lake.tarn(&["ingest", "visits", "data/visits.ndjson"])?.done();
    lake.tarn(&["run"])?.done();
    Ok(())
}

#[test]
fn a_snapshot_that_is_no_parquet_or_breaks_its_contract() -> Result<()> {
    let lake = ScratchLake::new()?;
    lake.write("sources/customers.yaml", "kind: snapshot\ncolumns:\n  - {name: n, type: string, required: true}\n")?;
    lake.write("customers.parquet", "PAR1 but not really")?;
    let answer = lake.tarn(&["ingest", "customers", "customers.parquet"])?.ended(1);
    says(&answer, &["not a readable Parquet file"]);
    lake.write("models/n.sql", "select 1 as n")?;
    lake.tarn(&["run", "n"])?.done();
    let made = std::fs::read_dir(lake.path().join(".tarn/lake/model/n"))?
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_string_lossy().contains("run="))
        .unwrap();
    let parquet = std::fs::read_dir(made)?.next().unwrap()?.path();
    let answer = lake.tarn(&["ingest", "customers", &parquet.to_string_lossy()])?.ended(1);
    says(&answer, &["column `n` is int, not string", "sources/customers.yaml"]);
    Ok(())
}

/// Runs a script in which `$TARN` is the program, in a namespace of its own in which it may mount a small disk.
fn in_namespace(lake: &ScratchLake, script: &str) -> Result<Answer> {
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "bash", "-ec", script])
        .current_dir(lake.path())
        .env("TARN", program("tarn")?)
        .output()?;
    Ok(Answer {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

#[test]
fn a_full_disk() -> Result<()> {
    let lake = ScratchLake::new()?;
    let record = format!(r#"{{"visit_id":"v","occurred_at":"2026-02-01T00:00:00Z","page":"{}"}}"#, "x".repeat(500));
    lake.write("many.ndjson", format!("{record}\n").repeat(8_000))?;
    let answer = in_namespace(
        &lake,
        "mkdir -p .tarn && mount -t tmpfs -o size=2m none .tarn
         $TARN ingest visits data/visits.ndjson && $TARN run
         code=0; $TARN ingest visits many.ndjson || code=$?
         echo after >&2
         test $code = 1
         $TARN --quiet query --format csv 'select count(*) from visits'",
    )?
    .done();
    says(&answer, &["space"]);
    assert_eq!(answer.stdout.lines().last(), Some("40"), "what was there is still there: {}", answer.stdout);
    Ok(())
}

#[test]
fn a_read_only_lake() -> Result<()> {
    let lake = ScratchLake::new()?;
    let answer = in_namespace(
        &lake,
        "mkdir -p .tarn && mount -t tmpfs -o size=2m none .tarn && mount -o remount,ro .tarn
         code=0; $TARN run || code=$?; test $code = 2",
    )?
    .done();
    says(&answer, &[".tarn", "cannot be written"]);
    Ok(())
}

#[test]
fn a_file_that_may_not_be_read() -> Result<()> {
    let lake = ScratchLake::new()?;
    let path = lake.write("models/secret.sql", "select 1 as x")?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000))?;
    if std::fs::read(&path).is_ok() {
        // The super-user reads everything: a folder where a file is wanted is the same mistake for it.
        std::fs::remove_file(&path)?;
        std::fs::remove_file(lake.path().join("tarn.yaml"))?;
        std::fs::create_dir(lake.path().join("tarn.yaml"))?;
        says(&lake.tarn(&["--lake", ".", "check"])?.ended(2), &["tarn.yaml"]);
        return Ok(());
    }
    says(&lake.tarn(&["check"])?.ended(2), &["models/secret.sql", "cannot be read"]);
    Ok(())
}

/// A model whose SQL has about so many bytes.
fn of_bytes(bytes: usize) -> String {
    format!("select '{}' as words, 1 as n\n", "x".repeat(bytes.saturating_sub(27)))
}

#[test]
fn a_statement_that_athena_would_not_take_is_found_at_the_desk() -> Result<()> {
    for (bytes, taken) in [(255_000, true), (257_000, false), (263_000, false)] {
        let lake = with_model("long", &of_bytes(bytes))?;
        let answer = lake.tarn(&["check"])?.ended(if taken { 0 } else { 2 });
        if !taken {
            says(&answer, &["long", "Athena takes at most 262144", "cut the model into two"]);
            let answer = lake.tarn(&["run", "long"])?.ended(1);
            says(&answer, &["Athena takes at most 262144"]);
        }
    }
    // A query that fits, and what stands around it does not: partitions are asked for, and audits are one statement.
    let partitioned = format!("/*\npartitioned_by: [n]\n*/\n{}", of_bytes(255_000));
    let answer = with_model("long", &partitioned)?.tarn(&["check"])?.ended(2);
    says(&answer, &["the statement that creates the table of model `long`"]);
    let values: Vec<String> = (0..30_000).map(|number| format!("value{number}")).collect();
    let audited = format!(
        "/*\naudits:\n  - accepted_values: {{column: words, values: [{}]}}\n*/\n{}",
        values.join(", "),
        of_bytes(100)
    );
    let answer = with_model("long", &audited)?.tarn(&["check"])?.ended(2);
    says(&answer, &["the failing rows of the audits of model `long`"]);
    Ok(())
}
