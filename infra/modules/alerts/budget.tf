# A month's budget for what carries the lake's tag.

resource "aws_budgets_budget" "month" {
  count = var.budget == null ? 0 : 1

  name         = "${var.prefix}-month"
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_amount = tostring(var.budget)
  limit_unit   = "USD"
  tags         = var.tags

  # Billing knows a tag once it was activated as a cost allocation tag; until then this budget counts nothing.
  cost_filter {
    name   = "TagKeyValue"
    values = [format("user:%s$%s", var.budget_tag.key, var.budget_tag.value)]
  }

  dynamic "notification" {
    for_each = { ACTUAL = 80, FORECASTED = 100 }
    content {
      notification_type         = notification.key
      comparison_operator       = "GREATER_THAN"
      threshold                 = notification.value
      threshold_type            = "PERCENTAGE"
      subscriber_sns_topic_arns = [aws_sns_topic.alarms.arn]
    }
  }

  depends_on = [aws_sns_topic_policy.alarms]
}
