//! How what is deployed is: whether it is what the files say, and which alarms ring.

use tarn_model::Lake;
use tarn_pipeline::project::Difference;
use tarn_pipeline::sources;

use super::{Alarms, MINUTES, Pushed, Ringing, Status};
use crate::cloud::Cloud;
use crate::terminal::{Style, Terminal, counted};

/// Schedules and tables that are not as the files say. What cannot be asked is told too.
pub(super) async fn drift(lake: &Lake, cloud: &Cloud) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    match cloud.schedules(&lake.config.name).await {
        Err(error) => found.push(format!("nobody knows of the schedules: {error}")),
        Ok(deployed) => {
            let named = |name: &str| deployed.iter().find(|schedule| schedule.name == name);
            for name in lake.config.schedules.keys() {
                match named(name) {
                    None => found.push(format!("the schedule `{name}` is not deployed")),
                    Some(schedule) if !schedule.is_enabled => {
                        found.push(format!("the schedule `{name}` is disabled"));
                    }
                    Some(_) => {}
                }
            }
            let left = deployed.iter().filter(|schedule| !lake.config.schedules.contains_key(&schedule.name));
            found.extend(left.map(|schedule| format!("the schedule `{}` is deployed, and in no file", schedule.name)));
        }
    }
    for source in lake.sources.values() {
        found.extend(sources::drift(source, cloud.catalogue.as_ref()).await?);
    }
    Ok(found)
}

/// Alarms that ring; that they cannot be asked for is no reason to tell nothing else.
pub(super) async fn alarms(lake: &Lake, cloud: &Cloud) -> Alarms {
    let name = &lake.config.name;
    let link = cloud.region().await.map(|region| {
        format!(
            "https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#alarmsV2:?~(search~'tarn-{name})"
        )
    });
    let (ringing, unknown) = match cloud.alarms(name).await {
        Ok(ringing) => (ringing, None),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    let ringing = ringing.into_iter().map(|alarm| Ringing {
        name: alarm.name,
        since: alarm.since.map(|since| since.with_timezone(&lake.config.timezone)),
        description: alarm.description,
        reason: alarm.reason,
    });
    Alarms { ringing: ringing.collect(), unknown, link }
}

pub(super) fn print(status: &Status, terminal: Terminal) -> std::io::Result<()> {
    let head = |title: &str| terminal.print(&terminal.paint(Style::Strong, title));
    if let Some(project) = &status.project {
        head("project")?;
        let line = match project {
            Pushed::Nothing => "nothing was pushed yet: `tarn push`".to_owned(),
            Pushed::Same => "what is deployed is what is here".to_owned(),
            Pushed::Differs(Difference { added, changed, removed }) => {
                let count = added.len() + changed.len() + removed.len();
                format!("{} not pushed: see `tarn diff`", counted(count as u64, "change"))
            }
        };
        terminal.print(&format!("  {line}"))?;
    }
    if let Some(found) = &status.infrastructure {
        head("infrastructure")?;
        for line in found {
            terminal.print(&format!("  {}", terminal.paint(Style::Bad, line)))?;
        }
        let line = match found.is_empty() {
            true => "schedules and tables are as the files say; of the rest `make plan` tells",
            false => "`make plan` tells the rest, `make deploy` mends it",
        };
        terminal.print(&format!("  {line}"))?;
    }
    let Some(alarms) = &status.alarms else { return Ok(()) };
    head("alarms")?;
    for alarm in &alarms.ringing {
        let since = alarm.since.map_or_else(|| "-".to_owned(), |since| since.format(MINUTES).to_string());
        terminal.print(&format!("  {since}  {}", terminal.paint(Style::Bad, &alarm.name)))?;
        terminal.print(&format!("      {}", alarm.description))?;
    }
    match &alarms.unknown {
        Some(reason) => terminal.print(&format!("  {}", terminal.paint(Style::Bad, reason)))?,
        None => super::none(alarms.ringing.is_empty(), terminal)?,
    }
    match &alarms.link {
        Some(link) => terminal.print(&format!("  see {link}")),
        None => Ok(()),
    }
}
