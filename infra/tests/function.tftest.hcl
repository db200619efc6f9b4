# A function may do what it was given and what every function does, and keeps what failed.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name = "tarn-test-work"
  zip  = "tests/functions/athena-ctas.zip"
}

run "plain" {
  command = plan

  module {
    source = "./modules/function"
  }

  assert {
    condition     = aws_lambda_function.this.runtime == "provided.al2023" && aws_lambda_function.this.architectures == tolist(["arm64"])
    error_message = "functions are programs for arm64 unless something else is said"
  }
  assert {
    condition     = aws_lambda_function.this.reserved_concurrent_executions == -1
    error_message = "no concurrency is taken from the account unless asked"
  }
  assert {
    condition     = aws_lambda_function.this.logging_config[0].log_format == "JSON" && aws_cloudwatch_log_group.this.retention_in_days == 30
    error_message = "logs are JSON, and are not kept for ever"
  }
  assert {
    condition     = length(aws_sqs_queue.dead_letters) == 0 && length(aws_cloudwatch_metric_alarm.dead_letters) == 0 && output.dead_letter_arn == null
    error_message = "there is no queue unless asked"
  }
  assert {
    condition     = length(data.aws_iam_policy_document.this.statement) == 1 && length(data.aws_iam_policy_document.vpc) == 0
    error_message = "without statements a function writes its log and does nothing else"
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.errors.alarm_actions) == 0
    error_message = "without a topic alarms tell nobody"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.errors.threshold == 0 && aws_cloudwatch_metric_alarm.errors.evaluation_periods == 3
    error_message = "callers try again: one failure is no news"
  }
}

run "whole" {
  command = apply

  module {
    source = "./modules/function"
  }

  variables {
    architecture         = "x86_64"
    environment          = { TARN_BUCKET = "test-lake" }
    statements           = [{ sid = "Read", actions = ["s3:GetObject"], resources = ["arn:aws:s3:::test-lake/project/*"] }]
    alarm_topic_arn      = "arn:aws:sns:ap-northeast-1:111122223333:alarms"
    dead_letter          = true
    reserved_concurrency = 3
    tolerated_errors     = { number = 3, seconds = 1800, periods = 1 }
    vpc                  = { subnets = ["subnet-1"], security_groups = ["sg-1"] }
  }

  assert {
    condition     = aws_sqs_queue.dead_letters[0].message_retention_seconds == 1209600 && output.dead_letter_arn == aws_sqs_queue.dead_letters[0].arn
    error_message = "dead letters are kept for two weeks"
  }
  assert {
    condition     = [for statement in data.aws_iam_policy_document.this.statement : statement.sid] == ["WriteLog", "KeepDeadLetters", "Read"]
    error_message = "the role has the log, the queue, and what was asked for"
  }
  assert {
    condition     = alltrue([for statement in data.aws_iam_policy_document.vpc[0].statement : statement.resources == toset(["*"])]) && data.aws_iam_policy_document.vpc[0].statement[1].effect == "Deny"
    error_message = "what Lambda needs for a network is denied to the program"
  }
  assert {
    condition = alltrue([
      for alarm in [aws_cloudwatch_metric_alarm.errors, aws_cloudwatch_metric_alarm.throttles, aws_cloudwatch_metric_alarm.dead_letters["queue"]] :
      alarm.alarm_actions == toset(["arn:aws:sns:ap-northeast-1:111122223333:alarms"])
    ])
    error_message = "all alarms go to the topic"
  }
  assert {
    condition = alltrue([
      for alarm in [aws_cloudwatch_metric_alarm.errors, aws_cloudwatch_metric_alarm.throttles, aws_cloudwatch_metric_alarm.dead_letters["queue"]] :
      alarm.ok_actions == alarm.alarm_actions && contains(output.alarms, alarm.alarm_name)
    ]) && length(output.alarms) == 3
    error_message = "that they are over is told too, and the dashboard is told of all"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.errors.threshold == 3 && aws_cloudwatch_metric_alarm.errors.period == 1800 && aws_cloudwatch_metric_alarm.errors.evaluation_periods == 1
    error_message = "how many failures are told is as it was asked for"
  }
}

run "a_program_that_was_not_built" {
  command = plan

  module {
    source = "./modules/function"
  }

  variables {
    zip = "tests/functions/missing.zip"
  }

  expect_failures = [aws_lambda_function.this]
}

run "a_name_that_is_too_long" {
  command = plan

  module {
    source = "./modules/function"
  }

  variables {
    name = "tarn-test-firehose-transform-a_source_whose_name_goes_on_for_longer_than_lambda_takes"
  }

  expect_failures = [var.name]
}
