//! `query-cost`: every query is counted once, and nobody is told twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use aws_config::Region;
use aws_sdk_s3::config::Credentials;
use serde_json::{Value, json};
use tarn_aws::{Aws, Bucket, BucketNames};
use tarn_model::LakeFiles;
use tarn_pipeline::ports::Attribution;
use tarn_pipeline::{prepare, project};
use tarn_testkit::{Account, REGION, RuntimeApi, workspace};
use tokio::runtime::Runtime;

/// A lake in an account of its own, with a Slack.
struct World {
    account: Account,
    bucket: String,
    workgroup: String,
    runtime: Runtime,
}

/// A terabyte costs five: queries of a dollar are told, and days of twenty.
const LAKE: &str = "name: scratch
timezone: Asia/Tokyo
athena: {price_per_tb: 5.00}
alerts: {slack: {secret: scratch/slack, query_cost: 1.00, day_cost: 20.00}}
";

const DOLLAR: u64 = 200_000_000_000;

impl World {
    fn new() -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let world = Self {
            account: Account::start()?,
            bucket: format!("costs-{number}"),
            workgroup: format!("tarn-costs-{number}"),
            runtime: tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?,
        };
        world.account.create_bucket(&world.bucket)?;
        for workgroup in [world.workgroup.clone(), format!("{}-people", world.workgroup), "elsewhere".to_owned()] {
            let results = json!({"ResultConfiguration": {"OutputLocation": format!("s3://{}/results/", world.bucket)}});
            world.athena("CreateWorkGroup", &json!({"Name": workgroup, "Configuration": results}))?;
        }
        let secret = json!({"Name": "scratch/slack", "SecretString": world.account.slack_url(), "ClientRequestToken": "0123456789abcdef0123456789abcdef"});
        world.account.call("secretsmanager", "secretsmanager.CreateSecret", &secret)?;
        let files: LakeFiles = [("tarn.yaml".to_owned(), LAKE.to_owned())].into_iter().collect();
        let loader = tarn_aws::defaults()
            .region(Region::new(REGION))
            .endpoint_url(world.account.endpoint())
            .credentials_provider(Credentials::new("test", "test", None, None, "test"));
        let config = world.runtime.block_on(loader.load());
        let aws = Arc::new(Aws::with_config(world.runtime.handle().clone(), config));
        let bucket = Bucket::new(aws, BucketNames { lake: world.bucket.clone(), raw: world.bucket.clone() });
        world.runtime.block_on(project::push(&files, &bucket))?;
        Ok(world)
    }

    fn athena(&self, operation: &str, body: &Value) -> Result<Value> {
        self.account.call("athena", &format!("AmazonAthena.{operation}"), body)
    }

    fn start(&self, settings: &[(&str, &str)]) -> Result<RuntimeApi> {
        let endpoint = self.account.endpoint();
        let mut all = vec![
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("TARN_BUCKET", self.bucket.as_str()),
            ("TARN_WORKGROUP", self.workgroup.as_str()),
        ];
        all.extend_from_slice(settings);
        RuntimeApi::start("query-cost", &all)
    }

    fn start_with_slack(&self) -> Result<RuntimeApi> {
        self.start(&[("TARN_SLACK_SECRET", "scratch/slack")])
    }

    /// Runs a statement that says it read so many bytes; the event of its end.
    fn query(&self, workgroup: &str, statement: &str, scanned: u64) -> Result<Value> {
        if scanned > 0 {
            self.account.fault(&json!({"statement": "", "scanned": scanned}))?;
        }
        let started = self.athena("StartQueryExecution", &json!({"QueryString": statement, "WorkGroup": workgroup}))?;
        let id = started["QueryExecutionId"].as_str().context("no id")?.to_owned();
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let found = self.athena("GetQueryExecution", &json!({"QueryExecutionId": id}))?;
            let state = found["QueryExecution"]["Status"]["State"].as_str().unwrap_or_default().to_owned();
            if !matches!(state.as_str(), "QUEUED" | "RUNNING") {
                let mut event = fixture("query.json")?;
                event["region"] = json!(REGION);
                event["detail"]["currentState"] = json!(state);
                event["detail"]["queryExecutionId"] = json!(id);
                event["detail"]["workgroupName"] = json!(workgroup);
                return Ok(event);
            }
            assert!(Instant::now() < deadline, "the query does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn keys(&self, prefix: &str) -> Result<Vec<String>> {
        self.account.keys(&self.bucket, prefix)
    }

    fn json(&self, key: &str) -> Result<Value> {
        Ok(serde_json::from_slice(&self.account.get(&self.bucket, key)?)?)
    }

    /// The titles of the messages so far.
    fn told(&self) -> Result<Vec<String>> {
        let messages = self.account.slack_messages()?;
        Ok(messages.iter().map(|message| message["text"].as_str().unwrap_or_default().to_owned()).collect())
    }
}

