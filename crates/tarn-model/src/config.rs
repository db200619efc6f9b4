//! `tarn.yaml`: the lake's name, time zone, variables, marts and how it runs.

use chrono_tz::Tz;
use indexmap::IndexMap;
use serde::{Serialize, Serializer};

use crate::access::{self, AccessConfig, GroupPlace};
use crate::cron::Cron;
use crate::deployment::{self, AlertsConfig, AwsConfig, DeployedMart};
use crate::model::Drift;
use crate::name;
use crate::value;
use crate::variable::{self, VarDeclaration, VarType};
use crate::yaml::{Node, Reader, Spanned, values};

/// The configuration of a lake.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LakeConfig {
    /// The lake's name; the database of its tables.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// The zone in which days begin, `today` is meant and schedules fire; UTC unless written.
    #[serde(serialize_with = "zone_name")]
    pub timezone: Tz,
    /// Variables by name, in the order written.
    pub vars: IndexMap<String, VarDeclaration>,
    /// Relational databases that models are loaded into, by name.
    pub marts: IndexMap<String, MartConfig>,
    /// How many old versions of a model are kept.
    pub retention: Retention,
    /// How a run goes about its work.
    pub run: RunConfig,
    /// How nested records become flat, unless a source says otherwise.
    pub flatten: FlattenConfig,
    /// Runs that start by themselves once deployed.
    pub schedules: IndexMap<String, Schedule>,
    /// Which variables tell a model the days of a slice of a backfill.
    pub backfill: BackfillConfig,
    /// Settings of Athena, used once deployed.
    pub athena: AthenaConfig,
    /// Where the lake is deployed.
    pub aws: AwsConfig,
    /// Where messages go, used once deployed.
    pub alerts: AlertsConfig,
    /// Who may read what, by the name of a role; used once deployed.
    pub access: IndexMap<String, AccessConfig>,
    /// Whether the file is missing or broken: then nobody knows which names it declares, and none is reported missing.
    #[serde(skip)]
    pub(crate) is_unreadable: bool,
}

fn zone_name<S: Serializer>(zone: &Tz, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(zone.name())
}

/// A relational database that models are loaded into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MartConfig {
    /// `sqlite:<path>` (relative to the lake's data folder), `mysql://…` or `postgresql://…`; `${NAME}` is a variable of the
    /// environment, in which a password may stand.
    pub url: String,
    /// What a load does when the mart's table has more than the model.
    pub drift: Drift,
    /// What differs once deployed.
    pub aws: Option<DeployedMart>,
}

/// How many old versions of a model are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Retention {
    /// Old versions kept per model besides the published one.
    pub versions: u32,
}

impl Default for Retention {
    fn default() -> Retention {
        Retention { versions: 3 }
    }
}

/// How a run goes about its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct RunConfig {
    /// Models built at the same time, at least 1, where it is written.
    pub parallel: Option<u32>,
    /// Bytes that all models of a run may scan together.
    pub scan_limit_bytes: Option<u64>,
}

impl RunConfig {
    /// Models built at the same time on a laptop: its processor and disk are shared by them.
    #[must_use]
    pub fn parallel_here(&self) -> u32 {
        self.parallel.unwrap_or(2)
    }

    /// Models built at the same time once deployed: Athena has room for more, and queues what it has no room for.
    #[must_use]
    pub fn parallel_deployed(&self) -> u32 {
        self.parallel.unwrap_or(20)
    }
}

/// What becomes of an array in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FlattenArrays {
    /// One column that holds the array as JSON text.
    #[default]
    Json,
    /// One column per place: `a_0`, `a_1`.
    Index,
}

/// How nested records become flat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FlattenConfig {
    /// What joins the keys of a path to a column name.
    pub separator: String,
    /// What becomes of an array.
    pub arrays: FlattenArrays,
    /// Levels of nesting that are taken apart; what lies deeper is kept as JSON text.
    pub depth: u32,
}

impl Default for FlattenConfig {
    fn default() -> FlattenConfig {
        FlattenConfig { separator: "_".to_owned(), arrays: FlattenArrays::Json, depth: 64 }
    }
}

/// What one source changes in [`FlattenConfig`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct FlattenOverrides {
    /// In place of the lake's separator.
    pub separator: Option<String>,
    /// In place of the lake's handling of arrays.
    pub arrays: Option<FlattenArrays>,
    /// In place of the lake's depth.
    pub depth: Option<u32>,
}

