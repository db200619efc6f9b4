//! What of a lake's files is used once it is deployed: buckets, databases of marts, messages.
//!
//! Terraform reads the same keys from the same files.

use serde::Serialize;

use crate::config;
use crate::source::SourceKind;
use crate::yaml::{Fields, Node, Reader, Spanned, values};

/// Where a lake is deployed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AwsConfig {
    /// The bucket of everything Tarn makes; none for a lake that is not deployed.
    pub bucket: Option<String>,
    /// The bucket of everything that came in; the same bucket when none.
    pub raw_bucket: Option<String>,
    /// The state machine that runs models; see [`LakeConfig::state_machine`](crate::LakeConfig::state_machine).
    pub state_machine: Option<String>,
}

/// A mart's database as the deployed loader reaches it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DeployedMart {
    /// `mysql://…` or `postgresql://…`, without a password.
    pub url: String,
    /// Name of the secret that holds the password; none where RDS signs tokens.
    pub secret: Option<String>,
    /// Subnets of the database's network.
    pub subnets: Vec<String>,
    /// Security groups that may reach it.
    pub security_groups: Vec<String>,
    /// Parts of a load that may go into it at the same time.
    pub concurrency: Option<u32>,
}

/// Where the records of a source come from once deployed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DeployedSource {
    /// The DynamoDB table whose stream is read, or the table's name in an Aurora export (`database.schema.table`).
    pub table: Option<String>,
    /// ARN of the KMS key that the DynamoDB table is encrypted with, where that is a key of its owner's.
    pub key: Option<String>,
    /// The Aurora cluster that is exported.
    pub cluster: Option<String>,
    /// Megabytes that Firehose collects before it writes a file.
    pub buffer_mb: Option<u32>,
    /// Seconds after which it writes what there is.
    pub buffer_seconds: Option<u32>,
}

/// Where messages go.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct AlertsConfig {
    /// Messages to Slack.
    pub slack: Option<SlackConfig>,
    /// Addresses that alarms are sent to.
    pub email: Vec<String>,
    /// Dollars a month, as a decimal number, whose passing is told.
    pub budget: Option<String>,
}

/// Messages to Slack.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct SlackConfig {
    /// Name of the secret that holds the webhook's address; never the address.
    pub secret: String,
    /// Cost of one query from which on it is told, as a decimal number.
    pub query_cost: Option<String>,
    /// Cost of all queries of a day from which on it is told, as a decimal number.
    pub day_cost: Option<String>,
}

pub(crate) const AWS_KEYS: &[&str] = &["bucket", "raw_bucket", "state_machine"];
pub(crate) const DEPLOYED_MART_KEYS: &[&str] = &["url", "secret", "subnets", "security_groups", "concurrency"];
pub(crate) const DEPLOYED_SOURCE_KEYS: &[&str] = &["table", "key", "cluster", "buffer_mb", "buffer_seconds"];
pub(crate) const ALERTS_KEYS: &[&str] = &["slack", "email", "budget"];
pub(crate) const SLACK_KEYS: &[&str] = &["secret", "query_cost", "day_cost"];

pub(crate) fn read_aws(reader: &mut Reader, node: &Node) -> Option<AwsConfig> {
    let fields = reader.fields(node, "`aws`", AWS_KEYS)?;
    let bucket = reader.required(&fields, "bucket", "`aws`")?;
    Some(AwsConfig {
        bucket: reader.text(bucket, "`bucket`"),
        raw_bucket: reader.optional_text(&fields, "raw_bucket"),
        state_machine: reader.optional_text(&fields, "state_machine"),
    })
}

/// Reads `aws:` of a mart.
pub(crate) fn read_mart(reader: &mut Reader, node: &Node) -> Option<DeployedMart> {
    let fields = reader.fields(node, "`aws` of a mart", DEPLOYED_MART_KEYS)?;
    let url = reader.required(&fields, "url", "`aws` of a mart")?;
    let place = url.span.clone();
    let url = config::read_mart_url(reader, url)?;
    let authority = url.split_once("://").and_then(|(_, rest)| rest.split('/').next()).unwrap_or_default();
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    if url.starts_with("sqlite:") {
        reader.error("bad-value", place, "a file on a laptop cannot be loaded by what is deployed");
    } else if user.contains(':') {
        let mistake = reader.source.error("bad-value", place, "a password does not belong into a file");
        reader.report(mistake.with_hint("keep it in Secrets Manager, and write the secret's name as `secret:`"));
    }
    Some(DeployedMart {
        url,
        secret: reader.optional_text(&fields, "secret"),
        subnets: texts(reader, &fields, "subnets"),
        security_groups: texts(reader, &fields, "security_groups"),
        concurrency: fields.get("concurrency").and_then(|node| reader.integer(node, "`concurrency`", 1, 100)),
    })
}

/// Reads `aws:` of a source.
pub(crate) fn read_source(reader: &mut Reader, node: &Node, kind: SourceKind) -> Option<DeployedSource> {
    let fields = reader.fields(node, "`aws` of a source", DEPLOYED_SOURCE_KEYS)?;
    let (what, fitting): (&str, &[&str]) = match kind {
        SourceKind::Stream => ("stream", &["buffer_mb", "buffer_seconds"]),
        SourceKind::Table => ("table", &["table", "key"]),
        SourceKind::Snapshot => ("snapshot", &["cluster", "table"]),
    };
    for key in DEPLOYED_SOURCE_KEYS.iter().filter(|key| !fitting.contains(key)) {
        if let Some(place) = fields.key_span(key) {
            reader.error("unknown-key", place, format!("`aws` of a {what} has no key `{key}`"));
        }
    }
    if kind != SourceKind::Stream {
        for key in fitting.iter().filter(|key| **key != "key") {
            reader.required(&fields, key, "`aws` of this source");
        }
    }
    Some(DeployedSource {
        table: reader.optional_text(&fields, "table"),
        key: reader.optional_text(&fields, "key"),
        cluster: reader.optional_text(&fields, "cluster"),
        // Firehose's own bounds for Parquet.
        buffer_mb: fields.get("buffer_mb").and_then(|node| reader.integer(node, "`buffer_mb`", 64, 128)),
        buffer_seconds: fields.get("buffer_seconds").and_then(|node| reader.integer(node, "`buffer_seconds`", 0, 900)),
    })
}

pub(crate) fn read_alerts(reader: &mut Reader, node: &Node) -> Option<AlertsConfig> {
    let fields = reader.fields(node, "`alerts`", ALERTS_KEYS)?;
    let slack = fields.get("slack").and_then(|node| read_slack(reader, node));
    let email = texts(reader, &fields, "email");
    let budget = fields.get("budget").and_then(|node| config::read_amount(reader, node, "`budget`"));
    Some(AlertsConfig { slack, email, budget })
}

fn read_slack(reader: &mut Reader, node: &Node) -> Option<SlackConfig> {
    let fields = reader.fields(node, "`slack`", SLACK_KEYS)?;
    let mut amount =
        |key: &str| fields.get(key).and_then(|node| config::read_amount(reader, node, &format!("`{key}`")));
    let (query_cost, day_cost) = (amount("query_cost"), amount("day_cost"));
    let secret = reader.required(&fields, "secret", "`slack`")?;
    Some(SlackConfig { secret: reader.text(secret, "`secret`")?, query_cost, day_cost })
}

fn texts(reader: &mut Reader, fields: &Fields<'_>, key: &str) -> Vec<String> {
    let texts: Vec<Spanned<String>> =
        fields.get(key).map(|node| reader.texts(node, &format!("`{key}`"))).unwrap_or_default();
    values(texts)
}
