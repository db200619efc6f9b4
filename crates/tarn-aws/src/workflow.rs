//! A state machine of Step Functions: started once per name, looked after, stopped.

use std::sync::Arc;

use aws_sdk_sfn::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sfn::types::ExecutionStatus;

use crate::aws::Aws;
use crate::error::message;

/// Why a workflow could not be started or looked after.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WorkflowError(String);

/// How far an execution is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Execution {
    /// It goes on.
    Running,
    /// It has ended well.
    Succeeded,
    /// It has ended otherwise, for this reason.
    Failed(String),
}

/// A state machine.
#[derive(Debug, Clone)]
pub struct Workflow {
    aws: Arc<Aws>,
    arn: String,
}

impl Workflow {
    /// The state machine of this name in the account, or of this ARN.
    ///
    /// # Errors
    /// When there is none, or the account cannot be asked.
    pub async fn find(aws: Arc<Aws>, name: &str) -> Result<Self, WorkflowError> {
        if name.starts_with("arn:") {
            return Ok(Self { aws, arn: name.to_owned() });
        }
        let mut pages = aws.sfn().await.list_state_machines().into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| refused(&error))?;
            if let Some(found) = page.state_machines.into_iter().find(|machine| machine.name == name) {
                return Ok(Self { aws: Arc::clone(&aws), arn: found.state_machine_arn });
            }
        }
        Err(WorkflowError(format!("there is no state machine `{name}` in this account and region")))
    }

    /// What is known of the end of an execution: input, error and cause.
    ///
    /// # Errors
    /// When the service refuses.
    pub async fn end_of(aws: &Aws, execution: &str) -> Result<[Option<String>; 3], WorkflowError> {
        let call = aws.sfn().await.describe_execution().execution_arn(execution);
        let found = call.send().await.map_err(|error| refused(&error))?;
        Ok([found.input, found.error, found.cause])
    }

    /// What the execution of this name has answered at its end; nothing for one that goes on, or that failed.
    ///
    /// # Errors
    /// When there is none, or the service refuses.
    pub async fn output(&self, name: &str) -> Result<String, WorkflowError> {
        let call = self.aws.sfn().await.describe_execution().execution_arn(self.execution(name));
        let found = call.send().await.map_err(|error| refused(&error))?;
        Ok(found.output.unwrap_or_default())
    }

    /// The ARN of an execution of this name.
    pub fn execution(&self, name: &str) -> String {
        format!("{}:{name}", self.arn.replacen(":stateMachine:", ":execution:", 1))
    }

    /// Starts an execution; `false` when one of this name has been started before.
    ///
    /// # Errors
    /// When the service refuses.
    pub async fn start(&self, name: &str, input: &str) -> Result<bool, WorkflowError> {
        let call = self.aws.sfn().await.start_execution().state_machine_arn(&self.arn).name(name).input(input);
        match call.send().await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("ExecutionAlreadyExists") => Ok(false),
            Err(error) => Err(refused(&error)),
        }
    }

    /// How far the execution of this name is.
    ///
    /// # Errors
    /// When there is none, or the service refuses.
    pub async fn look(&self, name: &str) -> Result<Execution, WorkflowError> {
        let found = self.look_for(name).await?;
        found.ok_or_else(|| WorkflowError(format!("there is no execution `{name}`")))
    }

    /// How far the execution of this name is; `None` when there is none.
    ///
    /// # Errors
    /// When the service refuses.
    pub async fn look_for(&self, name: &str) -> Result<Option<Execution>, WorkflowError> {
        let call = self.aws.sfn().await.describe_execution().execution_arn(self.execution(name));
        let found = match call.send().await {
            Ok(found) => found,
            Err(error) if error.code() == Some("ExecutionDoesNotExist") => return Ok(None),
            Err(error) => return Err(refused(&error)),
        };
        Ok(Some(match found.status {
            ExecutionStatus::Running | ExecutionStatus::PendingRedrive => Execution::Running,
            ExecutionStatus::Succeeded => Execution::Succeeded,
            status => {
                let reason: Vec<String> = [found.error, found.cause].into_iter().flatten().collect();
                let reason = if reason.is_empty() { status.as_str().to_lowercase() } else { reason.join(": ") };
                Execution::Failed(reason)
            }
        }))
    }
}

fn refused<E>(error: &SdkError<E>) -> WorkflowError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    WorkflowError(message(error))
}