impl FlattenConfig {
    /// These settings with what a source changes.
    #[must_use]
    pub fn with_overrides(&self, overrides: &FlattenOverrides) -> FlattenConfig {
        FlattenConfig {
            separator: overrides.separator.clone().unwrap_or_else(|| self.separator.clone()),
            arrays: overrides.arrays.unwrap_or(self.arrays),
            depth: overrides.depth.unwrap_or(self.depth),
        }
    }
}

/// A run that starts by itself once deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Schedule {
    /// Six fields as EventBridge Scheduler reads them, in the lake's time zone; kept as text.
    pub cron: String,
    /// Selectors; empty means everything.
    pub select: Vec<String>,
    /// Variables given to the run.
    pub vars: IndexMap<String, String>,
    /// The Aurora cluster whose snapshot is exported, in place of a run.
    pub export: Option<String>,
}

/// Which variables tell a model the days of a slice of a backfill.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BackfillConfig {
    /// The variable that gets the first day of a slice.
    pub first: Option<String>,
    /// The variable that gets the last day of a slice.
    pub last: Option<String>,
}

/// Settings of Athena.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct AthenaConfig {
    /// The database of the lake's tables; see [`LakeConfig::database`].
    pub database: Option<String>,
    /// The workgroup that queries run in; see [`LakeConfig::workgroup`].
    pub workgroup: Option<String>,
    /// Bytes that one query may scan.
    pub scan_limit_bytes: Option<u64>,
    /// Price of a scanned terabyte as a decimal number, for cost reports.
    pub price_per_tb: Option<String>,
}

pub(crate) const CONFIG_KEYS: &[&str] = &[
    "name",
    "description",
    "timezone",
    "vars",
    "marts",
    "retention",
    "run",
    "flatten",
    "schedules",
    "backfill",
    "athena",
    "alerts",
    "aws",
    "access",
];
pub(crate) const MART_KEYS: &[&str] = &["url", "drift", "aws"];
pub(crate) const RETENTION_KEYS: &[&str] = &["versions"];
pub(crate) const RUN_KEYS: &[&str] = &["parallel", "scan_limit"];
pub(crate) const FLATTEN_KEYS: &[&str] = &["separator", "arrays", "depth"];
pub(crate) const SCHEDULE_KEYS: &[&str] = &["cron", "select", "vars", "export"];
pub(crate) const BACKFILL_KEYS: &[&str] = &["first", "last"];
pub(crate) const ATHENA_KEYS: &[&str] = &["database", "workgroup", "scan_limit", "price_per_tb"];
pub(crate) const MART_SCHEMES: &[&str] = &["sqlite", "mysql", "postgresql", "postgres"];

impl Default for LakeConfig {
    fn default() -> LakeConfig {
        LakeConfig {
            name: "lake".to_owned(),
            description: None,
            timezone: Tz::UTC,
            vars: IndexMap::new(),
            marts: IndexMap::new(),
            retention: Retention::default(),
            run: RunConfig::default(),
            flatten: FlattenConfig::default(),
            schedules: IndexMap::new(),
            backfill: BackfillConfig::default(),
            athena: AthenaConfig::default(),
            aws: AwsConfig::default(),
            alerts: AlertsConfig::default(),
            access: IndexMap::new(),
            is_unreadable: false,
        }
    }
}

/// What Athena charges for a scanned terabyte in most regions, in dollars.
const PRICE_PER_TB: &str = "5.00";

impl LakeConfig {
    /// The database of the lake's tables on AWS: as written, or `tarn_<name>`.
    #[must_use]
    pub fn database(&self) -> String {
        self.athena.database.clone().unwrap_or_else(|| format!("tarn_{}", self.name))
    }

    /// The workgroup that queries run in: as written, or `tarn-<name>`.
    #[must_use]
    pub fn workgroup(&self) -> String {
        self.athena.workgroup.clone().unwrap_or_else(|| format!("tarn-{}", self.name))
    }

    /// The state machine that runs models: as written, or `tarn-<name>-workflow`.
    #[must_use]
    pub fn state_machine(&self) -> String {
        self.aws.state_machine.clone().unwrap_or_else(|| format!("tarn-{}-workflow", self.name))
    }

