//! The sample lake, deployed by Terraform to an account of its own.

use std::path::PathBuf;
use std::process::{Command, Output};

use anyhow::{Result, bail};
use serde_json::{Value, json};
use tarn_testkit::{Account, Answer, Database, REGION, ScratchLake, program, python, workspace};
use tempfile::TempDir;

/// The DynamoDB table whose changes are captured.
pub(crate) const ORDERS: &str = "prod-orders";

/// How many times faster the account's clock goes.
pub(crate) const HURRY: u32 = 30;

/// Whether Terraform is there; says it loudly when not, and fails where it has to be.
pub(crate) fn can_be_rehearsed() -> bool {
    if Command::new("terraform").arg("version").output().is_ok_and(|output| output.status.success()) {
        return true;
    }
    assert!(std::env::var_os("TARN_REQUIRE_TERRAFORM").is_none(), "Terraform is not installed, and is required here");
    eprintln!("\n*** THE DEPLOYMENT WAS NOT REHEARSED: `terraform` is not installed ***\n");
    false
}

/// A deployed lake.
pub(crate) struct Deployment {
    pub(crate) account: Account,
    pub(crate) lake: ScratchLake,
    work: TempDir,
}

impl Deployment {
    /// Makes everything.
    pub(crate) fn apply(mart: &Database) -> Result<Self> {
        let account = Account::start()?;
        account.hurry(HURRY)?;
        let lake = ScratchLake::copy_of("examples/shop")?;
        let deployment = Self { account, lake, work: TempDir::new()? };
        deployment.configure(mart)?;
        deployment.secret("shop/reporting", mart.password())?;
        deployment.secret("shop/slack", &deployment.account.slack_url())?;
        deployment.table()?;
        deployment.cluster()?;
        let programs = deployment.programs()?;
        deployment.rehearse("apply", &["--programs".to_owned(), programs])?;
        Ok(deployment)
    }

    /// What the sample's files leave open: where it is deployed.
    fn configure(&self, mart: &Database) -> Result<()> {
        let text = self.lake.read("tarn.yaml")?;
        let own = ["athena:", "alerts:", "  reporting:", "aws:"];
        let mut lines: Vec<String> =
            text.lines().filter(|line| !own.iter().any(|key| line.starts_with(key))).map(str::to_owned).collect();
        let aws = json!({"url": mart.url_without_password(), "secret": "shop/reporting"});
        let reporting = json!({"url": "sqlite:reporting.db", "aws": aws});
        if let Some(marts) = lines.iter().position(|line| line == "marts:") {
            lines.insert(marts + 1, format!("  reporting: {reporting}"));
        }
        if let Some(schedules) = lines.iter().position(|line| line == "schedules:") {
            lines.insert(schedules + 1, "  crm: {cron: '0 2 * * ? *', export: crm}".to_owned());
        }
        lines.push("aws: {bucket: shop-lake, raw_bucket: shop-raw}".to_owned());
        lines.push("athena: {scan_limit: 100 GB}".to_owned());
        lines.push(
            "alerts: {slack: {secret: shop/slack, query_cost: 5.00}, email: [data@example.com], budget: 50.00}"
                .to_owned(),
        );
        lines.push("access:\n  analysts: {principals: ['arn:aws:iam::123456789012:role/analyst'], read: [sources, models], columns: {customers: [customer_id, prefecture]}}".to_owned());
        self.lake.write("tarn.yaml", lines.join("\n") + "\n")?;
        for (source, aws) in [
            ("orders", format!("aws: {{table: {ORDERS}}}\n")),
            ("customers", "aws: {cluster: crm, table: crm.public.customers}\n".to_owned()),
            ("contracts", "aws: {cluster: crm, table: crm.public.contracts}\n".to_owned()),
        ] {
            let file = format!("sources/{source}.yaml");
            self.lake.write(&file, self.lake.read(&file)? + &aws)?;
        }
        Ok(())
    }

    fn secret(&self, name: &str, value: &str) -> Result<()> {
        let body = json!({"Name": name, "SecretString": value});
        self.account.call("secretsmanager", "secretsmanager.CreateSecret", &body).map(|_| ())
    }

