//! A lake's folder and an account for it.

use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tarn_testkit::{Account, Answer, Database, REGION, ScratchLake, program, python, workspace};

static SHARED: Mutex<Weak<Account>> = Mutex::new(Weak::new());

/// The account that tests without faults share.
pub(crate) fn shared() -> Result<Arc<Account>> {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(running) = shared.upgrade() {
        return Ok(running);
    }
    let started = Arc::new(Account::start()?);
    *shared = Arc::downgrade(&started);
    Ok(started)
}

/// A lake in an account.
pub(crate) struct World {
    pub(crate) account: Arc<Account>,
    pub(crate) lake: ScratchLake,
    pub(crate) name: String,
    /// Marts with their addresses and secrets.
    marts: Vec<[String; 3]>,
}

/// A mart of a lake, and where it is: from the laptop, and from what is deployed.
pub(crate) struct Mart<'a> {
    pub(crate) name: &'a str,
    pub(crate) laptop: String,
    pub(crate) deployed: &'a Database,
}

impl World {
    /// A lake with these models in the shared account; `name` is its own there.
    pub(crate) fn shared(name: &str, files: &[(&str, &str)]) -> Result<Self> {
        Self::with(shared()?, name, files)
    }

    /// A lake in an account of its own, for tests that make it fail.
    pub(crate) fn own(name: &str, files: &[(&str, &str)]) -> Result<Self> {
        Self::with(Arc::new(Account::start()?), name, files)
    }

    fn with(account: Arc<Account>, name: &str, files: &[(&str, &str)]) -> Result<Self> {
        let lake = ScratchLake::empty()?;
        lake.write("tarn.yaml", format!("name: {name}\n"))?;
        for (path, text) in files {
            lake.write(path, text)?;
        }
        Self::deployed(account, name, lake, None)
    }

    /// A copy of a lake of the workspace, in the shared account.
    pub(crate) fn copy_of(folder: &str, name: &str) -> Result<Self> {
        Self::deployed(shared()?, name, ScratchLake::copy_of(folder)?, None)
    }

    /// A lake of its own folder with a mart, in an account of its own.
    pub(crate) fn with_mart(name: &str, lake: ScratchLake, mart: &Mart<'_>) -> Result<Self> {
        Self::deployed(Arc::new(Account::start()?), name, lake, Some(mart))
    }

    fn deployed(account: Arc<Account>, name: &str, lake: ScratchLake, mart: Option<&Mart<'_>>) -> Result<Self> {
        let text = lake.read("tarn.yaml")?;
        let ours = |line: &&str| !line.starts_with("athena:") && !line.starts_with("  reporting:");
        let mut text: Vec<&str> = text.lines().filter(ours).collect();
        let mut marts = Vec::new();
        let line = match mart {
            Some(mart) => {
                let (url, secret) = (mart.deployed.url_without_password(), format!("{name}/{}", mart.name));
                let value = json!({"Name": secret, "SecretString": mart.deployed.password()});
                account.call("secretsmanager", "secretsmanager.CreateSecret", &value)?;
                let config = json!({"url": mart.laptop, "aws": {"url": url, "secret": secret}});
                marts.push([mart.name.to_owned(), url, secret]);
                format!("  {}: {config}", mart.name)
            }
            None => "  reporting: {url: 'sqlite:reporting.db'}".to_owned(),
        };
        if let Some(marts) = text.iter().position(|line| *line == "marts:") {
            text.insert(marts + 1, &line);
        }
        lake.write("tarn.yaml", format!("{}\naws: {{bucket: {name}-lake}}\n", text.join("\n")))?;
        let world = Self { account, lake, name: name.to_owned(), marts };
        world.deploy()?;
        Ok(world)
    }

    /// Bucket, workgroup, functions and state machines.
    fn deploy(&self) -> Result<()> {
        let programs = program("tarn")?.parent().context("a program lies in a folder")?.to_owned();
        let endpoint = self.account.endpoint();
        let output = Command::new(python()?)
            .args(["-m", "account.deploy", "--endpoint", &endpoint, "--lake", &self.name])
            .args(["--bucket", &self.bucket(), "--machines"])
            .arg(workspace().join("statemachines"))
            .arg("--programs")
            .arg(programs)
            .args(self.marts.iter().flat_map(|mart| ["--mart", &mart[0], &mart[1], &mart[2]]))
            .current_dir(workspace().join("tests"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .output()?;
        if !output.status.success() {
            bail!("not deployed: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    pub(crate) fn bucket(&self) -> String {
        format!("{}-lake", self.name)
    }

    fn variables(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_ENDPOINT_URL", self.account.endpoint()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("TARN_TARGET", "aws".to_owned()),
        ]
    }

    /// Runs `tarn … --target aws` in the lake.
    pub(crate) fn tarn(&self, arguments: &[&str]) -> Result<Answer> {
        let variables = self.variables();
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.lake.tarn_with(&variables, arguments)
    }

    /// Starts `tarn … --target aws` in the lake and goes on.
    pub(crate) fn start(&self, arguments: &[&str]) -> Result<Child> {
        let mut command = Command::new(program("tarn")?);
        command.args(arguments).current_dir(self.lake.path()).envs(self.variables());
        Ok(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?)
    }

    /// The rows of a query by Athena, as CSV without the header.
    pub(crate) fn rows(&self, sql: &str) -> Result<Vec<String>> {
        let answer = self.tarn(&["query", "--format", "csv", sql])?;
        if answer.code != 0 {
            bail!("{}", answer.stderr);
        }
        Ok(answer.stdout.lines().skip(1).map(str::to_owned).collect())
    }

    /// Makes models in this process; the run's record.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Value> {
        self.tarn(&[&["run", "--here", "--json"], arguments].concat())?.done().json()
    }

    /// The names of all tables that Glue has.
    pub(crate) fn tables(&self) -> Result<Vec<String>> {
        let asked = json!({"DatabaseName": format!("tarn_{}", self.name)});
        let found = self.account.call("glue", "AWSGlue.GetTables", &asked)?;
        let tables = found["TableList"].as_array().into_iter().flatten();
        let names = tables.filter_map(|table| table["Name"].as_str().map(str::to_owned));
        // Those of the runs themselves are there whatever the lake holds.
        let mut names: Vec<String> = names.filter(|name| !name.starts_with("tarn_")).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Runs an execution of one of the lake's machines to its end; how it is described then.
    pub(crate) fn execute(&self, machine: &str, name: &str, input: &Value) -> Result<Value> {
        let arn = format!("arn:aws:states:{REGION}:123456789012:stateMachine:tarn-{}-{machine}", self.name);
        let asked = json!({"stateMachineArn": arn, "name": name, "input": input.to_string()});
        let started = self.account.call("states", "AWSStepFunctions.StartExecution", &asked)?;
        let asked = json!({"executionArn": started["executionArn"]});
        let end = Instant::now() + Duration::from_secs(300);
        loop {
            let described = self.account.call("states", "AWSStepFunctions.DescribeExecution", &asked)?;
            if described["status"] != "RUNNING" {
                return Ok(described);
            }
            ensure!(Instant::now() < end, "the execution `{name}` of `{machine}` does not end");
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// The table as Glue has it.
    pub(crate) fn table(&self, table: &str) -> Result<Value> {
        let asked = serde_json::json!({"DatabaseName": format!("tarn_{}", self.name), "Name": table});
        Ok(self.account.call("glue", "AWSGlue.GetTable", &asked)?["Table"].take())
    }
}