fn fixture(name: &str) -> Result<Value> {
    let path = workspace().join("functions/query-cost/events").join(name);
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}

fn invoke(function: &mut RuntimeApi, event: &Value) -> Result<Value> {
    Ok(function.invoke(event.to_string())?.json())
}

#[test]
fn a_query_is_counted_with_who_asked() -> Result<()> {
    let world = World::new()?;
    let mut function = world.start(&[])?;
    let attribution = Attribution {
        run: Some("r1".to_owned().try_into()?),
        model: Some("daily_kpi".to_owned()),
        purpose: "convert".to_owned(),
        user: Some("名前".to_owned()),
    };
    let statement = prepare::attributed("select 1 as a", &attribution);
    let event = world.query(&world.workgroup, &statement, 1_000_000_000_001)?;
    let answer = invoke(&mut function, &event)?;
    assert_eq!((&answer["counted"], &answer["sent"]), (&event["detail"]["queryExecutionId"], &json!(0)));
    let closing = function.closing()?;
    assert_eq!(closing["QueriesCounted"], 1);
    assert_eq!(
        (closing["BytesScanned"].as_u64(), closing["Cost"].to_string().as_str()),
        (Some(1_000_000_000_001), "5.000005000")
    );

    let keys = world.keys("costs/")?;
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert!(keys[0].starts_with("costs/day=2") && keys[0].ends_with("-1000001000000.json"), "{keys:?}");
    let record = world.json(&keys[0])?;
    assert_eq!(record["cost"], "5.000005000");
    assert_eq!(record["attribution"], json!({"run": "r1", "model": "daily_kpi", "purpose": "convert", "user": "名前"}));
    assert_eq!((&record["statement"], &record["workgroup"]), (&json!("select 1 as a"), &json!(world.workgroup)));
    let rows = world.keys("runs/tables/tarn_queries/day=")?;
    assert_eq!(rows.len(), 1, "{rows:?}");

    // The same event again, and from another process, writes the same objects.
    invoke(&mut function, &event)?;
    invoke(&mut world.start(&[])?, &event)?;
    assert_eq!((world.keys("costs/")?, world.keys("runs/tables/")?), (keys, rows));
    assert!(world.told()?.is_empty() && world.keys("told/")?.is_empty());
    Ok(())
}

#[test]
fn queries_of_people_failed_ones_and_other_lakes() -> Result<()> {
    let world = World::new()?;
    let mut function = world.start_with_slack()?;
    let people = format!("{}-people", world.workgroup);
    invoke(&mut function, &world.query(&people, "select 2", 1)?)?;
    let failed = world.query(&people, "select no_such_column", 0)?;
    assert_eq!(failed["detail"]["currentState"], "FAILED");
    invoke(&mut function, &failed)?;
    let other = invoke(&mut function, &world.query("elsewhere", "select 3", DOLLAR)?)?;
    assert_eq!(other["counted"], Value::Null);
    let records: Vec<Value> = world.keys("costs/")?.iter().map(|key| world.json(key)).collect::<Result<_>>()?;
    let mut found: Vec<(String, String)> =
        records.iter().map(|record| (record["status"].to_string(), record["cost"].to_string())).collect();
    found.sort_unstable();
    let expected = [("failed", "0.000000000"), ("succeeded", "0.000050000")];
    assert_eq!(found, expected.map(|(status, cost)| (format!("\"{status}\""), format!("\"{cost}\""))));
    assert!(records.iter().all(|record| record.get("attribution").is_none() && record["workgroup"] == people.as_str()));
    assert!(world.told()?.is_empty());
    Ok(())
}

