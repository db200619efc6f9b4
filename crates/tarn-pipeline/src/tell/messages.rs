//! What people are told, in words.

use std::fmt::Write as _;

use chrono::NaiveDate;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::command::to_try_again;
use super::{FailedExecution, KnownRun, Trigger};
use crate::cost::{By, CostLine, CountedQuery, Money, Price, summary};
use crate::ports::{Message, Passage};
use crate::query_costs::QueryCost;
use crate::record::{ModelRecord, Status};

/// Lines of a statement that are shown.
const LINES: usize = 8;
/// Characters of a statement that are shown.
const STATEMENT: usize = 1_200;
/// Failed models that are told of.
const FAILED: usize = 5;
/// Characters of a reason.
const REASON: usize = 600;
/// Queries of a day that are told of.
const DEAREST: usize = 10;
/// Lines of a sum.
const SUMS: usize = 10;

/// A query that cost at least `limit`.
pub(super) fn dear_query(cost: &QueryCost, limit: Money, region: &str) -> Message {
    Message {
        title: format!("A query cost ${}", cost.cost.for_people()),
        facts: about(cost, ("Told from", &limit)),
        passages: vec![statement(cost)],
        link: Some(athena(region, &cost.id)),
    }
}

/// A day whose queries cost at least `limit`; `last` is the one that made it so, or came after.
pub(super) fn dear_day(last: &QueryCost, sum: Money, limit: Money, region: &str) -> Message {
    let mut facts = vec![("Last query".to_owned(), format!("${}", last.cost.for_people()))];
    facts.extend(about(last, ("Told from", &limit)));
    Message {
        title: format!("The queries of {} cost ${} so far", last.day, sum.for_people()),
        facts,
        passages: vec![statement(last)],
        link: Some(athena(region, &last.id)),
    }
}

