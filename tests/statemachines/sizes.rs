//! A run of a thousand models, with the function `workflow-plan` itself: what passes through the machine, and how long its history is.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use aws_config::Region;
use aws_sdk_s3::config::Credentials;
use serde_json::{Value, json};
use tarn_aws::{Aws, Bucket, BucketNames};
use tarn_model::LakeFiles;
use tarn_pipeline::project;
use tarn_testkit::{Moto, REGION, RuntimeApi};

use crate::machine::Machine;
use crate::walk::Walk;

const MODELS: usize = 1_000;
const WAVES: usize = 10;
/// Step Functions' own limits.
const MOST_BYTES: usize = 262_144;
const MOST_EVENTS: usize = 25_000;

fn name(number: usize) -> String {
    format!("a_model_with_a_name_as_people_give_them_{number:04}")
}

/// A thousand models; each reads one of the wave before.
fn lake() -> LakeFiles {
    let of_wave = MODELS / WAVES;
    let text = |number: usize| match number.checked_sub(of_wave) {
        None => "select 1 as a\n".to_owned(),
        Some(before) => format!("select a from {{{{ ref('{}') }}}}\n", name(before)),
    };
    let models = (0..MODELS).map(|number| (format!("models/{}.sql", name(number)), text(number)));
    models.chain([("tarn.yaml".to_owned(), "name: large\n".to_owned())]).collect()
}

/// Pushes the lake into a bucket of its own; the bucket's name.
fn pushed(moto: &Moto) -> Result<String> {
    let names = BucketNames { lake: "a-thousand".to_owned(), raw: "a-thousand".to_owned() };
    moto.create_bucket(&names.lake)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let loader = tarn_aws::defaults()
        .region(Region::new(REGION))
        .endpoint_url(moto.endpoint())
        .credentials_provider(Credentials::new("test", "test", None, None, "test"));
    let aws = Arc::new(Aws::with_config(runtime.handle().clone(), runtime.block_on(loader.load())));
    let bucket = names.lake.clone();
    runtime.block_on(project::push(&lake(), &Bucket::new(aws, names)))?;
    Ok(bucket)
}

/// The record of a model that has ended, as `athena-ctas` leaves it.
fn record(model: &str, status: &str) -> Value {
    let failure = json!({"step": "convert", "message": "x".repeat(5_000), "retryable": false});
    let mut record = json!({
        "model": model, "status": status, "materialized": "table", "full_refresh": true, "rows": 5, "files": 1,
        "bytes": 1_000, "partitions": 0, "milliseconds": 5_000,
    });
    match status {
        "failed" => record["failure"] = failure,
        _ => record["published"] = json!("20261031t170000000_0001"),
    }
    record
}

#[test]
fn a_run_of_a_thousand_models_stays_far_below_the_limits() -> Result<()> {
    let moto = Moto::shared()?;
    let bucket = pushed(&moto)?;
    let endpoint = moto.endpoint();
    let settings = [("AWS_ENDPOINT_URL", endpoint.as_str()), ("TARN_BUCKET", bucket.as_str())];
    let mut function = RuntimeApi::start("workflow-plan", &settings)?;
    let run = "20261031t170000000_0001";
    let (mut made, mut plan) = (0, Value::Null);
    let mut call = |resource: &str, parameters: &Value| -> Result<Value> {
        match resource {
            "arn:aws:states:::lambda:invoke" => {
                let answer = function.invoke(parameters["Payload"].to_string())?.json();
                Ok(json!({"ExecutedVersion": "$LATEST", "StatusCode": 200, "Payload": answer}))
            }
            "arn:aws:states:::states:startExecution.sync:2" => {
                let number = parameters["Input"]["model"].as_u64().and_then(|number| usize::try_from(number).ok());
                if plan.is_null() {
                    plan = serde_json::from_slice(&moto.get(&bucket, &format!("work/{run}/plan.json"))?)?;
                }
                let model = plan["models"][number.context("no number")?].as_str().context("no such model")?.to_owned();
                made += 1;
                // Those of the last wave fail, so that the answer at the end is as long as it gets.
                let status = if made > MODELS - MODELS / WAVES { "failed" } else { "done" };
                moto.put(
                    &bucket,
                    &format!("work/{run}/{model}/record.json"),
                    record(&model, status).to_string().as_bytes(),
                )?;
                Ok(
                    json!({"Output": {"next": "ended", "status": status}, "Status": "SUCCEEDED", "Input": parameters["Input"]}),
                )
            }
            other => bail!("no task of `workflow`: {other}"),
        }
    };
    let machine = Machine::read("workflow")?;
    let mut definition = machine.definition;
    // A run with failed models ends as a failure; what it would say is looked at here.
    definition["States"]["Failed"] = json!({"Type": "Succeed", "OutputPath": "$.finished.answer"});
    let input = json!({"run": run, "select": [], "user": "ada"});
    let id = format!("arn:aws:states:us-east-1:111122223333:execution:tarn-large-workflow:{run}");
    let context = json!({"Execution": {"Id": id, "Name": run}});
    let mut walk = Walk::new(&mut call);
    let said = walk.go(&definition, input, &context)?;
    let (events, largest) = (walk.events, walk.largest);
    assert_eq!((&said["done"], &said["failed"]), (&json!(MODELS - MODELS / WAVES), &json!(MODELS / WAVES)), "{said}");
    assert_eq!(made, MODELS);
    // Eight events per model; if every model's start is tried a second time and then caught, five more.
    assert!((8 * MODELS..9 * MODELS).contains(&events), "{events} events");
    assert!(events + 5 * MODELS < MOST_EVENTS * 6 / 10, "{events} events");
    assert!(largest < MOST_BYTES / 20, "{largest} bytes");
    eprintln!("{MODELS} models in {WAVES} waves: {events} events, at most {largest} bytes between states");
    Ok(())
}

#[test]
fn a_batch_of_a_backfill_fits_into_a_history() -> Result<()> {
    let machine = Machine::read("backfill")?;
    let batch: Vec<usize> = (0..200).collect();
    let given = json!({"backfill": "20261031t170000000_0001", "time": "2026-10-31T17:00:00Z", "jobs": 20});
    let mut call = |_: &str, parameters: &Value| -> Result<Value> {
        Ok(match parameters["Payload"]["step"].as_str() {
            Some("slice") => {
                let request =
                    json!({"run": "20261031t170000000_0001", "select": (0..100).map(name).collect::<Vec<_>>()});
                json!({"Payload": {"next": "run", "run": "20261031t170000000_0001", "request": request}})
            }
            _ => {
                json!({"Output": {"status": "done"}, "Payload": {"next": "load_published", "mart": "reporting", "run": "r", "model": "m"}})
            }
        })
    };
    for input in [
        json!({"given": given, "since": "2026-10-31T17:00:00Z", "slices": batch, "at_a_time": 20}),
        json!({"run": "20261031t170000000_ffff", "models": batch}),
    ] {
        let context =
            json!({"State": {"EnteredTime": "2026-10-31T17:00:00Z"}, "Execution": {"Id": "arn", "Name": "name"}});
        let mut walk = Walk::new(&mut call);
        walk.go(&machine.definition, input, &context)?;
        assert!(walk.events < MOST_EVENTS / 4, "{} events", walk.events);
        assert!(walk.largest < MOST_BYTES / 4, "{} bytes", walk.largest);
    }
    Ok(())
}
