# A stream: Firehose keeps the records as they came, has them flattened by the contract, makes Parquet of them by the source's table, and lays
# them down by day.

locals {
  delivery = { for name, stream in var.streams : name => "${local.prefix}-${name}" }

  # Where the source is partitioned by a column, the function tells each record's day; else it is the day of arrival.
  folder = {
    for name, stream in var.streams : name => (
      stream.partition == null
      ? "source/${name}/day=!{timestamp:yyyy-MM-dd}/"
      : "source/${name}/${stream.partition}=!{partitionKeyFromLambda:${stream.partition}}/"
    )
  }
}

module "transform" {
  source   = "../function"
  for_each = var.streams

  name            = "${local.prefix}-firehose-transform-${each.key}"
  description     = "Flattens the records of the stream ${each.key}"
  zip             = "${var.functions}/firehose-transform.zip"
  architecture    = var.architecture
  memory_mb       = 512
  timeout_seconds = 300
  environment     = merge(local.settings, { TARN_SOURCE = each.key })
  alarm_topic_arn = var.alarm_topic_arn
  # Firehose tries three times more; after the fourth error the records are in its error prefix. Each try may take five minutes.
  tolerated_errors   = { number = 3, seconds = 1800, periods = 1 }
  log_retention_days = var.log_retention_days
  tags               = var.tags

  statements = [
    { sid = "ReadProject", actions = ["s3:GetObject"], resources = ["${local.lake}/project/*"] },
    { sid = "KeepRefused", actions = ["s3:PutObject"], resources = ["${local.lake}/quarantine/${each.key}/*"] },
    {
      sid       = "PutBack"
      actions   = ["firehose:PutRecordBatch"]
      resources = ["arn:${data.aws_partition.current.partition}:firehose:${local.here}:deliverystream/${local.delivery[each.key]}"]
    },
  ]
}

resource "aws_kinesis_firehose_delivery_stream" "this" {
  #checkov:skip=CKV_AWS_241: records rest in Firehose for minutes, encrypted with its own key; a key of KMS costs by the request
  for_each = var.streams

  name        = local.delivery[each.key]
  destination = "extended_s3"
  tags        = var.tags

  server_side_encryption {
    enabled  = true
    key_type = "AWS_OWNED_CMK"
  }

  extended_s3_configuration {
    role_arn            = aws_iam_role.delivery[each.key].arn
    bucket_arn          = local.lake
    prefix              = local.folder[each.key]
    error_output_prefix = "errors/${each.key}/!{firehose:error-output-type}/day=!{timestamp:yyyy-MM-dd}/"
    custom_time_zone    = var.timezone
    buffering_size      = coalesce(each.value.buffer_mb, 128)
    buffering_interval  = coalesce(each.value.buffer_seconds, 300)
    # The Parquet files are compressed inside.
    compression_format = "UNCOMPRESSED"

    dynamic "dynamic_partitioning_configuration" {
      for_each = each.value.partition[*]
      content {
        enabled        = true
        retry_duration = 300
      }
    }

    processing_configuration {
      enabled = true

      processors {
        type = "Lambda"

        parameters {
          parameter_name  = "LambdaArn"
          parameter_value = "${module.transform[each.key].arn}:$LATEST"
        }

        # Rows and their ids are larger than the records, and an answer has at most 6 MB. Firehose tries a failed batch three times more.
        parameters {
          parameter_name  = "BufferSizeInMBs"
          parameter_value = "2"
        }
      }
    }

    data_format_conversion_configuration {
      schema_configuration {
        role_arn      = aws_iam_role.delivery[each.key].arn
        database_name = var.database
        table_name    = var.glue_tables[each.key]
        region        = data.aws_region.current.name
        version_id    = "LATEST"
      }

      input_format_configuration {
        deserializer {
          open_x_json_ser_de {}
        }
      }

      output_format_configuration {
        serializer {
          parquet_ser_de {
            compression = "SNAPPY"
          }
        }
      }
    }

    s3_backup_mode = "Enabled"

    s3_backup_configuration {
      role_arn            = aws_iam_role.delivery[each.key].arn
      bucket_arn          = local.raw
      prefix              = "raw/${each.key}/day=!{timestamp:yyyy-MM-dd}/"
      error_output_prefix = "errors/${each.key}/backup-!{firehose:error-output-type}/day=!{timestamp:yyyy-MM-dd}/"
      buffering_size      = 64
      buffering_interval  = coalesce(each.value.buffer_seconds, 300)
      compression_format  = "GZIP"

      cloudwatch_logging_options {
        enabled         = true
        log_group_name  = aws_cloudwatch_log_group.delivery[each.key].name
        log_stream_name = aws_cloudwatch_log_stream.delivery["${each.key}/backup"].name
      }
    }

    cloudwatch_logging_options {
      enabled         = true
      log_group_name  = aws_cloudwatch_log_group.delivery[each.key].name
      log_stream_name = aws_cloudwatch_log_stream.delivery["${each.key}/delivery"].name
    }
  }

  depends_on = [aws_iam_role_policy.delivery]
}

resource "aws_cloudwatch_log_group" "delivery" {
  #checkov:skip=CKV_AWS_158: CloudWatch encrypts logs with its own key; rows of the lake are not logged
  #checkov:skip=CKV_AWS_338: how long logs are kept is the user's to say, in `log_retention_days`
  for_each = var.streams

  name              = "/aws/kinesisfirehose/${local.delivery[each.key]}"
  retention_in_days = var.log_retention_days
  tags              = var.tags
}

resource "aws_cloudwatch_log_stream" "delivery" {
  for_each = { for pair in setproduct(keys(var.streams), ["delivery", "backup"]) : join("/", pair) => pair }

  log_group_name = aws_cloudwatch_log_group.delivery[each.value[0]].name
  name           = each.value[1]
}

# What is late by more than the buffer and a quarter of an hour does not arrive, for whatever reason.
resource "aws_cloudwatch_metric_alarm" "late" {
  for_each = var.streams

  alarm_name          = "${local.delivery[each.key]}-late"
  alarm_description   = "Records of the stream ${each.key} wait for their delivery to S3. The log is ${aws_cloudwatch_log_group.delivery[each.key].name}."
  namespace           = "AWS/Firehose"
  metric_name         = "DeliveryToS3.DataFreshness"
  dimensions          = { DeliveryStreamName = local.delivery[each.key] }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = coalesce(each.value.buffer_seconds, 300) + 900
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarms
  ok_actions          = local.alarms
  tags                = var.tags
}

# Records that Firehose itself gives up are in the error prefix, and in no table.
resource "aws_cloudwatch_metric_alarm" "unconverted" {
  for_each = var.streams

  alarm_name          = "${local.delivery[each.key]}-unconverted"
  alarm_description   = "Firehose could not make Parquet of rows of the stream ${each.key}: they are below errors/${each.key}/ of ${var.bucket}."
  namespace           = "AWS/Firehose"
  metric_name         = "FailedConversion.Records"
  dimensions          = { DeliveryStreamName = local.delivery[each.key] }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarms
  ok_actions          = local.alarms
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "unkept" {
  for_each = var.streams

  alarm_name          = "${module.transform[each.key].name}-failed"
  alarm_description   = "Records of the stream ${each.key} could be put neither into a table nor into quarantine: they are below errors/${each.key}/ of ${var.bucket}."
  namespace           = "Tarn"
  metric_name         = "Failed"
  dimensions          = { Function = module.transform[each.key].name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarms
  ok_actions          = local.alarms
  tags                = var.tags
}