    /// The application's table, with its stream.
    fn table(&self) -> Result<()> {
        let body = json!({
            "TableName": ORDERS,
            "AttributeDefinitions": [{"AttributeName": "order_id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "order_id", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
            "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        });
        self.account.call("dynamodb", "DynamoDB_20120810.CreateTable", &body).map(|_| ())
    }

    /// The application's database, with the snapshot that Aurora makes by itself.
    fn cluster(&self) -> Result<()> {
        let cluster = [
            ("Action", "CreateDBCluster"),
            ("Version", "2014-10-31"),
            ("DBClusterIdentifier", "crm"),
            ("Engine", "aurora-postgresql"),
            ("MasterUsername", "ada"),
            ("MasterUserPassword", "not-used-here"),
        ];
        self.account.form("rds", &cluster).map(|_| ())
    }

    fn programs(&self) -> Result<String> {
        Ok(program("tarn")?.with_file_name("").display().to_string())
    }

    /// A step of the rehearsal; what it printed.
    fn rehearse(&self, step: &str, more: &[String]) -> Result<Output> {
        let mut command = Command::new(python()?);
        command.arg(workspace().join("tests/infra/rehearse.py")).arg(step);
        command.args(["--endpoint", &self.account.endpoint(), "--work"]).arg(self.work.path().join("work"));
        if step != "fire" {
            command.arg("--lake").arg(self.lake.path());
        }
        let output = command.args(more).env("AWS_REGION", REGION).env("PYTHONDONTWRITEBYTECODE", "1").output()?;
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        if !output.status.success() && !matches!(step, "plan" | "fire") {
            bail!("{step}: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        }
        Ok(output)
    }

    /// What Terraform would change; nothing when what is there is what is written.
    pub(crate) fn plan(&self) -> Result<String> {
        let output = self.rehearse("plan", &[])?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Starts a schedule's target, as it would be at a time, and waits for the run; how the execution ended.
    pub(crate) fn fire(&self, schedule: &str, time: &str) -> Result<Value> {
        let output = self.rehearse("fire", &[format!("tarn-shop/{schedule}"), "--time".to_owned(), time.to_owned()])?;
        let text = String::from_utf8(output.stdout)?;
        let last = serde_json::Deserializer::from_str(&text).into_iter::<Value>().last();
        match last {
            Some(ended) => Ok(ended?),
            None => bail!("nothing was started: {}", String::from_utf8_lossy(&output.stderr)),
        }
    }

    /// Removes everything; fails when something is left.
    pub(crate) fn destroy(&self) -> Result<()> {
        self.rehearse("destroy", &[]).map(|_| ())
    }

    /// Reads every policy: no right is wider than the lake's own names; and every alarm: each is on the dashboard.
    pub(crate) fn check_rights(&self) -> Result<()> {
        let state = self.work.path().join("work/infra");
        for check in ["policies.py", "alarms.py"] {
            let check = workspace().join("tests/infra").join(check);
            let output = Command::new(python()?).arg(check).arg(&state).output()?;
            if !output.status.success() {
                bail!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            }
        }
        Ok(())
    }

    fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.account.endpoint()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("TARN_TARGET", "aws".to_owned()),
        ]
    }

    /// Runs `tarn … --target aws`.
    pub(crate) fn tarn(&self, arguments: &[&str]) -> Result<Answer> {
        let variables = self.variables();
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.lake.tarn_with(&variables, arguments)
    }

    /// Types a command in the lake's folder, as documentation and messages give it; fails when it does.
    pub(crate) fn types(&self, typed: &str) -> Result<String> {
        let programs = program("tarn")?.with_file_name("");
        let path = std::env::join_paths(
            std::iter::once(programs).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
        )?;
        let mut shell = Command::new("sh");
        shell.args(["-ec", typed]).current_dir(self.lake.path()).env("PATH", path).envs(self.variables());
        let output = shell.output()?;
        let said = [String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)].concat();
        if !output.status.success() {
            bail!("{typed}\n{said}");
        }
        Ok(said)
    }

    /// The messages in the queue of this name, which are gone from it then.
    pub(crate) fn take_messages(&self, queue: &str) -> Result<Vec<String>> {
        let queue = json!({"QueueName": queue});
        let address = self.account.call("sqs", "AmazonSQS.GetQueueUrl", &queue)?["QueueUrl"].take();
        let mut bodies = Vec::new();
        loop {
            let asked = json!({"QueueUrl": address, "MaxNumberOfMessages": 10});
            let answer = self.account.call("sqs", "AmazonSQS.ReceiveMessage", &asked)?;
            let Some(messages) = answer["Messages"].as_array().filter(|messages| !messages.is_empty()) else {
                return Ok(bodies);
            };
            for message in messages {
                bodies.push(message["Body"].as_str().unwrap_or_default().to_owned());
                let taken = json!({"QueueUrl": address, "ReceiptHandle": message["ReceiptHandle"]});
                self.account.call("sqs", "AmazonSQS.DeleteMessage", &taken)?;
            }
        }
    }

    /// What a function has logged so far.
    pub(crate) fn log(&self, function: &str) -> Result<Vec<String>> {
        let asked = json!({"logGroupName": format!("/aws/lambda/tarn-shop-{function}"), "limit": 10_000});
        let found = self.account.call("logs", "Logs_20140328.FilterLogEvents", &asked)?;
        let events = found["events"].as_array().into_iter().flatten();
        Ok(events.filter_map(|event| event["message"].as_str().map(|line| line.to_owned() + "\n")).collect())
    }

    /// The executions of a machine of the lake that go on.
    pub(crate) fn running(&self, machine: &str) -> Result<Vec<String>> {
        let machine = format!("arn:aws:states:{REGION}:123456789012:stateMachine:tarn-shop-{machine}");
        let asked = json!({"stateMachineArn": machine, "statusFilter": "RUNNING"});
        let listed = self.account.call("states", "AWSStepFunctions.ListExecutions", &asked)?;
        let executions = listed["executions"].as_array().into_iter().flatten();
        Ok(executions.filter_map(|each| each["executionArn"].as_str().map(str::to_owned)).collect())
    }

    /// The rows of a query by Athena, as CSV without the header.
    pub(crate) fn rows(&self, sql: &str) -> Result<Vec<String>> {
        let answer = self.tarn(&["query", "--format", "csv", sql])?.done();
        Ok(answer.stdout.lines().skip(1).map(str::to_owned).collect())
    }

    /// The same lake on a laptop, with a mart of its own.
    pub(crate) fn laptop(&self, mart: &Database) -> Result<ScratchLake> {
        let lake = ScratchLake::copy_of("examples/shop")?;
        let text = lake.read("tarn.yaml")?;
        lake.write("tarn.yaml", text.replace("sqlite:reporting.db", &mart.url()))?;
        Ok(lake)
    }

    /// A folder for files on their way.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }
}
