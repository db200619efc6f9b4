# How records come in: streams.tf by Firehose, tables.tf by the streams of DynamoDB.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  prefix = "tarn-${var.name}"
  s3     = "arn:${data.aws_partition.current.partition}:s3:::"
  here   = "${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}"
  lake   = "${local.s3}${var.bucket}"
  raw    = "${local.s3}${var.raw_bucket}"
  alarms = var.alarm_topic_arn == null ? [] : [var.alarm_topic_arn]

  settings = {
    TARN_BUCKET     = var.bucket
    TARN_RAW_BUCKET = var.raw_bucket
  }
}

# Refused records are kept, and somebody should look at them: a contract may be wrong.
resource "aws_cloudwatch_metric_alarm" "quarantined" {
  for_each = merge(
    { for name, transform in module.transform : transform.name => name },
    length(var.tables) == 0 ? {} : { (module.capture[0].name) = "tables", (module.flatten[0].name) = "tables" },
  )

  alarm_name          = "${each.key}-quarantined"
  alarm_description   = "${each.key} put records into quarantine/${each.value == "tables" ? "" : "${each.value}/"} of ${var.bucket}. They tell why; `tarn replay` sends them through again."
  namespace           = "Tarn"
  metric_name         = "Quarantined"
  dimensions          = { Function = each.key }
  statistic           = "Sum"
  period              = 3600
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarms
  ok_actions          = local.alarms
  tags                = var.tags
}