    /// Where a mart is once the lake is deployed, without a password; none for a mart that only a laptop can reach.
    #[must_use]
    pub fn deployed_mart(&self, mart: &str) -> Option<&str> {
        let mart = self.marts.get(mart)?;
        match &mart.aws {
            Some(deployed) => Some(&deployed.url),
            None => Some(mart.url.as_str()).filter(|url| !url.starts_with("sqlite:") && !url.contains("${")),
        }
    }

    /// The price of a scanned terabyte as a decimal number: as written, or `5.00`.
    #[must_use]
    pub fn price_per_tb(&self) -> &str {
        self.athena.price_per_tb.as_deref().unwrap_or(PRICE_PER_TB)
    }

    /// Whether a variable is declared, as far as one can know.
    pub(crate) fn may_have_var(&self, name: &str) -> bool {
        self.is_unreadable || self.vars.contains_key(name)
    }

    /// Whether a mart is declared, as far as one can know.
    pub(crate) fn may_have_mart(&self, name: &str) -> bool {
        self.is_unreadable || self.marts.contains_key(name)
    }
}

/// Where in `tarn.yaml` things stand that can be checked only when the whole lake is known.
#[derive(Debug, Default)]
pub(crate) struct ConfigPlaces {
    /// Selectors of schedules, and of groups of readers.
    pub(crate) selectors: Vec<Spanned<String>>,
    /// Sources of which some columns may be read, and the columns.
    pub(crate) readable: Vec<(Spanned<String>, Vec<Spanned<String>>)>,
    /// Groups of readers.
    pub(crate) groups: Vec<GroupPlace>,
    /// Clusters that schedules export.
    pub(crate) exports: Vec<Spanned<String>>,
}

/// Reads `tarn.yaml`; what is wrong is reported and keeps its default.
pub(crate) fn read(reader: &mut Reader) -> (LakeConfig, ConfigPlaces) {
    let mut config = LakeConfig::default();
    let mut places = ConfigPlaces::default();
    let before = reader.diagnostics.len();
    config.is_unreadable = true;
    let Some(root) = reader.parse() else {
        if reader.diagnostics.len() == before {
            reader.error("missing-key", 0..0, "`tarn.yaml` needs the key `name`");
        }
        return (config, places);
    };
    let Some(fields) = reader.fields(&root, "`tarn.yaml`", CONFIG_KEYS) else { return (config, places) };
    config.is_unreadable = false;
    if let Some(node) = reader.required(&fields, "name", "`tarn.yaml`")
        && let Some(name) = reader.text(node, "`name`")
    {
        if let Some(problem) = name::problem(&name) {
            let mistake = reader
                .source
                .error("bad-name", node.span.clone(), format!("a lake cannot be called `{name}`: {problem}"))
                .with_hint_if(name::allowed_form(&name).map(|name| format!("`{name}` would be allowed")));
            reader.report(mistake);
        }
        config.name = name;
    }
    config.description = reader.optional_text(&fields, "description");
    if let Some(node) = fields.get("timezone") {
        config.timezone = read_timezone(reader, node).unwrap_or(config.timezone);
    }
    if let Some(node) = fields.get("vars") {
        config.vars = variable::read_declarations(reader, node);
    }
    if let Some(node) = fields.get("marts") {
        config.marts = read_marts(reader, node);
    }
    if let Some(node) = fields.get("retention") {
        config.retention = read_retention(reader, node).unwrap_or_default();
    }
    if let Some(node) = fields.get("run") {
        config.run = read_run(reader, node).unwrap_or_default();
    }
    if let Some(node) = fields.get("flatten") {
        config.flatten = config.flatten.with_overrides(&read_flatten(reader, node));
    }
    if let Some(node) = fields.get("schedules") {
        config.schedules = read_schedules(reader, node, &config.vars, &mut places);
    }
    if let Some(node) = fields.get("backfill") {
        config.backfill = read_backfill(reader, node, &config.vars).unwrap_or_default();
    }
    if let Some(node) = fields.get("athena") {
        config.athena = read_athena(reader, node).unwrap_or_default();
    }
    if let Some(node) = fields.get("aws") {
        config.aws = deployment::read_aws(reader, node).unwrap_or_default();
    }
    if let Some(node) = fields.get("alerts") {
        config.alerts = deployment::read_alerts(reader, node).unwrap_or_default();
    }
    if let Some(node) = fields.get("access") {
        config.access = access::read(reader, node, &mut places);
    }
    (config, places)
}