#[test]
fn many_events_of_one_dear_query_are_one_message() -> Result<()> {
    let world = World::new()?;
    let event = world.query(&world.workgroup, "select '<!channel>' as a", 5 * DOLLAR)?;
    let functions = (0..4).map(|_| world.start_with_slack()).collect::<Result<Vec<_>>>()?;
    let together: Vec<_> = functions
        .into_iter()
        .map(|mut function| {
            let event = event.clone();
            std::thread::spawn(move || invoke(&mut function, &event).map(|answer| answer["sent"].as_u64()))
        })
        .collect();
    let mut sent = 0;
    for each in together {
        sent += each.join().expect("no panic")?.unwrap_or_default();
    }
    assert_eq!(sent, 1);
    assert_eq!(world.told()?, ["A query cost $5.00"]);
    assert_eq!(world.keys("costs/")?.len(), 1);
    let message = world.account.slack_messages()?.remove(0).to_string();
    assert!(message.contains("&lt;!channel&gt;") && !message.contains("<!channel>"), "{message}");
    assert!(message.contains("us-east-1.console.aws.amazon.com/athena"), "{message}");
    Ok(())
}

#[test]
fn a_dear_day_is_told_once() -> Result<()> {
    let world = World::new()?;
    let mut function = world.start_with_slack()?;
    for number in 0..4 {
        invoke(&mut function, &world.query(&world.workgroup, &format!("select {number}"), 8 * DOLLAR)?)?;
    }
    let told = world.told()?;
    assert_eq!(told.iter().filter(|title| *title == "A query cost $8.00").count(), 4, "{told:?}");
    let days: Vec<&String> = told.iter().filter(|title| title.starts_with("The queries of")).collect();
    assert!(days.len() == 1 && days[0].ends_with("cost $24.00 so far"), "{told:?}");
    Ok(())
}

#[test]
fn slack_that_has_no_time_is_waited_for() -> Result<()> {
    let world = World::new()?;
    let mut function = world.start_with_slack()?;
    let busy = json!({"service": "slack", "error": "rate_limited", "status": 429, "retry_after": 1, "times": 2});
    world.account.fault(&busy)?;
    let answer = invoke(&mut function, &world.query(&world.workgroup, "select 1", DOLLAR)?)?;
    assert_eq!((&answer["sent"], world.told()?.len()), (&json!(1), 1));
    // A longer time is for later: the message waits, and goes out with the next event, whatever that is.
    world.account.fault(&json!({"service": "slack", "error": "rate_limited", "status": 429, "retry_after": 60}))?;
    let event = world.query(&world.workgroup, "select 2", DOLLAR)?;
    let answer = invoke(&mut function, &event)?;
    assert_eq!((&answer["sent"], &answer["waiting"], world.told()?.len()), (&json!(0), &json!(1), 1), "{answer}");
    let free = world.query(&world.workgroup, "select 3", 0)?;
    assert_eq!((&invoke(&mut function, &free)?["sent"], world.told()?.len()), (&json!(1), 2));
    Ok(())
}

#[test]
fn what_slack_did_not_take_is_sent_later_and_once() -> Result<()> {
    let world = World::new()?;
    let mut function = world.start_with_slack()?;
    let event = world.query(&world.workgroup, "select 1", DOLLAR)?;
    for (error, status) in [("server_error", 500), ("no_service", 404), ("invalid_payload", 400)] {
        world.account.fault(&json!({"service": "slack", "error": error, "status": status, "times": 2}))?;
        let answer = invoke(&mut function, &event)?;
        assert_eq!(answer["sent"], 0, "{error}");
        world.account.clear_faults()?;
        assert!(world.told()?.is_empty());
    }
    assert_eq!(world.keys("told/waiting/")?.len(), 1);
    let free = world.query(&world.workgroup, "select 2", 0)?;
    assert_eq!(invoke(&mut function, &free)?["sent"], 1);
    assert_eq!(world.told()?, ["A query cost $1.00"]);
    assert!(world.keys("told/waiting/")?.is_empty());
    for event in [&event, &free] {
        assert_eq!(invoke(&mut function, event)?["sent"], 0);
    }
    assert_eq!(world.told()?.len(), 1);
    Ok(())
}

