# A machine may do what is named, and hear of its children.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name       = "tarn-shop-workflow"
  definition = "{\"StartAt\":\"Done\",\"States\":{\"Done\":{\"Type\":\"Succeed\"}}}"
  children   = ["arn:aws:states:ap-northeast-1:111122223333:stateMachine:tarn-shop-model"]
  statements = [
    { sid = "Plan", actions = ["lambda:InvokeFunction"], resources = ["arn:aws:lambda:ap-northeast-1:111122223333:function:tarn-shop-workflow-plan"] },
    {
      sid        = "Pass"
      actions    = ["iam:PassRole"]
      resources  = ["arn:aws:iam::111122223333:role/export"]
      conditions = [{ test = "StringEquals", variable = "iam:PassedToService", values = ["export.rds.amazonaws.com"] }]
    },
  ]
}

run "rights" {
  module {
    source = "./modules/machine"
  }

  assert {
    condition = one([
      for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : statement.Resource if contains(statement.Action, "states:StopExecution")
    ]) == ["arn:aws:states:ap-northeast-1:111122223333:execution:tarn-shop-model:*"]
    error_message = "executions of children may be watched and stopped, and no others"
  }
  assert {
    condition = toset([
      for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : statement.Sid if contains(statement.Resource, "*")
    ]) == toset(["DeliverLogs", "Trace"])
    error_message = "only what knows no resources is allowed on all"
  }
  assert {
    condition = one([
      for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : statement.Condition if statement.Sid == "Pass"
    ]) == { StringEquals = { "iam:PassedToService" = ["export.rds.amazonaws.com"] } }
    error_message = "conditions are kept"
  }
  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : alltrue([for action in statement.Action : !strcontains(action, "*")])])
    error_message = "actions are named"
  }
}

run "looks" {
  module {
    source = "./modules/machine"
  }

  assert {
    condition     = aws_sfn_state_machine.this.logging_configuration[0].level == "ERROR" && aws_sfn_state_machine.this.tracing_configuration[0].enabled
    error_message = "errors are logged, executions traced"
  }
  assert {
    condition     = aws_cloudwatch_log_group.this.retention_in_days == 30
    error_message = "logs do not grow for ever"
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.failures.metric_query) == 3
    error_message = "failed and timed out executions raise the alarm"
  }
}

run "a_machine_of_its_own" {
  module {
    source = "./modules/machine"
  }

  variables {
    children = []
  }

  assert {
    condition     = !strcontains(aws_iam_role_policy.this.policy, "states:")
    error_message = "a machine without children starts none"
  }
}
