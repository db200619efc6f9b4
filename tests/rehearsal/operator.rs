//! The person on call: what Slack says, once each, and what is typed then.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::deployment::{Deployment, HURRY};
use crate::wait_for;

/// How long news takes to come at most, and how long is listened for more of it.
const PATIENCE: Duration = Duration::from_secs(60);
const LISTENED: Duration = Duration::from_secs(3);

/// The texts of the messages since the last time, without those that an alarm is over.
fn heard(deployed: &Deployment) -> Result<Vec<String>> {
    let messages = deployed.account.slack_messages()?;
    let texts = messages.iter().map(|message| {
        let mut text = String::new();
        collect(message, &mut text);
        text
    });
    Ok(texts.filter(|text| !text.contains("Over: ")).collect())
}

fn collect(value: &Value, text: &mut String) {
    match value {
        Value::String(part) => {
            text.push_str(part);
            text.push('\n');
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, text)),
        Value::Object(members) => members.values().for_each(|member| collect(member, text)),
        _ => {}
    }
}

/// Waits for so many messages, listens whether there are more, and forgets them.
///
/// Nothing may wait to be sent, either: what the function failed to send would be a second message later.
pub(crate) fn told(deployed: &Deployment, count: usize) -> Result<Vec<String>> {
    let until = Instant::now() + PATIENCE;
    while heard(deployed)?.len() < count {
        if Instant::now() > until {
            let said = deployed.log("query-cost")?.join("");
            bail!("{count} messages were to come, and these came: {:#?}\nthe function said:\n{said}", heard(deployed)?);
        }
        thread::sleep(Duration::from_millis(200));
    }
    thread::sleep(LISTENED);
    let heard = heard(deployed)?;
    assert_eq!(heard.len(), count, "{heard:#?}");
    deployed.account.clear_slack()?;
    Ok(heard)
}

/// The one message that came, which says this.
pub(crate) fn told_once(deployed: &Deployment, said: &str) -> Result<String> {
    let message = told(deployed, 1)?.remove(0);
    assert!(message.contains(said), "`{said}` is not in {message}");
    Ok(message)
}

/// Waits, with a clock that goes faster, until `tarn status` shows no alarm of this name: one that rings does not ring again.
pub(crate) fn over(deployed: &Deployment, alarm: &str) -> Result<()> {
    deployed.account.hurry(10 * HURRY)?;
    let over = wait_for(&format!("end of {alarm}"), || {
        let status = deployed.tarn(&["status", "--json"])?.done().json()?;
        let ringing = status["alarms"]["ringing"].as_array().context("status lists alarms")?;
        Ok((!ringing.iter().any(|each| each["name"] == alarm)).then_some(()))
    });
    deployed.account.hurry(HURRY)?;
    over
}

/// The command that a message gives, as it would be copied.
pub(crate) fn command(message: &str) -> Result<String> {
    let rest = message.split_once("Try it again with").map(|(_, rest)| rest).unwrap_or_default();
    let Some((_, rest)) = rest.split_once("```") else { bail!("no command in {message}") };
    let typed = rest.split("```").next().unwrap_or_default().trim();
    Ok(typed.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">"))
}