#[test]
fn a_secret_that_is_not_there_fails_nothing() -> Result<()> {
    let world = World::new()?;
    let mut function = world.start(&[("TARN_SLACK_SECRET", "scratch/other")])?;
    let event = world.query(&world.workgroup, "select 1", DOLLAR)?;
    let answer = invoke(&mut function, &event)?;
    assert_eq!((&answer["sent"], &answer["waiting"]), (&json!(0), &json!(1)));
    assert_eq!(world.keys("costs/")?.len(), 1);
    let said = function.log_text();
    assert!(said.contains("scratch/other") && said.contains("waits to be sent later"), "{said}");
    assert!(!said.contains(&world.account.slack_url()), "the hook's address is a secret");
    Ok(())
}

#[test]
fn a_silent_slack_is_not_asked_twice() -> Result<()> {
    let world = World::new()?;
    let mut function = world.start_with_slack()?;
    world.account.fault(&json!({"service": "slack", "delay": 12.0}))?;
    let event = world.query(&world.workgroup, "select 1", DOLLAR)?;
    let started = Instant::now();
    assert_eq!(invoke(&mut function, &event)?["sent"], 0);
    assert!(started.elapsed() < Duration::from_secs(11), "{:?}", started.elapsed());
    assert_eq!(function.closing()?["MessagesLost"], 1);
    assert_eq!(invoke(&mut function, &event)?["sent"], 0);
    // It had taken the message after all.
    std::thread::sleep(Duration::from_secs(6));
    assert_eq!(world.told()?.len(), 1);
    Ok(())
}

#[test]
fn the_day_before_is_told_each_day() -> Result<()> {
    let world = World::new()?;
    let mut function = world.start_with_slack()?;
    for number in 1..=12 {
        invoke(&mut function, &world.query(&world.workgroup, &format!("select {number} as n"), number * 10_000_000)?)?;
    }
    let day = world.keys("costs/")?.remove(0)[10..20].to_owned();
    let day: chrono::NaiveDate = day.parse()?;
    // Nine in the morning in Tokyo of the day after.
    let digest = json!({"step": "digest", "time": format!("{}T00:00:00Z", day + chrono::Days::new(1))});
    assert_eq!(invoke(&mut function, &digest)?["sent"], 1);
    assert_eq!(invoke(&mut function, &digest)?["sent"], 0);
    let messages = world.account.slack_messages()?;
    assert_eq!(messages.len(), 1);
    let text = messages[0].to_string();
    assert!(
        text.contains("select 12 as n") && text.contains("select 3 as n") && !text.contains("select 2 as n"),
        "{text}"
    );
    assert!(text.contains("*Queries*\\n12"), "{text}");
    let quiet = json!({"step": "digest", "time": "2020-01-01T00:00:00Z"});
    assert_eq!(invoke(&mut function, &quiet)?["sent"], 0);
    Ok(())
}

