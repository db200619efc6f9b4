# Schedules of the lake. Each fires into the machine `schedule`, which starts an execution named by schedule and time: EventBridge Scheduler
# fires at least once, sometimes twice, and writes times with colons, which a name must not have.

locals {
  schedules = {
    for name, schedule in var.schedules : name => {
      cron    = schedule.cron
      machine = schedule.export == null ? module.workflow.arn : var.export_machine_arn
      input   = merge({ schedule = name, time = "<aws.scheduler.scheduled-time>" }, { for cluster in schedule.export[*] : "cluster" => cluster })
    }
  }
}

module "schedule" {
  source = "../machine"

  name               = "${var.prefix}-schedule"
  definition         = file("${var.machines}/schedule.asl.json")
  alarm_topic_arn    = var.alarm_topic_arn
  log_retention_days = var.log_retention_days
  tags               = var.tags
  statements = [{
    sid       = "StartOnce"
    actions   = ["states:StartExecution"]
    resources = concat([module.workflow.arn], var.export_machine_arn[*])
  }]
}

resource "aws_scheduler_schedule_group" "this" {
  name = var.prefix
  tags = var.tags
}

resource "aws_scheduler_schedule" "this" {
  #checkov:skip=CKV_AWS_297: a schedule holds its name and a time; AWS's own key will do
  for_each = local.schedules

  name                         = each.key
  description                  = "Schedule `${each.key}` of the lake's tarn.yaml"
  group_name                   = aws_scheduler_schedule_group.this.name
  schedule_expression          = "cron(${each.value.cron})"
  schedule_expression_timezone = var.timezone

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = module.schedule.arn
    role_arn = aws_iam_role.scheduler.arn
    # Scheduler replaces the time only where it stands in plain brackets.
    input = replace(replace(jsonencode({
      schedule = each.key
      time     = "<aws.scheduler.scheduled-time>"
      machine  = each.value.machine
      input    = each.value.input
    }), "\\u003c", "<"), "\\u003e", ">")

    # A run that is six hours late is a run for a person to look at.
    retry_policy {
      maximum_event_age_in_seconds = 21600
      maximum_retry_attempts       = 100
    }

    dead_letter_config {
      arn = aws_sqs_queue.missed.arn
    }
  }
}

# Firings that could not be delivered wait here for two weeks, the longest that SQS keeps anything.
resource "aws_sqs_queue" "missed" {
  name                      = "${var.prefix}-missed-schedules"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
  tags                      = var.tags
}

resource "aws_cloudwatch_metric_alarm" "missed" {
  alarm_name          = "${var.prefix}-missed-schedules"
  alarm_description   = "Schedules of the lake could not start what they are for; what was to be started waits in the queue ${aws_sqs_queue.missed.name}."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.missed.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arn == null ? [] : [var.alarm_topic_arn]
  ok_actions          = var.alarm_topic_arn == null ? [] : [var.alarm_topic_arn]
  tags                = var.tags
}

resource "aws_iam_role" "scheduler" {
  name        = "${var.prefix}-scheduler"
  description = "What the lake's schedules may do"
  tags        = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account }
        ArnEquals    = { "aws:SourceArn" = "arn:${local.partition}:scheduler:${local.region}:${local.account}:schedule-group/${var.prefix}" }
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
      { Sid = "Start", Effect = "Allow", Action = ["states:StartExecution"], Resource = [module.schedule.arn] },
      { Sid = "KeepMissed", Effect = "Allow", Action = ["sqs:SendMessage"], Resource = [aws_sqs_queue.missed.arn] },
    ]
  })
}
