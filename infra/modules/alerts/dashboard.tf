# One page for the person on call: what came in, how runs ended, what it cost, what went into marts, what is wrong.

locals {
  ingesting = concat(
    [for source in var.streams : { name = source, function = "${var.prefix}-firehose-transform-${source}" }],
    var.tables ? [{ name = "tables", function = "${var.prefix}-dynamodb-flatten" }] : [],
  )
  alarms = sort(concat(var.alarms, module.query_cost.alarms, [aws_cloudwatch_metric_alarm.undelivered.alarm_name]))

  graphs = [
    {
      title = "Records that came in"
      metrics = [for each in local.ingesting : [
        "Tarn", "Records", "Function", each.function, { label = each.name }
      ]]
    },
    {
      title = "Records in quarantine"
      metrics = concat(
        [for each in local.ingesting : ["Tarn", "Quarantined", "Function", each.function, { label = each.name }]],
        var.tables ? [["Tarn", "Quarantined", "Function", "${var.prefix}-dynamodb-capture", { label = "tables, before they were kept" }]] : [],
      )
    },
    {
      title   = "Seconds until records are in S3"
      stat    = "Maximum"
      metrics = [for source in var.streams : ["AWS/Firehose", "DeliveryToS3.DataFreshness", "DeliveryStreamName", "${var.prefix}-${source}", { label = source }]]
    },
    {
      title = "Runs"
      metrics = [for outcome, metric in { succeeded = "ExecutionsSucceeded", failed = "ExecutionsFailed", "timed out" = "ExecutionsTimedOut", aborted = "ExecutionsAborted" } : [
        "AWS/States", metric, "StateMachineArn", "arn:${local.partition}:states:${local.region}:${local.account}:stateMachine:${var.prefix}-workflow", { label = outcome }
      ]]
    },
    {
      title   = "Models of runs"
      metrics = [for metric in ["Done", "Failed", "Skipped"] : ["Tarn", metric, "Function", "${var.prefix}-workflow-plan", { label = lower(metric) }]]
    },
    {
      title   = "Bytes scanned"
      metrics = [["Tarn", "BytesScanned", "Function", "${var.prefix}-query-cost", { label = "all queries" }]]
    },
    {
      title   = "Dollars for queries"
      metrics = [["Tarn", "Cost", "Function", "${var.prefix}-query-cost", { label = "all queries" }]]
    },
    {
      title   = "Rows loaded into marts"
      metrics = [for mart in var.marts : ["Tarn", "RowsLoaded", "Function", "${var.prefix}-mart-load-${mart}", { label = mart }]]
    },
  ]
  # A graph of nothing is refused by CloudWatch.
  filled = [for graph in local.graphs : graph if length(graph.metrics) > 0]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.prefix

  dashboard_body = jsonencode({
    start          = "-P7D"
    periodOverride = "inherit"
    widgets = concat(
      [{
        type   = "alarm"
        x      = 0
        y      = 0
        width  = 24
        height = 4
        properties = {
          title  = "Alarms of ${var.lake}"
          alarms = [for name in local.alarms : "arn:${local.partition}:cloudwatch:${local.region}:${local.account}:alarm:${name}"]
        }
      }],
      [for number, graph in local.filled : {
        type   = "metric"
        x      = (number % 2) * 12
        y      = 4 + floor(number / 2) * 6
        width  = 12
        height = 6
        properties = {
          title   = graph.title
          region  = local.region
          view    = "timeSeries"
          stat    = lookup(graph, "stat", "Sum")
          period  = 3600
          metrics = graph.metrics
          yAxis   = { left = { min = 0 } }
        }
      }],
    )
  })
}