fn read_timezone(reader: &mut Reader, node: &Node) -> Option<Tz> {
    let text = reader.text(node, "`timezone`")?;
    let zone = text.parse().ok();
    if zone.is_none() {
        let known = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        let nearest = name::nearest(&text, known).map(|name| format!("did you mean `{name}`?"));
        let mistake = reader
            .source
            .error("bad-value", node.span.clone(), format!("there is no time zone `{text}`"))
            .with_hint("write a name of the IANA database, like `Asia/Tokyo`")
            .with_hint_if(nearest);
        reader.report(mistake);
    }
    zone
}

fn read_marts(reader: &mut Reader, node: &Node) -> IndexMap<String, MartConfig> {
    let mut marts = IndexMap::new();
    for (name, node) in reader.named(node, "`marts`") {
        // A mart with a mistake is still there, or every model that is loaded into it would be a second mistake.
        marts.insert(name.value, read_mart(reader, node));
    }
    marts
}

fn read_mart(reader: &mut Reader, node: &Node) -> MartConfig {
    let mut mart = MartConfig { url: String::new(), drift: Drift::default(), aws: None };
    let Some(fields) = reader.fields(node, "a mart", MART_KEYS) else { return mart };
    if let Some(node) = fields.get("drift") {
        let choices = [("refuse", Drift::Refuse), ("ignore", Drift::Ignore)];
        mart.drift = reader.one_of(node, "`drift`", &choices).unwrap_or_default();
    }
    let url = reader.required(&fields, "url", "a mart").and_then(|node| read_mart_url(reader, node));
    mart.url = url.unwrap_or_default();
    mart.aws = fields.get("aws").and_then(|node| deployment::read_mart(reader, node));
    mart
}

pub(crate) fn read_mart_url(reader: &mut Reader, node: &Node) -> Option<String> {
    let url = reader.text(node, "`url`")?;
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
    if !MART_SCHEMES.contains(&scheme) && !url.starts_with("${") {
        // The url may hold a password: it is pointed at, not repeated.
        let mistake = reader
            .source
            .error("bad-value", node.span.clone(), "this is not the address of a mart")
            .with_hint("it begins with `sqlite:`, `mysql://` or `postgresql://`, or is a variable: `${REPORTING_URL}`");
        reader.report(mistake);
        return None;
    }
    Some(url)
}

fn read_retention(reader: &mut Reader, node: &Node) -> Option<Retention> {
    let fields = reader.fields(node, "`retention`", RETENTION_KEYS)?;
    let versions = reader.integer(fields.get("versions")?, "`versions`", 0, 10_000)?;
    Some(Retention { versions })
}

fn read_run(reader: &mut Reader, node: &Node) -> Option<RunConfig> {
    let fields = reader.fields(node, "`run`", RUN_KEYS)?;
    let parallel = fields.get("parallel").and_then(|node| reader.integer(node, "`parallel`", 1, 1_000));
    let scan_limit_bytes = fields.get("scan_limit").and_then(|node| read_bytes(reader, node));
    Some(RunConfig { parallel, scan_limit_bytes })
}

/// Reads `flatten:` of the lake or of a source.
pub(crate) fn read_flatten(reader: &mut Reader, node: &Node) -> FlattenOverrides {
    let mut overrides = FlattenOverrides::default();
    let Some(fields) = reader.fields(node, "`flatten`", FLATTEN_KEYS) else { return overrides };
    overrides.separator = reader.optional_text(&fields, "separator");
    overrides.arrays = fields.get("arrays").and_then(|node| {
        reader.one_of(node, "`arrays`", &[("json", FlattenArrays::Json), ("index", FlattenArrays::Index)])
    });
    overrides.depth = fields.get("depth").and_then(|node| reader.integer(node, "`depth`", 1, 1_000));
    overrides
}

/// Executions are named `<schedule>-2026-11-20T181500Z`, in 80 characters.
const LONGEST_SCHEDULE: usize = 60;

