# One state machine with all that belongs to it: a role of its own, a log of what fails, tracing, an alarm.

resource "aws_sfn_state_machine" "this" {
  name       = var.name
  role_arn   = aws_iam_role.this.arn
  definition = var.definition
  tags       = var.tags

  logging_configuration {
    level                  = "ERROR"
    include_execution_data = true
    log_destination        = "${aws_cloudwatch_log_group.this.arn}:*"
  }

  tracing_configuration {
    enabled = true
  }

  # Step Functions looks at the role's rights to log when the machine is made.
  depends_on = [aws_iam_role_policy.this]
}

# Groups below `/aws/vendedlogs/` do not each take room in the account's one policy for log deliveries.
resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158: CloudWatch encrypts logs with its own key; rows of the lake do not pass through a state machine
  #checkov:skip=CKV_AWS_338: how long logs are kept is the user's to say, in `log_retention_days`
  name              = "/aws/vendedlogs/states/${var.name}"
  retention_in_days = var.log_retention_days
  tags              = var.tags
}

# Parents see how a failed child ended in its own status; an execution that somebody stops is no failure.
resource "aws_cloudwatch_metric_alarm" "failures" {
  alarm_name          = "${var.name}-failures"
  alarm_description   = "Executions of the state machine ${var.name} failed or ran out of time. Its log is ${aws_cloudwatch_log_group.this.name}."
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarms
  ok_actions          = local.alarms
  tags                = var.tags

  metric_query {
    id          = "failures"
    label       = "Failed or timed out"
    expression  = "FILL(failed, 0) + FILL(timed_out, 0)"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { failed = "ExecutionsFailed", timed_out = "ExecutionsTimedOut" }
    content {
      id = metric_query.key

      metric {
        namespace   = "AWS/States"
        metric_name = metric_query.value
        dimensions  = { StateMachineArn = aws_sfn_state_machine.this.arn }
        stat        = "Sum"
        period      = 300
      }
    }
  }
}

locals {
  alarms = var.alarm_topic_arn == null ? [] : [var.alarm_topic_arn]
}
