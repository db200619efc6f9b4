# Alarms that ask for a person: a function that fails, one that is held back, events that were given up.

resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name          = "${var.name}-errors"
  alarm_description   = "Invocations of ${var.name} failed. Its log is ${aws_cloudwatch_log_group.this.name}."
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = var.name }
  statistic           = "Sum"
  period              = var.tolerated_errors.seconds
  evaluation_periods  = var.tolerated_errors.periods
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.tolerated_errors.number
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarms
  ok_actions          = local.alarms
  tags                = var.tags
}

# Being held back for a moment is no harm: the callers try again. A quarter of an hour is.
resource "aws_cloudwatch_metric_alarm" "throttles" {
  alarm_name          = "${var.name}-throttles"
  alarm_description   = "Lambda holds ${var.name} back: its concurrency, or the account's, is used up."
  namespace           = "AWS/Lambda"
  metric_name         = "Throttles"
  dimensions          = { FunctionName = var.name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarms
  ok_actions          = local.alarms
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  for_each = { for queue in aws_sqs_queue.dead_letters : "queue" => queue.name }

  alarm_name          = "${var.name}-dead-letters"
  alarm_description   = "Events of ${var.name} failed for good and wait in the queue ${each.value}."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = each.value }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarms
  ok_actions          = local.alarms
  tags                = var.tags
}