fn about(cost: &QueryCost, (name, limit): (&str, &Money)) -> Vec<(String, String)> {
    let run = cost.attribution.as_ref().and_then(|attribution| attribution.run.as_ref());
    let purpose = cost.attribution.as_ref().map(|attribution| attribution.purpose.clone());
    let facts = [
        ("Model", cost.model().map(str::to_owned)),
        ("Run", run.map(ToString::to_string)),
        ("Purpose", purpose),
        ("Asked by", cost.user().map(str::to_owned)),
        ("Workgroup", cost.workgroup.clone()),
        ("Ended", Some(cost.status.word().to_owned())),
        ("Read", Some(bytes(cost.bytes_scanned))),
        ("Took", Some(format!("{} s", cost.milliseconds.div_ceil(1_000)))),
        (name, Some(format!("${}", limit.for_people()))),
    ];
    facts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn statement(cost: &QueryCost) -> Passage {
    let lines: Vec<&str> = cost.statement.lines().take(LINES + 1).collect();
    let is_cut = lines.len() > LINES;
    let mut text = shortened(&lines.into_iter().take(LINES).collect::<Vec<_>>().join("\n"), STATEMENT);
    if is_cut {
        text.push_str("\n…");
    }
    code("Statement", text)
}

/// The queries of a day.
pub(super) fn digest(day: NaiveDate, costs: &[QueryCost], price: Price) -> Message {
    let counted: Vec<CountedQuery> = costs.iter().map(QueryCost::counted).collect();
    let total = counted.iter().fold(Money::default(), |sum, query| sum.and(price.of_billed(query.billed_bytes)));
    let read = costs.iter().fold(0_u64, |sum, cost| sum.saturating_add(cost.bytes_scanned));
    let unsuccessful = costs.iter().filter(|cost| cost.status.word() != "succeeded").count();
    let mut dearest: Vec<&QueryCost> = costs.iter().collect();
    dearest.sort_by_key(|cost| std::cmp::Reverse((cost.billed_bytes, cost.bytes_scanned)));
    let rows = dearest.into_iter().take(DEAREST).map(|cost| {
        let first = cost.statement.split_whitespace().collect::<Vec<_>>().join(" ");
        let who = cost.model().or(cost.user()).or(cost.workgroup.as_deref()).unwrap_or("-");
        let amount = format!("${}", price.of_billed(cost.billed_bytes).for_people());
        [amount, bytes(cost.bytes_scanned), shortened(who, 24), shortened(&first, 60)]
    });
    let sums = |by| {
        let lines = summary(&counted, by, None, price);
        let more = lines.len().saturating_sub(SUMS);
        let mut text = columns(lines.into_iter().take(SUMS).map(sum_row));
        if more > 0 {
            let _ = write!(text, "\nand {more} more");
        }
        text
    };
    Message {
        title: format!("The queries of {day} cost ${}", total.for_people()),
        facts: vec![
            ("Queries".to_owned(), costs.len().to_string()),
            ("Of them failed or cancelled".to_owned(), unsuccessful.to_string()),
            ("Read".to_owned(), bytes(read)),
        ],
        passages: vec![
            code("The dearest", columns(rows)),
            code("By model", sums(By::Model)),
            code("By person", sums(By::User)),
        ],
        link: None,
    }
}

fn sum_row(line: CostLine) -> [String; 4] {
    let name = line.name.unwrap_or_else(|| "(none)".to_owned());
    let queries = if line.queries == 1 { "1 query".to_owned() } else { format!("{} queries", line.queries) };
    [format!("${}", line.cost.for_people()), bytes(line.bytes_scanned), queries, shortened(&name, 48)]
}

/// Rows whose columns stand below each other; the first two at their right ends.
fn columns(rows: impl Iterator<Item = [String; 4]>) -> String {
    let rows: Vec<[String; 4]> = rows.collect();
    let width = |place: usize| rows.iter().filter_map(|row| row.get(place)).map(|cell| cell.chars().count()).max();
    let (first, second, third) = (width(0).unwrap_or(0), width(1).unwrap_or(0), width(2).unwrap_or(0));
    let lines = rows.iter().map(|[a, b, c, d]| format!("{a:>first$}  {b:>second$}  {c:<third$}  {d}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// An execution that failed.
pub(super) fn failed_execution(execution: &FailedExecution, known: Option<&KnownRun>) -> Message {
    let how = match execution.status.as_str() {
        "TIMED_OUT" => "took too long",
        "ABORTED" => "was stopped",
        _ => "failed",
    };
    let mut facts =
        vec![("Machine".to_owned(), execution.machine().to_owned()), ("Execution".to_owned(), execution.name.clone())];
    let (title, mut passages) = match known {
        Some(known) => {
            let record = &known.record;
            facts.push(("Run".to_owned(), record.run.to_string()));
            let schedule = known.plan.as_ref().and_then(|plan| plan.request.schedule.as_deref());
            facts.extend(schedule.map(|schedule| ("Schedule".to_owned(), schedule.to_owned())));
            let count = |status| record.models.iter().filter(|model| model.status == status).count();
            facts.push((
                "Models".to_owned(),
                format!(
                    "{} done, {} failed, {} skipped",
                    record.models.iter().filter(|model| model.is_published()).count(),
                    count(Status::Failed),
                    count(Status::Skipped)
                ),
            ));
            let failed: Vec<&ModelRecord> =
                record.models.iter().filter(|model| model.status == Status::Failed).collect();
            let mut passages: Vec<Passage> = failed.iter().take(FAILED).map(|model| failed_model(model)).collect();
            if failed.len() > FAILED {
                passages.push(plain("And more", format!("{} other models failed", failed.len() - FAILED)));
            }
            if failed.is_empty() {
                passages.extend(reason(execution));
            }
            (format!("Run {} {how}", record.run), passages)
        }
        None => (format!("{} {how}", execution.machine()), reason(execution).into_iter().collect()),
    };
    passages.extend(to_try_again(execution, known).map(|command| code("Try it again with", command)));
    let link = (
        "the execution in the console".to_owned(),
        format!(
            "https://{0}.console.aws.amazon.com/states/home?region={0}#/v2/executions/details/{1}",
            execution.region(),
            in_url(&execution.execution_arn)
        ),
    );
    Message { title, facts, passages, link: Some(link) }
}

fn failed_model(model: &ModelRecord) -> Passage {
    let (step, mut text) = match &model.failure {
        Some(failure) => (failure.step.as_str(), failure.message.clone()),
        None => ("run", "it left no reason".to_owned()),
    };
    for audit in model.audits.iter().filter(|audit| audit.failures > 0) {
        let line = format!("{}: {} rows", audit.name, audit.failures);
        if !text.contains(&audit.name) {
            text = format!("{text}\n{line}");
        }
    }
    code(&format!("{} failed ({step})", model.model), shortened(&text, REASON))
}

fn reason(execution: &FailedExecution) -> Option<Passage> {
    let said: Vec<&str> = [&execution.error, &execution.cause].into_iter().filter_map(Option::as_deref).collect();
    (!said.is_empty()).then(|| code("Reason", shortened(&said.join(": "), REASON)))
}

/// An alarm of CloudWatch, as it writes it into the message of a topic.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html>
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Alarm {
    /// Its name.
    #[serde(rename = "AlarmName")]
    pub name: String,
    /// What it watches, for people.
    #[serde(rename = "AlarmDescription", default)]
    pub description: Option<String>,
    /// `ALARM`, `OK` or `INSUFFICIENT_DATA`.
    #[serde(rename = "NewStateValue")]
    pub state: String,
    /// What it was before.
    #[serde(rename = "OldStateValue", default)]
    pub before: String,
    /// Why.
    #[serde(rename = "NewStateReason", default)]
    pub reason: String,
    /// When, as CloudWatch writes it.
    #[serde(rename = "StateChangeTime", default)]
    pub changed: String,
    /// Its ARN, which tells the region.
    #[serde(rename = "AlarmArn", default)]
    pub arn: Option<String>,
    /// What it watches.
    #[serde(rename = "Trigger", default)]
    pub trigger: Option<Trigger>,
}

/// What is told of an alarm: that it goes off, and that it is over. One that has just been made is `OK` after `INSUFFICIENT_DATA`: that is no news.
pub(super) fn alarm(alarm: &Alarm) -> Option<Message> {
    let title = match (alarm.before.as_str(), alarm.state.as_str()) {
        (_, "ALARM") => format!("Alarm: {}", alarm.name),
        ("ALARM", "OK") => format!("Over: {}", alarm.name),
        _ => return None,
    };
    let mut passages = Vec::new();
    passages.extend(alarm.description.clone().filter(|text| !text.is_empty()).map(|text| plain("What it is", text)));
    if !alarm.reason.is_empty() {
        passages.push(plain("Reason", shortened(&alarm.reason, REASON)));
    }
    let region = alarm.arn.as_deref().and_then(|arn| arn.split(':').nth(3)).filter(|region| !region.is_empty());
    let link = region.map(|region| {
        let name = in_url(&alarm.name);
        let at =
            format!("https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#alarmsV2:alarm/{name}");
        ("the alarm in the console".to_owned(), at)
    });
    let facts = vec![("State".to_owned(), alarm.state.clone()), ("Since".to_owned(), alarm.changed.clone())];
    Some(Message { title, facts, passages, link })
}

fn athena(region: &str, id: &str) -> (String, String) {
    let at = format!("https://{region}.console.aws.amazon.com/athena/home?region={region}#/query-editor/history/{id}");
    ("the query in the console".to_owned(), at)
}

fn in_url(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn code(heading: &str, text: String) -> Passage {
    Passage { heading: heading.to_owned(), text, is_code: true }
}

fn plain(heading: &str, text: String) -> Passage {
    Passage { heading: heading.to_owned(), text, is_code: false }
}

fn shortened(text: &str, longest: usize) -> String {
    match text.chars().count() > longest {
        true => text.chars().take(longest.saturating_sub(1)).chain(['…']).collect(),
        false => text.to_owned(),
    }
}

/// `1.2 GB`, in powers of ten as Athena bills.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn bytes(number: u64) -> String {
    let mut value = number as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 1_000.0 {
            return if unit == "B" { format!("{number} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1_000.0;
    }
    format!("{value:.1} TB")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::QueryStatus;
    use crate::ports::Attribution;

    fn cost(id: &str, bytes: u64, model: Option<&str>, statement: &str) -> QueryCost {
        let price = Price::parse("5.00").unwrap();
        let attribution = model.map(|model| Attribution {
            run: Some("r1".to_owned().try_into().unwrap()),
            model: Some(model.to_owned()),
            purpose: "convert".to_owned(),
            user: Some("ana".to_owned()),
        });
        QueryCost {
            id: id.to_owned(),
            day: "2026-11-20".parse().unwrap(),
            status: QueryStatus::Succeeded,
            attribution,
            workgroup: Some("tarn-shop".to_owned()),
            submitted: "2026-11-20T03:00:00Z".parse().unwrap(),
            ended: "2026-11-20T03:01:00Z".parse().unwrap(),
            milliseconds: 59_001,
            bytes_scanned: bytes,
            billed_bytes: bytes,
            cost: price.of_billed(bytes),
            statement: statement.to_owned(),
        }
    }

    /// A message as plain text.
    fn text(message: &Message) -> String {
        let facts = message.facts.iter().map(|(name, value)| format!("{name}: {value}\n"));
        let passages = message.passages.iter().map(|passage| format!("[{}]\n{}\n", passage.heading, passage.text));
        let link = message.link.iter().map(|(name, at)| format!("{name}: {at}\n"));
        std::iter::once(format!("{}\n", message.title)).chain(facts).chain(passages).chain(link).collect()
    }

    #[test]
    fn a_dear_query() {
        let statement = (1..=10).map(|line| format!("line {line}")).collect::<Vec<_>>().join("\n");
        let cost = cost("0b1c-2d", 1_500_000_000_000, Some("daily_kpi"), &statement);
        let message = dear_query(&cost, Money::parse("1").unwrap(), "ap-northeast-1");
        assert_eq!(
            text(&message),
            "A query cost $7.50
Model: daily_kpi
Run: r1
Purpose: convert
Asked by: ana
Workgroup: tarn-shop
Ended: succeeded
Read: 1.5 TB
Took: 60 s
Told from: $1.00
[Statement]
line 1
line 2
line 3
line 4
line 5
line 6
line 7
line 8
…
the query in the console: https://ap-northeast-1.console.aws.amazon.com/athena/home?region=ap-northeast-1#/query-editor/history/0b1c-2d
"
        );
    }

    #[test]
    fn a_day() {
        let costs = [
            cost("a", 20_000_000, None, "select *\n  from events"),
            cost("b", 2_000_000_000_000, Some("daily_kpi"), "create table x as select 1"),
            cost("c", 10_000_000, Some("daily_kpi"), "select 2"),
        ];
        let message = digest("2026-11-20".parse().unwrap(), &costs, Price::parse("5.00").unwrap());
        assert_eq!(
            text(&message),
            "The queries of 2026-11-20 cost $10.00
Queries: 3
Of them failed or cancelled: 0
Read: 2.0 TB
[The dearest]
  $10.00   2.0 TB  daily_kpi  create table x as select 1
 $0.0001  20.0 MB  tarn-shop  select * from events
$0.00005  10.0 MB  daily_kpi  select 2
[By model]
 $10.00   2.0 TB  2 queries  daily_kpi
$0.0001  20.0 MB  1 query    (none)
[By person]
 $10.00   2.0 TB  2 queries  ana
$0.0001  20.0 MB  1 query    (none)
"
        );
    }
}
