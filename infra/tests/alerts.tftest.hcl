# What is told, to whom, and what happens to what could not be told.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  prefix     = "tarn-shop"
  lake       = "shop"
  bucket     = "shop-lake"
  raw_bucket = "shop-raw"
  workgroups = ["tarn-shop", "tarn-shop-people"]
  streams    = ["site_events"]
  tables     = true
  marts      = ["reporting"]
  functions  = "tests/functions"
}

run "quiet" {
  module {
    source = "./modules/alerts"
  }

  assert {
    condition     = length(aws_sns_topic_subscription.email) == 0 && length(aws_sns_topic_subscription.slack) == 0 && length(aws_budgets_budget.month) == 0
    error_message = "nobody is told who did not ask"
  }
  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.this["queries"].event_pattern).detail.workgroupName == ["tarn-shop", "tarn-shop-people"]
    error_message = "queries of the lake's workgroups count, and no others"
  }
  assert {
    condition     = contains(jsondecode(aws_cloudwatch_event_rule.this["queries"].event_pattern).detail.currentState, "CANCELLED")
    error_message = "cancelled queries cost too"
  }
  assert {
    condition = contains(
      jsondecode(aws_cloudwatch_event_rule.this["executions"].event_pattern).detail.stateMachineArn,
      "arn:aws:states:ap-northeast-1:111122223333:stateMachine:tarn-shop-workflow",
    )
    error_message = "failed runs are told"
  }
  assert {
    condition     = alltrue([for target in aws_cloudwatch_event_target.this : target.dead_letter_config[0].arn == aws_sqs_queue.undelivered.arn])
    error_message = "events that cannot be delivered are kept"
  }
  assert {
    condition     = jsondecode(aws_scheduler_schedule.digest.target[0].input) == { step = "digest", time = "<aws.scheduler.scheduled-time>" }
    error_message = "the digest is asked for as the function expects it"
  }
  assert {
    condition     = length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets) == 9
    error_message = "alarms and eight graphs"
  }
}

run "loud" {
  module {
    source = "./modules/alerts"
  }

  variables {
    slack_secret = "shop/slack"
    emails       = ["data@example.com"]
    budget       = 50
    budget_tag   = { key = "tarn-lake", value = "shop" }
  }

  assert {
    condition     = aws_sns_topic_subscription.email["data@example.com"].protocol == "email" && aws_sns_topic_subscription.slack[0].protocol == "lambda"
    error_message = "alarms go by mail and to Slack"
  }
  assert {
    condition = jsondecode(aws_sns_topic_subscription.slack[0].filter_policy) == {
      AlarmName = [{ exists = true }]
    }
    error_message = "Slack is told of a failed run once, by the event that knows the reason"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.undelivered.ok_actions == aws_cloudwatch_metric_alarm.undelivered.alarm_actions
    error_message = "that it is over is told too"
  }
  assert {
    condition     = aws_budgets_budget.month[0].limit_amount == "50" && one(aws_budgets_budget.month[0].cost_filter).values[0] == "user:tarn-lake$shop"
    error_message = "the budget is the lake's"
  }
  assert {
    condition = toset(one([
      for statement in jsondecode(aws_kms_key.alarms.policy).Statement : statement.Principal.Service if statement.Sid == "Publish"
    ])) == toset(["budgets.amazonaws.com", "cloudwatch.amazonaws.com"])
    error_message = "those that publish to the topic may use its key"
  }
}

run "without_marts_and_sources" {
  module {
    source = "./modules/alerts"
  }

  variables {
    streams = []
    tables  = false
    marts   = []
  }

  assert {
    condition     = length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets) == 5
    error_message = "there are no graphs of nothing"
  }
}
