# What comes to the function by itself: queries that ended, executions that failed, the hour of the daily digest.

locals {
  rules = merge(
    {
      queries = {
        description = "Queries of the lake's workgroups that ended"
        pattern = {
          source        = ["aws.athena"]
          "detail-type" = ["Athena Query State Change"]
          detail        = { currentState = ["SUCCEEDED", "FAILED", "CANCELLED"], workgroupName = var.workgroups }
        }
      }
    },
    {
      executions = {
        description = "Executions of the lake's state machines that failed"
        pattern = {
          source        = ["aws.states"]
          "detail-type" = ["Step Functions Execution Status Change"]
          detail        = { status = ["FAILED", "TIMED_OUT", "ABORTED"], stateMachineArn = local.machines }
        }
      }
    },
  )
}

resource "aws_cloudwatch_event_rule" "this" {
  for_each = local.rules

  name          = "${var.prefix}-${each.key}"
  description   = each.value.description
  event_pattern = jsonencode(each.value.pattern)
  tags          = var.tags
}

resource "aws_cloudwatch_event_target" "this" {
  for_each = local.rules

  rule      = aws_cloudwatch_event_rule.this[each.key].name
  target_id = "query-cost"
  arn       = module.query_cost.arn

  retry_policy {
    maximum_event_age_in_seconds = 21600
    maximum_retry_attempts       = 100
  }

  dead_letter_config {
    arn = aws_sqs_queue.undelivered.arn
  }

  depends_on = [aws_lambda_permission.rule, aws_sqs_queue_policy.undelivered]
}

resource "aws_lambda_permission" "rule" {
  for_each = local.rules

  statement_id   = each.key
  function_name  = module.query_cost.name
  action         = "lambda:InvokeFunction"
  principal      = "events.amazonaws.com"
  source_arn     = aws_cloudwatch_event_rule.this[each.key].arn
  source_account = local.account
}

resource "aws_scheduler_schedule_group" "this" {
  name = "${var.prefix}-alerts"
  tags = var.tags
}

resource "aws_scheduler_schedule" "digest" {
  #checkov:skip=CKV_AWS_297: the schedule holds its name and a time; AWS's own key will do
  name                         = "digest"
  description                  = "What yesterday cost, and how its runs ended"
  group_name                   = aws_scheduler_schedule_group.this.name
  schedule_expression          = "cron(${var.digest})"
  schedule_expression_timezone = var.timezone

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = module.query_cost.arn
    role_arn = aws_iam_role.scheduler.arn
    # Scheduler replaces the time only where it stands in plain brackets, which `jsonencode` would escape.
    input = "{\"step\":\"digest\",\"time\":\"<aws.scheduler.scheduled-time>\"}"

    retry_policy {
      maximum_event_age_in_seconds = 21600
      maximum_retry_attempts       = 100
    }

    dead_letter_config {
      arn = aws_sqs_queue.undelivered.arn
    }
  }
}

resource "aws_iam_role" "scheduler" {
  name        = "${var.prefix}-digest-scheduler"
  description = "What the schedule of the digest may do"
  tags        = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account }
        ArnEquals    = { "aws:SourceArn" = "arn:${local.partition}:scheduler:${local.region}:${local.account}:schedule-group/${var.prefix}-alerts" }
      }
    }]
  })
}

resource "aws_iam_role_policy" "scheduler" {
  name = "own"
  role = aws_iam_role.scheduler.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "Tell", Effect = "Allow", Action = ["lambda:InvokeFunction"], Resource = [module.query_cost.arn] },
      { Sid = "KeepMissed", Effect = "Allow", Action = ["sqs:SendMessage"], Resource = [aws_sqs_queue.undelivered.arn] },
    ]
  })
}

# What could not be handed to the function at all; what it failed at waits in a queue of its own.
resource "aws_sqs_queue" "undelivered" {
  name                      = "${var.prefix}-undelivered-alerts"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
  tags                      = var.tags
}

resource "aws_sqs_queue_policy" "undelivered" {
  queue_url = aws_sqs_queue.undelivered.url

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      for service, arns in {
        "events.amazonaws.com" = values(aws_cloudwatch_event_rule.this)[*].arn
        "sns.amazonaws.com"    = [aws_sns_topic.alarms.arn]
        } : {
        Effect    = "Allow"
        Principal = { Service = service }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.undelivered.arn
        Condition = { ArnEquals = { "aws:SourceArn" = arns } }
      }
    ]
  })
}

# By mail, for who tells Slack is the one that was not reached.
resource "aws_cloudwatch_metric_alarm" "undelivered" {
  alarm_name          = "${var.prefix}-undelivered-alerts"
  alarm_description   = "Events did not reach ${module.query_cost.name} and wait in the queue ${aws_sqs_queue.undelivered.name}."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.undelivered.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  tags                = var.tags
}