fn read_schedules(
    reader: &mut Reader,
    node: &Node,
    vars: &IndexMap<String, VarDeclaration>,
    places: &mut ConfigPlaces,
) -> IndexMap<String, Schedule> {
    let mut schedules = IndexMap::new();
    for (name, node) in reader.named(node, "`schedules`") {
        if name.value.len() > LONGEST_SCHEDULE {
            let message =
                format!("a schedule's name has up to {LONGEST_SCHEDULE} bytes, this one has {}", name.value.len());
            let mistake = reader.source.error("bad-name", name.span.clone(), message);
            reader.report(mistake.with_hint("with the time behind it, it names executions, which have 80"));
        }
        let Some(fields) = reader.fields(node, "a schedule", SCHEDULE_KEYS) else { continue };
        let cron = reader.required(&fields, "cron", "a schedule").and_then(|node| read_cron(reader, node));
        let select = fields.get("select").map(|node| reader.texts(node, "`select`")).unwrap_or_default();
        let vars = fields.get("vars").map(|node| variable::read_values(reader, node, vars, false)).unwrap_or_default();
        let export = fields.get("export").and_then(|node| reader.spanned_text(node, "`export`"));
        if let (Some(export), Some(other)) = (&export, ["select", "vars"].iter().find(|key| fields.get(key).is_some()))
        {
            let message =
                format!("a schedule exports a cluster or runs models: `export` and `{other}` do not go together");
            reader.error("bad-value", export.span.clone(), message);
        }
        places.selectors.extend(select.iter().cloned());
        places.exports.extend(export.clone());
        let Some(cron) = cron else { continue };
        schedules.insert(
            name.value,
            Schedule { cron, select: values(select), vars, export: export.map(|cluster| cluster.value) },
        );
    }
    schedules
}

fn read_cron(reader: &mut Reader, node: &Node) -> Option<String> {
    let text = reader.text(node, "`cron`")?;
    if let Err(problem) = Cron::parse(&text) {
        let mistake = reader.source.error("bad-value", node.span.clone(), problem);
        reader.report(mistake.with_hint(
            "minutes, hours, day of the month, month, day of the week, year: `15 3 * * ? *` is a quarter past three each day",
        ));
        return None;
    }
    Some(text)
}

fn read_backfill(reader: &mut Reader, node: &Node, vars: &IndexMap<String, VarDeclaration>) -> Option<BackfillConfig> {
    let fields = reader.fields(node, "`backfill`", BACKFILL_KEYS)?;
    let mut variable = |key: &str| -> Option<String> {
        let node = fields.get(key)?;
        let name = reader.text(node, &format!("`{key}`"))?;
        let mistake = match vars.get(&name) {
            None => reader
                .source
                .error("unknown-var", node.span.clone(), format!("there is no variable `{name}`"))
                .with_hint_if(name::suggestion(&name, vars.keys().map(String::as_str), "variables")),
            Some(declared) if declared.var_type != VarType::Date => {
                let message = format!("the variable `{name}` is of type {}, not date", declared.var_type.word());
                reader.source.error("bad-value", node.span.clone(), message)
            }
            Some(_) => return Some(name),
        };
        reader.report(mistake);
        None
    };
    Some(BackfillConfig { first: variable("first"), last: variable("last") })
}

fn read_athena(reader: &mut Reader, node: &Node) -> Option<AthenaConfig> {
    let fields = reader.fields(node, "`athena`", ATHENA_KEYS)?;
    Some(AthenaConfig {
        database: reader.optional_text(&fields, "database"),
        workgroup: reader.optional_text(&fields, "workgroup"),
        scan_limit_bytes: fields.get("scan_limit").and_then(|node| read_bytes(reader, node)),
        price_per_tb: fields.get("price_per_tb").and_then(|node| read_amount(reader, node, "`price_per_tb`")),
    })
}

/// `100 GB`, `1.5 TB` or a plain number of bytes; units are decimal, as Athena bills.
pub(crate) fn read_bytes(reader: &mut Reader, node: &Node) -> Option<u64> {
    let bytes = node.scalar().and_then(bytes);
    if bytes.is_none() {
        reader.error("bad-value", node.span.clone(), "an amount of data is a number and a unit, like `100 GB`");
    }
    bytes
}

fn bytes(text: &str) -> Option<u64> {
    let digits = text.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim().to_ascii_uppercase().as_str() {
        "" | "B" => 1,
        "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() {
        return None;
    }
    let mut bytes = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    let mut place = unit;
    for digit in fraction.chars() {
        place /= 10;
        bytes = bytes.checked_add(u64::from(digit.to_digit(10)?) * place)?;
    }
    Some(bytes)
}

pub(crate) fn read_amount(reader: &mut Reader, node: &Node, what: &str) -> Option<String> {
    let text = reader.text(node, what)?;
    if !value::is_number(&text) || text.starts_with('-') {
        reader.error("bad-value", node.span.clone(), format!("{what} is an amount of money like `5.00`"));
        return None;
    }
    Some(text)
}
