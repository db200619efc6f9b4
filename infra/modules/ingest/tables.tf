# Tables: one function keeps the changes of all of them as they came, another makes rows of what was kept.

locals {
  table_keys        = distinct(compact(values(var.tables)[*].table_key))
  sources_of_tables = join(",", [for name, source in var.tables : "${source.table}=${name}"])
}

# The tables are their owners': only their streams are read.
data "aws_dynamodb_table" "this" {
  for_each = var.tables

  name = each.value.table

  lifecycle {
    postcondition {
      condition     = self.stream_enabled
      error_message = "The DynamoDB table `${self.name}` has no stream, so nobody hears of its changes. Turn its stream on, best with new and old images."
    }
  }
}

module "capture" {
  source = "../function"
  count  = length(var.tables) == 0 ? 0 : 1

  name               = "${local.prefix}-dynamodb-capture"
  description        = "Keeps the changes of DynamoDB tables as they came"
  zip                = "${var.functions}/dynamodb-capture.zip"
  architecture       = var.architecture
  memory_mb          = 256
  timeout_seconds    = 60
  environment        = merge(local.settings, { TARN_TABLES = local.sources_of_tables, TARN_TIMEZONE = var.timezone })
  alarm_topic_arn    = var.alarm_topic_arn
  dead_letter        = true
  log_retention_days = var.log_retention_days
  tags               = var.tags

  statements = concat([
    { sid = "KeepChanges", actions = ["s3:PutObject"], resources = [for name in keys(var.tables) : "${local.raw}/raw/${name}/*"] },
    { sid = "KeepRefused", actions = ["s3:PutObject"], resources = [for name in keys(var.tables) : "${local.lake}/quarantine/${name}/*"] },
    {
      sid       = "ReadStreams"
      actions   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]
      resources = [for table in values(data.aws_dynamodb_table.this) : table.stream_arn]
    },
    ], length(local.table_keys) == 0 ? [] : [
    # DynamoDB decrypts a stream with the right of whoever reads it.
    { sid = "DecryptStreams", actions = ["kms:Decrypt"], resources = local.table_keys },
  ])
}

# DynamoDB forgets changes after a day. A batch that cannot be kept is tried for half of it; the other half is left for somebody to read it from
# the stream by what the queue says. Broken records do not come to that: the function puts them into quarantine.
resource "aws_lambda_event_source_mapping" "changes" {
  for_each = var.tables

  event_source_arn                   = data.aws_dynamodb_table.this[each.key].stream_arn
  function_name                      = module.capture[0].arn
  starting_position                  = "TRIM_HORIZON"
  batch_size                         = 1000
  maximum_batching_window_in_seconds = 30
  maximum_record_age_in_seconds      = 43200
  maximum_retry_attempts             = 10000
  bisect_batch_on_function_error     = true
  function_response_types            = ["ReportBatchItemFailures"]
  tags                               = var.tags

  destination_config {
    on_failure {
      destination_arn = module.capture[0].dead_letter_arn
    }
  }

  dynamic "filter_criteria" {
    for_each = contains(keys(var.table_filters), each.key) ? [var.table_filters[each.key]] : []
    content {
      dynamic "filter" {
        for_each = filter_criteria.value
        content {
          pattern = jsonencode(filter.value)
        }
      }
    }
  }
}

# An hour behind is a tenth of the time there is.
resource "aws_cloudwatch_metric_alarm" "behind" {
  count = length(var.tables) == 0 ? 0 : 1

  alarm_name          = "${module.capture[0].name}-behind"
  alarm_description   = "Changes of DynamoDB tables wait for ${module.capture[0].name} since an hour. DynamoDB forgets them after a day."
  namespace           = "AWS/Lambda"
  metric_name         = "IteratorAge"
  dimensions          = { FunctionName = module.capture[0].name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = 3600000
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarms
  ok_actions          = local.alarms
  tags                = var.tags
}

module "flatten" {
  source = "../function"
  count  = length(var.tables) == 0 ? 0 : 1

  name               = "${local.prefix}-dynamodb-flatten"
  description        = "Makes rows of the changes that were kept"
  zip                = "${var.functions}/dynamodb-flatten.zip"
  architecture       = var.architecture
  memory_mb          = 1024
  timeout_seconds    = 300
  environment        = local.settings
  alarm_topic_arn    = var.alarm_topic_arn
  dead_letter        = true
  log_retention_days = var.log_retention_days
  tags               = var.tags

  statements = [
    { sid = "ReadChanges", actions = ["s3:GetObject"], resources = [for name in keys(var.tables) : "${local.raw}/raw/${name}/*"] },
    { sid = "ReadProject", actions = ["s3:GetObject"], resources = ["${local.lake}/project/*"] },
    {
      sid     = "WriteRows"
      actions = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
      resources = flatten([
        for name in keys(var.tables) : [for folder in ["source", "quarantine", "made"] : "${local.lake}/${folder}/${name}/*"]
      ])
    },
    { sid = "TellAbsent", actions = ["s3:ListBucket"], resources = [local.lake, local.raw] },
  ]
}

resource "aws_lambda_permission" "kept" {
  count = length(var.tables) == 0 ? 0 : 1

  statement_id   = "raw-bucket"
  action         = "lambda:InvokeFunction"
  function_name  = module.flatten[0].name
  principal      = "s3.amazonaws.com"
  source_arn     = local.raw
  source_account = data.aws_caller_identity.current.account_id
}

# A bucket has one list of notifications, so this is the place for all of them.
resource "aws_s3_bucket_notification" "kept" {
  count = length(var.tables) == 0 ? 0 : 1

  bucket = var.raw_bucket

  dynamic "lambda_function" {
    for_each = var.tables
    content {
      id                  = "changes-${lambda_function.key}"
      lambda_function_arn = module.flatten[0].arn
      events              = ["s3:ObjectCreated:*"]
      filter_prefix       = "raw/${lambda_function.key}/"
    }
  }

  depends_on = [aws_lambda_permission.kept]
}
