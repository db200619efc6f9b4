//! Schedules of EventBridge Scheduler, as they are deployed.

use serde::Deserialize;

use crate::aws::Aws;
use crate::signed::{Question, ServiceError, ask};

/// A schedule that is deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeployedSchedule {
    /// Its name.
    pub name: String,
    /// Whether it fires.
    pub is_enabled: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    schedules: Vec<Described>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    name: String,
    state: Option<String>,
}

impl DeployedSchedule {
    /// All schedules of a group; none when the group is not there.
    ///
    /// # Errors
    /// When Scheduler refuses or cannot be reached; the right is `scheduler:ListSchedules`.
    pub async fn of_group(aws: &Aws, group: &str) -> Result<Vec<DeployedSchedule>, ServiceError> {
        let mut schedules = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.append_pair("ScheduleGroup", group).append_pair("MaxResults", "100");
            if let Some(token) = &next {
                query.append_pair("NextToken", token);
            }
            let answer = match ask(aws, "scheduler", Question::Look(&format!("/schedules?{}", query.finish()))).await {
                Err(error) if error.status == Some(404) => return Ok(schedules),
                answer => answer?,
            };
            let page: Page =
                serde_json::from_value(answer).map_err(|error| ServiceError::unreadable("scheduler", &error))?;
            schedules.extend(page.schedules.into_iter().map(|schedule| DeployedSchedule {
                name: schedule.name,
                is_enabled: schedule.state.as_deref() != Some("DISABLED"),
            }));
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(schedules);
            }
        }
    }
}