#[test]
fn failed_runs_and_alarms_are_told_once() -> Result<()> {
    let world = World::new()?;
    let mut function = world.start_with_slack()?;
    let mut failed = fixture("execution.json")?;
    let machine = "arn:aws:states:us-east-1:111122223333:stateMachine:tarn-scratch-workflow";
    failed["detail"]["stateMachineArn"] = json!(machine);
    let run = "20261120t181500000_3f2a";
    let model = |name: &str, status: &str, failure: Value| {
        json!({
            "model": name, "status": status, "materialized": "table", "full_refresh": false, "rows": 0, "files": 0,
            "bytes": 0, "partitions": 0, "milliseconds": 5, "failure": failure,
            "published": (status == "done").then_some(run),
        })
    };
    let failure =
        json!({"step": "audit", "message": "1 of 2 audits failed: <not_null>", "hint": null, "retryable": false});
    let record = json!({
        "run": run, "started": "2026-11-20T18:15:00Z", "finished": "2026-11-20T18:16:00Z", "select": ["tag:nightly"],
        "exclude": [], "vars": {"day": "2026-11-20"}, "full_refresh": false, "status": "failed",
        "models": [model("good", "done", Value::Null), model("bad", "failed", failure), model("after", "skipped", Value::Null)],
    });
    world.account.put(&world.bucket, &format!("runs/{run}.json"), record.to_string().as_bytes())?;
    for _ in 0..2 {
        invoke(&mut function, &failed)?;
    }
    let messages = world.account.slack_messages()?;
    assert_eq!(world.told()?, [format!("Run {run} failed")]);
    let text = messages[0].to_string();
    for part in ["bad failed (audit)", "&lt;not_null&gt;", "tarn run bad after --target aws --var day=2026-11-20"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }

    // Another machine: what its event says, and its own command.
    let other = "arn:aws:states:us-east-1:111122223333:stateMachine:tarn-scratch-aurora-export";
    failed["detail"]["stateMachineArn"] = json!(other);
    failed["detail"]["executionArn"] = json!(format!("{}:a", other.replace("stateMachine", "execution")));
    failed["detail"]["status"] = json!("TIMED_OUT");
    failed["detail"]["cause"] = json!("the export is not done");
    invoke(&mut function, &failed)?;
    let text = world.account.slack_messages()?[1].to_string();
    for part in
        ["tarn-scratch-aurora-export took too long", "the export is not done", "aws stepfunctions start-execution"]
    {
        assert!(text.contains(part), "{part} is not in {text}");
    }

    // What is a part of something larger is told with that.
    for (place, input) in [
        (machine, json!({"run": "20261120t181500000_aaaa", "select": ["sessions"], "keep_versions": true})),
        (
            "arn:aws:states:us-east-1:111122223333:stateMachine:tarn-scratch-backfill",
            json!({"slices": [1], "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID": "arn"}),
        ),
    ] {
        failed["detail"]["stateMachineArn"] = json!(place);
        failed["detail"]["executionArn"] = json!(format!("{}:b", place.replace("stateMachine", "execution")));
        failed["detail"]["input"] = json!(input.to_string());
        assert_eq!(invoke(&mut function, &failed)?["sent"], 0);
    }

    let alarm = fixture("alarm.json")?;
    let ok = alarm.to_string().replace(r#"NewStateValue\":\"ALARM"#, r#"NewStateValue\":\"OK"#);
    let over = ok.replace(r#"OldStateValue\":\"OK"#, r#"OldStateValue\":\"ALARM"#);
    // An alarm that has just been made is well, too: that is no news.
    let made = ok.replace(r#"OldStateValue\":\"OK"#, r#"OldStateValue\":\"INSUFFICIENT_DATA"#);
    for event in [made, alarm.to_string(), alarm.to_string(), over] {
        function.invoke(event)?.response();
    }
    assert_eq!(world.told()?[2..], ["Alarm: tarn-shop-quarantine", "Over: tarn-shop-quarantine"]);
    Ok(())
}

#[test]
fn what_is_no_event_is_refused_and_the_function_lives_on() -> Result<()> {
    let world = World::new()?;
    let mut function = world.start_with_slack()?;
    for wrong in ["{}", "[1]", r#"{"detail-type": "Athena Query State Change", "detail": 1}"#, r#"{"Records": [{}]}"#] {
        let (kind, message) = function.invoke(wrong)?.error();
        assert_eq!(kind, "Tarn.Permanent", "{message}");
    }
    let mut gone = fixture("query.json")?;
    gone["detail"]["workgroupName"] = json!(world.workgroup);
    let (_, message) = function.invoke(gone.to_string())?.error();
    assert!(
        message.contains("01234567-89ab-4cde-8f01-23456789abcd") || message.contains("InvalidRequest"),
        "{message}"
    );
    let event = world.query(&world.workgroup, "select 1", DOLLAR)?;
    assert_eq!(invoke(&mut function, &event)?["sent"], 1);
    Ok(())
}
